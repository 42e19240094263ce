package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"dokumentlager/internal/devstack"
)

// killer kills the service, and its parts in turn, at moments that its seed says.
type killer struct {
	soak *soak
	site *site
	rng  *rand.Rand
	// turn is the part that is next.
	turn  int
	kills map[string]int
}

var targets = []devstack.Part{devstack.S3, devstack.Clamd, devstack.Postgres}

// run kills so many times, or until something cannot be started again.
func (k *killer) run(ctx context.Context, times int) {
	for n := 1; n <= times && ctx.Err() == nil; n++ {
		time.Sleep(200*time.Millisecond + time.Duration(k.rng.Int64N(int64(4*time.Second))))
		what, err := k.once(ctx)
		k.kills[what]++
		if err == nil {
			err = k.recovered(ctx)
		}
		if err != nil {
			k.soak.violated("after kill %d, of %s: %v", n, what, err)
			return
		}
		k.soak.progress(n, times, what)
	}
}

// once kills one thing and starts it again on the same data, at once or a moment later.
func (k *killer) once(ctx context.Context) (string, error) {
	down := time.Duration(k.rng.Int64N(int64(1500 * time.Millisecond)))
	if k.rng.IntN(2) == 0 {
		if !k.site.alive() {
			return "service", fmt.Errorf("the service had ended by itself")
		}
		err := k.site.kill()
		time.Sleep(down)
		if err == nil {
			err = k.site.start()
		}
		return "service", err
	}
	part := targets[k.turn%len(targets)]
	k.turn++
	err := k.site.Parts.Kill(part)
	time.Sleep(down)
	if err == nil {
		err = k.site.Parts.Restart(ctx, part)
	}
	return string(part), err
}

// recovered waits until somebody's deed is acknowledged again: else the next kill would hit nothing.
func (k *killer) recovered(ctx context.Context) error {
	before := k.soak.acknowledged.Load()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if k.soak.acknowledged.Load() > before {
			return nil
		}
	}
	return fmt.Errorf("nothing was acknowledged for 90 s: ready is %v", k.site.ready(ctx))
}
