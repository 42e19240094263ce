package access

import (
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/document"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The facts under which a clinician sees an ordinary entry; tests change one at a time.
var (
	noon   = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	doctor = Caller{Kind: Personnel, Organisation: "958935420", HPR: "565501872", Role: "LE", SecurityLevel: 4, Attest: true, Purpose: "TREAT"}
	adult  = Patient{BirthDate: date(1969, 11, 13), Known: true}
	plain  = Entry{Confidentiality: codes("N"), Class: class("A00-1"), Creation: noon.AddDate(0, -1, 0), OwnerOrganisations: []string{"981275721"}}
	both   = Sharing{Personnel: true, Citizen: true}
	para45 = Basis{Scope: Section45}
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func class(code string) document.Code {
	return document.Code{Value: code, System: "2.16.578.1.12.4.1.1.9602"}
}

// codes gives the one-letter codes HL7's system and the others 9603's, as the simulator does.
func codes(values ...string) []document.Code {
	var cs []document.Code
	for _, v := range values {
		system := nationalOID
		if len(v) == 1 {
			system = hl7OID
		}
		cs = append(cs, document.Code{Value: v, System: system})
	}
	return cs
}

func (e Entry) with(values ...string) Entry { e.Confidentiality = codes(values...); return e }

func (c Caller) as(k Kind) Caller { c.Kind = k; return c }

func decide(c Caller, b Basis, p Patient, e Entry, s Sharing) Decision {
	return DefaultPolicy().Decide(c, b, p, e, s, noon)
}

var allowed = ruled(Show, Allow, "C2")

func denied(rules ...string) Decision { return ruled(Omit, Deny, rules...) }

// ruled is a decision by what it does and by which rules.
func ruled(l List, o Open, rules ...string) Decision { return Decision{List: l, Open: o, Rules: rules} }

// assertDecision compares all but Reasons, of which it wants one for each rule.
func assertDecision(t *testing.T, name string, got, want Decision) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Decision{}, "Reasons")); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
	var told []string
	for _, r := range got.Reasons {
		told = append(told, r.Rule())
	}
	if !slices.Equal(told, got.Rules) {
		t.Errorf("%s: reasons of %v beside rules %v", name, told, got.Rules)
	}
}

func TestZeroValuesDeny(t *testing.T) {
	t.Parallel()
	assertDecision(t, "nothing at all", Policy{}.Decide(Caller{}, Basis{}, Patient{}, Entry{}, Sharing{}, time.Time{}), denied("C3"))
	assertDecision(t, "the ordinary case", decide(doctor, para45, adult, plain, both), allowed)
	cases := map[string]Decision{
		"zero policy":     Policy{}.Decide(doctor, para45, adult, plain, both, noon),
		"zero caller":     decide(Caller{}, para45, adult, plain, both),
		"zero basis":      decide(doctor, Basis{}, adult, plain, both),
		"zero patient":    decide(doctor, para45, Patient{}, plain, both),
		"zero entry":      decide(doctor, para45, adult, Entry{}, both),
		"zero sharing":    decide(doctor, para45, adult, plain, Sharing{}),
		"bare personnel":  decide(Caller{Kind: Personnel}, para45, adult, plain, both),
		"nobody":          decide(doctor.as(Nobody), para45, adult, plain, both),
		"machine":         decide(doctor.as(Machine), para45, adult, plain, both),
		"unknown kind":    decide(doctor.as(Proxy+1), para45, adult, plain, both),
		"no scope":        decide(doctor, Basis{AccessBasis: "SAMTYKKE"}, adult, plain, both),
		"last kind":       decide(doctor.as(255), para45, adult, plain, both),
		"unknown scope":   decide(doctor, Basis{Scope: Opening + 1, AccessBasis: "SAMTYKKE"}, adult, plain, both),
		"citizen, zeroes": decide(Caller{Kind: Citizen}, Basis{}, Patient{}, Entry{}, Sharing{}),
	}
	for name, got := range cases {
		if got.List != Omit || got.Open != Deny || len(got.Rules) == 0 {
			t.Errorf("%s: %+v, want omit and deny with a rule", name, got)
		}
	}
	if (Decision{}).List != Omit || (Decision{}).Open != Deny {
		t.Error("the zero decision lets something through")
	}
}

// effects is the personnel and the citizen column of C2, code by code; what is not in it has no effect.
var effects = map[string]struct{ personnel, citizen Decision }{
	"N":        {allowed, allowed},
	"R":        {allowed, ruled(Show, Deny, "C2")},
	"V":        {allowed, ruled(Mask, Deny, "C2")},
	"NORN_ANG": {allowed, ruled(Mask, Deny, "C2")},
	"NORS":     {ruled(Mask, Deny, "C2"), allowed},
}

var allCodes = []string{
	"U", "L", "M", "N", "R", "V", "NORN_ANG", "NORN_ALL", "NORN_DUP", "NORN_EPO", "NORN_FFH", "NORN_FFL", "NORN_FOR",
	"NORN_FORANS", "NORN_FPB", "NORN_KUT", "NORN_UNGDOM", "NORS", "NORU",
}

// expected is the strictest of the codes' effects, and C1 when none has one.
func expected(citizen bool, values ...string) Decision {
	result, granted := allowed, false
	for _, v := range values {
		effect, ok := effects[v]
		if !ok {
			continue
		}
		granted = true
		column := effect.personnel
		if citizen {
			column = effect.citizen
		}
		result.List, result.Open = min(result.List, column.List), min(result.Open, column.Open)
	}
	if !granted {
		return denied("C1")
	}
	return result
}

func TestCodesAloneAndInPairs(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{Personnel, Citizen, Proxy} {
		for _, a := range allCodes {
			for _, b := range allCodes {
				want := expected(kind != Personnel, a, b)
				assertDecision(t, kind.String()+" "+a+" "+b, decide(doctor.as(kind), para45, adult, plain.with(a, b), both), want)
			}
			assertDecision(t, kind.String()+" "+a, decide(doctor.as(kind), para45, adult, plain.with(a), both), expected(kind != Personnel, a))
		}
	}
}

func TestSpellingsOfCodes(t *testing.T) {
	t.Parallel()
	masked := ruled(Mask, Deny, "C2")
	n := document.Code{Value: "N", System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"}
	cases := []struct {
		name  string
		codes []document.Code
		want  Decision
	}{
		{"HL7 by URI", []document.Code{n}, allowed},
		{"HL7 by OID", []document.Code{{Value: "N", System: "2.16.840.1.113883.5.25"}}, allowed},
		{"HL7 by urn", []document.Code{{Value: "N", System: "urn:oid:2.16.840.1.113883.5.25"}}, allowed},
		{"R by URI", []document.Code{{Value: "R", System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"}}, allowed},
		{"V by URI", []document.Code{{Value: "V", System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"}}, allowed},
		{"NORN_ANG alone", []document.Code{{Value: "NORN_ANG", System: "2.16.578.1.12.4.1.1.9603"}}, allowed},
		{"N of 9603 is no base", []document.Code{{Value: "N", System: nationalOID}}, denied("C1")},
		{"N without system", []document.Code{{Value: "N"}}, denied("C1")},
		{"n in small", []document.Code{{Value: "n", System: hl7OID}}, denied("C1")},
		{"NORS by urn", []document.Code{n, {Value: "NORS", System: "urn:oid:" + nationalOID}}, masked},
		{"NORS by urn in capitals", []document.Code{n, {Value: "NORS", System: "URN:OID:" + nationalOID}}, masked},
		{"NORS in HL7's system", []document.Code{n, {Value: "NORS", System: hl7OID}}, masked},
		{"NORS without system", []document.Code{n, {Value: "NORS"}}, masked},
		{"NORS of a strange system", []document.Code{n, {Value: "NORS", System: "http://example.org/codes"}}, masked},
		{"nors in small with a blank", []document.Code{n, {Value: " nors ", System: "http://example.org/codes"}}, masked},
		{"NORS of a strange system grants nothing", []document.Code{{Value: "NORS", System: "http://example.org/codes"}}, denied("C1")},
		{"an unknown code beside N", []document.Code{n, {Value: "X", System: "http://example.org/codes"}}, allowed},
	}
	for _, c := range cases {
		e := plain
		e.Confidentiality = c.codes
		assertDecision(t, c.name, decide(doctor, para45, adult, e, both), c.want)
	}
}

func TestSharing(t *testing.T) {
	t.Parallel()
	owner, other := doctor, doctor
	owner.Organisation, other.Organisation = "981275721", "994598759"
	nobody := doctor
	nobody.Organisation = ""
	emptyOwner := plain
	emptyOwner.OwnerOrganisations = []string{""}
	several := plain
	several.OwnerOrganisations = []string{"960510542", "994598759"}
	own := Sharing{Personnel: true, OwnOrganisationOnly: true}
	cases := []struct {
		name    string
		caller  Caller
		entry   Entry
		sharing Sharing
		want    Decision
	}{
		{"personnel", other, plain, Sharing{Personnel: true}, allowed},
		{"personnel where citizens only", owner, plain, Sharing{Citizen: true}, denied("C7")},
		{"own, other organisation", other, plain, own, denied("C7")},
		{"own, owner", owner, plain, own, allowed},
		{"own, one of several owners", other, several, own, allowed},
		{"own, not among several", owner, several, own, denied("C7")},
		{"own, caller without organisation", nobody, emptyOwner, own, denied("C7")},
		{"own but not for personnel", owner, plain, Sharing{OwnOrganisationOnly: true}, denied("C7")},
		{"citizen", other.as(Citizen), plain, Sharing{Citizen: true}, allowed},
		{"citizen where personnel only", other.as(Citizen), plain, Sharing{Personnel: true}, denied("C7")},
		{"citizen, own only", owner.as(Citizen), plain, Sharing{Personnel: true, Citizen: true, OwnOrganisationOnly: true}, denied("C7")},
		{"proxy where personnel only", owner.as(Proxy), plain, Sharing{Personnel: true}, denied("C7")},
	}
	for _, c := range cases {
		assertDecision(t, c.name, decide(c.caller, para45, adult, c.entry, c.sharing), c.want)
	}
}

func TestAddressAndDeath(t *testing.T) {
	t.Parallel()
	protected, unknown := adult, adult
	protected.AddressProtected = true
	unknown.Known = false
	dead := func(d time.Time) Patient { p := adult; p.DeadSince = d; return p }
	citizen := doctor.as(Citizen)
	cases := []struct {
		name    string
		caller  Caller
		patient Patient
		want    Decision
	}{
		{"protected, personnel", doctor, protected, denied("L5")},
		{"protected, citizen", citizen, protected, allowed},
		{"unknown facts, personnel", doctor, unknown, denied("L5")},
		{"unknown facts, citizen", citizen, unknown, denied("C5")},
		{"died today", doctor, dead(date(2026, 6, 15)), allowed},
		{"died tomorrow, as a clock may say", doctor, dead(date(2026, 6, 16)), allowed},
		{"died 30 days ago", doctor, dead(date(2026, 5, 16)), allowed},
		{"died 31 days ago", doctor, dead(date(2026, 5, 15)), denied("L4")},
		{"died 31 days ago, citizen's side", doctor.as(Proxy), dead(date(2026, 5, 15)), denied("L4")},
		{"died 30 days ago in Oslo", doctor, dead(time.Date(2026, 5, 16, 0, 0, 0, 0, oslo)), allowed},
		{"died 30 days ago, date told east of us", doctor, dead(time.Date(2026, 5, 16, 0, 0, 0, 0, time.FixedZone("", 9*3600))), allowed},
		{"died 31 days ago in Oslo", doctor, dead(time.Date(2026, 5, 15, 23, 59, 0, 0, oslo)), denied("L4")},
	}
	for _, c := range cases {
		assertDecision(t, c.name, decide(c.caller, para45, c.patient, plain, both), c.want)
	}
	late := time.Date(2026, 6, 14, 22, 30, 0, 0, time.UTC) // half past midnight of the 15th in Oslo
	got := DefaultPolicy().Decide(doctor, para45, dead(date(2026, 5, 15)), plain, both, late)
	assertDecision(t, "days are Oslo's", got, denied("L4"))
}

// TestRulesOrder: every rule that takes something is named, what denies opening before what only shortens the list.
func TestRulesOrder(t *testing.T) {
	t.Parallel()
	gone := adult
	gone.DeadSince, gone.AddressProtected = date(2020, 1, 1), true
	kj := Basis{Scope: Kjernejournal, AccessBasis: "SAMTYKKE"}
	b00 := plain.with("N", "NORS")
	b00.Class = class("B00-1")
	cases := map[string]struct{ got, want Decision }{
		"all":                      {decide(doctor, kj, gone, b00, Sharing{}), denied("C7", "L4", "L5", "C2", "C6")},
		"masked and filtered":      {decide(doctor, kj, adult, b00, both), ruled(Omit, Deny, "C2", "C6")},
		"opening scope":            {decide(doctor, Basis{Scope: Opening}, adult, plain, both), ruled(Omit, Allow, "C6")},
		"opening what is masked":   {decide(doctor, Basis{Scope: Opening}, adult, plain.with("N", "NORS"), both), ruled(Omit, Deny, "C2", "C6")},
		"citizen needs no basis":   {decide(doctor.as(Citizen), Basis{}, adult, plain, both), allowed},
		"citizen under the filter": {decide(doctor.as(Citizen), kj, adult, plain.with("N", "R"), both), ruled(Show, Deny, "C2")},
	}
	for name, c := range cases {
		assertDecision(t, name, c.got, c.want)
	}
}

// TestStrictness: each is stricter than the next; denied opening outweighs any list.
func TestStrictness(t *testing.T) {
	t.Parallel()
	order := []verdict{{0, Omit, Deny}, {0, Mask, Deny}, {0, Show, Deny}, {0, Omit, Allow}, {0, Mask, Allow}, nothingAgainst}
	for i := range order[1:] {
		if order[i].strictness() <= order[i+1].strictness() {
			t.Errorf("%+v is not stricter than %+v", order[i], order[i+1])
		}
	}
	if nothingAgainst.strictness() != 0 {
		t.Error("a rule that takes nothing has a weight")
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	got := []string{Omit.String(), Mask.String(), Show.String(), List(9).String(), Deny.String(), Allow.String(), Open(9).String(), Personnel.String(), Kind(99).String()}
	want := []string{"omit", "mask", "show", "omit", "deny", "allow", "deny", "personnel", "nobody"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
