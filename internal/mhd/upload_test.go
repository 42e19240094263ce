package mhd_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
)

// TestProvide: several documents in one bundle, the answer in request order, each address readable, one audit event (W2).
func TestProvide(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	first, second := servicetest.NewDoc(), servicetest.NewDoc()
	second.Type, second.Bytes = "application/json", []byte(`{"resourceType":"Observation","status":"final"}`)
	b := servicetest.BundleFor(of, first, second)
	answer := upload(t, w, b)
	if answer.Type != fhir.TransactionResponse || len(answer.Entry) != 6 {
		t.Fatalf("%s with %d entries", answer.Type, len(answer.Entry))
	}
	doctor := s.Doctor(t, of.Organisations[0])
	for i, want := range []string{"/List/", "/Patient/", "/mhd/document?", "/DocumentReference/" + first.ID, "/mhd/document?", "/DocumentReference/" + second.ID} {
		r := answer.Entry[i].Response
		if !strings.HasPrefix(r.Status, "201") || !strings.Contains(r.Location, want) {
			t.Errorf("entry %d: %s %s, want %s", i, r.Status, r.Location, want)
		}
		reader := w
		if strings.Contains(r.Location, "/mhd/") {
			reader = doctor
		}
		if got := reader.Get(t, r.Location, "nhn-patient-nin", servicetest.Patient); got.Status != 200 {
			t.Errorf("entry %d: its address answers %d", i, got.Status)
		}
	}
	got := doctor.Get(t, answer.Entry[4].Response.Location, "nhn-patient-nin", servicetest.Patient)
	if !bytes.Equal(got.Body, second.Bytes) || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("the second document came out as %s %q", got.Header.Get("Content-Type"), got.Body)
	}
	lines := s.Events(t, of)
	if lines[0].Operation != "provide" || lines[0].Action != "C" || lines[0].Outcome != "success" || len(lines[0].Detail.Documents) != 2 {
		t.Errorf("audit: %s", compact(lines[0]))
	}
}

// TestReadBack is the golden form of a DocumentReference: what was sent is what is read.
func TestReadBack(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	d := servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, d))
	r, err := fhir.ParseDocumentReference(bytes.NewReader(w.Get(t, "/R4/fhir/DocumentReference/"+d.ID).Body), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	a := r.Content[0].Attachment
	got := []string{r.ID, r.MasterIdentifier.Value, r.Identifier[1].Value, r.Status, r.Type.Coding[0].System + "|" + r.Type.Coding[0].Code, r.Category[0].Coding[0].Code,
		r.Subject.Identifier.System + "|" + r.Subject.Identifier.Value, r.SecurityLabel[0].Coding[0].System, a.ContentType, a.Language, a.Title, a.Creation,
		fmt.Sprint(*a.Size), r.Context.Period.Start, r.Context.Period.End, r.Context.FacilityType.Coding[0].Code, r.Context.PracticeSetting.Coding[0].Code, r.Content[0].Format.Code}
	want := []string{d.ID, "urn:uuid:" + d.BinaryID, "urn:uuid:" + d.MasterID, "current", "urn:oid:2.16.578.1.12.4.1.1.9602|A03-2", "A00-1",
		servicetest.PatientSystem + "|" + servicetest.Patient, "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "text/plain", "nb-NO",
		"Epikrise fra prøveavdelingen", "2026-10-31T10:15:30Z", fmt.Sprint(len(d.Bytes)), "2026-10-30T08:00:00Z", "2026-10-31T09:00:00Z", "86.909", "6",
		"urn:ihe:iti:xds:2017:mimeTypeSufficient"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back differs (-want +got):\n%s", diff)
	}
}

// TestAllOrNothing: one bad document refuses the message, and the good one leaves no trace (promise 1).
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	good, bad := servicetest.NewDoc(), servicetest.NewDoc()
	bad.Type = "application/pdf"
	a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of, good, bad).JSON(t))
	if a.Status != 400 || !told(outcome(t, a), "InvalidDocumentContent", "Bundle.entry[5].resource.content[0].attachment.contentType") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	leavesNothing(t, s, of, "provide")
	two := servicetest.BundleFor(of, servicetest.NewDoc(), servicetest.NewDoc())
	two.Change = func(m servicetest.Object) {
		second := servicetest.Resource(m, 5)["content"].([]any)[0].(servicetest.Object)["attachment"].(servicetest.Object)
		second["extension"].([]any)[0].(servicetest.Object)["valueUri"] = "urn:oid:1.2.3"
	}
	if a := s.Writer(t, of.Organisations[0]).Upload(t, two.JSON(t)); a.Status != 400 || !told(outcome(t, a), "XDSRegistryMetadataError", "Bundle.entry[5].resource.content[0].attachment.extension") {
		t.Errorf("documents for two home communities: %d %s", a.Status, a.Body)
	}
}

// TestRelations: replaces deprecates its target and what hangs on it, once; appends and transforms leave it current (spec/ihe.md 1.5).
func TestRelations(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, doctor := s.Writer(t, of.Organisations[0]), s.Doctor(t, of.Organisations[0])
	original, addendum, revised := servicetest.NewDoc(), servicetest.NewDoc(), servicetest.NewDoc()
	addendum.Relates, revised.Relates = map[string]string{"appends": original.ID}, map[string]string{"replaces": original.ID}
	upload(t, w, servicetest.BundleFor(of, original))
	upload(t, w, servicetest.BundleFor(of, addendum))
	search := func(status string) []string {
		form := current(servicetest.Patient, "homeCommunityId", of.HomeCommunity)
		form.Set("status", status)
		return ids(references(t, doctor.Search(t, form)))
	}
	if got := search("current"); len(got) != 2 {
		t.Fatalf("current after an addendum: %v", got)
	}
	upload(t, w, servicetest.BundleFor(of, revised))
	if diff := cmp.Diff([]string{revised.ID}, search("current")); diff != "" {
		t.Errorf("current (-want +got):\n%s", diff)
	}
	if got := search("superseded"); len(got) != 2 {
		t.Errorf("superseded: %v, want original and addendum", got)
	}
	if got := search("current,superseded"); len(got) != 3 {
		t.Errorf("both: %v", got)
	}
	again := servicetest.NewDoc()
	again.Relates = revised.Relates
	if a := w.Upload(t, servicetest.BundleFor(of, again).JSON(t)); a.Status != http.StatusConflict || !told(outcome(t, a), "XDSRegistryDeprecatedDocumentError", "") {
		t.Errorf("replacing what is replaced: %d %s", a.Status, a.Body)
	}
	for _, r := range references(t, doctor.Search(t, current(servicetest.Patient, "homeCommunityId", of.HomeCommunity))) {
		if len(r.RelatesTo) != 1 || r.RelatesTo[0].Code != "replaces" || r.RelatesTo[0].Target.Reference != "DocumentReference/"+original.ID {
			t.Errorf("relatesTo: %s", compact(r.RelatesTo))
		}
	}
}

// TestRacingReplacements: of many replacements of one document exactly one wins, and the others leave nothing.
func TestRacingReplacements(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	original := servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, original))
	const racers = 6
	statuses := make([]int, racers)
	var wg sync.WaitGroup
	for i := range racers {
		wg.Go(func() {
			d := servicetest.NewDoc()
			d.Relates = map[string]string{"replaces": original.ID}
			statuses[i] = w.Upload(t, servicetest.BundleFor(of, d).JSON(t)).Status
		})
	}
	wg.Wait()
	won := 0
	for _, status := range statuses {
		if status == 200 {
			won++
		} else if status != http.StatusConflict {
			t.Errorf("a loser got %d", status)
		}
	}
	if rows, kept := s.Rows(t, of, "document_entry"), objects(t, s, of, "d"); won != 1 || rows != 2 || kept != 2 {
		t.Errorf("%d won, %d entries, %d objects; want 1, 2, 2", won, rows, kept)
	}
}

// TestSentAgain: a message whose answer was lost is sent again, one by one or all at once, and gets the first answer; nothing is
// stored twice and one event tells of it (DESIGN, step 5).
func TestSentAgain(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	body := servicetest.BundleFor(of, servicetest.NewDoc(), servicetest.NewDoc()).JSON(t)
	const senders = 8
	answers := make([]servicetest.Answer, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() { answers[i] = w.Upload(t, body) })
	}
	wg.Wait()
	for i, a := range append(answers, w.Upload(t, body)) {
		if a.Status != 200 || !bytes.Equal(a.Body, answers[0].Body) {
			t.Errorf("answer %d: %d %s\nfirst: %s", i, a.Status, a.Body, answers[0].Body)
		}
	}
	if entries, kept, lines := s.Rows(t, of, "document_entry"), objects(t, s, of, "d"), s.Events(t, of); entries != 2 || kept != 2 || len(lines) != 1 {
		t.Errorf("%d entries, %d objects, %d events; want 2, 2, 1: %s", entries, kept, len(lines), compact(lines))
	}
}

// TestIdentifiersOnce: an id is registered once; after a deletion it may come again.
func TestIdentifiersOnce(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	b := servicetest.BundleFor(of)
	upload(t, w, b)
	more := b
	more.Docs = append([]servicetest.Doc{servicetest.NewDoc()}, b.Docs...)
	if a := w.Upload(t, more.JSON(t)); a.Status != http.StatusConflict || !told(outcome(t, a), "XDSDuplicateUniqueIdInRegistry", "Bundle.entry[5].resource.id") {
		t.Errorf("the same document in another message: %d %s", a.Status, a.Body)
	}
	barred := b
	barred.Docs = []servicetest.Doc{b.Docs[0]}
	barred.Docs[0].Codes = []string{"N", "NORS"}
	if a := w.Upload(t, barred.JSON(t)); a.Status != http.StatusConflict || !told(outcome(t, a), "XDSDuplicateUniqueIdInRegistry", "") {
		t.Errorf("the same document with another confidentiality: %d %s", a.Status, a.Body)
	}
	other := b
	other.Docs = []servicetest.Doc{servicetest.NewDoc()}
	other.Docs[0].BinaryID = b.Docs[0].BinaryID
	if a := w.Upload(t, other.JSON(t)); a.Status != http.StatusConflict || !told(outcome(t, a), "XDSNonIdenticalHash", "") {
		t.Errorf("the same uniqueId with other bytes: %d %s", a.Status, a.Body)
	}
	if a := w.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+b.Docs[0].ID+"?homeCommunityId="+of.HomeCommunity, nil)); a.Status != 200 {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	upload(t, w, b)
}

// TestDelete: gone from lists and openings, bytes removed by the queue, unknown ids 404 (W3).
func TestDelete(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, doctor := s.Writer(t, of.Organisations[0]), s.Doctor(t, of.Organisations[0])
	d := servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, d))
	id := "/R4/fhir/DocumentReference/" + d.ID + "?homeCommunityId=urn:oid:" + of.HomeCommunity
	if a := w.Do(t, s.Request(t, http.MethodDelete, id, nil)); a.Status != 200 || outcome(t, a).Issue[0].Severity != "information" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if refs := references(t, doctor.Search(t, current(servicetest.Patient, "homeCommunityId", of.HomeCommunity))); len(refs) != 0 {
		t.Errorf("still listed: %v", ids(refs))
	}
	if a := doctor.Get(t, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), "nhn-patient-nin", servicetest.Patient); a.Status != http.StatusGone {
		t.Errorf("opening: %d", a.Status)
	}
	if a := w.Do(t, s.Request(t, http.MethodDelete, id, nil)); a.Status != http.StatusGone {
		t.Errorf("again: %d", a.Status)
	}
	unknown := strings.Replace(id, d.ID, "0d3a4a0e-3c3e-4f1a-9a55-0123456789ab", 1)
	if a := w.Do(t, s.Request(t, http.MethodDelete, unknown, nil)); a.Status != http.StatusNotFound {
		t.Errorf("unknown: %d", a.Status)
	}
	for deadline := time.Now().Add(20 * time.Second); objects(t, s, of, "d") > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the bytes are still in the store")
		}
	}
	if a := w.Get(t, "/api/rest/document-status?id="+d.ID); !strings.Contains(string(a.Body), `"status":"deleted"`) || !strings.Contains(string(a.Body), `"savedIn":"none"`) {
		t.Errorf("status: %s", a.Body)
	}
}

// TestPatch: both forms change securityLabel and nothing else can be changed; each change is kept (W5).
func TestPatch(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	d := servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, d))
	id := "/R4/fhir/DocumentReference/" + d.ID + "?homeCommunityId=" + of.HomeCommunity
	label := func(code string) string {
		return `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"` + code + `"}]}]`
	}
	for _, c := range []struct {
		name, media, body string
		status            int
	}{
		{"resource", "application/fhir+json", `{"resourceType":"DocumentReference","id":"` + d.ID + `","securityLabel":` + label("R") + `}`, 200},
		{"JSON Patch", "application/json-patch+json", `[{"op":"replace","path":"/securityLabel","value":` + label("V") + `}]`, 200},
		{"title too", "application/fhir+json", `{"resourceType":"DocumentReference","id":"` + d.ID + `","description":"x","securityLabel":` + label("N") + `}`, 400},
		{"another path", "application/json-patch+json", `[{"op":"replace","path":"/status","value":"superseded"}]`, 400},
		{"two operations", "application/json-patch+json", `[{"op":"replace","path":"/securityLabel","value":` + label("N") + `},{"op":"remove","path":"/type"}]`, 400},
		{"another id", "application/fhir+json", `{"resourceType":"DocumentReference","id":"0d3a4a0e-3c3e-4f1a-9a55-0123456789ab","securityLabel":` + label("N") + `}`, 400},
		{"no base code", "application/json-patch+json", `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"urn:oid:2.16.578.1.12.4.1.1.9603","code":"NORS"}]}]}]`, 400},
		{"unknown code", "application/json-patch+json", `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"urn:oid:2.16.578.1.12.4.1.1.9603","code":"NORX"}]}]}]`, 400},
		{"empty", "application/fhir+json", ``, 400},
		{"media", "text/plain", `x`, 415},
	} {
		a := w.Do(t, s.Request(t, http.MethodPatch, id, strings.NewReader(c.body), "Content-Type", c.media))
		if a.Status != c.status {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
		}
		if c.status == 200 && !bytes.Contains(a.Body, []byte(`"resourceType":"DocumentReference"`)) {
			t.Errorf("%s: the answer is not the resource: %s", c.name, a.Body)
		}
	}
	if n := s.Rows(t, of, "confidentiality_change"); n != 2 {
		t.Errorf("%d changes kept, want 2", n)
	}
	lines := s.Events(t, of)
	if u := lines[1]; u.Action != "U" || compact(u.Detail.Old) != `["N"]` || compact(u.Detail.New) != `["R"]` {
		t.Errorf("audit: %s", compact(u))
	}
}

// TestInfected: refused, told, kept in quarantine, never retrievable (F4); $validate keeps nothing.
func TestInfected(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	cda := func(payload []byte) []byte {
		return []byte(`<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="application/pdf" representation="B64">` +
			base64.StdEncoding.EncodeToString(payload) + `</text></nonXMLBody></component></ClinicalDocument>`)
	}
	for name, c := range map[string]struct {
		media string
		bytes []byte
	}{
		"plain":        {"text/plain", eicar()},
		"in a CDA":     {"application/xml", cda(eicar())},
		"in FHIR JSON": {"application/json", []byte(`{"resourceType":"Binary","contentType":"text/plain","data":"` + base64.StdEncoding.EncodeToString(eicar()) + `"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := s.Tenant(t)
			w := s.Writer(t, of.Organisations[0])
			d := servicetest.NewDoc()
			d.Type, d.Bytes = c.media, c.bytes
			body := servicetest.BundleFor(of, d, servicetest.NewDoc()).JSON(t)
			validated := w.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/Bundle/$validate", bytes.NewReader(body), "Content-Type", "application/fhir+json"))
			if validated.Status != http.StatusUnprocessableEntity || objects(t, s, of, "q") != 0 {
				t.Errorf("$validate: %d, %d in quarantine", validated.Status, objects(t, s, of, "q"))
			}
			a := w.Upload(t, body)
			if a.Status != http.StatusUnprocessableEntity || !told(outcome(t, a), "DLVirusFound", "Bundle.entry[2].resource.data") {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			if q, kept, rows := objects(t, s, of, "q"), objects(t, s, of, "d"), s.Rows(t, of, "document_entry"); q != 1 || kept != 0 || rows != 0 {
				t.Errorf("%d in quarantine, %d published, %d entries; want 1, 0, 0", q, kept, rows)
			}
			if n := s.Rows(t, of, "stored_object"); n != 1 {
				t.Errorf("%d object rows, want the quarantine's", n)
			}
			if got := s.Doctor(t, of.Organisations[0]).Get(t, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), "nhn-patient-nin", servicetest.Patient); got.Status != 404 {
				t.Errorf("opening: %d", got.Status)
			}
			if lines := s.Events(t, of); lines[1].Rule != "F4" || lines[1].Detail.Finding == "" {
				t.Errorf("audit: %s", compact(lines[1]))
			}
		})
	}
}

// limit is F5: 60 MB are 60 × 1024 × 1024 bytes.
const limit = 60 << 20

// TestLimit: exactly the limit passes and comes out as it went in, one byte more is 413 (F5).
func TestLimit(t *testing.T) {
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	send := func(size int) (servicetest.Answer, servicetest.Doc) {
		d := servicetest.NewDoc()
		d.Bytes = bytes.Repeat([]byte("Blodtrykk 120/80, puls 60. Ingen funn.\r\n"), size/40+1)[:size]
		return w.Upload(t, spliced(t, of, d)), d
	}
	if a, _ := send(limit + 1); a.Status != http.StatusRequestEntityTooLarge || !told(outcome(t, a), "DLDocumentTooLarge", "Bundle.entry[2].resource.data") {
		t.Errorf("one byte more: %d %s", a.Status, a.Body)
	}
	leavesNothing(t, s, of, "provide")
	a, d := send(limit)
	if a.Status != 200 {
		t.Fatalf("exactly the limit: %d %s", a.Status, a.Body)
	}
	got := s.Doctor(t, of.Organisations[0]).Get(t, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), "nhn-patient-nin", servicetest.Patient)
	if got.Status != 200 || !bytes.Equal(got.Body, d.Bytes) {
		t.Errorf("came out as %d with %d bytes", got.Status, len(got.Body))
	}
}

// spliced is the bundle of a large document: its base64 is put into the finished JSON, which costs a tenth of encoding it.
func spliced(t *testing.T, of tenant.Tenant, d servicetest.Doc) []byte {
	t.Helper()
	const place = "the document's bytes"
	content, b := d.Bytes, servicetest.BundleFor(of, d)
	b.Docs[0].Bytes = nil
	b.Change = func(m servicetest.Object) {
		sum, attachment := sha1.Sum(content), servicetest.Attachment(m)
		attachment["size"], attachment["hash"] = len(content), base64.StdEncoding.EncodeToString(sum[:])
		servicetest.Resource(m, 2)["data"] = place
	}
	before, after, found := bytes.Cut(b.JSON(t), []byte(place))
	if !found {
		t.Fatal("the bundle has no place for its document")
	}
	return append(base64.StdEncoding.AppendEncode(before[:len(before):len(before)], content), after...)
}

// TestDamagedBytes: bytes that are not those registered never come out as a whole document (promise 3).
func TestDamagedBytes(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	d := servicetest.NewDoc()
	d.Bytes = bytes.Repeat([]byte("x"), 300<<10)
	upload(t, s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of, d))
	damage(t, s, of)
	req := s.Request(t, http.MethodGet, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), nil, "nhn-patient-nin", servicetest.Patient)
	if a := s.Doctor(t, of.Organisations[0]).Do(t, req); a.Err == nil && a.Status == 200 {
		t.Errorf("damaged bytes came out whole: %d bytes", len(a.Body))
	}
	store := storeOf(t, s)
	if err := store.Remove(t.Context(), keys(t, store, "d/"+of.SchemaName+"/")[0]); err != nil {
		t.Fatal(err)
	}
	before := len(s.Events(t, of))
	req = s.Request(t, http.MethodGet, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), nil, "nhn-patient-nin", servicetest.Patient)
	if a := s.Doctor(t, of.Organisations[0]).Do(t, req); a.Status != http.StatusInternalServerError || !told(outcome(t, a), "DLStoredBytesDamaged", "") {
		t.Errorf("missing bytes: %d %s", a.Status, a.Body)
	}
	if lines := s.Events(t, of)[before:]; len(lines) != 1 || lines[0].Outcome != "failed" || lines[0].Document == "" {
		t.Errorf("audit: %s, want one failed opening", compact(lines))
	}
}

// damage flips the last byte of the tenant's one object.
func damage(t *testing.T, s *servicetest.Service, of tenant.Tenant) {
	t.Helper()
	store := storeOf(t, s)
	key := keys(t, store, "d/"+of.SchemaName+"/")[0]
	body, err := store.Open(t.Context(), key, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(body)
	body.Close()
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-1] ^= 1
	overwrite(t, store, key, content)
}

// eicar is the scanners' test file, put together only here so that no file of ours is one.
func eicar() []byte { return []byte(scan.EICAR()) }
