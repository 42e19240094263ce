package atna_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"
)

// reader is a machine of an organisation with the given scopes of the log.
func reader(t *testing.T, s *servicetest.Service, organisation string, scopes ...string) *servicetest.Caller {
	return s.Caller(t, map[string]any{"aud": access.AudienceRead, "scope": scopes, "client_id": "log-" + organisation,
		"helseid://claims/client/claims/orgnr_parent": organisation, "helseid://claims/client/client_name": "Personvernombud"})
}

func owner(t *testing.T, s *servicetest.Service, of tenant.Tenant) *servicetest.Caller {
	return reader(t, s, of.Organisations[0], access.ScopeLogOwn)
}

// inspector is one of an organisation that owns nothing here.
func inspector(t *testing.T, s *servicetest.Service) *servicetest.Caller {
	return reader(t, s, servicetest.Organisation(), access.ScopeLogInspect)
}

// today are the dates that every search needs, with more parameters in pairs.
func today(more ...string) url.Values {
	now := time.Now().UTC()
	form := url.Values{"date": {"ge" + now.Add(-time.Hour).Format(time.RFC3339), "le" + now.Add(time.Hour).Format(time.RFC3339)}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	return form
}

func post(t *testing.T, s *servicetest.Service, c *servicetest.Caller, form url.Values, headers ...string) servicetest.Answer {
	t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return c.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/AuditEvent/_search", strings.NewReader(form.Encode()), headers...))
}

// resource reads an answer's one resource.
func resource[T any](t *testing.T, a servicetest.Answer, status int) *T {
	t.Helper()
	r, err := fhir.ParseResource(strings.NewReader(string(a.Body)), 16<<20)
	if err != nil || a.Status != status {
		t.Fatalf("status %d, want %d: %v\n%.2000s", a.Status, status, err, a.Body)
	}
	found, ok := fhir.As[T](r)
	if !ok {
		t.Fatalf("another resource: %.2000s", a.Body)
	}
	return found
}

// events are those of a page, in its order.
func events(t *testing.T, a servicetest.Answer) (found []*fhir.AuditEvent, next string, warnings []string) {
	t.Helper()
	b := resource[fhir.Bundle](t, a, http.StatusOK)
	for _, e := range b.Entry {
		if event, ok := fhir.As[fhir.AuditEvent](e.Resource); ok {
			found = append(found, event)
		}
		if o, ok := fhir.As[fhir.OperationOutcome](e.Resource); ok {
			for _, i := range o.Issue {
				warnings = append(warnings, i.Diagnostics)
			}
		}
	}
	for _, l := range b.Link {
		if l.Relation == "next" {
			next = l.URL
		}
	}
	return found, next, warnings
}

// told is an event as operation and outcome.
func told(e *fhir.AuditEvent) string { return e.Subtype[len(e.Subtype)-1].Code + " " + e.Outcome }

func toldAll(all []*fhir.AuditEvent) (out []string) {
	for _, e := range all {
		out = append(out, told(e))
	}
	return out
}

// lived is an instance with a history: a document sent in, listed, opened, opened by who may not, and deleted, from the oldest on.
type lived struct {
	tenant.Tenant
	doc    servicetest.Doc
	doctor *servicetest.Caller
}

// history is what told says of it, from the newest on.
var history = []string{"delete 0", "open 4", "open 0", "search 0", "provide 0"}

func live(t *testing.T, s *servicetest.Service) lived {
	t.Helper()
	l := lived{Tenant: s.Tenant(t), doc: servicetest.NewDoc()}
	organisation := l.Organisations[0]
	l.doctor = s.Doctor(t, organisation)
	w := s.Writer(t, organisation)
	want := func(status int, a servicetest.Answer) {
		t.Helper()
		if a.Status != status {
			t.Fatalf("%d, want %d: %s", a.Status, status, a.Body)
		}
	}
	want(200, w.Upload(t, servicetest.BundleFor(l.Tenant, l.doc).JSON(t)))
	want(200, l.doctor.Search(t, url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + servicetest.Patient}, "status": {"current"}, "homeCommunityId": {l.HomeCommunity}}))
	document := "/mhd/document?documentUniqueId=" + l.doc.BinaryID + "&homeCommunityId=" + l.HomeCommunity + "&repositoryUniqueId=" + l.Repository
	want(200, l.doctor.Get(t, document, "nhn-patient-nin", servicetest.Patient))
	want(404, l.doctor.Get(t, document, "nhn-patient-nin", "12119000465"))
	want(200, w.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+l.doc.ID, nil)))
	return l
}
