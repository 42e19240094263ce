package admission

import (
	"context"
	"time"
)

// Upload is one that was admitted. It belongs to one goroutine.
type Upload struct {
	gate         *Gate
	organisation string
	since        time.Time
	release      func()
	// The gate's mutex guards the rest. Charge is what it counts in bytes; declared is negative when nobody said; near and whole say how
	// far it is.
	charge, declared, read int64
	near, whole, done      bool
}

// Read tells that n more bytes came. A body without a declared length counts for what it is once that is more than was assumed.
func (u *Upload) Read(n int) {
	u.read += int64(n)
	if u.declared >= 0 || u.read <= u.charge {
		return
	}
	u.recharge(u.read)
}

func (u *Upload) recharge(to int64) {
	u.gate.mu.Lock()
	defer u.gate.mu.Unlock()
	if !u.done {
		u.gate.hold(u.organisation, holding{bytes: to - u.charge})
		u.charge = to
	}
}

// Whole tells that the body has come to its end, and waits for a place to work on it. Called again it does nothing. The error is the
// context's.
func (u *Upload) Whole(ctx context.Context) error {
	if u.release != nil {
		return nil
	}
	if u.declared < 0 {
		u.recharge(u.read)
	}
	u.gate.mu.Lock()
	if !u.near {
		u.near = true
		u.gate.hold(u.organisation, holding{near: 1})
	}
	u.whole = true
	u.gate.mu.Unlock()
	release, err := u.gate.places.Take(ctx, u.organisation)
	if err == nil {
		u.release = release
	}
	return err
}

// Done gives everything back. It is always deferred, and can be called again.
func (u *Upload) Done() {
	if u.release != nil {
		u.release()
	}
	u.gate.mu.Lock()
	defer u.gate.mu.Unlock()
	if u.done {
		return
	}
	u.done = true
	change := holding{uploads: -1, bytes: -u.charge}
	if u.near {
		change.near = -1
	}
	u.near = false
	u.gate.hold(u.organisation, change)
	u.gate.sortOut()
}
