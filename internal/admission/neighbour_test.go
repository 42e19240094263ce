package admission_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dokumentlager/internal/admission"
)

// sent is what became of one organisation's uploads in a simulated load.
type sent struct {
	refused int
	took    []time.Duration
}

func (s sent) p99() time.Duration {
	slices.Sort(s.took)
	return s.took[len(s.took)*99/100]
}

// simulated is in seconds.
const simulated = 20

// onset is how long all send as the second does before the first may be louder.
const onset = 5 * time.Second

// simulate sends at random moments for some seconds of a time that costs little: rate(n) per second for organisation n, each upload 1 ms
// on its way and then work for 10 to 30 ms at one of four places: 200 per second are the most that can be done.
func simulate(t *testing.T, seed uint64, organisations int, rate func(n int) float64) (all []sent) {
	t.Helper()
	all = make([]sent, organisations)
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 1))
		g := admission.New(admission.Capacity{Work: 4, Bytes: many}, time.Now, admission.Jitter(random.Float64), nil)
		var mu sync.Mutex
		loud := time.Now().Add(onset)
		one := func(n int, work time.Duration) {
			began := time.Now()
			counted := began.After(loud)
			u, err := g.Upload(string(rune('a'+n)), 1)
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				if counted {
					all[n].refused++
				}
				return
			}
			defer u.Done()
			time.Sleep(time.Millisecond)
			if err := u.Whole(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(work)
			mu.Lock()
			defer mu.Unlock()
			if counted {
				all[n].took = append(all[n].took, time.Since(began))
			}
		}
		var group sync.WaitGroup
		for n := range organisations {
			source := rand.New(rand.NewPCG(seed, uint64(n)))
			group.Go(func() {
				start := time.Now().Add(onset)
				for time.Since(start) < simulated*time.Second {
					now := rate(n)
					if time.Now().Before(start) {
						now = rate(1)
					}
					time.Sleep(time.Duration(source.ExpFloat64() / now * float64(time.Second)))
					work := time.Duration(10+20*source.Float64()) * time.Millisecond
					group.Go(func() { one(n, work) })
				}
			})
		}
		group.Wait()
		if s := g.State(); s != (admission.State{}) {
			t.Errorf("left: %+v", s)
		}
	})
	return all
}

// TestNoisyNeighbour: one of ten that sends twenty times its share takes what the others leave, and nothing of theirs.
func TestNoisyNeighbour(t *testing.T) {
	t.Parallel()
	const share = 14 // per second; ten of them are seven tenths of what can be done
	calm := simulate(t, 7, 10, func(int) float64 { return share })
	noisy := simulate(t, 7, 10, func(n int) float64 {
		if n == 0 {
			return 20 * share
		}
		return share
	})
	join := func(all []sent) (s sent) {
		for _, one := range all[1:] {
			s.refused, s.took = s.refused+one.refused, append(s.took, one.took...)
		}
		return s
	}
	before, after := join(calm), join(noisy)
	t.Logf("others: %d done, %d refused, p99 %v; beside a loud one %d done, %d refused, p99 %v; the loud one %d done, %d refused",
		len(before.took), before.refused, before.p99(), len(after.took), after.refused, after.p99(), len(noisy[0].took), noisy[0].refused)
	if after.refused*100 > len(after.took) {
		t.Errorf("the others are refused %d times of %d", after.refused, after.refused+len(after.took))
	}
	if after.p99() > before.p99()*6/5 {
		t.Errorf("the others' p99 goes from %v to %v", before.p99(), after.p99())
	}
	if spare := simulated * (200 - 9*share); len(noisy[0].took) < spare*3/4 {
		t.Errorf("the loud one got %d of the %d that the others leave", len(noisy[0].took), spare)
	}
}

// TestOverload: three times what can be done, evenly from ten. Nearly all places are used, and who is let in is done in time.
func TestOverload(t *testing.T) {
	t.Parallel()
	usual, over := sent{}, sent{}
	for _, s := range simulate(t, 8, 10, func(int) float64 { return 16 }) {
		usual.took = append(usual.took, s.took...)
	}
	for _, s := range simulate(t, 8, 10, func(int) float64 { return 60 }) {
		over.took = append(over.took, s.took...)
	}
	t.Logf("at 0.8: p99 %v; at 3: %d done, p99 %v", usual.p99(), len(over.took), over.p99())
	if over.p99() > 2*usual.p99() {
		t.Errorf("p99 goes from %v to %v", usual.p99(), over.p99())
	}
	if len(over.took) < simulated*200*9/10 {
		t.Errorf("only %d of %d were done", len(over.took), simulated*200)
	}
}
