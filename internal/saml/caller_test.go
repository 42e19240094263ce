package saml

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/samlsign"
	"dokumentlager/internal/document"

	"github.com/google/go-cmp/cmp"
)

var readScopes = []string{access.ScopeReadList, access.ScopeReadDocument}

func (r *rig) verified(t *testing.T, s samlsign.Signer, a samlsign.Assertion, edits ...string) Assertion {
	t.Helper()
	got, err := r.Verify([]byte(enclosed(sign(t, s, a, edits...))))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func fnr(number string) document.PatientID {
	return document.PatientID{Value: number, Authority: document.AuthorityFNR}
}

// TestDoctor is HelseID's shape: ids and codes as escaped XML with an undeclared prefix, the patient's & escaped twice, several names of one
// meaning.
func TestDoctor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.doctor()
	for name, value := range map[string]string{
		nameEntityN[0]: "VOSS HERAD", nameUnit[0]: `<id xmlns="urn:hl7-org:v3" xsi:type="II" extension="874593842" root="urn:oid:2.16.578.1.12.4.1.4.101"/>`,
		nameUnitN[0]: "VOSS SJUKEHEIM", nameRole[1]: `<Role code="LE" codeSystem="urn:oid:2.16.578.1.12.4.1.1.9060" displayName="Lege"/>`,
		nameClient[1]: "ea1b0c25-154d-483c-abeb-cdf2e09d0a45", nameService[0]: `<HealthcareService xsi:type="CE" code="KP01"/>`, nameHome[1]: "2.16.578.1.12.4.1.7.1.1",
		nameRef[0]:     `<decision-ref><id value="07b4b65f" /><user-selected value="True" /></decision-ref>`,
		nameDetails[0]: `<x code="BEHANDLER"/>`, nameHome[0]: "urn:oid:2.16.578.1.12.4.1.7.1.1", nameACP[0]: acpRoot + ".8", "urn:x:unknown": "<half",
	} {
		a = with(a, name, value)
	}
	a.Attributes = append(a.Attributes, samlsign.Attribute{Name: nameConsent[0]}) // a:nil
	want := Assertion{Issuer: IssuerHelseID, Subject: doctor, Patient: fnr(patient), Home: "2.16.578.1.12.4.1.7.1.1", ACP: acpRoot + ".8",
		Expires: r.now.Add(59 * time.Minute),
		Caller: access.Caller{Kind: access.Personnel, ClientID: "ea1b0c25-154d-483c-abeb-cdf2e09d0a45", Organisation: "960510542", OrganisationName: "VOSS HERAD",
			PointOfCare: "874593842", PointOfCareName: "VOSS SJUKEHEIM", Name: "KVART GREVLING", HPR: "565505933", PersonID: doctor, Role: "LE", SecurityLevel: 4,
			Attest: true, Purpose: "TREAT", PurposeDetails: "BEHANDLER", Service: "KP01", DecisionRef: "07b4b65f", Audience: AudienceHelseID, Scopes: readScopes,
			TokenID: a.ID}}
	got := r.verified(t, r.helseID, a)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if ps := access.DefaultPolicy().CheckPersonnel(got.Caller); ps.Refuses() {
		t.Error(ps)
	}
}

// TestCitizenSide: who represents whom follows from acp alone, and only for an issuer of citizens.
func TestCitizenSide(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := with(r.citizen(), namePatient[0], child+"^^^&2.16.578.1.12.4.1.4.1&ISO")
	foreign := with(r.citizen(), namePatient[0], citizen+"^^^&2.16.578.1.12.4.1.4.2&ISO")
	for name, c := range map[string]struct {
		a    samlsign.Assertion
		kind access.Kind
		of   document.PatientID
		acp  string
	}{
		"oneself":                         {r.citizen(), access.Citizen, fnr(citizen), ""},
		"oneself by acp":                  {with(r.citizen(), nameACP[0], "urn:oid:"+acpRoot+".0"), access.Citizen, fnr(citizen), acpRoot + ".0"},
		"oneself by nil":                  {with(r.citizen(), nameACP[0], ""), access.Citizen, fnr(citizen), ""},
		"oneself by D-number":             {foreign, access.Citizen, document.PatientID{Value: citizen, Authority: document.AuthorityDNR}, ""},
		"a parent":                        {with(other, nameACP[0], "urn:oid:"+acpRoot+".1"), access.Guardian, fnr(child), acpRoot + ".1"},
		"power of attorney":               {with(other, nameACP[0], "urn:oid:"+acpRoot+".2"), access.Proxy, fnr(child), acpRoot + ".2"},
		"for one who is unable":           {with(other, nameACP[0], acpRoot+".3"), access.Proxy, fnr(child), acpRoot + ".3"},
		"personnel's attributes say none": {with(with(r.citizen(), nameRole[0], "LE"), namePurpose[0], "TREAT"), access.Citizen, fnr(citizen), ""},
	} {
		got := r.verified(t, r.helsenorge, c.a)
		if got.Caller.Kind != c.kind || got.Patient != c.of || got.ACP != c.acp || got.Caller.PersonID != citizen {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Caller.HPR != "" || got.Caller.Role != "" || got.Caller.Attest || !cmp.Equal(got.Caller.Scopes, readScopes) {
			t.Errorf("%s has what only personnel has: %+v", name, got.Caller)
		}
	}
}

// TestMeaningsAreConfiguration: the older reading of the codes, and an issuer that may not speak for others at all.
func TestMeaningsAreConfiguration(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	older := r.cfg
	older.Meanings = map[string]access.Kind{acpRoot + ".2": access.Guardian, acpRoot + ".4": access.Proxy}
	v, err := New(older)
	if err != nil {
		t.Fatal(err)
	}
	other := with(r.citizen(), namePatient[0], child+"^^^&2.16.578.1.12.4.1.4.1&ISO")
	for code, want := range map[string]access.Kind{".2": access.Guardian, ".4": access.Proxy, ".1": access.Nobody, ".3": access.Nobody} {
		got, err := v.Verify([]byte(enclosed(sign(t, r.helsenorge, with(other, nameACP[0], acpRoot+code)))))
		if got.Caller.Kind != want || (err == nil) != (want != access.Nobody) {
			t.Errorf("%s: %v, %v", code, got.Caller.Kind, err)
		}
	}
}

// TestIHEShape: real child elements, several statements and audiences, plain texts, another code system's roles.
func TestIHEShape(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := with(with(with(r.doctor(), nameRole[0]), namePurpose[1]), nameNumber[2])
	a.NameID = "doc@hospital.example"
	const statement = `<saml:AttributeStatement>`
	element := func(name, content string) string {
		return `<saml:Attribute Name="` + name + `"><saml:AttributeValue>` + content + `</saml:AttributeValue></saml:Attribute>`
	}
	ce := func(tag, code, system string) string {
		return `<` + tag + ` xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" code="` + code + `" codeSystem="` + system + `" xsi:type="CE"></` + tag + `>`
	}
	got := r.verified(t, r.helseID, a, statement, statement+element(nameRole[0], ce("Role", "SP", "2.16.578.1.12.4.1.1.9060"))+
		element(namePurpose[0], ce("PurposeOfUse", "ETREAT", "2.16.840.1.113883.1.11.20448"))+`</saml:AttributeStatement>`+statement,
		"<saml:Audience>", "<saml:Audience>urn:other</saml:Audience><saml:Audience>")
	if c := got.Caller; c.Role != "SP" || c.Purpose != "ETREAT" || c.PersonID != "" || got.Subject != a.NameID || c.HPR != "565505933" {
		t.Errorf("%+v", got)
	}
	snomed := r.verified(t, r.helseID, with(a, nameRole[0], `<Role code="LE" codeSystem="2.16.840.1.113883.6.96"/>`))
	if snomed.Caller.Role != "" {
		t.Error("the same letters of another code system are a role")
	}
	national := r.verified(t, r.helseID, with(with(a, nameNumber[0], citizen), nameNumber[1]))
	if national.Caller.HPR != "" {
		t.Error("a national number is taken for a health personnel number")
	}
	resh := r.verified(t, r.helseID, with(a, nameEntity[0], `<id extension="4201115" root="2.16.578.1.12.4.1.4.102"/>`))
	if resh.Caller.Organisation != "" {
		t.Error("a RESH id is taken for an organisation number")
	}
}

// TestScopes: only ours, each once, from either separator; an assertion that names none gets what configuration gives it.
func TestScopes(t *testing.T) {
	t.Parallel()
	map1 := map[string][]string{"a": {"A", "B"}, "b": {"B", "C"}, "": {"Z"}}
	for written, want := range map[string]string{"a": "A B", "b,a": "B C A", "a b": "A B C", "x": "", "": "Z", " , ": "Z", "A": ""} {
		if got := strings.Join(granted(written, map1), " "); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

// TestTimes: the edges of the skew, and a clock that runs.
func TestTimes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := []byte(enclosed(sign(t, r.helseID, r.doctor())))
	begins, ends := r.now.Add(-time.Minute), r.now.Add(59*time.Minute)
	for at, valid := range map[time.Time]bool{
		r.now.Add(-10 * time.Second): true, r.now.Add(-11 * time.Second): false, // IssueInstant and AuthnInstant
		begins.Add(-11 * time.Second): false, ends: true, ends.Add(9 * time.Second): true, ends.Add(10 * time.Second): false,
	} {
		r.now = at
		if _, err := r.Verify(text); (err == nil) != valid {
			t.Errorf("at %v: %v, want valid %v", at, err, valid)
		}
	}
}

// TestCauses: the door chooses its fault by them.
func TestCauses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	text := enclosed(sign(t, r.helseID, r.doctor()))
	r.now = r.now.Add(time.Hour)
	_, err := r.Verify([]byte(text))
	if !errors.Is(err, ErrExpired) || !errors.Is(err, ErrConditions) || errors.Is(err, ErrShape) {
		t.Error(err)
	}
	r.now = r.now.Add(-2 * time.Hour)
	if _, err = r.Verify([]byte(text)); errors.Is(err, ErrExpired) || !errors.Is(err, ErrConditions) {
		t.Error(err)
	}
}
