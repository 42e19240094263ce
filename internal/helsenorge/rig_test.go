package helsenorge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/tenant"
)

// helsenorge is the caller of these tests.
func helsenorge(t testing.TB, s *servicetest.Service) *servicetest.Caller {
	return s.Caller(t, map[string]any{"aud": access.AudienceRead, "scope": []string{access.ScopeLogHelsenorge}, "client_id": "helsenorge",
		"helseid://claims/client/claims/orgnr_parent": servicetest.Organisation()})
}

var numbers atomic.Int64

// patient is a synthetic one of the test's own, born on a day of a year, with check digits that fit (P2).
func patient(year int) string {
	for {
		n := numbers.Add(1)
		text := fmt.Sprintf("%02d%02d%02d%03d", 1+n%28, 81+n/28%12, year%100, map[bool]int64{false: 100, true: 600}[year >= 2000]+n/336)
		for check := range 100 {
			number := fmt.Sprintf("%s%02d", text, check)
			if document.CheckNorwegian(document.PatientID{Value: number, Authority: document.AuthorityFNR}, true) == nil {
				return number
			}
		}
	}
}

func upload(t testing.TB, s *servicetest.Service, of tenant.Tenant, patient string, docs ...servicetest.Doc) {
	t.Helper()
	b := servicetest.BundleFor(of, docs...)
	b.Patient = patient
	if a := s.Writer(t, of.Organisations[0]).Upload(t, b.JSON(t)); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
}

// list is the doctor's search for a patient's documents, in one home community or all.
func list(t testing.TB, doctor *servicetest.Caller, patient, home string) {
	t.Helper()
	form := url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + patient}, "status": {"current"}}
	if home != "" {
		form.Set("homeCommunityId", home)
	}
	if a := doctor.Search(t, form); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
}

// open is the doctor's opening of a document.
func open(t testing.TB, doctor *servicetest.Caller, of tenant.Tenant, d servicetest.Doc, patient string) servicetest.Answer {
	t.Helper()
	q := url.Values{"documentUniqueId": {d.BinaryID}, "homeCommunityId": {of.HomeCommunity}, "repositoryUniqueId": {of.Repository}}
	return doctor.Get(t, "/mhd/document?"+q.Encode(), "nhn-patient-nin", patient)
}

type object = map[string]any

// ask posts a question and gives answer and lookups.
func ask(t testing.TB, s *servicetest.Service, who *servicetest.Caller, body object) (servicetest.Answer, []object, object) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	a := who.Do(t, s.Request(t, http.MethodPost, "/helsenorge/v1/lookups/_search", bytes.NewReader(text), "Content-Type", "application/json"))
	whole := object{}
	if err := json.Unmarshal(a.Body, &whole); err != nil {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return a, objects(whole["lookups"]), whole
}

func objects(list any) (all []object) {
	items, _ := list.([]any)
	for _, i := range items {
		all = append(all, i.(object))
	}
	return all
}

// told is one lookup in a line: what, outcome, type, title, what is withheld, home community, role, purpose and name.
func told(l object) string {
	var parts []string
	for _, path := range []string{"what.code", "outcome.code", "document.type.code", "document.title", "withheld", "instance.homeCommunityId", "role.en", "why.purpose", "name"} {
		var at any = l
		for _, name := range strings.Split(path, ".") {
			o, _ := at.(object)
			at = o[name]
		}
		if text, _ := at.(string); text != "" {
			parts = append(parts, strings.TrimPrefix(text, "urn:oid:"))
		}
	}
	return strings.Join(parts, " ")
}

// record writes a doctor's reading that was at another time than now.
func record(t testing.TB, s *servicetest.Service, of tenant.Tenant, patient, name string, at time.Time) audit.Event {
	t.Helper()
	e := audit.New(at, audit.Actor{Caller: access.Caller{Kind: access.Personnel, Name: name, HPR: "565501872", Organisation: "981275721", Role: "LE", Purpose: "TREAT"}}, audit.Read, "search")
	e.Patient = document.PatientID{Value: patient, Authority: document.AuthorityFNR}.CX()
	if err := (audit.Log{DB: s.DB}).Record(t.Context(), of.Schema(), e); err != nil {
		t.Fatal(err)
	}
	return e
}
