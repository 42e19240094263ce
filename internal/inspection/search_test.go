package inspection_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// looking is a service over some instances of a test's own, and their organisation's machine.
type looking struct {
	inspection.Service
	tenants []tenant.Tenant
	actor   audit.Actor
}

func look(t *testing.T, instances, events int) *looking {
	t.Helper()
	db, organisation := stacktest.Migrated(t).DB, stacktest.Organisation()
	l := &looking{inspection.Service{DB: db, Tenants: tenant.Directory{DB: db}, Log: audit.Log{DB: db}, Deadline: 20 * time.Second, Now: time.Now}, nil,
		audit.Actor{Caller: access.Caller{Kind: access.Machine, ClientID: "c", Organisation: organisation, Scopes: []string{access.ScopeLogOwn}}}}
	for range instances {
		l.tenants = append(l.tenants, stacktest.Tenant(t, func(of *tenant.Tenant) { of.Organisations = []string{organisation} }))
	}
	for n := range events {
		e := audit.New(time.Now(), audit.Actor{Caller: access.Caller{Kind: access.Machine}}, audit.Create, []string{"even", "odd"}[n/instances%2])
		if err := l.Log.Record(t.Context(), l.tenants[n%instances].Schema(), e); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func anything(inspection.Item) bool { return true }

// walk follows a search to its end.
func (l *looking) walk(t *testing.T, q inspection.Search, keep func(inspection.Item) bool, between func(page int)) (found []inspection.Item, warnings []string, pages int) {
	t.Helper()
	for next := &q; next != nil; pages++ {
		page, err := l.Search(t.Context(), l.actor, *next, keep)
		if err != nil || pages > 200 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, w := range page.Warnings {
			warnings = append(warnings, w.Safe)
		}
		found = append(found, page.Items...)
		next = page.Next
		between(pages)
	}
	return found, warnings, pages
}

// owned runs SQL as the owner on a tenant's log.
func owned(t *testing.T, of tenant.Tenant, sql string) {
	t.Helper()
	s := pgx.Identifier{of.SchemaName}.Sanitize()
	if _, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), strings.NewReplacer("LOG", s+".audit_event", "ROLE", s).Replace(sql)); err != nil {
		t.Fatal(err)
	}
}

// TestShortPages: a log that is looked through for too long gives what it has so far, and the pages go on from there until all is found, in order.
func TestShortPages(t *testing.T) {
	t.Parallel()
	l := look(t, 2, 120)
	var seconds atomic.Int64 // every look at the clock takes a second and a half
	began := time.Now()
	l.Now = func() time.Time { return began.Add(time.Duration(seconds.Add(1)) * 1500 * time.Millisecond) }
	odd := func(i inspection.Item) bool { return i.Operation == "odd" }
	found, _, pages := l.walk(t, inspection.Search{Limit: 3}, odd, func(int) {})
	if len(found) != 60 || pages < 20 {
		t.Errorf("%d found in %d pages", len(found), pages)
	}
	rare, _, pages := l.walk(t, inspection.Search{Limit: 3}, func(i inspection.Item) bool { return i.ID == found[59].ID }, func(int) {})
	if len(rare) != 1 || pages < 3 {
		t.Errorf("%d found in %d pages: the test looks at no short ones", len(rare), pages)
	}
	if !slices.IsSortedFunc(found, func(a, b inspection.Item) int { return strings.Compare(b.ID.String(), a.ID.String()) }) {
		t.Error("out of order")
	}
}

// TestSilentLog: a log that does not answer is named on every page and left out of all; in the next search it is back.
func TestSilentLog(t *testing.T) {
	t.Parallel()
	l := look(t, 3, 30)
	owned(t, l.tenants[1], `revoke select on LOG from ROLE`)
	found, warnings, pages := l.walk(t, inspection.Search{Limit: 7}, anything, func(page int) {
		if page == 0 {
			owned(t, l.tenants[1], `grant select on LOG to ROLE`)
		}
	})
	created := 0
	for _, i := range found {
		if i.Log.ID == l.tenants[1].ID {
			t.Fatal("an event of the log that was passed by")
		}
		if i.Action == "C" {
			created++
		}
	}
	if created != 20 || len(warnings) != pages || pages < 3 || !strings.Contains(warnings[pages-1], l.tenants[1].HomeCommunity) {
		t.Errorf("%d events, in %d pages with the warnings %v", created, pages, warnings)
	}
	if again, warnings, _ := l.walk(t, inspection.Search{Limit: 200}, func(i inspection.Item) bool { return i.Action == "C" }, func(int) {}); len(again) != 30 || len(warnings) > 0 {
		t.Errorf("%d events, %v", len(again), warnings)
	}
}

// TestNothingLeavesUnlogged: of a log that takes no event of the reading nothing is handed out, alone or among others.
func TestNothingLeavesUnlogged(t *testing.T) {
	t.Parallel()
	l := look(t, 2, 10)
	owned(t, l.tenants[0], `revoke insert on LOG from ROLE`)
	found, warnings, _ := l.walk(t, inspection.Search{Limit: 4}, anything, func(int) {})
	for _, i := range found {
		if i.Log.ID == l.tenants[0].ID {
			t.Fatal("an event left that nobody knows was read")
		}
	}
	if len(warnings) == 0 || !strings.Contains(warnings[0], l.tenants[0].HomeCommunity) || len(found) < 5 {
		t.Errorf("%d events, %v", len(found), warnings)
	}
	owned(t, l.tenants[1], `revoke insert on LOG from ROLE`)
	if page, err := l.Search(t.Context(), l.actor, inspection.Search{Limit: 4}, anything); fault.KindOf(err) != fault.Unavailable || len(page.Items) > 0 {
		t.Errorf("%d events, %v", len(page.Items), err)
	}
	id := found[len(found)-1].ID.String()
	if _, err := l.Read(t.Context(), l.actor, id, nil); err == nil {
		t.Error("an event was read by id, and nobody knows")
	}
}

// TestSameIDInTwoLogs: events that have the same id come each once, on whatever page the one and the other.
func TestSameIDInTwoLogs(t *testing.T) {
	t.Parallel()
	l := look(t, 3, 0)
	for range 4 {
		e := audit.New(time.Now(), audit.Actor{Caller: access.Caller{Kind: access.Machine}}, audit.Create, "same")
		for _, of := range l.tenants {
			if err := l.Log.Record(t.Context(), of.Schema(), e); err != nil {
				t.Fatal(err)
			}
		}
	}
	created := func(i inspection.Item) bool { return i.Action == "C" }
	whole, _, _ := l.walk(t, inspection.Search{Limit: 200}, created, func(int) {})
	for _, limit := range []int{1, 2, 4, 5} {
		found, _, _ := l.walk(t, inspection.Search{Limit: limit}, created, func(int) {})
		if len(found) != 12 || !cmp.Equal(whole, found) {
			t.Errorf("pages of %d: %d events", limit, len(found))
		}
	}
}
