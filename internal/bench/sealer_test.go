//go:build bench

package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/tenant"

	"github.com/jackc/pgx/v5"
)

const (
	// sealerRounds is how often each kind of work is done with the sealer and without, by turns, sealerPhase how long each time.
	sealerRounds  = 6
	sealerPhase   = 1500 * time.Millisecond
	sealerClients = 8
	// sealerAhead is how much work is made ready before each phase.
	sealerAhead = 600
)

// sealer compares what is written while the audit log is sealed with what is written while the sealer is kept waiting, by turns: uploads of
// small documents as clients send them, and audit events alone, as fast as eight workers can. What waits is sealed between the
// phases, untimed. Ratios are of throughput: higher is better (issue 5: at least 0.95).
func (r *rig) sealer(t *testing.T) {
	from := r.press.stock(t, smallSize)
	var tenants []tenant.Tenant
	for range systems {
		tenants = append(tenants, r.service.Tenant(t))
	}
	r.sealedAndNot(t, "uploads of 10 KiB, 8 at once, while the audit log is sealed: throughput, against the sealer kept waiting", func() int {
		var senders []*sender // with tokens that outlive the round
		for _, of := range tenants {
			senders = append(senders, r.sender(t, of))
		}
		next := 0
		return counted(t, func() func() error {
			next++
			s := senders[next%systems]
			req := s.request(t, from)
			return func() error {
				_, err := s.insist(r.client, req)
				return err
			}
		})
	})
	log, next := audit.Log{DB: r.service.DB}, 0
	r.sealedAndNot(t, "audit events alone, 8 workers, while the log is sealed: throughput, against the sealer kept waiting", func() int {
		return counted(t, func() func() error {
			next++
			of := tenants[next%systems].Schema()
			return func() error {
				event := audit.New(time.Now(), audit.Actor{Caller: access.Caller{Kind: access.Machine, Organisation: "910000001"}}, audit.Read, "search")
				event.Patient, event.Detail.Query = "13116900216^^^&2.16.578.1.12.4.1.4.1&ISO", "patient.identifier=…&status=current"
				return log.Record(t.Context(), of, event)
			}
		})
	})
}

// sealedAndNot changes the order from round to round: with, without; without, with.
func (r *rig) sealedAndNot(t *testing.T, name string, phase func() int) {
	conn := bare(t, r.service.Parts.OwnerURL)
	phase() // warm
	done := map[bool]int{}
	for round := range 2 * sealerRounds {
		r.awaitSealed(t, conn)
		waiting := round%4 == 1 || round%4 == 2
		done[waiting] += r.with(t, conn, waiting, phase)
	}
	seconds := (sealerRounds * sealerPhase).Seconds()
	r.add(name, float64(done[false])/seconds, float64(done[true])/seconds, "1/s")
	t.Logf("%s: %.0f and %.0f per second", name, float64(done[false])/seconds, float64(done[true])/seconds)
}

// with does the work while the sealer works, or while it waits for the lock under which it gives out numbers.
func (r *rig) with(t *testing.T, conn *pgx.Conn, waiting bool, phase func() int) int {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if waiting {
		if _, err := tx.Exec(t.Context(), `select no from control.audit_last for update`); err != nil {
			t.Fatal(err)
		}
	}
	return phase()
}

// counted runs the workers for a phase, each with its next work as soon as its last is done, and counts what was done in it.
func counted(t *testing.T, ready func() func() error) int {
	t.Helper()
	works := make(chan func() error, sealerAhead)
	for range sealerAhead {
		works <- ready()
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	var done atomic.Int64
	end := time.Now().Add(sealerPhase)
	for range sealerClients {
		group.Go(func() {
			for time.Now().Before(end) {
				var work func() error
				select {
				case work = <-works:
				default:
					mu.Lock()
					work = ready()
					mu.Unlock()
				}
				if err := work(); err != nil {
					t.Error(err)
					return
				}
				if time.Now().Before(end) {
					done.Add(1)
				}
			}
		})
	}
	group.Wait()
	return int(done.Load())
}

// awaitSealed waits until nothing waits for its seal.
func (r *rig) awaitSealed(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var left int
		if err := conn.QueryRow(t.Context(), `select count(*) from control.audit_pending`).Scan(&left); err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events are not sealed after a minute", left)
		}
	}
}
