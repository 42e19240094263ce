package admission_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/fault"
)

// clock is a time that only the test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type world struct {
	*admission.Gate
	*clock
	refused map[admission.Reason]int
}

func open(c admission.Capacity) *world {
	w := &world{clock: &clock{at: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}, refused: map[admission.Reason]int{}}
	w.Gate = admission.New(c, w.now, func(d time.Duration) time.Duration { return d }, func(r admission.Reason) { w.refused[r]++ })
	return w
}

// fill admits uploads until one is refused, and gives those admitted.
func (w *world) fill(organisation string, size int64) (admitted []*admission.Upload) {
	for {
		u, err := w.Upload(organisation, size)
		if err != nil {
			return admitted
		}
		admitted = append(admitted, u)
	}
}

const many = 1 << 20

// TestShares: nobody holds more than it leaves free, so the next always gets something.
func TestShares(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: many, Bytes: 1200})
	for _, c := range []struct {
		organisation string
		want         int
	}{{"alone", 6}, {"second", 3}, {"third", 1}, {"fourth", 1}, {"fifth", 1}, {"sixth", 0}} {
		if got := len(w.fill(c.organisation, 100)); got != c.want {
			t.Errorf("%s got %d uploads of 100 of 1,200 bytes, want %d", c.organisation, got, c.want)
		}
	}
	if w.refused[admission.BytesShare] != 4 || w.refused[admission.BytesFull] != 2 {
		t.Errorf("refused for %v", w.refused)
	}
}

func TestUploadsNearWork(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: 4, Bytes: many})
	// A burst: 12 for each place, half of it for one. Then the line stands, and nobody is let in who has something near already.
	if got := len(w.fill("a", 1)); got != 24 {
		t.Errorf("a burst of %d", got)
	}
	w.pass(time.Second / 2)
	if _, err := w.Upload("a", 1); fault.KindOf(err) != fault.Busy {
		t.Errorf("standing: %v", err)
	}
	if got := len(w.fill("b", 1)); got != 1 {
		t.Errorf("who has nothing gets %d while the line stands", got)
	}
	if w.refused[admission.UploadsShare] != 3 {
		t.Errorf("refused for %v", w.refused)
	}
}

// TestStandingLine: a line that is never empty is kept at four for each place, half of it for one.
func TestStandingLine(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: 4, Bytes: many})
	line := w.fill("a", 1)
	w.pass(time.Second / 2)
	for len(line) > 8 {
		line[0].Done()
		line = line[1:]
		if _, err := w.Upload("a", 1); len(line) >= 8 && err == nil {
			t.Fatalf("admitted while %d are near", len(line))
		}
	}
	line[0].Done()
	if u, err := w.Upload("a", 1); err != nil {
		t.Errorf("below the standing line: %v", err)
	} else {
		u.Done()
	}
	// Empty for a moment: the next may be a burst again.
	for _, u := range line[1:] {
		u.Done()
	}
	if got := len(w.fill("a", 1)); got != 24 {
		t.Errorf("after a lull a burst of %d", got)
	}
}

// TestFull: when all have come there is room for nobody, and when they have gone for everybody.
func TestFull(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: 1, Bytes: many})
	var all []*admission.Upload
	for n := range 12 {
		u, err := w.Upload(string(rune('a'+n)), 1)
		if err != nil {
			t.Fatalf("%d: %v", n, err)
		}
		all = append(all, u)
	}
	_, err := w.Upload("late", 1)
	lead := fault.Of(err).Leading()
	if lead == nil || lead.Code != fault.TooBusy || lead.RetryAfter < time.Second || w.refused[admission.UploadsFull] != 1 {
		t.Errorf("%v, refused for %v", err, w.refused)
	}
	for _, u := range all {
		u.Done()
		u.Done()
	}
	if s := w.State(); s != (admission.State{}) {
		t.Errorf("left: %+v", s)
	}
	if u, err := w.Upload("late", 1); err != nil {
		t.Error(err)
	} else {
		u.Done()
	}
}

// TestSlowSenders count by bytes, and after a second no longer as near work.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: 1, Bytes: many})
	slow := w.fill("slow", 1)
	w.pass(1100 * time.Millisecond)
	if got := len(w.fill("slow", 1)); got != len(slow) {
		t.Errorf("%d slow senders keep others of the same organisation out: %d let in", len(slow), got)
	}
	if err := slow[0].Whole(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.State(); s.Working != 1 || s.Receiving != 2*len(slow)-1 || s.Bytes != int64(2*len(slow)) {
		t.Errorf("%+v", s)
	}
	// Whole, they count again: those that wait leave room for fewer.
	w.pass(1100 * time.Millisecond)
	for _, u := range slow[1:] {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = u.Whole(ctx)
	}
	if got := len(w.fill("slow", 1)); got != 0 {
		t.Errorf("%d are let in behind %d that are at work or wait", got, len(slow))
	}
}

// TestUnsized: a body that does not say its length counts for what was assumed, then for what it is.
func TestUnsized(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: 4, Bytes: 1000, Unsized: 100})
	u, err := w.Upload("a", -1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		more int
		want int64
	}{{60, 100}, {30, 100}, {30, 120}, {1500, 1620}} {
		u.Read(c.more)
		if got := w.State().Bytes; got != c.want {
			t.Errorf("after %d more: %d, want %d", c.more, got, c.want)
		}
	}
	if err := u.Whole(t.Context()); err != nil {
		t.Errorf("an admitted upload is refused for its size: %v", err)
	}
	if _, err := w.Upload("b", -1); err == nil {
		t.Error("room where there is none")
	}
	u.Done()
	small, err := w.Upload("b", -1)
	if err != nil {
		t.Fatal(err)
	}
	small.Read(7)
	if err := small.Whole(t.Context()); err != nil || w.State().Bytes != 7 {
		t.Errorf("whole: %v, %d bytes", err, w.State().Bytes)
	}
	small.Done()
	if s := w.State(); s != (admission.State{}) {
		t.Errorf("left: %+v", s)
	}
}

// TestLargerThanAll: what is larger than the capacity gets in alone, and never beside another.
func TestLargerThanAll(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Work: 4, Bytes: 1000})
	u, err := w.Upload("a", 5000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Upload("b", 1); err == nil {
		t.Error("something beside it")
	}
	u.Done()
	if b := w.fill("b", 1); len(b) == 0 {
		t.Error("nothing after it")
	}
	if _, err := w.Upload("a", 5000); err == nil {
		t.Error("it gets in beside another")
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	w := open(admission.Capacity{Requests: 9})
	var done []func()
	for {
		end, err := w.Request("a")
		if err != nil {
			break
		}
		done = append(done, end)
	}
	if len(done) != 6 || w.refused[admission.RequestsShare] != 1 {
		t.Errorf("one organisation has %d of 9 requests, refused for %v", len(done), w.refused)
	}
	if _, err := w.Request("b"); err != nil {
		t.Error(err)
	}
	for _, end := range done {
		end()
		end()
	}
	if w.State().Requests != 1 {
		t.Errorf("%+v", w.State())
	}
}

func TestJitter(t *testing.T) {
	t.Parallel()
	for at, want := range map[float64]time.Duration{0: 2 * time.Second, .5: 4 * time.Second, .999: 5996 * time.Millisecond} {
		if got := admission.Jitter(func() float64 { return at })(2 * time.Second); got.Round(time.Millisecond) != want {
			t.Errorf("at %v: %s, want %s", at, got, want)
		}
	}
}

// TestManyAtOnce is for the race detector, and for leaks: whatever its uploads do, the gate is empty at the end.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	g := admission.New(admission.Capacity{Requests: 40, Work: 3, Bytes: 2000, Unsized: 50}, time.Now, admission.Jitter(rand.Float64), nil)
	var working, most, admitted, refused int
	var mu sync.Mutex
	count := func(change int) {
		mu.Lock()
		defer mu.Unlock()
		working += change
		most = max(most, working)
	}
	one := func(organisation string) {
		done, err := g.Request(organisation)
		if err != nil {
			return
		}
		defer done()
		u, err := g.Upload(organisation, rand.Int64N(200)-20)
		mu.Lock()
		if err == nil {
			admitted++
		} else {
			refused++
		}
		mu.Unlock()
		if err != nil {
			return
		}
		defer u.Done()
		u.Read(rand.IntN(200))
		if rand.IntN(4) == 0 {
			return // hung up
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(3000))*time.Microsecond)
		defer cancel()
		if err := u.Whole(ctx); err != nil {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			return
		}
		count(1)
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		count(-1)
	}
	var group sync.WaitGroup
	for n := range 32 {
		group.Go(func() {
			for range 100 {
				one(string(rune('a' + n%7)))
			}
		})
	}
	group.Wait()
	if s := g.State(); s != (admission.State{}) {
		t.Errorf("left: %+v", s)
	}
	if most > 3 || most < 2 || admitted == 0 || refused == 0 {
		t.Errorf("%d worked on at once, %d admitted, %d refused", most, admitted, refused)
	}
}
