package mhd_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/servicetest"
)

// TestUnauthenticated: 401 with a DPoP challenge, an OperationOutcome, and no audit event: nobody is known who did something (W1).
// The forgeries themselves are in package helseid; here they meet the door.
func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	now := time.Now()
	request := func() *http.Request {
		return s.Request(t, http.MethodPost, "/R4/fhir/Bundle", strings.NewReader("{}"), "Content-Type", "application/fhir+json")
	}
	bearer := request()
	bearer.Header.Set("Authorization", "Bearer "+w.Token(t))
	for name, a := range map[string]servicetest.Answer{
		"nothing":           servicetest.Send(t, request()),
		"bearer":            servicetest.Send(t, bearer),
		"expired":           w.With(map[string]any{"exp": now.Add(-time.Minute).Unix()}).Do(t, request()),
		"not yet":           w.With(map[string]any{"nbf": now.Add(time.Minute).Unix()}).Do(t, request()),
		"other issuer":      w.With(map[string]any{"iss": "https://evil.example"}).Do(t, request()),
		"other audience":    w.With(map[string]any{"aud": "nhn:kjernejournal"}).Do(t, request()),
		"several audiences": w.With(map[string]any{"aud": []string{access.AudienceWrite, access.AudienceRead}}).Do(t, request()),
		"no client":         w.With(map[string]any{"client_id": nil}).Do(t, request()),
		"other key":         w.With(map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}).Do(t, request()),
	} {
		challenge := a.Header.Get("WWW-Authenticate")
		if a.Status != http.StatusUnauthorized || !strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `algs="`) {
			t.Errorf("%s: %d, %q", name, a.Status, challenge)
		}
		outcome(t, a)
	}
	if lines := events(t, s, of); len(lines) != 0 {
		t.Errorf("audited: %s", compact(lines))
	}
}

// TestReplay: of one proof sent many times at once exactly one is accepted, through the real store (W1).
func TestReplay(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	doctor := s.Doctor(t, servicetest.Organisation())
	req := s.Request(t, http.MethodGet, "/pingauth", nil)
	doctor.Sign(t, req)
	var accepted, refused atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			switch a := servicetest.Send(t, req.Clone(t.Context())); a.Status {
			case 200:
				accepted.Add(1)
			case 401:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if accepted.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d accepted, %d refused; want 1 and 19", accepted.Load(), refused.Load())
	}
}

// TestAliases: the audiences and scopes that NHN has used since February 2026 all write (W1).
func TestAliases(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for _, c := range []struct{ audience, create, remove string }{
		{"nhn:phr", "nhn:phr/mhd/create-documents-with-reference", "nhn:phr/delete-documents-and-reference"},
		{"nhn:phr-document-repository", "nhn:phr-document-repository/mhd/create-documents-with-reference", "nhn:phr-document-repository/delete-documents-and-referenc"},
		{"nhn:phr-repo", "nhn:phr-repo/mhd/create", "nhn:phr-repo/delete-docs-and-refs"},
	} {
		of := s.Tenant(t)
		w := s.Writer(t, of.Organisations[0]).With(map[string]any{"aud": c.audience, "scope": c.create + " " + c.remove})
		d := servicetest.NewDoc()
		upload(t, w, servicetest.BundleFor(of, d))
		if a := w.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+d.ID, nil)); a.Status != 200 {
			t.Errorf("%s: delete %d %s", c.audience, a.Status, a.Body)
		}
	}
}
