//go:build bench

package bench

import (
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

const (
	fiftyTenants, fiftyEach, fiftyPage, fiftyRounds = 50, 100, 50, 100
	// atOnce is how many tenants a search asks at the same time (package disclosure).
	atOnce = 8
)

// fifty compares the first page over fifty tenants that hold 5,000 documents of one patient with the statement that a search runs in
// each of them (issue 4): one after the other, as one connection without us would, and so many at once as the search has. Beside it stand the
// same with what a search may not do without: an audit event in each tenant (A1), all with one commit, and the used proof (W1).
func (r *rig) fifty(t *testing.T) {
	c := r.copier(t)
	tenants, patient := c.tenants(fiftyTenants), syntheticPatients(1)
	c.fill(tenants, func(int) []document.PatientID { return patient }, fiftyEach)
	l := r.lister(t, patient[0], tenants, fiftyPage, first)
	if found, pages := l.toTheEnd(); found != fiftyTenants*fiftyEach {
		t.Fatalf("%d pages list %d entries, want %d", pages, found, fiftyTenants*fiftyEach)
	}
	whole := r.lister(t, patient[0], tenants, fiftyPage, fiftyPage+1)
	pool := r.pool(t)
	taken := alternate(fiftyRounds, 10, l.ours, l.statement, func() time.Duration { return l.together(pool) }, whole.statement, l.events, l.proof)
	ours, one, together, most, events, proof := taken[0], taken[1], taken[2], taken[3], taken[4], taken[5]
	const name = "first page of 50 of 5,000 over 50 tenants"
	r.milliseconds(name+", against the bare SQL of each tenant, one after the other", ours.median(), one.median())
	r.milliseconds(name+", same, p99", ours.p99(), one.p99())
	r.milliseconds(name+", against the bare SQL with a page's limit, one after the other", ours.median(), most.median())
	r.milliseconds(name+", against the bare SQL, eight at once", ours.median(), together.median())
	r.milliseconds(name+", against the bare SQL one after the other and the commits of the events and the proof", ours.median(), one.plus(events, proof).median())
	r.milliseconds(name+", against the bare SQL eight at once and the commits of the events and the proof", ours.median(), together.plus(events, proof).median())
}

// together is statement with as many connections as a search has.
func (l *lister) together(pool *pgxpool.Pool) time.Duration {
	l.t.Helper()
	began := time.Now()
	group, ctx := errgroup.WithContext(l.t.Context())
	group.SetLimit(atOnce)
	for _, sql := range l.statements {
		group.Go(func() error { return readAll(ctx, pool, sql, l.args, l.limit) })
	}
	if err := group.Wait(); err != nil {
		l.t.Fatal(err)
	}
	return time.Since(began)
}

// events commits one audit event in each tenant, all in one transaction.
func (l *lister) events() time.Duration {
	l.t.Helper()
	hits := 1
	began := time.Now()
	var events []audit.TenantEvent
	for _, of := range l.tenants {
		e := audit.New(began, audit.Actor{RequestID: "bench"}, audit.Read, "search")
		e.Patient, e.Detail.Query, e.Detail.Hits = l.args[0].(string), "_count=50", &hits
		events = append(events, audit.TenantEvent{Schema: of.Schema(), Event: e})
	}
	if err := l.log.RecordAll(l.t.Context(), events); err != nil {
		l.t.Fatal(err)
	}
	return time.Since(began)
}
