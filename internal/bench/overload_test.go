//go:build bench

package bench

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// loadPhase is how long a load lasts; its first second, in which queues fill, is not counted.
	loadPhase = 5 * time.Second
	onset     = time.Second
	// signing is how long before a request is due its proof is made.
	signing = 20 * time.Millisecond
	// loadRounds of each pair of phases, by turns.
	loadRounds = 3
	// systems is how many organisations send.
	systems = 10
)

// overload compares what is admitted at three times the capacity with what is usual at four fifths of it (issue 3, trust.md 12). Requests
// come when they come, whatever became of the ones before (open loop): that is how an overload is.
func (r *rig) overload(t *testing.T) {
	for _, c := range []struct {
		name string
		size int
	}{{"10 KiB", 10 << 10}, {"1 MiB", 1 << 20}} {
		from := r.press.stock(t, c.size)
		var senders []*sender
		for range systems {
			senders = append(senders, r.sender(t, r.service.Tenant(t)))
		}
		capacity, full := r.capacity(t, senders, from)
		var normal, over outcomes
		for range loadRounds {
			normal = append(normal, r.load(t, senders, even(0.8*capacity), from)...)
			over = append(over, r.load(t, senders, even(3*capacity), from)...)
		}
		usual := normal.of(http.StatusOK, nil)
		admitted, refused := over.of(http.StatusOK, nil), over.of(http.StatusTooManyRequests, nil)
		name := "overload, " + c.name
		t.Logf("%s: capacity %.0f/s (p99 %v); at 0.8: %d answered, %d refused, p50 %v, p99 %v; at 3: %d admitted (%.0f/s), p50 %v, p99 %v; %d refused, p99 %v",
			name, capacity, full.p99(), len(usual), len(normal)-len(usual), usual.median(), usual.p99(), len(admitted),
			float64(len(admitted))/(loadRounds*(loadPhase-onset).Seconds()), admitted.median(), admitted.p99(), len(refused), refused.p99())
		r.milliseconds(name+": p99 of what is admitted at 3x capacity, against p99 at 0.8x", admitted.p99(), usual.p99())
		r.milliseconds(name+": p99 of refusals at 3x capacity, against the target", refused.p99(), 50*time.Millisecond)
		r.add(name+": requests admitted and not answered 200, against one of a thousand", float64(over.lost()), float64(len(over))/1000, "")
	}
}

// neighbour compares nine organisations' uploads while a tenth sends as they do with those while it sends twenty times as much
// (issue 3, trust.md 13).
func (r *rig) neighbour(t *testing.T) {
	from := r.press.stock(t, 10<<10)
	var senders []*sender
	for range systems {
		senders = append(senders, r.sender(t, r.service.Tenant(t)))
	}
	capacity, _ := r.capacity(t, senders, from)
	share := 0.7 * capacity / systems
	var calm, noisy outcomes
	for range loadRounds + 1 {
		calm = append(calm, r.load(t, senders, func(int) float64 { return share }, from)...)
		noisy = append(noisy, r.load(t, senders, func(n int) float64 {
			if n == 0 {
				return 20 * share
			}
			return share
		}, from)...)
	}
	others := func(n int) bool { return n > 0 }
	before, after := calm.of(http.StatusOK, others), noisy.of(http.StatusOK, others)
	loud := noisy.of(http.StatusOK, func(n int) bool { return n == 0 })
	refused := noisy.of(http.StatusTooManyRequests, others)
	t.Logf("capacity %.0f/s, share %.1f/s; others: %d calm p50 %v p99 %v; %d noisy p50 %v p99 %v, %d refused; the loud one: %d", capacity, share,
		len(before), before.median(), before.p99(), len(after), after.median(), after.p99(), len(refused), len(loud))
	r.milliseconds("noisy neighbour at 20x its share: p99 of the nine others, against p99 with a quiet one", after.p99(), before.p99())
	r.milliseconds("noisy neighbour at 20x its share: median of the nine others, against the median with a quiet one", after.median(), before.median())
	r.add("noisy neighbour: the others' requests refused, against one of a hundred", float64(len(refused)), float64(len(after)+len(refused))/100, "")
}

// loadOutcome is one request of a load.
type loadOutcome struct {
	sender int
	// at is when it was sent, from the load's beginning.
	at, took time.Duration
	status   int
	err      error
}

type outcomes []loadOutcome

// of are the durations of those with a status, by some senders; nil means all.
func (all outcomes) of(status int, senders func(n int) bool) (s sample) {
	for _, o := range all {
		if o.status == status && (senders == nil || senders(o.sender)) {
			s = append(s, o.took)
		}
	}
	return s
}

// lost counts what was neither answered nor refused properly.
func (all outcomes) lost() (n int) {
	for _, o := range all {
		if o.status != http.StatusOK && o.status != http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// even gives every sender the same part of a rate.
func even(rate float64) func(int) float64 {
	return func(int) float64 { return rate / systems }
}

// capacity is how many uploads per second are answered when each sender sends the next when the last was answered.
func (r *rig) capacity(t *testing.T, senders []*sender, from *stock) (float64, sample) {
	t.Helper()
	const each = 20
	var mu sync.Mutex
	var all sample
	var group sync.WaitGroup
	var ready [systems][]*http.Request
	for i, s := range senders {
		for range each {
			ready[i] = append(ready[i], s.request(t, from))
		}
	}
	began := time.Now()
	for i := range senders {
		group.Go(func() {
			for _, req := range ready[i] {
				err := senders[i].sign(req)
				took := time.Duration(0)
				if err == nil {
					took, err = timed(r.client, req, io.Discard)
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return float64(len(all)) / time.Since(began).Seconds(), all
}

// load sends at random moments (a Poisson process of the given rate per second for each sender), and counts from the moment a request was
// due, so that a late client is no excuse.
func (r *rig) load(t *testing.T, senders []*sender, rate func(n int) float64, from *stock) outcomes {
	t.Helper()
	type due struct {
		sender int
		at     time.Duration
		req    *http.Request
	}
	var plan []due
	for n, s := range senders {
		for at := time.Duration(0); ; {
			at += time.Duration(rand.ExpFloat64() / rate(n) * float64(time.Second))
			if at > loadPhase {
				break
			}
			plan = append(plan, due{n, at, s.request(t, from)})
		}
	}
	results := make(outcomes, len(plan))
	var group sync.WaitGroup
	began := time.Now()
	for i, d := range plan {
		group.Go(func() {
			time.Sleep(d.at - time.Since(began) - signing)
			status, err := 0, senders[d.sender].sign(d.req)
			time.Sleep(d.at - time.Since(began))
			if err == nil {
				status, err = r.send(d.req)
			}
			results[i] = loadOutcome{d.sender, d.at, time.Since(began) - d.at, status, err}
		})
	}
	group.Wait()
	var counted outcomes
	for _, o := range results {
		if o.status != http.StatusOK && o.status != http.StatusTooManyRequests {
			t.Errorf("answered neither way: %d, %v", o.status, o.err)
		}
		if o.at > onset {
			counted = append(counted, o)
		}
	}
	return counted
}

// send gives the status; a refusal without a time to come back is an error.
func (r *rig) send(req *http.Request) (int, error) {
	res, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if err := drain(io.Discard, res.Body); err != nil {
		return 0, err
	}
	if after, err := strconv.Atoi(res.Header.Get("Retry-After")); res.StatusCode == http.StatusTooManyRequests && (err != nil || after < 1) {
		return 0, fmt.Errorf("429 with Retry-After %q", res.Header.Get("Retry-After"))
	}
	return res.StatusCode, nil
}
