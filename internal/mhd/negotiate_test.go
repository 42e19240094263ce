package mhd_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

const fhirXML = "application/fhir+xml"

// same fails unless one answer says in XML what the other says in JSON.
func same(t *testing.T, inJSON, inXML servicetest.Answer) {
	t.Helper()
	if inJSON.Status != inXML.Status || inJSON.Header.Get("Content-Type") != "application/fhir+json; charset=utf-8" || inXML.Header.Get("Content-Type") != "application/fhir+xml; charset=utf-8" {
		t.Fatalf("%d %s, and %d %s: %s", inJSON.Status, inJSON.Header.Get("Content-Type"), inXML.Status, inXML.Header.Get("Content-Type"), inXML.Body)
	}
	if inJSON.Header.Get("Vary") != "Accept" || inXML.Header.Get("Vary") != "Accept" {
		t.Errorf("Vary: %q, %q", inJSON.Header.Get("Vary"), inXML.Header.Get("Vary"))
	}
	resource, err := fhir.ParseResource(bytes.NewReader(inJSON.Body), 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fhir.MarshalXML(resource)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(inXML.Body)); diff != "" {
		t.Errorf("XML says something else than JSON:\n%s", diff)
	}
}

// TestEveryAnswerInXML asks each address twice, once in each form.
func TestEveryAnswerInXML(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, doctor, d := s.Writer(t, of.Organisations[0]), s.Doctor(t, servicetest.Organisation()), servicetest.NewDoc()
	set := upload(t, w, servicetest.BundleFor(of, d)).Entry[0].Response.Location
	request := func(c *servicetest.Caller, method, path, body string, headers ...string) func(accept string) servicetest.Answer {
		return func(accept string) servicetest.Answer {
			return c.Do(t, s.Request(t, method, path, strings.NewReader(body), append(headers, "Accept", accept)...))
		}
	}
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	search := current(servicetest.Patient, "homeCommunityId", of.HomeCommunity).Encode()
	entry, unknown := "/R4/fhir/DocumentReference/"+d.ID, "/R4/fhir/DocumentReference/"+uuid.NewString()
	patch := `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}]}]`
	for name, ask := range map[string]func(string) servicetest.Answer{
		"metadata":          request(w, http.MethodGet, "/R4/fhir/metadata", ""),
		"ping":              request(doctor, http.MethodGet, "/pingauth", ""),
		"search":            request(doctor, http.MethodPost, "/R4/fhir/DocumentReference/_search", search, form...),
		"search of lists":   request(doctor, http.MethodPost, "/R4/fhir/List/_search", search+"&code=submissionset", form...),
		"bad search":        request(doctor, http.MethodPost, "/R4/fhir/DocumentReference/_search", "status=current", form...),
		"search in address": request(doctor, http.MethodGet, "/R4/fhir/DocumentReference?status=current", ""),
		"read":              request(doctor, http.MethodGet, entry, ""),
		"read own":          request(w, http.MethodGet, entry, ""),
		"read unknown":      request(w, http.MethodGet, unknown, ""),
		"set":               request(w, http.MethodGet, set, ""),
		"patient":           request(w, http.MethodGet, strings.Replace(set, "/List/", "/Patient/", 1), ""),
		"patch":             request(w, http.MethodPatch, entry, patch, "Content-Type", "application/json-patch+json"),
		"validate":          request(w, http.MethodPost, "/R4/fhir/Bundle/$validate", string(servicetest.BundleFor(of).JSON(t)), "Content-Type", "application/fhir+json"),
		"bad upload":        request(w, http.MethodPost, "/R4/fhir/Bundle", `{"resourceType":"Patient"}`, "Content-Type", "application/fhir+json"),
		"upload in XML":     request(w, http.MethodPost, "/R4/fhir/Bundle", `<Bundle xmlns="http://hl7.org/fhir"/>`, "Content-Type", fhirXML),
		"without scope":     request(doctor, http.MethodDelete, entry, ""),
		"document refused":  request(doctor, http.MethodGet, documentPath(of.HomeCommunity, of.Repository, uuid.NewString()), "", "nhn-patient-nin", servicetest.Patient),
		"status refused":    request(w, http.MethodGet, "/api/rest/document-status", ""),
	} {
		t.Run(name, func(t *testing.T) { same(t, ask("application/json"), ask(fhirXML)) })
	}
	same(t, servicetest.Send(t, s.Request(t, http.MethodGet, entry, nil)), servicetest.Send(t, s.Request(t, http.MethodGet, entry+"?_format=xml", nil)))
	if a := w.Get(t, "/api/rest/document-status?documentUniqueId="+d.BinaryID, "Accept", fhirXML); a.Status != 200 || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("document-status is no FHIR: %d %s", a.Status, a.Header.Get("Content-Type"))
	}
	if a := request(w, http.MethodDelete, entry, "")(fhirXML); a.Status != 200 || !bytes.Contains(a.Body, []byte(`<OperationOutcome xmlns="http://hl7.org/fhir"><issue><severity value="information"/>`)) {
		t.Errorf("delete: %d %s", a.Status, a.Body)
	}
}

// TestFormatOfSearch: _format in the body or alone in the address wins over Accept, and goes along with the next link.
func TestFormatOfSearch(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	upload(t, s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of, servicetest.NewDoc(), servicetest.NewDoc()))
	doctor := s.Doctor(t, servicetest.Organisation())
	search := func(query string, form url.Values, accept string) servicetest.Answer {
		return doctor.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/DocumentReference/_search"+query, strings.NewReader(form.Encode()),
			"Content-Type", "application/x-www-form-urlencoded", "Accept", accept))
	}
	one := []string{"homeCommunityId", of.HomeCommunity, "_count", "1"}
	for name, a := range map[string]servicetest.Answer{
		"body":    search("", current(servicetest.Patient, append(one, "_format", "xml")...), "text/html"),
		"address": search("?_format=application/fhir%2Bxml", current(servicetest.Patient, one...), "application/fhir+json"),
	} {
		_, rest, found := strings.Cut(string(a.Body), `<relation value="next"/><url value="`)
		next, _, _ := strings.Cut(rest, `"/>`)
		next = strings.ReplaceAll(next, "&amp;", "&")
		if a.Status != 200 || !found || !strings.HasSuffix(next, "&_format=xml") {
			t.Fatalf("%s: %d, next %q: %s", name, a.Status, next, a.Body)
		}
		page := doctor.Get(t, next)
		if page.Status != 200 || !strings.HasPrefix(page.Header.Get("Content-Type"), fhirXML) || !bytes.Contains(page.Body, []byte("<DocumentReference>")) {
			t.Errorf("%s: next page %d %s: %.300s", name, page.Status, page.Header.Get("Content-Type"), page.Body)
		}
	}
	if a := search("", current(servicetest.Patient, append(one, "_format", "json")...), fhirXML); a.Status != 200 || !bytes.HasPrefix(a.Body, []byte("{")) {
		t.Errorf("_format=json: %d %.100s", a.Status, a.Body)
	}
	if a := search("?_format=json&patient.identifier=x", current(servicetest.Patient, one...), ""); a.Status != 400 || !told(outcome(t, a), "DLBadRequest", "http.query") {
		t.Errorf("more than _format in the address: %d %s", a.Status, a.Body)
	}
}

// TestNotAcceptable: who takes neither form is told so before anything is done or disclosed, and one audit event says that it was refused.
func TestNotAcceptable(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, d := s.Writer(t, of.Organisations[0]), servicetest.NewDoc()
	set := upload(t, w, servicetest.BundleFor(of, d)).Entry[0].Response.Location
	before := len(events(t, s, of))
	body, entry := string(servicetest.BundleFor(of).JSON(t)), "/R4/fhir/DocumentReference/"+d.ID
	form := current(servicetest.Patient, "homeCommunityId", of.HomeCommunity)
	for n, c := range []struct{ operation, method, path, body, media, accept string }{
		{"provide", http.MethodPost, "/R4/fhir/Bundle", body, "application/fhir+json", "text/html"},
		{"provide", http.MethodPost, "/R4/fhir", body, "application/fhir+json", "application/fhir+xml;fhirVersion=3.0"},
		{"provide", http.MethodPost, "/R4/fhir/Bundle?_format=turtle", body, "application/fhir+json", "application/fhir+json"},
		{"validate", http.MethodPost, "/R4/fhir/Bundle/$validate", body, "application/fhir+json", "text/html"},
		{"read-entry", http.MethodGet, entry, "", "", "text/html"},
		{"read-entry", http.MethodGet, entry + "?_format=pdf", "", "", "*/*"},
		{"set-confidentiality", http.MethodPatch, entry, "[]", "application/json-patch+json", "text/html"},
		{"delete", http.MethodDelete, entry, "", "", "text/html"},
		{"read-list", http.MethodGet, set, "", "", "text/html"},
		{"read-set", http.MethodGet, strings.Replace(set, "/List/", "/Patient/", 1), "", "", "text/html"},
		{"search-lists", http.MethodPost, "/R4/fhir/List/_search", form.Encode() + "&code=submissionset", "application/x-www-form-urlencoded", "text/html"},
		{"search-lists", http.MethodGet, "/R4/fhir/List?_cursor=x", "", "", "text/html"},
		{"search", http.MethodGet, "/R4/fhir/DocumentReference?_cursor=x", "", "", "text/html"},
		{"search", http.MethodPost, "/R4/fhir/DocumentReference/_search", form.Encode(), "application/x-www-form-urlencoded", "text/html"},
		{"search", http.MethodPost, "/R4/fhir/DocumentReference/_search", form.Encode() + "&_format=html", "application/x-www-form-urlencoded", "*/*"},
	} {
		name := fmt.Sprintf("%s by %s", c.operation, c.method)
		caller := w
		if strings.HasPrefix(c.operation, "search") {
			caller = s.Doctor(t, of.Organisations[0])
		}
		a := caller.Do(t, s.Request(t, c.method, c.path, strings.NewReader(c.body), "Content-Type", c.media, "Accept", c.accept))
		if a.Status != http.StatusNotAcceptable || !told(outcome(t, a), "DLNotAcceptable", "") || !strings.Contains(string(a.Body), "application/fhir+json or application/fhir+xml") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		lines := events(t, s, of)
		refused := 0
		for _, l := range lines {
			if l.Code == "DLNotAcceptable" && l.Operation == c.operation && l.Outcome != "success" {
				refused++
			}
		}
		if len(lines) != before+n+1 || refused == 0 {
			t.Errorf("%s: %d events where %d were, %d of them of its refusal", name, len(lines), before+n, refused)
		}
	}
	if n := s.Rows(t, of, "document_entry"); n != 1 {
		t.Errorf("%d entries, want the one", n)
	}
	if a := w.Get(t, entry); a.Status != 200 || !bytes.Contains(a.Body, []byte(`"code":"N"`)) {
		t.Errorf("the entry was changed: %d %s", a.Status, a.Body)
	}
}

// TestRepeatedAnswerInEachForm: the answer under an Idempotency-Key is the same to the byte for the same form, and says the same in the other.
func TestRepeatedAnswerInEachForm(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, key, body := s.Writer(t, of.Organisations[0]), uuid.NewString(), servicetest.BundleFor(of).JSON(t)
	send := func(accept string) servicetest.Answer {
		a := servicetest.Answer{Status: http.StatusTooManyRequests}
		for n := 0; n < 60 && (a.Status == http.StatusTooManyRequests || a.Status == http.StatusConflict); n++ {
			a = w.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/Bundle", io.NopCloser(bytes.NewReader(body)), "Content-Type", "application/fhir+json", "Accept", accept, "Idempotency-Key", key))
		}
		return a
	}
	first, inJSON, again, jsonAgain := send(fhirXML), send("application/fhir+json"), send(fhirXML), send("")
	same(t, inJSON, first)
	if !bytes.Equal(first.Body, again.Body) || !bytes.Equal(inJSON.Body, jsonAgain.Body) {
		t.Errorf("the repeated answer differs:\n%s\n%s\n%s\n%s", first.Body, again.Body, inJSON.Body, jsonAgain.Body)
	}
	if first.Status != 200 || !bytes.Contains(first.Body, []byte(`<extension url="urn:dokumentlager:receipt"><extension url="sha256"><valueString value="`)) {
		t.Errorf("%d, and no receipt in XML: %s", first.Status, first.Body)
	}
}
