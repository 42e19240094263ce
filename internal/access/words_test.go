package access

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestEveryReasonHasWords: a rule that exists, half a sentence in both languages, and none of them twice.
func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	half := regexp.MustCompile(`^[a-zæøå][^.:]*[a-zæøåA-Z0-9)]$`)
	seen := map[string]bool{}
	for r := noReason + 1; int(r) < len(sayings); r++ {
		said := sayings[r]
		if !idOfRule.MatchString(r.Rule()) || !half.MatchString(said.nb) || !half.MatchString(said.en) || said.nb == said.en {
			t.Errorf("reason %d: %+v", r, said)
		}
		if seen[said.nb] || seen[said.en] {
			t.Errorf("reason %d says what another says: %+v", r, said)
		}
		seen[said.nb], seen[said.en] = true, true
	}
	if len(seen) != 2*int(addressUnknown) {
		t.Errorf("%d sentences for %d reasons", len(seen), addressUnknown)
	}
	for _, strange := range []Reason{noReason, addressUnknown + 1, 255} {
		if strange.Rule() != "C3" || strange.said() != sayings[noReader] {
			t.Errorf("reason %d: %+v", strange, strange.said())
		}
	}
}

var idOfRule = regexp.MustCompile(`^(C[1-7]|L[45])$`)

// TestReasons: which clause each question meets.
func TestReasons(t *testing.T) {
	t.Parallel()
	with := func(change func(*Caller)) Caller { c := doctor; change(&c); return c }
	person := func(change func(*Patient)) Patient { p := adult; change(&p); return p }
	aged := func(years int) Patient { return Patient{BirthDate: noon.AddDate(-years, 0, 0), Known: true} }
	typed := func(code string) Entry { e := plain; e.Class = class(code); return e }
	old := typed("C00-1")
	old.Creation = noon.AddDate(-2, 0, 0)
	kj, own := Basis{Kjernejournal, "AKUTT"}, Sharing{Personnel: true, Citizen: true, OwnOrganisationOnly: true}
	cases := []struct {
		want    Reason
		caller  Caller
		basis   Basis
		patient Patient
		entry   Entry
		sharing Sharing
	}{
		{nothingTaken, doctor, para45, adult, plain, both},
		{noBaseCode, doctor, para45, adult, plain.with("NORN_DUP"), both},
		{restrictedToList, doctor.as(Citizen), para45, adult, plain.with("R"), both},
		{veryRestricted, doctor.as(Citizen), para45, adult, plain.with("R", "V"), both},
		{veryRestricted, doctor.as(Citizen), para45, adult, plain.with("V", "NORN_ANG"), both},
		{deniedToCitizen, doctor.as(Citizen), para45, adult, plain.with("R", "NORN_ANG"), both},
		{deniedToCitizen, doctor.as(Citizen), para45, adult, plain.with("N", "NORN_ANG"), both},
		{barredToPersonnel, doctor, para45, adult, plain.with("N", "NORS"), both},
		{noReader, doctor.as(Machine), para45, adult, plain, both},
		{noReader, doctor.as(Operator), para45, adult, plain, both},
		{papersLacking, with(func(c *Caller) { c.HPR = "" }), para45, adult, plain, both},
		{papersLacking, with(func(c *Caller) { c.Role = " " }), para45, adult, plain, both},
		{papersLacking, with(func(c *Caller) { c.Role, c.Attest = "VE", false }), para45, adult, plain, both},
		{roleRefused, with(func(c *Caller) { c.Role = "VE" }), para45, adult, plain, both},
		{roleRefused, with(func(c *Caller) { c.Role = "LEGE" }), para45, adult, plain, both},
		{factsUnknown, doctor.as(Citizen), para45, Patient{}, plain, both},
		{birthUnknown, doctor.as(Proxy), para45, Patient{Known: true}, plain, both},
		{guardianship, doctor.as(Guardian), para45, aged(12), plain, both},
		{guardianship, doctor.as(Guardian), para45, aged(40), plain, both},
		{childhood, doctor.as(Citizen), para45, aged(15), plain, both},
		{childhood, doctor.as(Proxy), para45, aged(3), plain, both},
		{youth, doctor.as(Citizen), para45, aged(16), plain.with("V"), both},
		{basisLacking, doctor, Basis{}, adult, plain, both},
		{basisLacking, doctor, Basis{Scope: Kjernejournal}, adult, plain, both},
		{openingOnly, doctor, Basis{Scope: Opening}, adult, plain, both},
		{classLeftOut, doctor, kj, adult, typed("B00-1"), both},
		{tooOld, doctor, kj, adult, old, both},
		{notShared, doctor, para45, adult, plain, Sharing{Citizen: true}},
		{notShared, doctor.as(Citizen), para45, adult, plain, Sharing{Personnel: true}},
		{otherOrganisation, doctor, para45, adult, plain, own},
		{otherOrganisation, doctor.as(Citizen), para45, adult, plain, own},
		{longDead, doctor, para45, person(func(p *Patient) { p.DeadSince = date(2020, 1, 1) }), plain, both},
		{addressProtected, doctor, para45, Patient{AddressProtected: true}, plain, both},
		{addressUnknown, doctor, para45, Patient{}, plain, both},
	}
	for _, c := range cases {
		got := DefaultPolicy().Decide(c.caller, c.basis, c.patient, c.entry, c.sharing, noon)
		if len(got.Reasons) == 0 || got.Reasons[0] != c.want {
			t.Errorf("%s: reasons %v, want %d (%s) first", c.caller.Kind, got.Reasons, c.want, c.want.said().en)
		}
	}
}

// TestLanguages: the tags that callers give.
func TestLanguages(t *testing.T) {
	t.Parallel()
	if Bokmaal != "nb" || English != "en" {
		t.Errorf("%s, %s", Bokmaal, English)
	}
}

// TestExplain: whole texts, by how many rules decided and which way they point.
func TestExplain(t *testing.T) {
	t.Parallel()
	gone := Patient{DeadSince: date(2020, 1, 1), AddressProtected: true, Known: true}
	kj, b00 := Basis{Kjernejournal, "AKUTT"}, plain
	b00.Class = class("B00-1")
	barred := b00.with("N", "NORS")
	cases := []struct {
		decision Decision
		nb, en   string
	}{
		{decide(doctor, para45, adult, plain, both), "Dokumentet vises i listen og kan åpnes: ingen regel er til hinder.",
			"The document is shown in the list and can be opened: no rule stands against it."},
		{decide(doctor.as(Citizen), para45, adult, plain.with("R"), both),
			"Dokumentet vises i listen, men kan ikke åpnes: koden R gir innbyggersiden bare metadata.",
			"The document is shown in the list but cannot be opened: the code R gives the citizen's side metadata only."},
		{decide(doctor, kj, adult, b00, both),
			"Dokumentet vises ikke i listen, men kan åpnes: kjernejournalforskriften omfatter ikke denne dokumenttypen.",
			"The document is not shown in the list but can be opened: kjernejournalforskriften does not cover this class of documents."},
		{decide(doctor, kj, adult, barred, both),
			"Dokumentet vises ikke i listen og kan ikke åpnes: koden NORS sperrer innholdet for helsepersonell." +
				" Dessuten: kjernejournalforskriften omfatter ikke denne dokumenttypen.",
			"The document is not shown in the list and cannot be opened: the code NORS bars the content to health personnel." +
				" Besides: kjernejournalforskriften does not cover this class of documents."},
		{decide(doctor, para45, adult, barred, both),
			"Dokumentet vises i listen bare med navnet på virksomheten og kan ikke åpnes: koden NORS sperrer innholdet for helsepersonell.",
			"The document is shown in the list with the organisation's name only and cannot be opened: the code NORS bars the content to health personnel."},
		{decide(doctor, kj, gone, barred, both),
			"Dokumentet vises ikke i listen og kan ikke åpnes: pasienten døde for mer enn 30 dager siden. Også L5, C2 og C6 er til hinder.",
			"The document is not shown in the list and cannot be opened: the patient died more than 30 days ago. L5, C2 and C6 stand against it too."},
		{Decision{}, "Dokumentet vises ikke i listen og kan ikke åpnes: bare helsepersonell med personlig token og innbyggersiden får lese.",
			"The document is not shown in the list and cannot be opened: only health personnel with a personal token and the citizen's side may read."},
		{Decision{List: 9, Open: 9}, "Dokumentet vises ikke i listen og kan ikke åpnes: bare helsepersonell med personlig token og innbyggersiden får lese.",
			"The document is not shown in the list and cannot be opened: only health personnel with a personal token and the citizen's side may read."},
	}
	for _, c := range cases {
		if got := c.decision.Explain(Bokmaal); got != c.nb {
			t.Errorf("got  %s\nwant %s", got, c.nb)
		}
		if got := c.decision.Explain(English); got != c.en {
			t.Errorf("got  %s\nwant %s", got, c.en)
		}
		if c.decision.Explain("sv") != c.nb {
			t.Error("another language is not answered in Bokmål")
		}
	}
}

// TestExplainIsShort: no row of the table gets more than two sentences, whatever decided.
func TestExplainIsShort(t *testing.T) {
	t.Parallel()
	long := DefaultPolicy().Decide(doctor, Basis{Kjernejournal, "AKUTT"}, Patient{AddressProtected: true, DeadSince: date(2020, 1, 1)},
		Entry{}, Sharing{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	if got := long.Explain(English); strings.Count(got, ".") != 2 || !strings.Contains(got, "L4, L5, C1 and C6") {
		t.Errorf("%s", got)
	}
}
