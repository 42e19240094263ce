//go:build bench

package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// smallSize is a document of a few pages of text, smallPhase how long each side works at a time, smallRounds how often by turns.
	smallSize   = 10 << 10
	smallPhase  = 4 * time.Second
	smallRounds = 3
)

// small compares uploads of small documents, so many clients at once, with the same number of workers who do what an upload cannot do
// without: the scan, the put, and one transaction with the rows of an upload (issue 3). The clients are of ten organisations, and come
// back when they are told to; the time until then counts. Ratios are of throughput: higher is better.
func (r *rig) small(t *testing.T) {
	from := r.press.stock(t, smallSize)
	var tenants []tenant.Tenant
	for range systems {
		tenants = append(tenants, r.service.Tenant(t))
	}
	floor := r.newRegistrar(t, tenants[0])
	for _, clients := range []int{1, 8, 32} {
		var ours, least sample
		var refused atomic.Int64
		for range smallRounds {
			var senders []*sender // with tokens that outlive the round
			for _, of := range tenants {
				senders = append(senders, r.sender(t, of))
			}
			next := 0
			ours = append(ours, closed(t, clients, func() func() (time.Duration, error) {
				next++
				s := senders[next%systems]
				req := s.request(t, from)
				return func() (time.Duration, error) {
					began := time.Now()
					n, err := s.insist(r.client, req)
					refused.Add(int64(n))
					return time.Since(began), err
				}
			})...)
			least = append(least, closed(t, clients, func() func() (time.Duration, error) {
				content := from.fresh()
				return func() (time.Duration, error) { return floor.upload(t, content) }
			})...)
		}
		name := fmt.Sprintf("uploads of 10 KiB, %d at once", clients)
		seconds := (smallRounds * smallPhase).Seconds()
		r.add(name+": throughput, against scan, put and one transaction", float64(len(ours))/seconds, float64(len(least))/seconds, "1/s")
		r.milliseconds(name+": p99, against the same", ours.p99(), least.p99())
		t.Logf("%s: p50 %v, floor p50 %v; told to come back %d times", name, ours.median(), least.median(), refused.Load())
	}
}

// closed runs so many workers, each with its next work as soon as its last is done, for a phase. Work is made ready outside the measured
// part as far as it lasts.
func closed(t *testing.T, workers int, ready func() func() (time.Duration, error)) (all sample) {
	t.Helper()
	const ahead = 4000
	works := make(chan func() (time.Duration, error), ahead)
	for range ahead {
		works <- ready()
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	end := time.Now().Add(smallPhase)
	for range workers {
		group.Go(func() {
			for time.Now().Before(end) {
				var work func() (time.Duration, error)
				select {
				case work = <-works:
				default:
					mu.Lock()
					work = ready()
					mu.Unlock()
				}
				took, err := work()
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
	return all
}

// tokens compares what it costs to verify token and proof, over HTTP, with the commit of the used proof alone; the machine's commits
// per second by one connection stand beside it, since a disk that lies makes everything fast.
func (r *rig) tokens(t *testing.T) {
	of, pool := r.service.Tenant(t), r.pool(t)
	for _, clients := range []int{1, 8, 32} {
		caller := r.holder(t, of, "/pingauth", access.AudienceRead, access.ScopeReadDocument) // with a token that outlives the phase
		ours := closed(t, clients, func() func() (time.Duration, error) {
			return func() (time.Duration, error) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, caller.url, nil)
				if err == nil {
					err = caller.sign(req)
				}
				if err != nil {
					return 0, err
				}
				return timed(r.client, req, io.Discard)
			}
		})
		least := closed(t, clients, func() func() (time.Duration, error) {
			return func() (time.Duration, error) {
				began := time.Now()
				_, err := pool.Exec(t.Context(), `insert into control.dpop_proof (proof, iat) values ($1, now())`, uuid.New())
				return time.Since(began), err
			}
		})
		name := fmt.Sprintf("token and proof verified over HTTP, %d at once", clients)
		r.add(name+", against the proof's commit alone", float64(len(ours))/smallPhase.Seconds(), float64(len(least))/smallPhase.Seconds(), "1/s")
		if clients == 1 {
			r.add("commits by one connection (the rate of fsync), against a thousand", float64(len(least))/smallPhase.Seconds(), 1000, "1/s")
		}
	}
}

// registrar does the floor of a small upload.
type registrar struct {
	floor *floor
	of    tenant.Tenant
	pool  *pgxpool.Pool
}

func (r *rig) newRegistrar(t *testing.T, of tenant.Tenant) *registrar {
	return &registrar{r.floor, of, r.pool(t)}
}

// pool is of the owning role, with as many connections as the service has for its tenants, in the mode of those.
func (r *rig) pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(r.service.Parts.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnConfig.DefaultQueryExecMode, cfg.MaxConns = pgx.QueryExecModeExec, 20
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// upload is the scan, then the put, then the rows.
func (g *registrar) upload(t *testing.T, content []byte) (time.Duration, error) {
	began := time.Now()
	stream, err := g.floor.scanner.Open(t.Context())
	if err != nil {
		return 0, err
	}
	defer stream.Abort()
	if _, err := stream.Write(content); err != nil {
		return 0, err
	}
	if _, err := stream.Verdict(); err != nil {
		return 0, err
	}
	key := uuid.New()
	if err := g.floor.keep(t.Context(), "d/"+g.of.SchemaName+"/"+key.String(), content); err != nil {
		return 0, err
	}
	err = g.register(t.Context(), key, int64(len(content)))
	return time.Since(began), err
}

// register writes what an upload of one document writes, and nothing else.
func (g *registrar) register(ctx context.Context, key uuid.UUID, size int64) error {
	set, entry, event := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	const patient, now = "13116900216^^^&2.16.578.1.12.4.1.4.1&ISO", "2026-11-21T12:00:00Z"
	s := pgx.Identifier{g.of.SchemaName}.Sanitize()
	sum := make([]byte, 32)
	_, _ = rand.Read(sum)
	b := &pgx.Batch{}
	b.Queue(`insert into `+s+`.submission (id, unique_id, patient_id, source_id, content_type, submission_time, registered_at, rest, receipt)
	  values ($1, $2, $3, '1.2.3', 'c^s', $4, $4, '{}', '{"published":"2026-11-21T12:00:00Z"}')`, set, set.String(), patient, now)
	b.Queue(`insert into `+s+`.document_entry (id, logical_id, version, unique_id, patient_id, status, submission_id, object_key, class_code, type_code, format_code,
	  facility_code, practice_code, confidentiality, creation_time, mime_type, size, sha1, sha256, registered_at, rest)
	  values ($1, $1, 1, $2, $3, 'A', $4, $5, 'c^s', 't^s', 'f^s', 'f^s', 'p^s', '{N^s}', $6, 'text/plain', $7, $8, $9, $6, '{"title":"Epikrise"}')`,
		entry, entry.String(), patient, set, key, now, size, sum[:20], sum)
	b.Queue(`insert into `+s+`.association (id, kind, source_id, target_id, submission_id, registered_at) values ($1, 'M', $2, $3, $2, $4)`,
		uuid.Must(uuid.NewV7()), set, entry, now)
	b.Queue(`insert into `+s+`.stored_object (key, state, size, sha256, mime_type, event_id, stored_at, changed_at) values ($1, 'S', $2, $3, 'text/plain', $4, $5, $5)`,
		key, size, sum, event, now)
	b.Queue(`insert into `+s+`.audit_event (id, at, action, outcome, operation, patient_id, entry_id, actor, detail) values ($1, $2, 'C', 'S', 'provide', $3, $4, '{}', '{}')`,
		event, now, patient, entry)
	b.Queue(`insert into control.audit_pending (tenant_id, event_id) values ($1, $2)`, g.of.ID, event)
	b.Queue(`insert into control.patient_locator (patient_key, tenant_id) values ($1, $2) on conflict do nothing`, uuid.Nil, g.of.ID)
	b.Queue(`insert into control.entry_locator (entry_id, tenant_id) values ($1, $2) on conflict do nothing`, entry, g.of.ID)
	return pgx.BeginFunc(ctx, g.pool, func(tx pgx.Tx) error { return tx.SendBatch(ctx, b).Close() })
}

// fresh is a document of the stock's, as bytes, which nobody has scanned yet.
func (s *stock) fresh() []byte {
	content := make([]byte, s.size)
	n := copy(content, bytes.Repeat([]byte("Pasienten er oppdiktet. "), s.size/24))
	_ = copy(content[n-tail:], uuid.NewString()+uuid.NewString())
	return content
}
