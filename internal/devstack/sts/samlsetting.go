package sts

import (
	"encoding/json"

	"dokumentlager/internal/access"
)

// SAMLSetting is the service's setting saml.issuers for the two issuers played here, as the environment has it. The national scopes let people
// read, as the real issuers' do; health personnel may also be given any of our own scopes, by its name in the
// assertion's Scope, so that record systems in development and the test suites can write.
func (s *Server) SAMLSetting() string {
	read := []string{access.ScopeReadList, access.ScopeReadDocument}
	scopes := map[string]map[string][]string{
		HelseIDSAML:    {"journaldokumenter_helsepersonell": read},
		HelsenorgeSAML: {"innsynpasientjournal": read},
	}
	for _, own := range []string{access.ScopeCreate, access.ScopeDelete, access.ScopeReadList, access.ScopeReadListKJ, access.ScopeReadDocument} {
		scopes[HelseIDSAML][own] = []string{own}
	}
	kinds := map[string]access.Kind{HelseIDSAML: access.Personnel, HelsenorgeSAML: access.Citizen}
	var all []map[string]any
	for _, i := range s.saml {
		all = append(all, map[string]any{"name": i.Name, "kind": kinds[i.Short].String(), "certificates": []string{i.Certificate},
			"audiences": []string{i.Audience}, "lifetime": i.Lifetime.String(), "level": 4, "scopes": scopes[i.Short]})
	}
	text, _ := json.Marshal(all) // texts and numbers alone
	return string(text)
}
