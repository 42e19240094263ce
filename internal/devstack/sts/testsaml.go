package sts

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/devstack/samlsign"
	"dokumentlager/internal/document"

	"github.com/google/uuid"
)

// TestAssertionRequest asks for an assertion that the real issuer would give after a login, or never.
type TestAssertionRequest struct {
	// Issuer is "helseid" or "helsenorge".
	Issuer string `json:"issuer"`
	// NameID is whom it is about who calls: a national number as a rule.
	NameID string `json:"name_id"`
	// Attributes are laid over the issuer's defaults: one that is named takes the place of all defaults of its meaning, under whatever name
	// they stand, null removes them, and an empty list writes xsi:nil. Elements are given as text, as both issuers write them.
	Attributes map[string][]string `json:"attributes"`
	// Audience, NotBefore and NotOnOrAfter replace the issuer's; times are RFC 3339, and any other text is written as it is.
	Audience     string `json:"audience"`
	NotBefore    string `json:"not_before"`
	NotOnOrAfter string `json:"not_on_or_after"`
}

// TestAssertion signs the assertion asked for.
func (s *Server) TestAssertion(request TestAssertionRequest) (string, error) {
	i := slices.IndexFunc(s.saml, func(known SAMLIssuer) bool { return known.Short == request.Issuer })
	if i < 0 || request.NameID == "" {
		return "", fmt.Errorf("issuer must be %q or %q, and name_id somebody", HelseIDSAML, HelsenorgeSAML)
	}
	issuer := s.saml[i]
	a := samlsign.Assertion{ID: "_" + uuid.NewString(), Issuer: issuer.Name, NameID: request.NameID, Audience: issuer.Audience,
		Attributes: overlaid(defaultAttributes(issuer.Short, request.NameID), request.Attributes)}
	if request.Audience != "" {
		a.Audience = request.Audience
	}
	request.window(&a, issuer.Lifetime, s.now())
	return issuer.signer.Sign(a)
}

// window: an end in the past has a beginning before it, so that the assertion was valid once; nothing is issued before it is valid.
func (r TestAssertionRequest) window(a *samlsign.Assertion, life time.Duration, now time.Time) {
	begins, ends := now, now.Add(life)
	end, endErr := time.Parse(time.RFC3339Nano, r.NotOnOrAfter)
	if endErr == nil && !end.After(now) {
		begins = end.Add(-life)
	}
	if given, err := time.Parse(time.RFC3339Nano, r.NotBefore); err == nil {
		begins, ends = given, given.Add(life)
	}
	if endErr == nil {
		ends = end
	}
	a.Issued, a.NotBefore, a.NotOnOrAfter = now, samlsign.Time(begins), samlsign.Time(ends)
	if begins.Before(now) {
		a.Issued = begins
	}
	if _, err := time.Parse(time.RFC3339Nano, r.NotBefore); err != nil && r.NotBefore != "" {
		a.NotBefore = r.NotBefore
	}
	if endErr != nil && r.NotOnOrAfter != "" {
		a.NotOnOrAfter = r.NotOnOrAfter
	}
}

// meaning is a group of attributes that say the same, so that one that is asked for replaces them all.
type meaning []samlsign.Attribute

// means makes a meaning of names and values in turn; names without a value are known, and not written by default.
func means(namesAndValues ...string) (m meaning) {
	for i := 0; i < len(namesAndValues); i += 2 {
		m = append(m, samlsign.Attribute{Name: namesAndValues[i], Values: namesAndValues[i+1 : i+2]})
	}
	return m
}

const (
	xspa1, xspa2   = "urn:oasis:names:tc:xspa:1.0:subject:", "urn:oasis:names:tc:xspa:2.0:subject:"
	xacml1, xacml2 = "urn:oasis:names:tc:xacml:1.0:", "urn:oasis:names:tc:xacml:2.0:"
	ehelse         = "urn:no:ehelse:saml:1.0:subject:"
	trust          = "urn:nhn:trust-framework:1.0:ext:"
	provider       = "urn:ihe:iti:xua:2017:subject:provider-identifier"
	community      = "urn:ihe:iti:xca:2010:homeCommunityId"
	policy         = "urn:ihe:iti:xua:2012:acp"
	consent        = "urn:ihe:iti:bppc:2007:docid"
)

func defaultAttributes(issuer, nameID string) []meaning {
	if issuer == HelsenorgeSAML {
		return helsenorgeAttributes(nameID)
	}
	return helseIDAttributes()
}

// helsenorgeAttributes is a citizen who looks at his own documents, as sikkerhet.helsenorge.no says it.
func helsenorgeAttributes(nameID string) []meaning {
	return []meaning{
		means(xspa1+"subject-id", "Rettferdig Savanne"),
		means(xspa1+"organization", "Norsk Helsenett"),
		means(xspa1+"organization-id", "994598759"),
		means(community, "urn:oid:2.16.578.1.12.4.1.7.1.1"),
		means(xspa2+"npi", nameID, provider, `<id xmlns="urn:hl7-org:v3" type="II" extension="`+samlsign.Text(nameID)+`" root="`+authority(nameID)+`" displayable="false" />`),
		means(xspa1+"purposeofuse", `<PurposeOfUse xmlns="urn:hl7-org:v3" type="CE" code="13" codeSystem="1.0.14265.1" displayName="Subject of care uses"/>`),
		means(xacml2+"resource:resource-id", nameID+"^^^&"+authority(nameID)+"&ISO"),
		means("SecurityLevel", "4"),
		means("Scope", "innsynregisterbruk,innsynregisterinnhold,innsynpasientjournal,prover"),
		means("client_id", "urn:oid:2.16.578.1.12.4.1.7.1.1.1"),
	}
}

// authority is that of D-numbers where the day has 40 added.
func authority(nin string) string {
	if nin >= "4" {
		return document.AuthorityDNR
	}
	return document.AuthorityFNR
}

// helseIDAttributes is a doctor of the municipality of Voss, as HelseID says it: in the names of two specifications at once, with the
// patient's & escaped once more than need be.
func helseIDAttributes() []meaning {
	ce := func(tag, code, system string) string {
		return `<` + tag + ` xmlns="urn:hl7-org:v3" xsi:type="CE" code="` + code + `" codeSystem="urn:oid:` + system + `"/>`
	}
	organisation := func(number string) string {
		return `<id xmlns="urn:hl7-org:v3" xsi:type="II" extension="` + number + `" root="urn:oid:2.16.578.1.12.4.1.4.101" displayable="true"/>`
	}
	const name, hpr, patient, home = "KVART GREVLING", "565505933", "29698496140^^^&amp;2.16.578.1.12.4.1.4.1&amp;ISO", "2.16.578.1.12.4.1.7.1.1"
	role, purpose := ce("Role", "LE", "2.16.578.1.12.4.1.1.9060"), ce("PurposeOfUse", "TREAT", "2.16.840.1.113883.1.11.20448")
	return []meaning{
		means(xspa1+"subject-id", name, xacml1+"subject:subject-id", name),
		means(xspa1+"role", role, xacml2+"subject:role", role),
		means(ehelse+"homeCommunityId", home, community, home),
		means(xspa2+"npi", hpr, xspa1+"npi", hpr, provider, `<id xmlns="urn:hl7-org:v3" type="II" extension="`+hpr+`" root="2.16.578.1.12.4.1.4.4" displayable="false"/>`),
		means(xspa1+"purposeOfUse", purpose, xacml2+"action:purpose", strings.Replace(purpose, "PurposeOfUse", "Purpose", 1)),
		means(xacml2+"resource:resource-id", patient, xacml1+"resource:resource-id", patient),
		means(ehelse+"SecurityLevel", "4"), means(ehelse+"Scope", "journaldokumenter_helsepersonell"),
		means(ehelse+"client_id", "ea1b0c25-154d-483c-abeb-cdf2e09d0a45"),
		means(xspa1+"organization", "VOSS HERAD"), means(xspa1+"organization-id", organisation("960510542")),
		means(xspa1+"child-organization", organisation("874593842")), means(trust+"subject:child-organization-name", "VOSS SJUKEHEIM"),
		means(trust+"care-relationship:healthcare-service", ce("HealthcareService", "KP01", "2.16.578.1.12.4.1.1.8663")),
		means(trust+"care-relationship:decision-ref", `<decision-ref><id value="07b4b65f-a538-4c88-b845-c8fd18702f83" /><user-selected value="True" /></decision-ref>`),
		{{Name: ehelse + "Authentication_method"}}, {{Name: policy}}, {{Name: consent}},
	}
}

// synonyms are names of one meaning that an issuer does not write by default; who asks for one means the default's.
var synonyms = map[string]string{
	xspa1 + "purposeofuse": xspa1 + "purposeOfUse", xspa1 + "purposeOfUse": xspa1 + "purposeofuse", xacml2 + "action:purpose": xspa1 + "purposeofuse",
	xacml1 + "resource:resource-id": xacml2 + "resource:resource-id", xspa1 + "npi": xspa2 + "npi", xacml1 + "subject:subject-id": xspa1 + "subject-id",
	ehelse + "SecurityLevel": "SecurityLevel", "SecurityLevel": ehelse + "SecurityLevel", ehelse + "Scope": "Scope", "Scope": ehelse + "Scope",
	ehelse + "client_id": "client_id", "client_id": ehelse + "client_id", ehelse + "homeCommunityId": community,
}

// overlaid writes what is asked for in the place of its meaning, and what has none at the end, by name.
func overlaid(defaults []meaning, asked map[string][]string) (all []samlsign.Attribute) {
	for _, m := range defaults {
		if !slices.ContainsFunc(m, func(a samlsign.Attribute) bool { return replaced(asked, a.Name) }) {
			all = append(all, m...)
		}
	}
	var names []string
	for name, values := range asked {
		if values != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, samlsign.Attribute{Name: name, Values: asked[name]})
	}
	return all
}

// replaced reports whether a default, or another name of it, is asked for.
func replaced(asked map[string][]string, name string) bool {
	for other := range asked {
		if other == name || synonyms[other] == name {
			return true
		}
	}
	return false
}

// testSAML is /test/saml.
func (s *Server) testSAML(w http.ResponseWriter, r *http.Request) {
	var request TestAssertionRequest
	err := readJSON(w, r, &request)
	var signed string
	if err == nil {
		signed, err = s.TestAssertion(request)
	}
	if err != nil {
		s.refuse(w, r, refuse("invalid_request", `the body must be {"issuer":"helsenorge|helseid","name_id":"…","attributes":{"<name>":["…"]},"audience":"…","not_before":"…","not_on_or_after":"…"}: %v`, err))
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(signed))
}
