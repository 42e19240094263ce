package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/helseid"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// doctor is the name under which --as means a health worker with a personal token, of a dev stack only.
const doctor = "doctor"

// purpose is what a token is wanted for. HelseID's tokens are for one audience each, so it decides which scopes are asked for.
type purpose string

const (
	writing  purpose = "writing"
	reading  purpose = "reading"
	auditing purpose = "reading the audit log"
	showing  purpose = "showing citizens who looked"
)

// purposeOf tells what an address is for: searching and opening are the readers' doors (R1, R2, R4), the log has its own (A2, A4), and all else
// is the writers' (W1).
func purposeOf(method, address string) purpose {
	path := address
	if u, err := url.Parse(address); err == nil {
		path = u.Path
	}
	switch {
	case strings.Contains(path, "/AuditEvent"):
		return auditing
	case strings.Contains(path, "/helsenorge/"):
		return showing
	}
	for _, resource := range []string{"/DocumentReference", "/List"} {
		if strings.HasSuffix(path, resource+"/_search") || strings.HasSuffix(path, resource) && method == http.MethodGet {
			return reading
		}
	}
	if strings.HasSuffix(path, "/mhd/document") || strings.HasSuffix(path, "/pingauth") {
		return reading
	}
	return writing
}

// identity is somebody with a key who can get tokens bound to it. Each request gets a token of its own: they live a minute, and
// an upload may take that long.
type identity struct {
	name  string
	key   *helseid.ProofKey
	token func(ctx context.Context) (string, error)
}

// identity finds who is to ask: "doctor", a client id, or "" for whoever can do this.
func (s *site) identity(as string, organisation string, p purpose) (*identity, error) {
	key, err := helseid.NewProofKey()
	if err != nil {
		return nil, err
	}
	if as == doctor || as == "" && p == reading && s.TestTokenEndpoint != "" {
		if s.TestTokenEndpoint == "" {
			return nil, errors.New("a real environment gives personal tokens only at a login; --as doctor is for dev stacks")
		}
		return &identity{doctor, key, func(ctx context.Context) (string, error) { return s.doctorToken(ctx, key, organisation) }}, nil
	}
	c, scopes, err := s.client(as, p)
	if err != nil {
		return nil, err
	}
	private, err := jwk.ParseKey(c.PrivateJWK)
	if err != nil {
		return nil, fmt.Errorf("the private key of %s cannot be read: it must be one JWK", c.ClientID)
	}
	if organisation == "" && s.dir == "" {
		organisation = c.Organisation
	}
	h := &helseid.Client{ClientID: c.ClientID, Key: private, Issuer: s.Issuer, TokenEndpoint: s.TokenEndpoint, Proofs: key}
	return &identity{c.ClientID, key, func(ctx context.Context) (string, error) { return h.Token(ctx, scopes, organisation) }}, nil
}

// client is the one named, or the first that has a scope for this.
func (s *site) client(name string, p purpose) (client, []string, error) {
	var names []string
	for _, c := range s.Clients {
		scopes := scopesFor(c.Scopes, p)
		if c.ClientID == name || name == "" && len(scopes) > 0 {
			if len(scopes) == 0 {
				return c, nil, fmt.Errorf("the client %s has no scope for %s", c.ClientID, p)
			}
			return c, scopes, nil
		}
		names = append(names, c.ClientID)
	}
	if name == "" {
		return client{}, nil, fmt.Errorf("no client here has a scope for %s", p)
	}
	return client{}, nil, fmt.Errorf("no client is called %s; there are %s", name, strings.Join(names, ", "))
}

// scopesFor picks those of one audience and door. The two bases for a list are never asked for together (C6): §45 goes before.
func scopesFor(scopes []string, p purpose) (kept []string) {
	for _, scope := range scopes {
		if purposeOfScope(scope) == p {
			kept = append(kept, scope)
		}
	}
	if slices.Contains(kept, access.ScopeReadList) {
		kept = slices.DeleteFunc(kept, func(scope string) bool { return scope == access.ScopeReadListKJ })
	}
	return kept
}

func purposeOfScope(scope string) purpose {
	switch {
	case strings.HasPrefix(scope, access.AudienceRead+"/mhd/read-"):
		return reading
	case scope == access.ScopeLogHelsenorge:
		return showing
	case strings.HasPrefix(scope, access.AudienceRead+"/audit/"):
		return auditing
	}
	return writing
}

// The synthetic doctor (nhn.md (e)).
const (
	doctorName = "GRØNN VITS"
	doctorNIN  = "05898597468"
	doctorHPR  = "565501872"
)

// doctorClaims are a personal token's, with the attest that C3 asks for. The reader that the stack gives the organisation is the
// client, so that the audit log shows what it would in life.
func (s *site) doctorClaims(organisation string) map[string]any {
	if organisation == "" && len(s.Tenants) > 0 && len(s.Tenants[0].Organisations) > 0 {
		organisation = s.Tenants[0].Organisations[0]
	}
	reader := "dlctl"
	for _, c := range s.Clients {
		if c.Organisation == organisation && len(scopesFor(c.Scopes, reading)) > 0 {
			reader = c.ClientID
		}
	}
	return map[string]any{
		"aud": access.AudienceRead, "scope": []string{access.ScopeReadList, access.ScopeReadDocument}, "client_id": reader, "sub": doctorHPR,
		"helseid://claims/client/claims/orgnr_parent": organisation, "helseid://claims/identity/pid": doctorNIN,
		"helseid://claims/identity/security_level": "4", "helseid://claims/hpr/hpr_number": doctorHPR, "name": doctorName,
		"nhn:tillitsrammeverk:parameters": attest(organisation),
	}
}

// attest is tillitsrammeverket's claim: a physician (9060 LE) who treats the patient.
func attest(organisation string) map[string]any {
	code := func(code, system string) map[string]any { return map[string]any{"code": code, "system": system} }
	id := func(id, system string) map[string]any { return map[string]any{"id": id, "system": system} }
	return map[string]any{
		"practitioner": map[string]any{
			"authorization": code("LE", "urn:oid:2.16.578.1.12.4.1.1.9060"), "legal_entity": id(organisation, organisationNumbers),
			"point_of_care": id(organisation, organisationNumbers), "identifier": id(doctorNIN, "urn:oid:2.16.578.1.12.4.1.4.1"),
			"hpr_nr": id(doctorHPR, "urn:oid:2.16.578.1.12.4.1.4.4"),
		},
		"care_relationship": map[string]any{
			"purpose_of_use":         code("TREAT", "urn:oid:2.16.840.1.113883.1.11.20448"),
			"purpose_of_use_details": code("BEHANDLER", "urn:oid:2.16.578.1.12.4.1.1.9151"),
			"healthcare_service":     code("S03", "urn:oid:2.16.578.1.12.4.1.1.8655"),
		},
	}
}

// tokenTimeout bounds getting one test token.
const tokenTimeout = 10 * time.Second

// doctorToken asks the dev stack's HelseID for a token that a login would give.
func (s *site) doctorToken(ctx context.Context, key *helseid.ProofKey, organisation string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"claims": s.doctorClaims(organisation), "jkt": key.Thumbprint()})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.TestTokenEndpoint, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the dev stack for a personal token: %w", err)
	}
	defer res.Body.Close()
	var reply struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&reply)
	if err != nil || res.StatusCode != http.StatusOK || reply.AccessToken == "" {
		return "", fmt.Errorf("the dev stack gave no personal token: %s", res.Status)
	}
	return reply.AccessToken, nil
}
