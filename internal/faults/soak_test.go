package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
)

// soak is one run of the crash harness.
type soak struct {
	t     *testing.T
	began time.Time
	// stop is closed when clients are to begin nothing new; end is when what they began must be done.
	stop chan struct{}
	end  atomic.Pointer[time.Time]
	// acknowledged counts deeds, for the killer.
	acknowledged atomic.Int64
	done         counters

	mu         sync.Mutex
	violations []string
}

func (s *soak) violated(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
}

func (s *soak) more() bool {
	select {
	case <-s.stop:
		return false
	default:
		return true
	}
}

func (s *soak) over() bool {
	end := s.end.Load()
	return end != nil && time.Now().After(*end)
}

func (s *soak) progress(n, of int, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(os.Stderr, "%6s  kill %d of %d: %-9s  %6d acknowledged, %5d retries, %d violations\n", time.Since(s.began).Truncate(time.Second),
		n, of, what, s.acknowledged.Load(), s.done.retries.Load(), len(s.violations))
}

// number reads a setting of the run.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s must be a number: %v", name, err)
	}
	return n
}

// TestSoak is `make soak`: SOAK_KILLS times kill -9 (0 and unset: not run) under SOAK_CLIENTS clients. SOAK_SEED replays what the killer
// and the clients chose; when exactly what meets what, the machine chooses. SOAK_SABOTAGE damages one thing before it is inspected.
func TestSoak(t *testing.T) {
	kills := int(number(t, "SOAK_KILLS", 0))
	if kills == 0 {
		t.Skip("run by `make soak`")
	}
	seed, clients := number(t, "SOAK_SEED", rand.Uint64()), int(number(t, "SOAK_CLIENTS", 50))
	fmt.Fprintf(os.Stderr, "seed %d: replay with SOAK_SEED=%d\n", seed, seed)
	site := newSite(t)
	await(t, "ready", time.Minute, func() bool { return site.ready(t.Context()) })
	s := &soak{t: t, began: time.Now(), stop: make(chan struct{})}
	tenants := []tenant.Tenant{site.Tenant(t), site.Tenant(t), site.Tenant(t, func(d *administration.Draft) { d.Profile = tenant.IHE })}
	all := s.clients(site, seed, clients, tenants)
	// Clients sign with the test; their requests outlive its context by nothing.
	var working sync.WaitGroup
	for _, c := range all {
		working.Go(func() { c.run(t.Context()) })
	}
	k := &killer{soak: s, site: site, rng: rand.New(rand.NewPCG(seed, 0)), kills: map[string]int{}}
	k.run(t.Context(), kills)
	s.finish(&working)
	s.settle(site, tenants)
	s.sabotage(site, tenants, all)
	fmt.Fprintln(os.Stderr, "inspecting")
	for _, of := range tenants {
		in := &inspection{t: t, service: site.Service, of: of, papers: papersOf(all, of)}
		for _, v := range in.run(context.WithoutCancel(t.Context())) {
			s.violated("%s", v)
		}
	}
	s.report(t, seed, kills, k.kills, all)
}

func (s *soak) clients(site *site, seed uint64, n int, tenants []tenant.Tenant) (all []*client) {
	for i := range n {
		of := tenants[i%len(tenants)]
		all = append(all, &client{source: newSource(s.t, site.Service, of), rng: rand.New(rand.NewPCG(seed, uint64(i+1))),
			doctor: site.Doctor(s.t, of.Organisations[0]), soak: s})
	}
	return all
}

func papersOf(all []*client, of tenant.Tenant) (papers []*paper) {
	for _, c := range all {
		if c.of.ID == of.ID {
			papers = append(papers, c.papers...)
		}
	}
	return papers
}

// finish lets the clients bring to an end what they began.
func (s *soak) finish(working *sync.WaitGroup) {
	fmt.Fprintln(os.Stderr, "killing is over; the clients finish")
	end := time.Now().Add(2 * time.Minute)
	s.end.Store(&end)
	close(s.stop)
	working.Wait()
}

// settle starts the service once more, in order this time, and waits for the removals. Those whose process was killed in the middle are
// tried again after some minutes: the clock is put forward for them.
func (s *soak) settle(site *site, tenants []tenant.Tenant) {
	if !site.alive() {
		s.violated("the service had ended by itself")
	}
	err := site.stop()
	if err == nil {
		_, err = site.Owner.Pool().Exec(s.t.Context(), `update `+postgres.JobSchema+`.river_job set attempted_at = attempted_at - interval '10 minutes',
			scheduled_at = least(scheduled_at, now()) where state in ('running', 'retryable')`)
	}
	if err == nil {
		err = site.start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for _, of := range tenants {
		awaitRemovals(s.t, site.Service, of)
	}
	await(s.t, "ready", time.Minute, func() bool { return site.ready(s.t.Context()) })
}

// summary is what a run leaves in build/soak.json.
type summary struct {
	Date       string
	Commit     string
	Seed       uint64
	Clients    int
	Kills      int
	Killed     map[string]int
	Seconds    int
	Documents  int
	Deeds      map[string]int64
	Violations []string
}

func (s *soak) report(t *testing.T, seed uint64, kills int, killed map[string]int, all []*client) {
	t.Helper()
	documents := 0
	for _, c := range all {
		documents += len(c.papers)
	}
	n := &s.done
	slices.Sort(s.violations)
	sum := summary{Date: time.Now().UTC().Format(time.DateOnly), Commit: commit(), Seed: seed, Clients: len(all), Kills: kills, Killed: killed,
		Seconds: int(time.Since(s.began).Seconds()), Documents: documents, Violations: s.violations,
		Deeds: map[string]int64{"uploads": n.uploads.Load(), "replacements": n.replacements.Load(), "patches": n.patches.Load(), "deletions": n.deletions.Load(),
			"openings": n.openings.Load(), "retries": n.retries.Load(), "unanswered": n.unanswered.Load(), "refused for now": n.refusedForNow.Load()}}
	text, err := json.MarshalIndent(sum, "", "  ")
	if err == nil {
		err = os.MkdirAll("../../build", 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("../../build", "soak.json"), append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
	fmt.Fprintf(os.Stderr, "%s\n| %s | %s | %d | %d | %d | %d |\n", text, sum.Date, sum.Commit, seed, kills, documents, len(s.violations))
	for _, v := range s.violations {
		t.Error(v)
	}
}

// commit names the tree that was soaked.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
