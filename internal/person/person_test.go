package person_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/person"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	line  = "13116900216"
	malin = "12119000465"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a client, the Persontjenesten it asks, one clock for both, and what was logged and asked for.
type rig struct {
	*person.Client
	sts   *sts.Server
	clock *clock
	seen  *seen
}

// seen keeps log and addresses.
type seen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *seen) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = s.Write([]byte(r.URL.String() + "\n"))
	return http.DefaultTransport.RoundTrip(r)
}

func start(t *testing.T, change func(*person.Config)) rig {
	t.Helper()
	r := rig{clock: &clock{now: time.Unix(1_800_000_000, 0)}, seen: &seen{}}
	var err error
	if r.sts, err = sts.Start(t.Context(), sts.Options{Dir: t.TempDir(), Now: r.clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.sts.Close() })
	key, err := jwk.ParseKey(r.sts.PersonClient().PrivateJWK)
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	cfg := person.Config{URL: r.sts.PersonURL(), Deadline: 20 * time.Second, Fresh: 30 * time.Second, Stale: time.Hour, Now: r.clock.Now,
		Signer: &helseid.Machine{Scopes: []string{sts.PersonScope}, Client: &helseid.Client{ClientID: r.sts.PersonClient().ClientID, Key: key,
			Issuer: r.sts.Issuer(), Proofs: proofs, Now: r.clock.Now}},
		HTTP: &http.Client{Transport: r.seen}, Log: slog.New(slog.NewTextHandler(r.seen, nil))}
	if change != nil {
		change(&cfg)
	}
	if r.Client, err = person.New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func fnr(number string) document.PatientID {
	return document.PatientID{Value: number, Authority: document.AuthorityFNR}
}

func (r rig) change(t *testing.T, change string) {
	t.Helper()
	if _, err := r.sts.ChangePerson([]byte(change)); err != nil {
		t.Fatal(err)
	}
}

func day(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

func TestFacts(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.change(t, `{"nin":"12119000465","dead_since":"2026-01-02","address_protection":"strengtFortrolig"}`)
	r.change(t, `{"nin":"15076500565","address_protection":"fortrolig"}`)
	for number, want := range map[string]person.Facts{
		line:          {Registered: true, BirthDate: day("1969-11-13")},
		malin:         {Registered: true, BirthDate: day("1990-11-12"), DeadSince: day("2026-01-02"), Address: person.StrictlyConfidential},
		"15076500565": {Registered: true, BirthDate: day("1965-07-15"), Address: person.Confidential},
		"01010112345": {},
	} {
		got, err := r.Facts(t.Context(), fnr(number))
		if diff := cmp.Diff(person.Answer{Facts: want}, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if err := r.Nobody(t.Context(), "seed"); err != nil {
		t.Errorf("nobody: %v", err)
	}
}

// TestOutages: everything but an answer is PartUnavailable with a time to come back, and says nothing of the patient.
func TestOutages(t *testing.T) {
	t.Parallel()
	for _, o := range []struct {
		sts.Outage
		deadline time.Duration
		fails    bool
	}{
		{sts.Outage{Mode: "error"}, 0, true}, {sts.Outage{Mode: "malformed"}, 0, true}, {sts.Outage{Mode: "too-large"}, 0, true},
		{sts.Outage{Mode: "unauthorized"}, 0, true}, {sts.Outage{Mode: "wrong-address"}, 0, true}, {sts.Outage{Mode: "hang"}, 300 * time.Millisecond, true},
		{sts.Outage{Mode: "slow", DelayMS: 100}, 0, false}, {sts.Outage{Mode: "unauthorized", Times: 1}, 0, false}, {sts.Outage{Mode: "error", Times: 1}, 0, true},
	} {
		t.Run(o.Mode, func(t *testing.T) {
			t.Parallel()
			r := start(t, func(c *person.Config) {
				if o.deadline > 0 {
					c.Deadline = o.deadline
				}
			})
			r.sts.PlayOutage(o.Outage)
			_, err := r.Facts(t.Context(), fnr(line))
			lead := fault.Of(err).Leading()
			switch {
			case (err != nil) != o.fails:
				t.Fatalf("%v", err)
			case o.fails && (lead.Code != fault.PartUnavailable || lead.RetryAfter <= 0):
				t.Errorf("%+v", lead)
			case o.fails && o.Times == 0 && r.Nobody(t.Context(), "seed") == nil:
				t.Error("the answer about nobody does not fail, so it tells who is somebody")
			}
			if err != nil && strings.Contains(err.Error(), line) || strings.Contains(r.seen.text.String(), line) {
				t.Errorf("the number shows: %v\n%s", err, r.seen.text.String())
			}
			if !strings.Contains(r.seen.text.String(), "/person/get-by-nin") {
				t.Error("no address was seen, so this test sees nothing")
			}
		})
	}
}

// TestFresh: a new address protection bites when the answer is no longer fresh, and not one question is asked before.
func TestFresh(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	protection := func(age time.Duration, want person.Protection, asked int) {
		t.Helper()
		got, err := r.Facts(t.Context(), fnr(line))
		if err != nil || got.Stale || got.Age != age || got.Address != want || r.sts.PersonAsked() != asked {
			t.Errorf("%+v after %d questions, %v; want %v old %v after %d", got, r.sts.PersonAsked(), err, age, want, asked)
		}
	}
	protection(0, person.Unclassified, 1)
	r.change(t, `{"nin":"13116900216","address_protection":"fortrolig"}`)
	r.clock.add(30 * time.Second)
	protection(30*time.Second, person.Unclassified, 1)
	r.clock.add(1)
	protection(0, person.Confidential, 2)
	r.clock.add(10 * time.Minute) // the token has expired too
	protection(0, person.Confidential, 3)
	r.clock.add(-time.Minute) // the clock was set back: nobody knows how old the answer is
	protection(0, person.Confidential, 4)
}

// TestStale: while the service is down its last answer is good for Stale to the second, and told with its age.
func TestStale(t *testing.T) {
	t.Parallel()
	for _, stale := range []time.Duration{time.Hour, 0} {
		r := start(t, func(c *person.Config) { c.Stale = stale })
		if _, err := r.Facts(t.Context(), fnr(line)); err != nil || r.Nobody(t.Context(), "seed") != nil {
			t.Fatal(err)
		}
		r.change(t, `{"nin":"13116900216","address_protection":"fortrolig"}`)
		r.sts.PlayOutage(sts.Outage{Mode: "error"})
		r.clock.add(31 * time.Second)
		if r.Nobody(t.Context(), "seed") == nil {
			t.Error("of nobody is told with stale facts that there is nothing")
		}
		got, err := r.Facts(t.Context(), fnr(line))
		if stale == 0 {
			if err == nil {
				t.Errorf("served with stale facts, which is never allowed: %+v", got)
			}
			continue
		}
		if want := (person.Answer{Facts: person.Facts{Registered: true, BirthDate: day("1969-11-13")}, Age: 31 * time.Second, Stale: true}); err != nil || got != want {
			t.Errorf("%+v, %v", got, err)
		}
		r.clock.add(time.Hour - 31*time.Second)
		if got, err := r.Facts(t.Context(), fnr(line)); err != nil || !got.Stale || got.Age != time.Hour {
			t.Errorf("at the last second: %+v, %v", got, err)
		}
		if _, err := r.Facts(t.Context(), fnr(malin)); err == nil {
			t.Error("a patient never asked about is served")
		}
		r.clock.add(time.Second)
		if got, err := r.Facts(t.Context(), fnr(line)); err == nil {
			t.Errorf("a second too old: %+v", got)
		}
		r.sts.PlayOutage(sts.Outage{})
		r.clock.add(time.Minute)
		if got, err := r.Facts(t.Context(), fnr(line)); err != nil || got.Stale || got.Address != person.Confidential {
			t.Errorf("after the outage: %+v, %v", got, err)
		}
	}
}

// TestStopsAsking: after five failures nothing is asked for five seconds, then once; readiness asks by itself.
func TestStopsAsking(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.sts.PlayOutage(sts.Outage{Mode: "error"})
	asks := func(number string, fails bool, asked int) {
		t.Helper()
		if _, err := r.Facts(t.Context(), fnr(number)); (err != nil) != fails || r.sts.PersonAsked() != asked {
			t.Errorf("%v after %d questions, want fails %v after %d", err, r.sts.PersonAsked(), fails, asked)
		}
	}
	for i := range 5 {
		asks(line, true, i+1)
	}
	asks(line, true, 5)
	asks(malin, true, 5)
	if r.Ready(t.Context()) == nil {
		t.Error("ready while nothing is asked")
	}
	r.clock.add(5 * time.Second)
	asks(line, true, 6)
	asks(line, true, 6)
	r.sts.PlayOutage(sts.Outage{})
	r.clock.add(5 * time.Second)
	if err := r.Ready(t.Context()); err != nil || r.sts.PersonAsked() != 7 {
		t.Errorf("not ready after the outage: %v after %d questions", err, r.sts.PersonAsked())
	}
	asks(line, false, 8)
	log := r.seen.text.String()
	if strings.Count(log, "does not answer") != 1 || strings.Count(log, "answers again") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// TestOneQuestionForAll: who wait for the same patient wait for one question, and one who leaves takes nobody with him.
func TestOneQuestionForAll(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *person.Config) { c.Kept = 3 })
	r.sts.PlayOutage(sts.Outage{Mode: "slow", DelayMS: 700, Times: 1})
	leaving, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := r.Facts(leaving, fnr(line))
		first <- err
	}()
	for r.sts.PersonAsked() == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			if got, err := r.Facts(t.Context(), fnr(line)); err != nil || !got.Registered {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	group.Wait()
	if asked := r.sts.PersonAsked(); asked != 1 {
		t.Errorf("%d questions", asked)
	}
	for _, number := range []string{malin, "15076500565", "23077200290", "17855599120", line} {
		group.Go(func() {
			for range 20 {
				if _, err := r.Facts(t.Context(), fnr(number)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// TestRemembersSome: of more patients than are kept, the one asked for last stays.
func TestRemembersSome(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *person.Config) { c.Kept = 2 })
	for i, number := range []string{line, malin, line, "15076500565", line, malin} {
		if _, err := r.Facts(t.Context(), fnr(number)); err != nil {
			t.Fatal(err)
		}
		if want := []int{1, 2, 2, 3, 3, 4}[i]; r.sts.PersonAsked() != want {
			t.Errorf("step %d: %d questions, want %d", i, r.sts.PersonAsked(), want)
		}
	}
}
