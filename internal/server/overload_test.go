package server_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// TestFlood: forty uploads at once and some that break off, where one at a time is worked on. Each is stored and answered, or told when to
// come back; what is told so leaves nothing; and afterwards all capacity is there again.
func TestFlood(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"LIMITS_UPLOADS_AT_WORK": "1", "SYNTHETIC_IDENTITIES": "true", "LIMITS_REQUEST": "4MiB", "LIMITS_UPLOAD_BYTES": "4MiB"})
	r.awaitReady(t)
	organisation := organisationNumber()
	of := newTenant(t, organisation)
	client, token := r.client(t, organisation)
	upload := func(body []byte) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), "POST", r.base+"/R4/fhir/Bundle", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/fhir+json")
		return req
	}
	var bodies [][]byte
	for range 40 {
		bodies = append(bodies, servicetest.BundleFor(of).JSON(t))
	}
	var mu sync.Mutex
	answers := map[int]int{}
	var all sync.WaitGroup
	for n, body := range bodies {
		all.Go(func() {
			req := upload(body)
			if n%8 == 7 {
				req.Body, req.GetBody = io.NopCloser(&breaksOff{body[:len(body)/2]}), nil
			}
			status := r.attempt(t, client, token, req)
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
		})
	}
	all.Wait()
	if answers[200] == 0 || answers[429] == 0 || answers[200]+answers[429]+answers[0] != len(bodies) || answers[0] > 5 {
		t.Errorf("answers by status: %v", answers)
	}
	r.awaitIdle(t)
	if status := r.attempt(t, client, token, upload(servicetest.BundleFor(of).JSON(t))); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: r.cfg.Database.URL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	events, err := audit.Log{DB: db}.List(t.Context(), of.Schema(), uuid.Nil, 1000)
	stored := 0
	for _, e := range events {
		if e.Outcome == "success" && e.Operation == "provide" {
			stored++
		}
		if e.Code == "DLTooBusy" {
			t.Errorf("a refusal for want of room in the audit log: %+v", e)
		}
	}
	if err != nil || stored != answers[200]+1 {
		t.Errorf("%d events of uploads, %d answered 200, %v", stored, answers[200]+1, err)
	}
}

// attempt gives the status, 0 when the client broke off, and demands of a refusal that it says when to come back, in FHIR.
func (r *running) attempt(t *testing.T, client *helseid.Client, token string, req *http.Request) int {
	if err := client.Authorize(req, token); err != nil {
		t.Error(err)
		return -1
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if !errors.Is(err, errBrokenOff) {
			t.Error(err)
		}
		return 0
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode == 429 {
		after, noNumber := strconv.Atoi(res.Header.Get("Retry-After"))
		if noNumber != nil || after < 1 || after > 20 || !bytes.Contains(body, []byte("DLTooBusy")) || !bytes.Contains(body, []byte(`"OperationOutcome"`)) {
			t.Errorf("a refusal with Retry-After %q: %s", res.Header.Get("Retry-After"), body)
		}
	} else if err != nil || res.StatusCode != 200 {
		t.Errorf("%d %s, %v", res.StatusCode, body, err)
	}
	return res.StatusCode
}

var errBrokenOff = errors.New("the sender broke off")

// breaksOff is a body whose sender goes away in its middle.
type breaksOff struct{ rest []byte }

func (b *breaksOff) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, errBrokenOff
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (r *running) awaitReady(t *testing.T) {
	t.Helper()
	for range 300 {
		if status, _ := r.get(t, "/readyz"); status == 200 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("not ready; %s", r.log)
}

// inFlight are the gauges of what is under way, in Prometheus' text form.
var inFlight = regexp.MustCompile(`(?m)^dokumentlager_upload(?:s|_bytes)_in_flight\S* \S+$`)

// awaitIdle demands that all capacity is given back.
func (r *running) awaitIdle(t *testing.T) {
	t.Helper()
	var text string
	var gauges []string
	for range 300 {
		_, text = r.get(t, "/metrics")
		if gauges = inFlight.FindAllString(text, -1); len(gauges) == 4 && idle(gauges) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(gauges) != 4 || !idle(gauges) {
		t.Errorf("left: %q", gauges)
	}
	if !regexp.MustCompile(`(?m)^dokumentlager_admission_refused_total\{reason="uploads_share"\} [1-9]`).MatchString(text) {
		t.Error("no refusal is counted")
	}
}

func idle(gauges []string) bool {
	for _, gauge := range gauges {
		if !strings.HasSuffix(gauge, " 0") {
			return false
		}
	}
	return true
}
