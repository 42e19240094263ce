package helseid

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/access"
)

// The four shapes of real test tokens (nhn.md "Tokens"), with made-up values.

func machineShape(aud string, scopes ...any) claimSet {
	return claimSet{
		"aud": aud, "scope": scopes, "client_id": "c5135430-0000-4157-b8f6-000000000001", "client_amr": "private_key_jwt",
		claimParent: "920204368", claimClient: "PRØVE KOMMUNE - XDS API", "helseid://claims/client/client_tenancy": "single-tenant",
		"jti": "F4F5995563CD355B3703A7357100D7A3",
	}
}

// userShape is a logged-in person without attest (user-machine-upload 2026-04).
func userShape() claimSet {
	c := machineShape("nhn:phr-repo", "nhn:phr-repo/mhd/create", "nhn:phr-repo/delete-docs-and-refs", "offline_access")
	for name, value := range map[string]any{
		"amr": []any{"pwd"}, claimChild: "873255102", claimSupplier: "213710192", "sub": "OCW6BpVN57vnbxBUE8WOOTM9FrkCaBixlD2y8FgYCag=",
		"auth_time": 1777032836, "idp": "testidp-oidc", claimPID: canary, claimLevel: "4", claimHPR: "565501872",
		"name": "GRØNN VITS", "given_name": "GRØNN", "middle_name": "", "family_name": "VITS",
		"helseid://claims/identity/network": "helsenett", "sid": "3700AE0861B5865CE4E1DF349B4B84CB",
	} {
		c[name] = value
	}
	return c
}

// attested is tillitsrammeverk's claim.
func attested() claimSet {
	org := func(id, name string) claimSet {
		return claimSet{"id": id, "system": "urn:oid:" + oidOrganisation, "name": name, "authority": "https://www.brreg.no/"}
	}
	coded := func(code, text string) claimSet { return claimSet{"code": code, "system": "urn:oid:1.2", "text": text} }
	return claimSet{
		"type": claimAttest,
		"practitioner": claimSet{
			"authorization": coded("LE", "Lege"), "legal_entity": org("920204368", "PRØVE KOMMUNE"), "point_of_care": org("873255102", "PRØVEHJEMMET"),
			"identifier": claimSet{"id": canary, "name": "GRØNN VITS", "system": "urn:oid:2.16.578.1.12.4.1.4.1"},
			"hpr_nr":     claimSet{"id": "565501872", "system": "urn:oid:2.16.578.1.12.4.1.4.4"},
			"department": claimSet{"id": "4207237", "system": "urn:oid:2.16.578.1.12.4.1.4.102", "name": "PRØVEPOSTEN", "authority": "https://www.nhn.no/"},
		},
		"care_relationship": claimSet{
			"healthcare_service": coded("01", "Tjeneste"), "purpose_of_use": coded("TREAT", "Treatment"),
			"purpose_of_use_details": coded("BEHANDLER", "Behandlingsansvar"),
			"decision_ref":           claimSet{"id": "c4d402a5-70b1-435f-a98d-05a4d38aa8d8", "user_selected": true},
		},
		"patients": []any{claimSet{"point_of_care": org("873255102", "PRØVEHJEMMET")}},
	}
}

// attestShape is a person with attest and the old audience that stood for reading and writing (user-attest 2025-08).
func attestShape() claimSet {
	c := userShape()
	c["aud"], c[claimAttest] = "nhn:phr", attested()
	c["scope"] = []any{
		"nhn:phr/mhd/read-documentreferences/kjernejournalforskriften", "nhn:phr/mhd/read-document", "nhn:phr/delete-documents-and-reference",
		"nhn:phr/mhd/create-documents-with-reference", "nhn:phr/mhd/generate-metadata", "openid", "profile",
		"helseid://scopes/identity/pid", "helseid://scopes/identity/security_level", "offline_access",
	}
	return c
}

// personShape has the most claims of all and is for writing today.
func personShape() claimSet {
	c := userShape()
	c[claimAttest] = attested()
	return c
}

func TestRealShapes(t *testing.T) {
	t.Parallel()
	machine := access.Caller{
		Kind: access.Machine, ClientID: "c5135430-0000-4157-b8f6-000000000001", ClientName: "PRØVE KOMMUNE - XDS API",
		Organisation: "920204368", TokenID: "F4F5995563CD355B3703A7357100D7A3", Audience: access.AudienceWrite, Scopes: []string{access.ScopeCreate},
	}
	upload := machine
	upload.Scopes = []string{access.ScopeDelete, access.ScopeCreate}
	user := machine
	user.Kind, user.Scopes = access.Personnel, []string{access.ScopeCreate, access.ScopeDelete}
	user.PointOfCare, user.Supplier, user.Name, user.HPR, user.PersonID, user.SecurityLevel = "873255102", "213710192", "GRØNN VITS", "565501872", canary, 4
	attest := user
	attest.Audience = access.AudienceRead
	attest.Scopes = []string{access.ScopeReadListKJ, access.ScopeReadDocument, access.ScopeDelete, access.ScopeCreate, "nhn:phr/mhd/generate-metadata"}
	attest.OrganisationName, attest.PointOfCareName, attest.Role = "PRØVE KOMMUNE", "PRØVEHJEMMET", "LE"
	attest.Attest, attest.Purpose, attest.PurposeDetails, attest.Service = true, "TREAT", "BEHANDLER", "01"
	chosen := true
	attest.DecisionRef, attest.DecisionSelected, attest.ServiceSystem = "c4d402a5-70b1-435f-a98d-05a4d38aa8d8", &chosen, "urn:oid:1.2"
	attest.Department, attest.DepartmentSystem, attest.DepartmentName = "4207237", "urn:oid:2.16.578.1.12.4.1.4.102", "PRØVEPOSTEN"

	g := newRig(t)
	for _, c := range []struct {
		name  string
		shape claimSet
		want  access.Caller
	}{
		{"m2m-oslo-2026-02", machineShape("nhn:phr", "nhn:phr/mhd/create-documents-with-reference"), machine},
		{"m2m-upload-2026-04", machineShape("nhn:phr-document-repository", access.ScopeDelete, access.ScopeCreate), upload},
		{"user-machine-upload-2026-04", userShape(), user},
		{"user-attest-2025-08", attestShape(), attest},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 2 { // the second time from the memory of verified tokens
				a := g.right()
				a.token.claims = g.claims(c.shape)
				got, err := g.verify(a.request())
				if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
					t.Fatalf("caller: %v\n%s", err, diff)
				}
			}
		})
	}
}

// TestScopesAndAudiences holds reading and writing apart (W1, R1; Pasientjournal-API #5).
func TestScopesAndAudiences(t *testing.T) {
	t.Parallel()
	const write, repo, phr = "nhn:phr-document-repository", "nhn:phr-repo", "nhn:phr"
	g := newRig(t)
	for i, c := range []struct {
		aud      any
		scope    any
		audience string
		want     []string
	}{
		{write, []any{access.ScopeCreate}, write, []string{access.ScopeCreate}},
		{[]any{write}, []any{access.ScopeCreate}, write, []string{access.ScopeCreate}},
		{write, access.ScopeCreate + " " + access.ScopeDelete, write, []string{access.ScopeCreate, access.ScopeDelete}},
		{write, []any{write + "/delete-documents-and-referenc"}, write, []string{access.ScopeDelete}},
		{phr, []any{"nhn:phr/delete-documents-and-referenc"}, write, []string{access.ScopeDelete}},
		{repo, []any{"nhn:phr-repo/mhd/create", "nhn:phr-repo/mhd/create"}, write, []string{access.ScopeCreate}},
		{repo, []any{"nhn:phr-repo/delete-docs-and-refs", access.ScopeReadDocument}, write, []string{access.ScopeDelete}},
		{phr, []any{access.ScopeReadList}, phr, []string{access.ScopeReadList}},
		{phr, []any{"nhn:phr/mhd/create-documents-with-reference", access.ScopeReadDocument}, phr, []string{access.ScopeCreate, access.ScopeReadDocument}},
		// What follows has no right to anything here.
		{write, []any{access.ScopeReadDocument}, "", nil},
		{repo, []any{access.ScopeReadList, access.ScopeReadListKJ}, "", nil},
		{write, []any{"NHN:phr-document-repository/mhd/create-documents-with-reference"}, "", nil},
		{write, []any{access.ScopeCreate + " " + access.ScopeDelete + "x y"}, write, []string{access.ScopeCreate + " " + access.ScopeDelete + "x y"}},
		{phr, []any{"openid", "nhn:phr", "nhn:phr-other/x", ""}, "", nil},
		{write, []any{}, "", nil},
		{write, "", "", nil},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			a := g.right()
			a.token.claims["aud"], a.token.claims["scope"] = c.aud, c.scope
			got, err := g.verify(a.request())
			if diff := cmp.Diff(c.want, got.Scopes); diff != "" || got.Audience != c.audience || (err == nil) != (c.want != nil) {
				t.Errorf("%v: audience %q\n%s", err, got.Audience, diff)
			}
			for _, scope := range []string{access.ScopeReadDocument, access.ScopeReadList, access.ScopeReadListKJ} {
				if c.aud != phr && got.Has(scope) {
					t.Errorf("a token for writing may read: %s", scope)
				}
			}
		})
	}
}

func TestCallerDetails(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	practitioner := func(c claimSet) claimSet { return c[claimAttest].(claimSet)["practitioner"].(claimSet) }
	for _, c := range []struct {
		name   string
		spoil  func(claimSet)
		expect func(access.Caller) bool
	}{
		{"spelling of the specification", func(c claimSet) {
			a := c[claimAttest].(claimSet)
			a["care_relation"] = a["care_relationship"]
			delete(a, "care_relationship")
		}, func(c access.Caller) bool { return c.Attest && c.Purpose == "TREAT" && c.DecisionRef != "" }},
		{"no purpose is no attest", func(c claimSet) { delete(c[claimAttest].(claimSet), "care_relationship") },
			func(c access.Caller) bool { return !c.Attest && c.Role == "LE" }},
		{"HPR from the attest", func(c claimSet) { delete(c, claimHPR) }, func(c access.Caller) bool { return c.HPR == "565501872" }},
		{"unit from the attest", func(c claimSet) { delete(c, claimChild) }, func(c access.Caller) bool { return c.PointOfCare == "873255102" }},
		{"RESH is no organisation number", func(c claimSet) {
			delete(c, claimChild)
			practitioner(c)["point_of_care"].(claimSet)["system"] = "urn:oid:2.16.578.1.12.4.1.4.102"
		}, func(c access.Caller) bool { return c.PointOfCare == "" && c.PointOfCareName == "" }},
		{"other unit's name stays out", func(c claimSet) { c[claimChild] = "111111111" },
			func(c access.Caller) bool { return c.PointOfCare == "111111111" && c.PointOfCareName == "" }},
		{"identifier of another system", func(c claimSet) {
			practitioner(c)["identifier"] = claimSet{"id": "565501872", "system": "urn:oid:2.16.578.1.12.4.1.4.4"}
		}, func(c access.Caller) bool { return c.PersonID == canary }},
		{"pid alone is a person", func(c claimSet) { delete(c, claimHPR); delete(c, claimAttest); delete(c, "sub") },
			func(c access.Caller) bool { return c.Kind == access.Personnel }},
		{"sub alone is a person", func(c claimSet) { delete(c, claimHPR); delete(c, claimAttest); delete(c, claimPID) },
			func(c access.Caller) bool { return c.Kind == access.Personnel }},
		{"attested HPR alone is a person", func(c claimSet) { delete(c, claimHPR); delete(c, "sub"); delete(c, claimPID) },
			func(c access.Caller) bool { return c.Kind == access.Personnel }},
		{"sub of a machine", func(c claimSet) {
			delete(c, claimHPR)
			delete(c, claimAttest)
			delete(c, claimPID)
			c["sub"] = c["client_id"]
		}, func(c access.Caller) bool { return c.Kind == access.Machine }},
		{"no level", func(c claimSet) { delete(c, claimLevel) }, func(c access.Caller) bool { return c.SecurityLevel == 0 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := g.right()
			c.spoil(a.token.claims)
			got, err := g.verify(a.request())
			if err != nil || !c.expect(got) {
				t.Errorf("%v: %+v", err, got)
			}
		})
	}
}

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	g := newRig(t)
	g.publish(map[string]pair{"RSA": keys["issuer"], "ES256": keys["ES256"], "ES384": keys["ES384"], "ES512": keys["ES512"]})
	keyOf := func(alg, rsaName string) (string, pair) {
		if alg[:2] == "ES" {
			return alg, keys[alg]
		}
		return "RSA", keys[rsaName]
	}
	for _, tokenAlg := range algorithmNames() {
		for _, proofAlg := range algorithmNames() {
			a := g.right()
			a.token.header["alg"] = tokenAlg
			a.token.header["kid"], a.token.by = keyOf(tokenAlg, "issuer")
			_, holder := keyOf(proofAlg, "other")
			a.proof.header["alg"], a.proof.header["jwk"], a.proof.by = proofAlg, holder.jwk(), holder
			a.token.claims["cnf"] = claimSet{"jkt": holder.thumbprint()}
			if _, err := g.verify(a.request()); err != nil {
				t.Errorf("token %s, proof %s: %v", tokenAlg, proofAlg, err)
			}
		}
	}
}

// TestAccepted are the ways of saying the same that must pass.
func TestAccepted(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for name, change := range map[string]func(a *attempt){
		"typ with application/":   func(a *attempt) { a.token.header["typ"] = "application/at+jwt" },
		"token URLs are not used": func(a *attempt) { a.token.header["jku"], a.token.header["x5u"] = g.trap.URL, g.trap.URL },
		"proof URLs are not used": func(a *attempt) { a.proof.header["jku"], a.proof.header["x5u"] = g.trap.URL, g.trap.URL },
		"expired within leeway":   func(a *attempt) { a.token.claims["exp"] = testNow.Unix() - 9 },
		"nbf within leeway":       func(a *attempt) { a.token.claims["nbf"] = testNow.Unix() + 10 },
		"without nbf and iat":     func(a *attempt) { delete(a.token.claims, "nbf"); delete(a.token.claims, "iat") },
		"fractions of a second":   func(a *attempt) { a.proof.claims["iat"] = float64(testNow.Unix()) - 0.25 },
		"oldest proof":            func(a *attempt) { a.proof.claims["iat"] = testNow.Unix() - 15 },
		"newest proof":            func(a *attempt) { a.proof.claims["iat"] = testNow.Unix() + 5 },
		"longest jti":             func(a *attempt) { a.proof.claims["jti"] = fmt.Sprintf("%0128d", 1) },
		"htu with query":          func(a *attempt) { a.proof.claims["htu"] = testURL + "?a=b#c" },
		"request with query":      func(a *attempt) { a.url += "?homeCommunityId=1.2.3" },
		"htu with default port":   func(a *attempt) { a.proof.claims["htu"] = "https://api.example.no:443/dl" + testPath },
		"htu in capitals":         func(a *attempt) { a.proof.claims["htu"] = "HTTPS://API.Example.NO/dl" + testPath },
		"htu not escaped":         func(a *attempt) { a.url += "/%C3%A6"; a.proof.claims["htu"] = testURL + "/æ" },
		"htu escaped more":        func(a *attempt) { a.proof.claims["htu"] = "https://api.example.no/dl/R4/fhir/%42undle" },
		"path escaped otherwise":  func(a *attempt) { a.url += "/%c3%a6%2f%41"; a.proof.claims["htu"] = testURL + "/%C3%a6%2FA" },
		"scheme in other case":    func(a *attempt) { a.after = swapScheme("dPoP") },
		"unknown proof claims":    func(a *attempt) { a.proof.claims["nonce"], a.proof.claims["exp"] = "n", "whatever" },
		"jwk with use, alg and kid": func(a *attempt) {
			k := testKeys()["ES256"].jwk()
			k["use"], k["alg"], k["kid"] = "sig", "ES256", "1"
			a.proof.header["jwk"] = k
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.right()
			change(a)
			if _, err := g.verify(a.request()); err != nil {
				t.Error(err)
			}
		})
	}
	if g.trapped.Load() != 0 {
		t.Error("a URL out of a header was fetched")
	}
}
