package atna

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/tenant"

	"github.com/samber/lo"
)

// FuzzAuditSearch holds that no form makes a search without an end on both sides, that its limits hold, that it can travel in a cursor, that the
// event does not tell the patient twice, and that no patient is taken from an address.
func FuzzAuditSearch(f *testing.F) {
	for _, s := range []string{"date=ge2026-11-01&date=le2026-11-30", "date=ge2026&date=lt2027&patient.identifier=urn:oid:2.16.578.1.12.4.1.4.1|13116900216&action=R,E&outcome=4",
		"date=gt0001&date=eb9999&patient.identifier=13116900216", "date=ge9999&date=le9999", "date=ge2026-01-01,ge2026-01-02&date=le2026", "date:missing=true&date=sa2026",
		"agent.identifier=a|b,c|,|d&entity.identifier=urn:uuid:0D3A4A0E-3C3E-4F1A-9A55-0123456789AB&source=control,urn:oid:1.2&subtype=ITI-67&type=x|", "entity.identifier=13116900216&date=ge2026-11-01&date=le2026-11-02",
		"_count=9999&_sort=date&_cursor=x&address=10.0.0.1&_id=\x00&nonsense=1", "date=ge2026-11-01T00:00:00 01:00&date=le2026-11-01T00:00:00Z&action:not=R&outcome=12"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, strict bool) {
		defer fuzztest.InTime(t)()
		q, _, err := parseAddress(text, strict)
		if err == nil && (q.Search.Patient != "" || strings.Contains(text, "patient.identifier=1")) {
			t.Errorf("an address names a patient: %q", text)
		}
		form, bad := url.ParseQuery(text)
		if bad != nil {
			if err == nil {
				t.Errorf("%q is taken", text)
			}
			return
		}
		q, _, err = parse(form, strict)
		if err != nil {
			for _, p := range fault.Of(err) {
				if p.Safe == "" || p.Kind() != fault.Invalid {
					t.Errorf("%q: %v", text, p)
				}
			}
			return
		}
		span := q.Search.Span
		if !span.From.Before(span.To) || q.Search.Patient == "" && span.To.Sub(span.From) > longest || q.Search.Limit < 1 || q.Search.Limit > rest.MaxCount || len(q.Criteria) > rest.MaxCriteria {
			t.Errorf("%q became %+v", text, q)
		}
		if sealed, err := json.Marshal(q); err != nil {
			t.Errorf("%q fits no cursor: %v", text, err)
		} else if again := new(state); json.Unmarshal(sealed, again) != nil || !again.Search.Span.To.Equal(span.To) {
			t.Errorf("%q comes out of a cursor as %+v", text, again)
		}
		if kept, err := url.ParseQuery(q.Search.Text); err != nil || kept.Has("patient.identifier") {
			t.Errorf("the event would hold %q", q.Search.Text)
		}
	})
}

// passes is what the database does with a filter, apart from time and patient.
func passes(f audit.Filter, l audit.Line) bool {
	in := func(asked []string, have ...string) bool {
		return len(asked) == 0 || slices.ContainsFunc(have, func(h string) bool { return h != "" && slices.Contains(asked, h) })
	}
	number, _, _ := strings.Cut(l.Patient, "^")
	things := append([]string{l.Entry, l.Caller.RequestID, number, l.Detail.Set, l.Detail.Query}, l.Detail.Folders...)
	for _, d := range l.Detail.Documents {
		things = append(things, d.Entry, d.UniqueID)
	}
	outcome := map[string]string{"success": "S", "denied": "N", "failed": "F"}[l.Outcome]
	return in(f.Actions, l.Action) && in(f.Outcomes, outcome) && in(f.Operations, l.Operation) && in(f.Things, things...) &&
		in(f.Agents, l.Caller.Organisation, l.Caller.PointOfCare, l.Caller.Supplier, l.Caller.HPR, l.Caller.ClientID)
}

// TestEverythingShownIsFound: an event is found by each code and identifier that stands in it, with its system and without; what is told to the
// database beforehand never leaves it out.
func TestEverythingShownIsFound(t *testing.T) {
	t.Parallel()
	from := inspection.Log{Tenant: tenant.Tenant{ID: 1, HomeCommunity: homeOID, Name: "betanien"}}
	tried := 0
	for _, outcome := range []string{"success", "denied", "failed"} {
		for _, line := range golden(t, outcome) {
			seen := seenIn(Encode(line, ours), from)
			for name, kind := range kinds {
				if kind != rest.Token && kind != rest.RelatedToken {
					continue
				}
				field := strings.TrimSuffix(name, ".identifier")
				for _, code := range seen(criteria.Field(field)).Tokens {
					for _, value := range asked(code) {
						tried++
						form := url.Values{"date": {"ge2026", "lt2027"}, name: {value}}
						q, _, err := parse(form, true)
						met := lo.Filter(q.Criteria, func(c criteria.Criterion, _ int) bool { return c.Field == criteria.Field(field) })
						if err != nil || len(met) != 1 || !criteria.Criteria(met).Met(seen) {
							t.Errorf("%s is not found by %s=%s: %v", line.Operation, name, value, err)
							continue
						}
						if !passes(q.Search.Filter, line) {
							t.Errorf("%s is left out by what the database is told of %s=%s: %+v", line.Operation, name, value, q.Search.Filter)
						}
						if q.Search.Sources != nil && !slices.Contains(q.Search.Sources, homeOID) {
							t.Errorf("%s=%s asks %v", name, value, q.Search.Sources)
						}
					}
				}
			}
		}
	}
	if tried < 3000 {
		t.Errorf("only %d searches: the test looks at little", tried)
	}
}

// asked are the ways to ask for a code.
func asked(c document.Code) []string {
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace
	return []string{escape(c.Value), escape(c.System) + "|" + escape(c.Value), document.URN(escape(c.System)) + "|" + escape(c.Value)}
}

// TestSpans: what date bounds, at FHIR's precisions.
func TestSpans(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		out, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for text, want := range map[string]audit.Span{
		"date=ge2026-11-21&date=le2026-11-21":                                {From: at("2026-11-21T00:00:00Z"), To: at("2026-11-22T00:00:00Z")},
		"date=gt2026-11-21&date=lt2026-11-23":                                {From: at("2026-11-22T00:00:00Z"), To: at("2026-11-23T00:00:00Z")},
		"date=ge2026&date=le2026":                                            {From: at("2026-01-01T00:00:00Z"), To: at("2027-01-01T00:00:00Z")},
		"date=sa2026-02&date=eb2026-04":                                      {From: at("2026-03-01T00:00:00Z"), To: at("2026-04-01T00:00:00Z")},
		"date=ge2026-11-21T10:00:00%2B01:00&date=le2026-11-21T10:00:00Z":     {From: at("2026-11-21T09:00:00Z"), To: at("2026-11-21T10:00:01Z")},
		"date=ge2026-01&date=ge2026-03&date=le2026-12&date=le2026-05":        {From: at("2026-03-01T00:00:00Z"), To: at("2026-06-01T00:00:00Z")},
		"date=ge0001&date=le9999&patient.identifier=13116900216":             {From: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), To: end},
		"date=ge2025-12-31&date=le2026-12-31":                                {From: at("2025-12-31T00:00:00Z"), To: at("2027-01-01T00:00:00Z")},
		"date=ge2025-12-31&date=le2027-01-02":                                {},
		"date=ge2026-11-21&date=lt2026-11-21":                                {},
		"date=ge2026-11-21,ge2026-11-22&date=le2026-11-30":                   {},
		"date:missing=false&date=ge2026":                                     {},
		"date:not=ge2026&date=le2026":                                        {},
		"date=ge2026-11-21&date=le2026-11-21&patient.identifier=13116900216": {From: at("2026-11-21T00:00:00Z"), To: at("2026-11-22T00:00:00Z")},
	} {
		form, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		q, _, err := parse(form, true)
		if refused := want == (audit.Span{}); refused != (err != nil) {
			t.Errorf("%s: %v", text, err)
		} else if !refused && (!q.Search.Span.From.Equal(want.From) || !q.Search.Span.To.Equal(want.To)) {
			t.Errorf("%s: %v, want %v", text, q.Search.Span, want)
		}
	}
}

// TestNoPatientInAnAddress: nothing that looks like one passes, and what only has as many digits does.
func TestNoPatientInAnAddress(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"13116900216": true, "urn:oid:2.16.578.1.12.4.1.4.1|13116900216": true, "x, 13116900216": true, "131169 00216": false, "2.16.578.1.12.4.5.999": false,
		"01a1ffc9-63e4-7cf6-b371-13116900216a": false, "131169002160": false, "a13116900216": false, "2026-11-21T10:15:30.123456Z": false, "10.13116900216.1": true} {
		if holdsNationalNumber(text) != want {
			t.Errorf("%q: %t", text, !want)
		}
	}
}
