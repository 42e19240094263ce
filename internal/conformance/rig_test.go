package conformance

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"
)

// bench is one tenant with somebody who writes to it and somebody who reads from it.
type bench struct {
	*servicetest.Service
	of             tenant.Tenant
	writer, doctor *servicetest.Caller
}

// newBench makes a tenant; home and organisation are left to the test service when empty.
func newBench(t *testing.T, profile tenant.Profile, home, organisation string) bench {
	t.Helper()
	s := servicetest.Start(t)
	of, ok := existing(t, s, organisation)
	if !ok {
		of = s.Tenant(t, func(d *administration.Draft) {
			d.Profile = profile
			if home != "" {
				d.HomeCommunity, d.Repository, d.Organisations = home, home+".2", []string{organisation}
			}
		})
	}
	return bench{s, of, s.Writer(t, of.Organisations[0]), s.Doctor(t, of.Organisations[0])}
}

// existing is the tenant that an earlier run in this process made for the organisation (-count): its OIDs can be given once only.
func existing(t *testing.T, s *servicetest.Service, organisation string) (tenant.Tenant, bool) {
	t.Helper()
	found, err := tenant.Directory{DB: s.DB}.OfOrganisation(t.Context(), organisation)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) == 0 {
		return tenant.Tenant{}, false
	}
	return found[0], true
}

// stored is a document that the service said it has, and what the message said of it.
type stored struct {
	// Location is the DocumentReference's address, Document the bytes' (ITI-68).
	Location, Document string
	Content            []byte
	// Binary and Master are the message's two identifiers without urn:.
	Binary, Master string
	// PatientToken is system|value, PatientNumber the value.
	PatientToken, PatientNumber string
	Reference                   servicetest.Object
	Warnings                    []string
}

// accept posts a message that must be taken, follows every address of the answer, and lists and opens its documents as a doctor.
func (b bench) accept(t *testing.T, body []byte) []stored {
	t.Helper()
	a := b.writer.Upload(t, body)
	if a.Status != http.StatusOK {
		t.Fatalf("status %d, want 200: %s", a.Status, a.Body)
	}
	message, answer := parse(t, body), parse(t, a.Body)
	asked, _ := message["entry"].([]any)
	told, _ := answer["entry"].([]any)
	if answer["type"] != "transaction-response" || len(told) != len(asked) {
		t.Fatalf("the answer is a %v of %d entries, want a transaction-response of %d: %s", answer["type"], len(told), len(asked), a.Body)
	}
	var docs []stored
	for i := range told {
		if d, ok := b.follow(t, message, asked[i].(servicetest.Object), told[i].(servicetest.Object)); ok {
			d.Document = documentAddress(message, told, d.Reference)
			d.Warnings = issues(answer, "warning")
			b.readable(t, &d)
			docs = append(docs, d)
		}
	}
	return docs
}

// follow checks one entry of an answer: created, at an address that the uploader can fetch.
func (b bench) follow(t *testing.T, message, asked, told servicetest.Object) (d stored, isDocument bool) {
	t.Helper()
	resource := asked["resource"].(servicetest.Object)
	kind := resource["resourceType"].(string)
	location := text(told, "response", "location")
	if kind == "Parameters" {
		if status := text(told, "response", "status"); status != "200 OK" {
			t.Errorf("a %s was answered with %q, want 200 OK: it was carried out, and has no address", kind, status)
		}
		return d, false
	}
	if status := text(told, "response", "status"); status != "201 Created" || location == "" || text(told, "response", "lastModified") == "" {
		t.Errorf("a %s was answered with %v, want 201 Created, a location and lastModified", kind, told)
	}
	if kind == "Binary" {
		return d, false // fetched with the document
	}
	got := b.writer.Get(t, location)
	if got.Status != http.StatusOK || text(parse(t, got.Body), "resourceType") != kind {
		t.Errorf("fetching the %s at its location: %d %s", kind, got.Status, got.Body)
	}
	if kind != "DocumentReference" {
		return d, false
	}
	content, binary := bytesOf(t, message, resource)
	d = stored{Location: location, Content: content, Binary: plain(text(binary, "id")), Master: plain(text(resource, "masterIdentifier", "value")), Reference: resource}
	subject := parse(t, got.Body)["subject"]
	d.PatientNumber = text(subject, "identifier", "value")
	d.PatientToken = text(subject, "identifier", "system") + "|" + d.PatientNumber
	return d, true
}

// documentAddress is the location told for the Binary that the reference's attachment names.
func documentAddress(message servicetest.Object, told []any, ref servicetest.Object) string {
	asked, _ := message["entry"].([]any)
	i := slices.IndexFunc(asked, func(e any) bool { return e.(servicetest.Object)["fullUrl"] == attachment(ref)["url"] })
	if i < 0 {
		return ""
	}
	return text(told[i], "response", "location")
}

// readable: a doctor finds the document by patient and by each identifier, and gets the bytes that went in (promise 3).
func (b bench) readable(t *testing.T, d *stored) {
	t.Helper()
	for _, identifier := range []string{"", d.Binary, d.Master} {
		if n := len(b.search(t, d.PatientToken, identifier)); n == 0 {
			t.Errorf("a search with identifier %q finds nothing", identifier)
		}
	}
	addresses := []string{d.Document}
	for _, id := range []string{d.Binary, d.Master} {
		if id != "" {
			q := url.Values{"documentUniqueId": {id}, "homeCommunityId": {b.of.HomeCommunity}, "repositoryUniqueId": {b.of.Repository}}
			addresses = append(addresses, "/mhd/document?"+q.Encode())
		}
	}
	for _, address := range addresses {
		a := b.doctor.Get(t, address, "nhn-patient-nin", d.PatientNumber)
		if a.Status != http.StatusOK || !bytes.Equal(a.Body, d.Content) {
			t.Errorf("opening %s: %d, %d bytes, want 200 and the %d bytes of the message", address, a.Status, len(a.Body), len(d.Content))
		}
	}
}

// search gives the DocumentReferences a doctor finds in this tenant, current ones unless statuses are given.
func (b bench) search(t *testing.T, patient, identifier string, statuses ...string) (refs []servicetest.Object) {
	t.Helper()
	form := url.Values{"patient.identifier": {patient}, "status": {strings.Join(append(statuses, "current")[:max(1, len(statuses))], ",")},
		"homeCommunityId": {b.of.HomeCommunity}}
	if identifier != "" {
		form.Set("identifier", identifier)
	}
	a := b.doctor.Search(t, form)
	if a.Status != http.StatusOK {
		t.Fatalf("search: %d %s", a.Status, a.Body)
	}
	_, refs = resources(parse(t, a.Body), "DocumentReference")
	return refs
}

// status reads a DocumentReference back with the uploader's token.
func (b bench) status(t *testing.T, location string) string {
	t.Helper()
	a := b.writer.Get(t, location)
	if a.Status != http.StatusOK {
		t.Fatalf("reading %s: %d %s", location, a.Status, a.Body)
	}
	return text(parse(t, a.Body), "status")
}

// issues are the issues of a severity anywhere in an answer, as code and place, in order.
func issues(answer servicetest.Object, severity string) (found []string) {
	list, _ := answer["issue"].([]any)
	for _, i := range list {
		issue := i.(servicetest.Object)
		if issue["severity"] != severity {
			continue
		}
		place := ""
		if all, _ := issue["expression"].([]any); len(all) > 0 {
			place = " at " + all[0].(string)
		}
		// The last coding is the most particular: our own code follows the XDS code it refines.
		codings, _ := issue["details"].(servicetest.Object)["coding"].([]any)
		found = append(found, text(codings[len(codings)-1], "code")+place)
	}
	entries, _ := answer["entry"].([]any)
	for _, e := range entries {
		response, _ := e.(servicetest.Object)["response"].(servicetest.Object)
		if outcome, ok := response["outcome"].(servicetest.Object); ok {
			found = append(found, issues(outcome, severity)...)
		}
	}
	return found
}
