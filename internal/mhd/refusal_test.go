package mhd_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"
)

// refusal is one bad upload: what is sent, and what the answer must say.
type refusal struct {
	name     string
	body     func(t *testing.T, of tenant.Tenant) []byte
	media    string
	status   int
	code     string
	location string
}

// changed is a good bundle with one thing wrong.
func changed(change func(servicetest.Object)) func(*testing.T, tenant.Tenant) []byte {
	return func(t *testing.T, of tenant.Tenant) []byte {
		b := servicetest.BundleFor(of)
		b.Change = change
		return b.JSON(t)
	}
}

func raw(body string) func(*testing.T, tenant.Tenant) []byte {
	return func(*testing.T, tenant.Tenant) []byte { return []byte(body) }
}

// replaced edits the finished text, for what a JSON library would not write.
func replaced(old, new string) func(*testing.T, tenant.Tenant) []byte {
	return func(t *testing.T, of tenant.Tenant) []byte {
		text := servicetest.BundleFor(of).JSON(t)
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("the bundle has no %s", old)
		}
		return bytes.Replace(text, []byte(old), []byte(new), 1)
	}
}

func withoutField(entry int, field string) func(*testing.T, tenant.Tenant) []byte {
	return changed(func(m servicetest.Object) { delete(servicetest.Resource(m, entry), field) })
}

func withContent(media string, content []byte) func(*testing.T, tenant.Tenant) []byte {
	return func(t *testing.T, of tenant.Tenant) []byte {
		d := servicetest.NewDoc()
		d.Type, d.Bytes, d.Title = media, content, "Notat"
		return servicetest.BundleFor(of, d).JSON(t)
	}
}

var refusals = []refusal{
	{name: "empty body", body: raw(""), code: "DLMalformedBody"},
	{name: "cut off", body: func(t *testing.T, of tenant.Tenant) []byte {
		text := servicetest.BundleFor(of).JSON(t)
		return text[:len(text)/2]
	}, code: "DLMalformedBody"},
	{name: "not JSON", body: raw("<Bundle/>"), code: "DLMalformedBody"},
	{name: "array", body: raw("[]"), code: "DLMalformedBody"},
	{name: "null", body: raw("null"), code: "DLMalformedBody"},
	{name: "100,000 levels", body: raw(`{"resourceType":"Bundle","entry":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + "}"), code: "DLMalformedBody"},
	{name: "duplicate key", body: replaced(`"type":"transaction"`, `"type":"transaction","type":"transaction"`), code: "DLMalformedBody"},
	{name: "wrong resource", body: raw(`{"resourceType":"Patient"}`), code: "DLMalformedBody"},
	{name: "batch", body: replaced(`"type":"transaction"`, `"type":"batch"`), code: "DLMalformedBody", location: "Bundle.type"},
	{name: "bad base64", body: changed(func(m servicetest.Object) { servicetest.Resource(m, 2)["data"] = "SGVp*" }), code: "InvalidDocumentContent", location: "Bundle.entry[2].resource.data"},
	{name: "missing Binary", body: changed(func(m servicetest.Object) { m["entry"] = append(m["entry"].([]any)[:2:2], m["entry"].([]any)[3]) }), code: "XDSMissingDocument"},
	{name: "no document reference", body: changed(func(m servicetest.Object) { m["entry"] = m["entry"].([]any)[:3] }), code: "XDSMissingDocumentMetadata"},
	{name: "missing home community", body: changed(func(m servicetest.Object) { delete(servicetest.Attachment(m), "extension") }),
		code: "XDSMissingHomeCommunityId", location: "Bundle.entry[3].resource.content[0].attachment.extension"},
	{name: "home community no OID", body: changed(func(m servicetest.Object) {
		servicetest.Attachment(m)["extension"].([]any)[0].(servicetest.Object)["valueUri"] = "betanien"
	}), code: "XDSMissingHomeCommunityId"},
	{name: "foreign home community", body: changed(func(m servicetest.Object) {
		servicetest.Attachment(m)["extension"].([]any)[0].(servicetest.Object)["valueUri"] = "urn:oid:1.2.3.4.5"
	}), status: 403, code: "XDSUnknownCommunity"},
	{name: "invalid national number", body: replaced(servicetest.Patient, "13116900217"), code: "DLInvalidPatientId", location: "Bundle.entry[0].resource.subject"},
	{name: "no patient", body: withoutField(0, "subject"), code: "XDSRegistryMetadataError", location: "Bundle.entry[0].resource.subject"},
	{name: "two patients", body: changed(func(m servicetest.Object) {
		servicetest.Resource(m, 3)["subject"] = servicetest.Object{"identifier": servicetest.Object{"system": servicetest.PatientSystem, "value": "12119000465"}}
	}), code: "XDSPatientIdDoesNotMatch", location: "Bundle.entry[3].resource.subject"},
	{name: "hash differs", body: changed(func(m servicetest.Object) { servicetest.Attachment(m)["hash"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }),
		code: "XDSRepositoryMetadataError", location: "Bundle.entry[3].resource.content[0].attachment.hash"},
	{name: "size differs", body: changed(func(m servicetest.Object) { servicetest.Attachment(m)["size"] = 1 }),
		code: "XDSRepositoryMetadataError", location: "Bundle.entry[3].resource.content[0].attachment.size"},
	{name: "unknown code in a known system", body: func(t *testing.T, of tenant.Tenant) []byte {
		d := servicetest.NewDoc()
		d.TypeCode = "ZZZ-2"
		return servicetest.BundleFor(of, d).JSON(t)
	}, code: "DLUnknownCode", location: "Bundle.entry[3].resource.type"},
	{name: "no confidentiality", body: withoutField(3, "securityLabel"), code: "XDSRegistryMetadataError", location: "Bundle.entry[3].resource.securityLabel"},
	{name: "NORS without N, R or V", body: func(t *testing.T, of tenant.Tenant) []byte {
		d := servicetest.NewDoc()
		d.Codes = []string{"NORS"}
		return servicetest.BundleFor(of, d).JSON(t)
	}, code: "XDSRegistryMetadataError", location: "Bundle.entry[3].resource.securityLabel"},
	{name: "no type", body: withoutField(3, "type"), code: "XDSRegistryMetadataError", location: "Bundle.entry[3].resource.type"},
	{name: "no sourceId", body: withoutField(0, "extension"), code: "XDSRegistryMetadataError", location: "Bundle.entry[0].resource.extension"},
	{name: "no List", body: changed(func(m servicetest.Object) { m["entry"] = m["entry"].([]any)[1:] }), code: "XDSRegistryMetadataError"},
	{name: "bad date", body: changed(func(m servicetest.Object) { servicetest.Attachment(m)["creation"] = "31.10.2026" }),
		code: "XDSRegistryMetadataError", location: "Bundle.entry[3].resource.content[0].attachment.creation"},
	{name: "service stops before it starts", body: changed(func(m servicetest.Object) {
		servicetest.Resource(m, 3)["context"].(servicetest.Object)["period"] = servicetest.Object{"start": "2026-10-31", "end": "2026-10-30"}
	}), code: "XDSRegistryMetadataError", location: "Bundle.entry[3].resource.context.period"},
	{name: "metadata of an entry without end", body: changed(func(m servicetest.Object) { servicetest.Resource(m, 3)["description"] = strings.Repeat("æ", 33<<10) }),
		code: "XDSRegistryMetadataError", location: "Bundle.entry[3].resource.description"},
	{name: "metadata of a set without end", body: changed(func(m servicetest.Object) {
		servicetest.Resource(m, 0)["note"] = []any{servicetest.Object{"text": strings.Repeat("æ", 33<<10)}}
	}), code: "XDSRegistryMetadataError", location: "Bundle.entry[0].resource.note"},
	{name: "NUL in a title", body: changed(func(m servicetest.Object) { servicetest.Attachment(m)["title"] = "a\x00b" }), code: "DLMalformedBody"},
	{name: "replaces what is not there", body: func(t *testing.T, of tenant.Tenant) []byte {
		d := servicetest.NewDoc()
		d.Relates = map[string]string{"replaces": "0d3a4a0e-3c3e-4f1a-9a55-0123456789ab"}
		return servicetest.BundleFor(of, d).JSON(t)
	}, code: "UnresolvedReferenceException", location: "Bundle.entry[3].resource.relatesTo[0]"},
	{name: "HTML as text", body: withContent("text/plain", []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")), code: "InvalidDocumentContent"},
	{name: "PDF that is text", body: withContent("application/pdf", []byte("Hei")), code: "InvalidDocumentContent"},
	{name: "zip", body: withContent("application/zip", []byte("PK\x03\x04aaaa")), code: "InvalidDocumentContent"},
	{name: "empty document", body: withContent("text/plain", nil), code: "InvalidDocumentContent"},
	{name: "wrong content type", media: "text/plain", body: raw("hei"), status: 415, code: "DLUnsupportedMediaType"},
	{name: "XML for now", media: "application/fhir+xml", body: raw("<Bundle xmlns='http://hl7.org/fhir'/>"), status: 415, code: "DLUnsupportedMediaType"},
}

// TestRefusals: a bad upload gets an answer that says what and where, and leaves its audit event and nothing else (promise 1, W6).
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for _, c := range refusals {
		for _, operation := range []struct{ name, path string }{{"provide", "/R4/fhir/Bundle"}, {"validate", "/R4/fhir/Bundle/$validate"}} {
			t.Run(c.name+"/"+operation.name, func(t *testing.T) {
				t.Parallel()
				of := s.Tenant(t)
				media := c.media
				if media == "" {
					media = "application/fhir+json"
				}
				a := s.Writer(t, of.Organisations[0]).Do(t, s.Request(t, http.MethodPost, operation.path, bytes.NewReader(c.body(t, of)), "Content-Type", media))
				status := c.status
				if status == 0 {
					status = http.StatusBadRequest
				}
				if a.Status != status {
					t.Errorf("status %d, want %d: %s", a.Status, status, a.Body)
				}
				if o := outcome(t, a); !told(o, c.code, c.location) {
					t.Errorf("the answer does not say %s at %q: %s", c.code, c.location, a.Body)
				}
				leavesNothing(t, s, of, operation.name)
				saysNothingOfUs(t, a)
			})
		}
	}
}

// leavesNothing: no row, no object, one audit event of the operation with the reason.
func leavesNothing(t *testing.T, s *servicetest.Service, of tenant.Tenant, operation string) {
	t.Helper()
	for _, table := range []string{"document_entry", "submission", "association", "stored_object"} {
		if n := s.Rows(t, of, table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	if n := objects(t, s, of, "d") + objects(t, s, of, "q"); n != 0 {
		t.Errorf("%d objects in the store", n)
	}
	lines := events(t, s, of)
	if len(lines) != 1 || lines[0].Operation != operation || lines[0].Outcome == "success" || lines[0].Code == "" {
		t.Errorf("the audit log has %s, want one refused %s", compact(lines), operation)
	}
}

// saysNothingOfUs: no stack trace, SQL or path in an answer.
func saysNothingOfUs(t *testing.T, a servicetest.Answer) {
	t.Helper()
	for _, word := range []string{"goroutine", ".go:", "select ", "insert ", "SQLSTATE", "/tmp/", "/home/", "pgx", "127.0.0.1"} {
		if strings.Contains(string(a.Body), word) {
			t.Errorf("the answer says %q: %s", word, a.Body)
		}
	}
}
