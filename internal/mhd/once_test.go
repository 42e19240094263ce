package mhd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"

	"github.com/google/uuid"
)

// keyed is an upload under an Idempotency-Key.
func keyed(t *testing.T, s *servicetest.Service, w *servicetest.Caller, body []byte, key ...string) servicetest.Answer {
	t.Helper()
	req := s.Request(t, http.MethodPost, "/R4/fhir/Bundle", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/fhir+json")
	for _, k := range key {
		req.Header.Add("Idempotency-Key", k)
	}
	return w.Do(t, req)
}

// patiently sends again as long as it is told that another one is running, or that its organisation has enough under way: a machine
// that is busy with other tests says so.
func patiently(t *testing.T, s *servicetest.Service, w *servicetest.Caller, body []byte, key string) servicetest.Answer {
	t.Helper()
	for range 60 {
		a := keyed(t, s, w, body, key)
		code := map[int]string{http.StatusConflict: "DLInProgress", http.StatusTooManyRequests: "DLTooBusy"}[a.Status]
		if code == "" {
			return a
		}
		after, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if err != nil || after < 1 || !told(outcome(t, a), code, "") {
			t.Errorf("%d with Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), a.Body)
		}
		time.Sleep(time.Duration(after) * time.Second)
	}
	t.Error("sixty times told to come back")
	return servicetest.Answer{}
}

// hangUp sends and is gone after some milliseconds, in the middle of whatever is done then.
func hangUp(t *testing.T, s *servicetest.Service, w *servicetest.Caller, body []byte, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(60))*time.Millisecond)
	defer cancel()
	req := s.Request(t, http.MethodPost, "/R4/fhir/Bundle", bytes.NewReader(body), "Content-Type", "application/fhir+json", "Idempotency-Key", key)
	w.Sign(t, req)
	if answer, err := http.DefaultClient.Do(req.WithContext(ctx)); err == nil {
		_ = answer.Body.Close()
	}
}

// TestOneKeyOneUpload: twenty sends at once of which half hang up and come again, then one more, and one when the document is deleted: one
// entry, one answer, and one event of success (a hung-up one that held the key may have left its own, of failure).
func TestOneKeyOneUpload(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, key := s.Writer(t, of.Organisations[0]), `"`+uuid.NewString()+`"`
	d := servicetest.NewDoc()
	body := servicetest.BundleFor(of, d).JSON(t)
	answers := make([]servicetest.Answer, 20)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			if i%2 == 1 {
				hangUp(t, s, w, body, key)
			}
			answers[i] = patiently(t, s, w, body, key)
		})
	}
	all.Wait()
	answers = append(answers, keyed(t, s, w, body, key))
	if entries, kept, lines := s.Rows(t, of, "document_entry"), objects(t, s, of, "d"), succeeded(s.Events(t, of)); entries != 1 || kept != 1 || len(lines) != 1 {
		t.Errorf("%d entries, %d objects, events %s", entries, kept, compact(lines))
	}
	if a := w.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+d.ID, nil)); a.Status != 200 {
		t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	answers = append(answers, keyed(t, s, w, body, key))
	for i, a := range answers {
		if a.Status != 200 || !bytes.Equal(a.Body, answers[0].Body) {
			t.Errorf("answer %d: %d %s\nfirst: %s", i, a.Status, a.Body, answers[0].Body)
		}
	}
	if entries, lines := s.Rows(t, of, "document_entry"), succeeded(s.Events(t, of)); entries != 1 || len(lines) != 2 {
		t.Errorf("after the deletion: %d entries, events %s", entries, compact(lines))
	}
}

func succeeded(lines []audit.Line) []audit.Line {
	return slices.DeleteFunc(lines, func(l audit.Line) bool { return l.Outcome != "success" })
}

// TestKeyOfAnotherUpload: 422 for another body, whether it can be read or not, with an event and nothing stored; another caller's key of
// the same text is another key; a refused upload gives its key free.
func TestKeyOfAnotherUpload(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, other := s.Tenant(t), s.Tenant(t)
	w, key := s.Writer(t, of.Organisations[0]), uuid.NewString()
	bad := servicetest.NewDoc()
	bad.Type = "application/pdf"
	if a := keyed(t, s, w, servicetest.BundleFor(of, bad).JSON(t), key); a.Status != 400 {
		t.Fatalf("a refused upload: %d %s", a.Status, a.Body)
	}
	body := servicetest.BundleFor(of).JSON(t)
	if a := keyed(t, s, w, body, key); a.Status != 200 {
		t.Fatalf("its key again: %d %s", a.Status, a.Body)
	}
	for name, another := range map[string][]byte{"another bundle": servicetest.BundleFor(of).JSON(t), "one space more": append(bytes.Clone(body), ' '),
		"not readable": []byte(`{"resourceType":`)} {
		if a := keyed(t, s, w, another, key); a.Status != http.StatusUnprocessableEntity || !told(outcome(t, a), "DLIdempotencyKeyReused", "http.Idempotency-Key") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if entries, lines := s.Rows(t, of, "document_entry"), s.Events(t, of); entries != 1 || len(lines) != 5 || lines[4].Code != "DLIdempotencyKeyReused" {
		t.Errorf("%d entries, events %s", entries, compact(lines))
	}
	if a := keyed(t, s, s.Writer(t, other.Organisations[0]), servicetest.BundleFor(other).JSON(t), key); a.Status != 200 {
		t.Errorf("another caller: %d %s", a.Status, a.Body)
	}
}

// TestKeyMeetsWhatWasSentWithoutOne: a message that was stored without a key is recognised, and the key then leads to its answer.
func TestKeyMeetsWhatWasSentWithoutOne(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, key := s.Writer(t, of.Organisations[0]), uuid.NewString()
	body := servicetest.BundleFor(of).JSON(t)
	first := w.Upload(t, body)
	for range 2 {
		if a := keyed(t, s, w, body, key); a.Status != 200 || !bytes.Equal(a.Body, first.Body) {
			t.Errorf("%d %s\nfirst: %s", a.Status, a.Body, first.Body)
		}
	}
	if a := keyed(t, s, w, servicetest.BundleFor(of).JSON(t), key); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("another body: %d", a.Status)
	}
}

// TestBadKeys are refused with their place and never repeated.
func TestBadKeys(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, body := s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of).JSON(t)
	for _, keys := range [][]string{{`""`}, {""}, {`"open`}, {`"two" "two"`}, {`"a";b`}, {"a b"}, {`"ø"`}, {`"\x"`}, {strings.Repeat("k", 256)}, {"one", "two"}} {
		a := keyed(t, s, w, body, keys...)
		if a.Status != 400 || !told(outcome(t, a), "DLBadRequest", "http.Idempotency-Key") {
			t.Errorf("%q: %d %s", keys, a.Status, a.Body)
		}
	}
	if n := s.Rows(t, of, "document_entry"); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// status is what document-status answers.
type status struct {
	SavedIn, Status                                    string
	Received, Scanned, Published, Quarantined, Deleted time.Time
}

func statusOf(t *testing.T, w *servicetest.Caller, id string) (s status) {
	t.Helper()
	a := w.Get(t, "/api/rest/document-status?id="+id)
	if err := json.Unmarshal(a.Body, &s); err != nil || a.Status != 200 {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	return s
}

// TestReceipt: the answer says of each document what was stored, and document-status when.
func TestReceipt(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, d := s.Writer(t, of.Organisations[0]), servicetest.NewDoc()
	began := time.Now()
	answer := upload(t, w, servicetest.BundleFor(of, d))
	note, ok := fhir.As[fhir.OperationOutcome](answer.Entry[3].Response.Outcome)
	if !ok || len(note.Issue) != 1 || note.Issue[0].Severity != "information" || len(note.Issue[0].Extension) != 1 || note.Issue[0].Extension[0].URL != "urn:dokumentlager:receipt" {
		t.Fatalf("%+v", answer.Entry[3].Response)
	}
	facts := map[string]fhir.Extension{}
	for _, f := range note.Issue[0].Extension[0].Extension {
		facts[f.URL] = f
	}
	sum, event := sha256.Sum256(d.Bytes), s.Events(t, of)[0]
	if facts["sha256"].ValueString != hex.EncodeToString(sum[:]) || facts["size"].ValueUnsignedInt == nil || *facts["size"].ValueUnsignedInt != int64(len(d.Bytes)) ||
		facts["homeCommunityId"].ValueURI != "urn:oid:"+of.HomeCommunity || facts["repositoryUniqueId"].ValueURI != "urn:oid:"+of.Repository ||
		facts["documentUniqueId"].ValueURI != "urn:uuid:"+d.BinaryID || facts["auditEvent"].ValueURI != "urn:uuid:"+event.ID.String() {
		t.Errorf("%+v", facts)
	}
	published, err := time.Parse(time.RFC3339Nano, facts["published"].ValueInstant)
	if err != nil || published.Before(began.Add(-time.Second)) || published.After(time.Now()) {
		t.Errorf("published %v, %v", published, err)
	}
	now := statusOf(t, w, d.ID)
	if now.Status != "published" || now.SavedIn != "both" || !now.Published.Equal(published) || now.Received.Before(began.Add(-time.Second)) ||
		now.Scanned.Before(now.Received) || !now.Deleted.IsZero() || !now.Quarantined.IsZero() {
		t.Errorf("%+v", now)
	}
	if a := w.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+d.ID, nil)); a.Status != 200 {
		t.Fatal(a.Status)
	}
	gone := statusOf(t, w, d.ID)
	if gone.Status != "deleted" || gone.Deleted.Before(published) || !gone.Published.Equal(published) || !gone.Scanned.Equal(now.Scanned) {
		t.Errorf("%+v", gone)
	}
}
