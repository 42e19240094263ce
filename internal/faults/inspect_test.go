package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"log/slog"

	"dokumentlager/internal/audit"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// inspection compares a tenant with the books of those who sent to it, when all is quiet. Everything that differs is a violation.
type inspection struct {
	t       testing.TB
	service *servicetest.Service
	of      tenant.Tenant
	papers  []*paper
	// quarantined is how many objects may stand in quarantine at most.
	quarantined int

	mu         sync.Mutex
	violations []string
}

func (in *inspection) violated(format string, args ...any) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.violations = append(in.violations, in.of.Name+": "+fmt.Sprintf(format, args...))
}

// run sweeps once, and then looks at everything.
func (in *inspection) run(ctx context.Context) []string {
	in.sweep(ctx)
	for _, look := range []func(context.Context) error{in.rows, in.events, in.bytes, in.fsck, in.objects} {
		if err := look(ctx); err != nil {
			in.violated("it could not be inspected: %v", err)
		}
	}
	slices.Sort(in.violations)
	return in.violations
}

// entry is a document entry's row with the state of its object.
type entry struct {
	id, unique, status, sum, state string
	codes                          []string
}

// rows: every acknowledged document is registered as last acknowledged, and nothing else is.
func (in *inspection) rows(ctx context.Context) error {
	var entries []entry
	err := in.service.DB.InTenant(ctx, in.of.Schema(), func(tx *postgres.Tx) error {
		rows, err := tx.Query(ctx, `select e.id::text, e.unique_id, e.status::text, encode(e.sha256, 'hex'), coalesce(o.state::text, '?'), e.confidentiality
			from tenant.document_entry e left join tenant.stored_object o on o.key = e.object_key`)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e entry, err error) {
			return e, row.Scan(&e.id, &e.unique, &e.status, &e.sum, &e.state, &e.codes)
		})
		return err
	})
	byID := map[string]entry{}
	for _, e := range entries {
		byID[e.id] = e
	}
	known := map[string]bool{}
	for _, p := range in.papers {
		known[p.id] = true
		in.compare(p, byID[p.id])
	}
	for _, e := range entries {
		if !known[e.id] {
			in.violated("entry %s (document %s) is registered and nobody was told so: a duplicate, or a refused one", e.id, e.unique)
		}
	}
	return err
}

func (in *inspection) compare(p *paper, e entry) {
	status, state := "A", "S"
	switch {
	case p.deleted:
		status, state = "T", "G"
	case p.replaced:
		status = "D"
	}
	switch {
	case e.id == "":
		in.violated("document %s was acknowledged and is not registered", p.id)
		return
	case e.status != status:
		in.violated("document %s has status %s, acknowledged is %s", p.id, e.status, status)
	case e.sum != hex.EncodeToString(p.sum[:]):
		in.violated("document %s is registered with another SHA-256", p.id)
	case e.state != state:
		in.violated("the bytes of document %s are in state %s, and should be in %s", p.id, e.state, state)
	}
	if len(e.codes) != 1 || !strings.HasPrefix(e.codes[0], p.code+"^") {
		in.violated("document %s has confidentiality %v, acknowledged is %s", p.id, e.codes, p.code)
	}
}

// tally is how many events of success tell of a document.
type tally struct{ created, updated, deleted int }

// events: one event per change, no doubles.
func (in *inspection) events(ctx context.Context) error {
	tallies := map[string]tally{}
	err := in.service.DB.InTenant(ctx, in.of.Schema(), func(tx *postgres.Tx) error {
		rows, err := tx.Query(ctx, `select d->>'entry_id', count(*) filter (where action = 'C'), count(*) filter (where action = 'U'),
			count(*) filter (where action = 'D') from tenant.audit_event, jsonb_array_elements(detail->'documents') d where outcome = 'S' group by 1`)
		if err != nil {
			return err
		}
		var id string
		var one tally
		_, err = pgx.ForEachRow(rows, []any{&id, &one.created, &one.updated, &one.deleted}, func() error { tallies[id] = one; return nil })
		return err
	})
	for _, p := range in.papers {
		got := tallies[p.id]
		delete(tallies, p.id)
		gone := 0
		if p.deleted {
			gone = 1
		}
		if got.created != 1 || got.deleted != gone || got.updated < p.patches || got.updated > p.sent {
			in.violated("document %s has events %+v; 1 of creation, %d to %d of change and %d of deletion are right", p.id, got, p.patches, p.sent, gone)
		}
	}
	for id, got := range tallies {
		if got != (tally{}) {
			in.violated("document %s has events of success %+v and nobody was told so", id, got)
		}
	}
	return err
}

// bytes: what went in comes out, and what is deleted does not.
func (in *inspection) bytes(ctx context.Context) error {
	doctor := in.service.Doctor(in.t, in.of.Organisations[0])
	var group errgroup.Group
	group.SetLimit(8)
	for _, p := range in.papers {
		group.Go(func() error {
			r := open(ctx, in.t, in.service, doctor, p)
			switch {
			case p.deleted && r.status != http.StatusGone && r.status != http.StatusNotFound:
				in.violated("document %s is deleted and opening it gives %d, %v", p.id, r.status, r.err)
			case p.deleted:
			case !r.kept():
				in.violated("document %s cannot be opened: %s", p.id, r)
			case sha256.Sum256(r.body) != p.sum:
				in.violated("document %s comes out with other bytes than went in", p.id)
			}
			return nil
		})
	}
	return group.Wait()
}

// open fetches a document as a doctor.
func open(ctx context.Context, t testing.TB, s *servicetest.Service, doctor *servicetest.Caller, p *paper) reply {
	query := url.Values{"documentUniqueId": {p.unique}, "homeCommunityId": {p.of.HomeCommunity}, "repositoryUniqueId": {p.of.Repository}}
	return request(ctx, time.Minute, http.MethodGet, s.URL+"/mhd/document?"+query.Encode(), nil, func(req *http.Request) {
		req.Header.Set("nhn-patient-nin", servicetest.Patient)
		doctor.Sign(t, req)
	})
}

// fsck is the product's own, of this tenant, with every byte read and no grace.
func (in *inspection) fsck(ctx context.Context) error {
	objects, queue, err := in.stores()
	if err != nil {
		return err
	}
	secret, err := hex.DecodeString(in.service.LocatorKey)
	if err != nil {
		return err
	}
	locator, err := registry.NewLocator(secret)
	if err != nil {
		return err
	}
	check := &lifecycle.Fsck{DB: in.service.DB, Tenants: tenant.Directory{DB: in.service.DB}, Objects: objects, Queue: queue, Locator: locator, Deep: true,
		Parallel: 2, Now: later, Found: func(f lifecycle.Finding) {
			in.violated("fsck: %s object=%s entry=%s: %s", f.Kind, f.Object, f.Entry, f.Detail)
		},
		Progress: func(lifecycle.Progress) {}}
	_, err = check.Run(ctx, in.of.Name)
	return err
}

// sweeps: one at a time in a database.
var sweeps sync.Mutex

// sweep is the product's own, once, without grace.
func (in *inspection) sweep(ctx context.Context) {
	objects, queue, err := in.stores()
	if err == nil {
		sweeps.Lock()
		defer sweeps.Unlock()
		s := &lifecycle.Sweep{DB: in.service.DB, Tenants: tenant.Directory{DB: in.service.DB}, Objects: objects, Queue: queue, Actor: audit.Operator("faults"), Now: later}
		_, err = s.Run(ctx, in.of.Name)
	}
	if err != nil {
		in.violated("it could not be swept: %v", err)
	}
}

// objects counts what the store holds, which fsck could be wrong about: the bytes of each document that is not deleted, and no others.
func (in *inspection) objects(ctx context.Context) error {
	store, err := storeOf(in.service)
	if err != nil {
		return err
	}
	want, documents, quarantined := 0, 0, 0
	for _, p := range in.papers {
		if !p.deleted {
			want++
		}
	}
	for area, n := range map[string]*int{"d": &documents, "q": &quarantined} {
		if err := store.List(ctx, area+"/"+in.of.SchemaName+"/", func(blob.Info) error { *n++; return nil }); err != nil {
			return err
		}
	}
	if documents != want || quarantined > in.quarantined {
		in.violated("the store holds %d objects of documents and %d in quarantine; %d and at most %d are right", documents, quarantined, want, in.quarantined)
	}
	return nil
}

func storeOf(s *servicetest.Service) (*blob.S3, error) {
	p := s.Parts.S3
	return blob.NewS3(blob.Config{Endpoint: p.Endpoint, Region: p.Region, Bucket: p.Bucket, AccessKey: p.AccessKey, SecretKey: p.SecretKey, PathStyle: true})
}

func (in *inspection) stores() (*repository.Repository, *job.Queue, error) {
	store, err := storeOf(in.service)
	if err != nil {
		return nil, nil, err
	}
	queue, err := job.NewQueue(in.service.DB, slog.New(slog.DiscardHandler))
	return repository.New(repository.Config{Blobs: store}), queue, err
}
