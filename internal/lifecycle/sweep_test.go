package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// sweepEvents are the tenant's audit events of sweeps.
func (s *scene) sweepEvents() (events []audit.Line) {
	s.t.Helper()
	for _, e := range s.service.Events(s.t, s.of) {
		if e.Operation == "sweep" {
			events = append(events, e)
		}
	}
	return events
}

// TestSweepRemovesOrphansOnly: what rows keep stays, and what is younger than the grace period.
func TestSweepRemovesOrphansOnly(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	before := s.paths()
	orphans := []string{s.path("d", uuid.New()), s.path("d", uuid.New()), s.path("q", uuid.New()), s.path("d", s.key(s.deleted))}
	for _, path := range orphans {
		s.put(path, []byte("12345"))
	}
	strange := "d/" + s.of.SchemaName + "/strange"
	s.put(strange, []byte("not ours"))
	s.put(s.path("q", s.key(s.plain)), []byte("of a document that is kept: fsck says so, a sweep leaves it"))
	kept := append(before, strange, s.path("q", s.key(s.plain)))
	slices.Sort(kept)
	if _, report := s.sweep(func(w *lifecycle.Sweep) { w.Now = time.Now }); report.Removed != 0 || len(s.paths()) != len(kept)+4 {
		t.Errorf("younger than the grace period: %+v", report)
	}
	told, report := s.sweep(func(w *lifecycle.Sweep) { w.DryRun = true })
	if report.Removed != 4 || report.Bytes != 20 || len(told) != 4 || !told[0].DryRun || len(s.paths()) != len(kept)+4 || len(s.sweepEvents()) != 0 {
		t.Errorf("dry run: %+v, %+v, %d objects left, %v", report, told, len(s.paths()), s.sweepEvents())
	}
	told, report = s.sweep(func(*lifecycle.Sweep) {})
	if report.Removed != 4 || report.Bytes != 20 || len(told) != 4 || told[0].DryRun || told[0].Put.IsZero() {
		t.Errorf("%+v, %+v", report, told)
	}
	left := s.paths()
	slices.Sort(left)
	if diff := cmp.Diff(kept, left); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	events := s.sweepEvents()
	if len(events) != 1 || events[0].Action != "E" || events[0].Reason != "removed=4 bytes=20 grace=24h0m0s" || events[0].Caller.Name != "test" {
		t.Errorf("audit: %+v", events)
	}
	if _, report := s.sweep(func(*lifecycle.Sweep) {}); report.Removed != 0 || len(s.sweepEvents()) != 1 {
		t.Errorf("a second time: %+v", report)
	}
	s.take(strange)
	s.take(s.path("q", s.key(s.plain)))
	if _, lines := s.fsck(); lines != nil {
		t.Errorf("after the sweep: %v", lines)
	}
}

// TestSweepQueuesLostRemovals: the bytes go after all, and a job that is there is not doubled.
func TestSweepQueuesLostRemovals(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	key := s.key(s.deleted)
	s.put(s.path("d", key), []byte("still here"))
	s.loseRemoval()
	if told, report := s.sweep(func(w *lifecycle.Sweep) { w.DryRun = true }); report.Queued != 1 || len(told) != 1 || told[0].Action != lifecycle.Queued {
		t.Errorf("dry run: %+v, %+v", report, told)
	}
	if s.jobs(key) != 0 {
		t.Error("the dry run queued a job")
	}
	if _, report := s.sweep(func(*lifecycle.Sweep) {}); report.Queued != 1 || s.jobs(key) != 1 {
		t.Errorf("%+v, %d jobs", report, s.jobs(key))
	}
	s.await("removed", func() bool { return state(t, s.service.DB, s.of.Schema(), key) == "G" })
	if slices.Contains(s.paths(), s.path("d", key)) {
		t.Error("the bytes are still there")
	}
}

func (s *scene) jobs(key uuid.UUID) (n int) {
	s.t.Helper()
	err := s.service.Owner.Pool().QueryRow(s.t.Context(), `select count(*) from jobs.river_job where args->>'key' = $1`, key.String()).Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// stuck is a store whose removals fail.
type stuck struct{ blob.Store }

func (stuck) Remove(context.Context, string) error { return errors.New("down") }

// TestSweepGoesOn: a sweep that was broken off between its commit and the store is finished by the next one.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	key := uuid.New()
	s.put(s.path("d", key), []byte("orphan"))
	sweeps.Lock()
	broken := &lifecycle.Sweep{DB: s.service.DB, Tenants: tenant.Directory{DB: s.service.DB}, Objects: repository.New(repository.Config{Blobs: stuck{s.store}}),
		Queue: s.queue, Actor: audit.Operator("test"), Now: later}
	report, err := broken.Run(t.Context(), s.of.Name)
	sweeps.Unlock()
	if err == nil || report.Removed != 0 || !slices.Contains(s.paths(), s.path("d", key)) {
		t.Fatalf("%+v, %v", report, err)
	}
	if _, lines := s.fsck(); !slices.Equal(lines, []string{line(lifecycle.ObjectOrphan, key, uuid.Nil)}) {
		t.Errorf("in between: %v", lines)
	}
	if _, report := s.sweep(func(*lifecycle.Sweep) {}); report.Removed != 1 {
		t.Errorf("%+v", report)
	}
	if _, lines := s.fsck(); lines != nil {
		t.Errorf("afterwards: %v", lines)
	}
}

// watching is a store that looks at the object's row whenever it removes one.
type watching struct {
	blob.Store
	s    *scene
	rows []string
}

func (w *watching) Remove(ctx context.Context, key string) error {
	w.rows = append(w.rows, state(w.s.t, w.s.service.DB, w.s.of.Schema(), uuid.MustParse(key[strings.LastIndex(key, "/")+1:])))
	return w.Store.Remove(ctx, key)
}

// TestSweepRemovesAfterItsCommit: bytes removed before could be those of an upload that commits when the sweep's transaction fails.
func TestSweepRemovesAfterItsCommit(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	s.put(s.path("d", uuid.New()), []byte("orphan"))
	w := &watching{Store: s.store, s: s}
	s.sweep(func(sweep *lifecycle.Sweep) { sweep.Objects = repository.New(repository.Config{Blobs: w}) })
	if !slices.Equal(w.rows, []string{"G", "G"}) { // one look in each area
		t.Errorf("rows while removing: %q", w.rows)
	}
}

// TestSweptKeyIsNeverRegistered: an upload whose object was swept fails whole; one that commits first keeps its object. Both orders
// of one race, each with the other transaction waiting.
func TestSweptKeyIsNeverRegistered(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	register := func(key uuid.UUID, hold func()) error {
		return s.service.DB.InTenant(t.Context(), s.of.Schema(), func(tx *postgres.Tx) error {
			b := tx.Batch()
			s.objects.Record(b, repository.Object{Key: key, Size: 1, SHA256: make([]byte, 32)}, repository.Row{State: repository.Stored, MimeType: "text/plain", Event: uuid.New()}, time.Now())
			err := b.Send(t.Context())
			hold()
			return err
		})
	}
	claim := func(key uuid.UUID, hold func()) (claimed []uuid.UUID, err error) {
		err = s.service.DB.InTenant(t.Context(), s.of.Schema(), func(tx *postgres.Tx) (err error) {
			claimed, err = s.objects.Claim(t.Context(), tx, []repository.Held{{Key: key, Size: 1, Put: time.Now()}}, uuid.New(), time.Now())
			hold()
			return err
		})
		return claimed, err
	}
	nothing := func() {}
	key, registered := uuid.New(), make(chan error)
	claimed, err := claim(key, func() {
		go func() { registered <- register(key, nothing) }()
		time.Sleep(200 * time.Millisecond)
	})
	if _, twice := postgres.IsDuplicate(<-registered); err != nil || len(claimed) != 1 || !twice {
		t.Errorf("sweep first: claimed %v, %v, upload refused %v", claimed, err, twice)
	}
	key = uuid.New()
	type result struct {
		claimed []uuid.UUID
		err     error
	}
	swept := make(chan result)
	err = register(key, func() {
		go func() { claimed, err := claim(key, nothing); swept <- result{claimed, err} }()
		time.Sleep(200 * time.Millisecond)
	})
	if got := <-swept; err != nil || got.err != nil || len(got.claimed) != 0 {
		t.Errorf("upload first: %v, claimed %v, %v", err, got.claimed, got.err)
	}
}

// TestUploadsDuringSweepsAreNeverLost: sweeps without any grace run against uploads without pause. What is acknowledged stays whole; an
// upload that a sweep overtook is refused and leaves nothing.
func TestUploadsDuringSweepsAreNeverLost(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	stop := make(chan struct{})
	var uploading, sweeping sync.WaitGroup
	var mu sync.Mutex
	acknowledged, refused := map[string][]byte{}, 0
	for range 6 {
		uploading.Go(func() {
			for range 12 {
				d := servicetest.NewDoc()
				a := s.writer.Upload(t, servicetest.BundleFor(s.of, d).JSON(t))
				mu.Lock()
				if a.Status/100 == 2 {
					acknowledged[d.ID] = d.Bytes
				} else {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	removed := 0
	sweeping.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_, report := s.sweep(func(w *lifecycle.Sweep) { w.Grace, w.Now = 0, time.Now })
			removed += report.Removed
		}
	})
	uploading.Wait()
	close(stop)
	sweeping.Wait()
	s.sweep(func(w *lifecycle.Sweep) { w.Grace, w.Now = 0, time.Now })
	t.Logf("%d acknowledged, %d refused, %d objects swept", len(acknowledged), refused, removed)
	if _, lines := s.fsck(); lines != nil {
		t.Errorf("%v", lines)
	}
	for id, want := range acknowledged {
		if got := s.content("d", s.key(uuid.MustParse(id))); string(got) != string(want) {
			t.Errorf("%s: other bytes", id)
		}
	}
	if n := s.service.Rows(t, s.of, "document_entry"); n != len(acknowledged) || n+refused != 72 || n == 0 {
		t.Errorf("%d entries, %d acknowledged, %d refused", n, len(acknowledged), refused)
	}
}

// TestOneSweepAtATime: the second one is told so and does nothing; a dry run needs no turn.
func TestOneSweepAtATime(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	s.put(s.path("d", uuid.New()), []byte("orphan"))
	second := &lifecycle.Sweep{DB: s.service.DB, Tenants: tenant.Directory{DB: s.service.DB}, Objects: s.objects, Queue: s.queue, Actor: audit.Operator("test"), Now: later}
	s.sweep(func(w *lifecycle.Sweep) {
		w.Told = func(lifecycle.Swept) {
			if _, err := second.Run(t.Context(), s.of.Name); !errors.Is(err, lifecycle.ErrSweeping) {
				t.Errorf("second sweep: %v", err)
			}
			dry := *second
			dry.DryRun = true
			if _, err := dry.Run(t.Context(), s.of.Name); err != nil {
				t.Errorf("dry run: %v", err)
			}
		}
	})
	negative := *second
	negative.Grace = -time.Second
	if _, err := negative.Run(t.Context(), s.of.Name); err == nil {
		t.Error("a negative grace period")
	}
}

// TestRepeat sweeps on its own, over and over, until its context ends. It runs alone: it sweeps every tenant of the process.
func TestRepeat(t *testing.T) {
	s := emptyScene(t)
	stray := "d/left_over/" + uuid.NewString()
	s.put(stray, []byte("no tenant's"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	sweep := &lifecycle.Sweep{DB: s.service.DB, Tenants: tenant.Directory{DB: s.service.DB}, Objects: s.objects, Queue: s.queue, Actor: audit.Operator("test"),
		Grace: lifecycle.DefaultGrace, Now: later}
	log := &servicetest.Log{}
	go func() { sweep.Repeat(ctx, 0, 10*time.Millisecond, logger(log)); close(ended) }()
	for range 2 {
		path := s.path("d", uuid.New())
		s.put(path, []byte("orphan"))
		s.await("swept", func() bool { return !slices.Contains(s.paths(), path) })
	}
	stop()
	<-ended
	if _, err := s.store.Stat(t.Context(), stray); err != nil || !strings.Contains(log.String(), "swept") {
		t.Errorf("what is under no tenant's prefix: %v; log: %s", err, log)
	}
	s.take(stray)
}

// TestSweptTenantStillAnswers: every document can be read after a sweep.
func TestSweptTenantStillAnswers(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.sweep(func(w *lifecycle.Sweep) { w.Grace = 0 })
	for _, entry := range []uuid.UUID{s.plain, s.replacing, s.addendum, s.first, s.second, s.changed} {
		a := s.writer.Get(t, "/R4/fhir/DocumentReference/"+entry.String())
		if a.Status != http.StatusOK {
			t.Errorf("%s: %d", entry, a.Status)
		}
		if body, err := s.objects.Open(t.Context(), s.of.Schema(), s.object(entry), 0, -1); err != nil {
			t.Errorf("%s: %v", entry, err)
		} else if _, err := io.Copy(io.Discard, body); err != nil {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

func (s *scene) object(entry uuid.UUID) (o repository.Object) {
	s.t.Helper()
	err := s.service.DB.InTenant(s.t.Context(), s.of.Schema(), func(tx *postgres.Tx) error {
		return tx.QueryRow(s.t.Context(), `select object_key, size, sha256 from tenant.document_entry where id = $1`, entry).Scan(&o.Key, &o.Size, &o.SHA256)
	})
	if err != nil {
		s.t.Fatal(fmt.Errorf("object: %w", err))
	}
	return o
}
