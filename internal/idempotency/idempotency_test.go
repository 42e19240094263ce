package idempotency_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

func keys(t *testing.T) idempotency.Keys {
	t.Helper()
	return idempotency.Keys{DB: stacktest.Migrated(t).DB}
}

func someKey() idempotency.Key { return idempotency.KeyOf("client", "910000001", uuid.NewString()) }

func body() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return b
}

// begin must get the key.
func begin(t *testing.T, k idempotency.Keys, key idempotency.Key) *idempotency.Attempt {
	t.Helper()
	a, first, err := k.Begin(t.Context(), key)
	if err != nil || a == nil || first != nil {
		t.Fatalf("attempt %v, answer %v, %v", a, first, err)
	}
	return a
}

// settle runs a transaction of an upload; hold runs inside it.
func settle(t *testing.T, a *idempotency.Attempt, s postgres.Schema, body []byte, set uuid.UUID, hold func() error) error {
	t.Helper()
	return stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		a.Settle(tx, body, set)
		return hold()
	})
}

func nothing() error { return nil }

func codeOf(err error) fault.Code {
	if lead := fault.Of(err).Leading(); lead != nil {
		return lead.Code
	}
	return ""
}

// TestOneAnswer is a key's whole life: running, answered, asked for again.
func TestOneAnswer(t *testing.T) {
	t.Parallel()
	k, key, s, sent, set := keys(t), someKey(), stacktest.Tenant(t).Schema(), body(), uuid.New()
	a := begin(t, k, key)
	_, first, err := k.Begin(t.Context(), key)
	if codeOf(err) != fault.InProgress || first != nil || fault.Of(err).Leading().RetryAfter < time.Second {
		t.Errorf("while running: %v, %v", first, err)
	}
	if err := settle(t, a, s, sent, set, nothing); err != nil {
		t.Fatal(err)
	}
	a.End(t.Context())
	for range 2 {
		again, first, err := k.Begin(t.Context(), key)
		if err != nil || again != nil || first == nil || first.Tenant != s.ID || first.Set != set || !bytes.Equal(first.Body, sent) {
			t.Errorf("afterwards: %v, %+v, %v", again, first, err)
		}
	}
}

// TestNothingStoredGivesFree: a refusal, and a transaction that was rolled back, leave the key to a corrected request.
func TestNothingStoredGivesFree(t *testing.T) {
	t.Parallel()
	k, key, s := keys(t), someKey(), stacktest.Tenant(t).Schema()
	a := begin(t, k, key)
	a.End(t.Context())
	a = begin(t, k, key)
	refused := errors.New("refused")
	if err := settle(t, a, s, body(), uuid.New(), func() error { return refused }); !errors.Is(err, refused) {
		t.Fatal(err)
	}
	a.End(t.Context())
	begin(t, k, key).End(t.Context())
}

// TestOthersKeysAreOthers: the same text of another client or organisation is another key.
func TestOthersKeysAreOthers(t *testing.T) {
	t.Parallel()
	text := uuid.NewString()
	all := map[idempotency.Key]bool{}
	for _, who := range [][2]string{{"a", "1"}, {"b", "1"}, {"a", "2"}, {`a" "1`, ""}, {"", `a" "1`}} {
		all[idempotency.KeyOf(who[0], who[1], text)] = true
	}
	if len(all) != 5 {
		t.Errorf("%d keys of five callers", len(all))
	}
}

// TestLeaseOfTheDeadEnds, and the living one is renewed well beyond its length.
func TestLeaseOfTheDeadEnds(t *testing.T) {
	t.Parallel()
	k, key := keys(t), someKey()
	k.Lease = 600 * time.Millisecond
	dead, cancel := context.WithCancel(t.Context())
	if _, _, err := k.Begin(dead, key); err != nil {
		t.Fatal(err)
	}
	cancel() // as when the process dies: no renewal, no End
	deadline := time.Now().Add(20 * time.Second)
	for {
		a, _, err := k.Begin(t.Context(), key)
		if err == nil {
			defer a.End(t.Context())
			break
		}
		if codeOf(err) != fault.InProgress || time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	// On a machine that stands still for a whole lease the renewal can come late: then it is not the renewal that fails.
	for begun := time.Now(); time.Since(begun) < 3*k.Lease; {
		before := time.Now()
		if a, _, err := k.Begin(t.Context(), key); err == nil && time.Since(before) < k.Lease/6 {
			a.End(t.Context())
			t.Error("a living attempt lost its key")
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestOvertaken: an attempt that slept beyond its lease cannot register any more once another has begun; the other's answer counts.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	k, key, s := keys(t), someKey(), stacktest.Tenant(t).Schema()
	ctx, cancel := context.WithCancel(t.Context())
	slow, _, err := k.Begin(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), `update control.idempotency set until = now() - interval '1 s' where key = $1`, uuid.UUID(key)); err != nil {
		t.Fatal(err)
	}
	quick, set, sent := begin(t, k, key), uuid.New(), body()
	if err := settle(t, slow, s, body(), uuid.New(), nothing); codeOf(err) != fault.InProgress {
		t.Errorf("the overtaken one: %v", err)
	}
	slow.End(t.Context()) // takes nothing from the other
	if err := settle(t, quick, s, sent, set, nothing); err != nil {
		t.Fatal(err)
	}
	if err := settle(t, slow, s, body(), uuid.New(), nothing); codeOf(err) != fault.InProgress {
		t.Errorf("the overtaken one, later: %v", err)
	}
	quick.End(t.Context())
	if _, first, err := k.Begin(t.Context(), key); err != nil || first == nil || first.Set != set {
		t.Errorf("%+v, %v", first, err)
	}
}

// TestManyBegin: of 20 at once one gets the key.
func TestManyBegin(t *testing.T) {
	t.Parallel()
	k, key := keys(t), someKey()
	var all sync.WaitGroup
	var mu sync.Mutex
	got := 0
	for range 20 {
		all.Go(func() {
			a, first, err := k.Begin(t.Context(), key)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case a != nil:
				got++
				t.Cleanup(func() { a.End(context.Background()) })
			case codeOf(err) != fault.InProgress || first != nil:
				t.Errorf("%v, %v", first, err)
			}
		})
	}
	all.Wait()
	if got != 1 {
		t.Errorf("%d attempts", got)
	}
}

// TestSweep forgets what is over, and an answer that is over is not given though no sweep has come by.
func TestSweep(t *testing.T) {
	t.Parallel()
	k, old, young, s := keys(t), someKey(), someKey(), stacktest.Tenant(t).Schema()
	for _, key := range []idempotency.Key{old, young} {
		a := begin(t, k, key)
		if err := settle(t, a, s, body(), uuid.New(), nothing); err != nil {
			t.Fatal(err)
		}
		a.End(t.Context())
	}
	pool := stacktest.Migrated(t).Owner.Pool()
	var left time.Duration
	if err := pool.QueryRow(t.Context(), `select until - now() from control.idempotency where key = $1`, uuid.UUID(young)).Scan(&left); err != nil ||
		left < idempotency.Kept-time.Hour || left > idempotency.Kept {
		t.Errorf("kept for %v, %v", left, err)
	}
	age := func() {
		t.Helper()
		if _, err := pool.Exec(t.Context(), `update control.idempotency set until = now() - interval '1 s' where key = $1`, uuid.UUID(old)); err != nil {
			t.Fatal(err)
		}
	}
	age()
	a := begin(t, k, old)
	if err := settle(t, a, s, body(), uuid.New(), nothing); err != nil {
		t.Fatal(err)
	}
	a.End(t.Context())
	age()
	if n, err := k.Sweep(t.Context()); err != nil || n < 1 {
		t.Errorf("%d, %v", n, err)
	}
	begin(t, k, old).End(t.Context())
	if _, first, err := k.Begin(t.Context(), young); err != nil || first == nil {
		t.Errorf("the young one: %v", err)
	}
}
