package server_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/server"
	"dokumentlager/internal/soap"
	"dokumentlager/internal/xds"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

// TestSOAPAddressesSpeakSOAP: what the service itself answers there is a fault that a SOAP client can read, and its line in the log is as anywhere.
func TestSOAPAddressesSpeakSOAP(t *testing.T) {
	t.Parallel()
	w := surround(t, func(r chi.Router) {
		r.Post(xds.Gateway, func(http.ResponseWriter, *http.Request) { panic("patient 13116900216") })
	})
	for name, c := range map[string]struct {
		method, path string
		size, status int
		codes        []string
		logged       string
	}{
		"GET":        {"GET", xds.Gateway, 0, 405, []string{"Sender"}, "DLMethodNotAllowed"},
		"too large":  {"POST", xds.Gateway, 1001, 413, []string{"Sender"}, "DLRequestTooLarge"},
		"a panic":    {"POST", xds.Gateway, 1, 500, []string{"Receiver"}, "DLInternal"},
		"no address": {"POST", xds.Gateway + "/x", 1, 404, nil, "DLNotFound"},
		"no door":    {"POST", xds.Repository, 1, 404, nil, "DLNotFound"},
	} {
		faulted(t, name, w.ask(c.method, c.path, strings.Repeat("x", c.size)), c.status, c.codes)
		if log := w.log.String(); !strings.Contains(log, c.logged) || strings.Contains(log, "13116900216") {
			t.Errorf("%s: logged as %s", name, log)
		}
	}
}

// TestSlowStrangersHoldNoPlaces: a request at a SOAP address takes a place when it has said who sends it; so many that have not may be there, and more
// are told to come back in words of SOAP.
func TestSlowStrangersHoldNoPlaces(t *testing.T) {
	t.Parallel()
	const places, lobby = 2, 8
	here, release := make(chan struct{}), make(chan struct{})
	w := surround(t, func(r chi.Router) {
		r.Post(xds.Gateway, func(http.ResponseWriter, *http.Request) { here <- struct{}{}; <-release })
		r.Post(xds.Registry, func(w http.ResponseWriter, r *http.Request) {
			leave, err := incoming.Enter(r.Context())
			if err != nil {
				server.Answer(w, r, err)
				return
			}
			defer leave()
			here <- struct{}{}
			<-release
		})
		r.Post("/R4/fhir/Bundle", func(http.ResponseWriter, *http.Request) {})
	})
	hang := func(path string) {
		go w.ask("POST", path, "x")
		select {
		case <-here:
		case <-time.After(20 * time.Second):
			t.Fatal("no place for " + path)
		}
	}
	for range lobby - places {
		hang(xds.Gateway)
	}
	if got := w.ask("POST", "/R4/fhir/Bundle", "x"); got.Code != 200 {
		t.Errorf("another door: %d", got.Code)
	}
	hang(xds.Registry)
	hang(xds.Registry)
	if got := w.ask("POST", "/R4/fhir/Bundle", "x"); got.Code != 429 {
		t.Errorf("another door when all places are taken: %d", got.Code)
	}
	full := w.ask("POST", xds.Registry, "x")
	faulted(t, "one too many", full, 503, []string{"Receiver", "EndpointUnavailable"})
	if full.Header().Get("Retry-After") == "" {
		t.Error("nobody is told when to come back")
	}
	close(release)
}

func faulted(t *testing.T, name string, rec *httptest.ResponseRecorder, status int, codes []string) {
	t.Helper()
	var got []string
	if m, err := soap.Read(rec.Header().Get("Content-Type"), bytes.NewReader(rec.Body.Bytes()), soap.Options{}); err == nil {
		got, _ = soap.FaultIn(m)
	}
	if rec.Code != status || !slices.Equal(got, codes) {
		t.Errorf("%s: %d %v, want %d %v: %s", name, rec.Code, got, status, codes, rec.Body)
	}
	if codes == nil {
		outcome(t, rec.Body)
	}
}

// TestNoIssuersNoAddresses: who trusts nobody's assertions has no SOAP addresses.
func TestNoIssuersNoAddresses(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"SAML_ISSUERS": ""})
	for _, path := range []string{xds.Gateway, xds.Registry, xds.Repository} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.base+path, strings.NewReader("<a/>"))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := r.ask(t, req); status != 404 || !strings.Contains(body, "OperationOutcome") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	r.stop()
	r.awaitEnd(t)
}

// TestStrangersEventsAreFew: each minute the first have events of their own, and the others one that says how many they were.
func TestStrangersEventsAreFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var counts []int
		thinned := server.NewThinnedEvents(3, time.Minute, func(_ context.Context, e audit.Event) { counts = append(counts, e.Detail.Count) })
		minute := func(events int) (got []int) {
			for range events {
				thinned(t.Context(), audit.New(time.Now(), audit.Actor{}, audit.Read, "search"))
			}
			time.Sleep(time.Minute + time.Second)
			synctest.Wait()
			got, counts = counts, nil
			return got
		}
		for events, want := range map[int][]int{1: {0}, 3: {0, 0, 0}, 4: {0, 0, 0, 1}, 1000: {0, 0, 0, 997}} {
			if diff := cmp.Diff(want, minute(events)); diff != "" {
				t.Errorf("%d refusals: %s", events, diff)
			}
		}
	})
}
