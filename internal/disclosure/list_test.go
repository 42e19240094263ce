package disclosure_test

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	hl7 = "2.16.840.1.113883.5.25"
	nor = "2.16.578.1.12.4.1.1.9603"
)

var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// cabinet is one patient's documents over several tenants, and the use case over them.
type cabinet struct {
	service *disclosure.Service
	reader  disclosure.Reader
	patient document.PatientID
	tenants []tenant.Tenant
	// seen are those that the reader is shown, masked or not.
	seen []document.Entry
}

// newCabinet fills five tenants that show their documents and one that does not; many documents are of the same moment, a third are barred.
func newCabinet(t *testing.T, documents int) *cabinet {
	t.Helper()
	db := stacktest.Migrated(t).DB
	locator, err := registry.NewLocator([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	c := &cabinet{patient: document.PatientID{Value: uuid.NewString(), Authority: "1.2.3"},
		service: &disclosure.Service{DB: db, Tenants: tenant.Directory{DB: db}, Log: audit.Log{DB: db}, Locator: locator, Policy: access.DefaultPolicy(),
			TenantDeadline: 20 * time.Second, Now: time.Now},
		reader: disclosure.Reader{Actor: audit.Actor{Caller: access.Caller{Kind: access.Personnel, Organisation: stacktest.Organisation(), HPR: "1", SecurityLevel: 4,
			Attest: true, Purpose: "TREAT", Role: "LE"}}, Basis: access.Basis{Scope: access.Section45}}}
	r := rand.New(rand.NewPCG(uint64(documents), 1))
	for i := range 6 {
		c.tenants = append(c.tenants, stacktest.Tenant(t, func(of *tenant.Tenant) { of.Sharing.Personnel = i < 5 }))
	}
	entries := make([][]document.Entry, len(c.tenants))
	for i := range documents {
		e := c.entry(r, i)
		of := min(r.IntN(6), r.IntN(6)) // the first have the most
		if entries[of] = append(entries[of], e); of < 5 {
			c.seen = append(c.seen, e)
		}
	}
	for i, of := range c.tenants {
		c.register(t, of, entries[i])
	}
	return c
}

func (c *cabinet) entry(r *rand.Rand, i int) document.Entry {
	id := uuid.New()
	sum, old := sha256.Sum256(id[:]), sha1.Sum(id[:])
	code := func(v string) document.Code { return document.Code{Value: v, System: "1.1"} }
	e := document.Entry{ID: id, LogicalID: id, Version: 1, UniqueID: id.String(), Patient: c.patient, Status: document.Approved, ObjectKey: uuid.New(), Class: code("A00-1"),
		Type: code("T" + fmt.Sprint(i%3)), Format: code("f"), Facility: code("x"), Practice: code("p"), Confidentiality: []document.Code{{Value: "N", System: hl7}},
		Creation: document.Time{At: began.AddDate(0, 0, -r.IntN(20)), Precision: document.Second}, MimeType: "text/plain", Size: 1, SHA1: old[:], SHA256: sum[:],
		Registered: began.Add(time.Duration(r.IntN(30)) * time.Hour)}
	if r.IntN(3) == 0 {
		e.Confidentiality = append(e.Confidentiality, document.Code{Value: "NORS", System: nor})
	}
	return e
}

func (c *cabinet) register(t *testing.T, of tenant.Tenant, entries []document.Entry) {
	t.Helper()
	set := document.SubmissionSet{ID: uuid.New(), UniqueID: uuid.NewString(), Patient: c.patient, SourceID: "1.2.3", Registered: began,
		ContentType: document.Code{Value: "X", System: "1.2"}, Time: document.Time{At: began, Precision: document.Second}}
	err := c.service.DB.InTenant(t.Context(), of.Schema(), func(tx *postgres.Tx) error {
		b := tx.Batch()
		if err := registry.Register(tx, b, c.service.Locator, registry.Submission{Set: set, Entries: entries}); err != nil {
			return err
		}
		return b.Send(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func barred(e document.Entry) bool { return len(e.Confidentiality) > 1 }

// all lists to the end, and fails on a page that is too long, counts its masked entries wrongly, or says another total than it should.
func (c *cabinet) all(t *testing.T, q disclosure.Search) (ids []uuid.UUID) {
	t.Helper()
	for pages := 0; ; pages++ {
		p, err := c.service.List(t.Context(), c.reader, q)
		if err != nil || len(p.Warnings) > 0 || len(p.Items) > q.Limit || p.Next != nil && len(p.Items) < q.Limit {
			t.Fatalf("%d items of %d, %v, %v", len(p.Items), q.Limit, p.Warnings, err)
		}
		nors := 0
		for _, i := range p.Items {
			ids = append(ids, i.Entry.ID)
			if i.Masked {
				nors++
			}
			if i.Masked != barred(i.Entry) || i.Masked && i.Entry.Title != "Sperret" {
				t.Errorf("masked %v: %+v", i.Masked, i.Entry)
			}
		}
		if p.NORS != nors {
			t.Errorf("%d masked, said to be %d", nors, p.NORS)
		}
		if q.Count && (p.Total == nil || pages > 0 && *p.Total != *q.Total) {
			t.Errorf("page %d: the total is %v", pages, p.Total)
		}
		if p.Next == nil {
			if q.Count && *p.Total != len(ids) {
				t.Errorf("a total of %d, and %d listed", *p.Total, len(ids))
			}
			return ids
		}
		q.After, q.Total = p.Next, p.Total
	}
}

// TestPagesOverTenants: whatever the size of a page, the order, what is searched for and how the documents lie over the tenants, the pages
// are the one list that there is.
func TestPagesOverTenants(t *testing.T) {
	t.Parallel()
	c := newCabinet(t, 130)
	typeIs := func(v string, not bool) criteria.Criteria {
		return criteria.Criteria{{Field: "type", Not: not, Tokens: []criteria.Token{{Value: v, AnySystem: true}}}}
	}
	week := criteria.Criteria{{Field: "creation", Dates: []criteria.Date{{Span: criteria.Span{From: began.AddDate(0, 0, -7), To: began.AddDate(0, 0, -6)}, How: criteria.GreaterEqual}}}}
	for name, s := range map[string]struct {
		criteria criteria.Criteria
		fits     func(document.Entry) bool
	}{
		"all":         {nil, func(document.Entry) bool { return true }},
		"one type":    {typeIs("T1", false), func(e document.Entry) bool { return !barred(e) && e.Type.Value == "T1" }},
		"other types": {typeIs("T1", true), func(e document.Entry) bool { return barred(e) || e.Type.Value != "T1" }},
		"a week":      {week, func(e document.Entry) bool { return !e.Creation.At.Before(began.AddDate(0, 0, -7)) }},
	} {
		for _, order := range []registry.Order{{}, {Oldest: true}, {Registered: true}, {Registered: true, Oldest: true}} {
			want := slices.DeleteFunc(slices.Clone(c.seen), func(e document.Entry) bool { return !s.fits(e) })
			slices.SortFunc(want, func(a, b document.Entry) int { return order.Compare(order.Of(a), order.Of(b)) })
			var ids []uuid.UUID
			for _, e := range want {
				ids = append(ids, e.ID)
			}
			for size, count := range map[int]bool{9: false, 25: true, 200: false} {
				got := c.all(t, disclosure.Search{Patient: c.patient, Criteria: s.criteria, Paging: disclosure.Paging{Order: order, Limit: size, Count: count}})
				if diff := cmp.Diff(ids, got); diff != "" {
					t.Errorf("%s, %+v, pages of %d (-want +got):\n%s", name, order, size, diff)
				}
			}
		}
	}
}

// lock keeps everybody from tenants' tables until the test ends or unlock is called. Its connection is its own: the owner's pool is small, and
// tests that wait for each other's locks would wait for ever.
func lock(t *testing.T, table string, tenants ...tenant.Tenant) (unlock func()) {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), stacktest.Migrated(t).Owner.Pool().Config().ConnConfig)
	if err != nil {
		t.Fatal(err)
	}
	unlock = func() { _ = conn.Close(context.WithoutCancel(t.Context())) }
	t.Cleanup(unlock)
	if _, err := conn.Exec(t.Context(), "begin"); err != nil {
		t.Fatal(err)
	}
	for _, of := range tenants {
		if _, err := conn.Exec(t.Context(), "lock table "+pgx.Identifier{of.SchemaName, table}.Sanitize()+" in access exclusive mode"); err != nil {
			t.Fatal(err)
		}
	}
	return unlock
}

func (c *cabinet) events(t *testing.T, of tenant.Tenant) (n int) {
	t.Helper()
	err := stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(), "select count(*) from "+pgx.Identifier{of.SchemaName, "audit_event"}.Sanitize()).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSilentTenants: one that cannot be read, and one whose log cannot be written, are named; nothing of theirs leaves, all of the others'
// does, with one event in each of the others' logs and no total.
func TestSilentTenants(t *testing.T) {
	t.Parallel()
	for table, deadline := range map[string]time.Duration{"document_entry": 2 * time.Second, "audit_event": 20 * time.Second} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			c := newCabinet(t, 60)
			c.service.TenantDeadline = deadline
			unlock := lock(t, table, c.tenants[1])
			p, err := c.service.List(t.Context(), c.reader, disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: 200, Count: true}})
			if err != nil || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].Safe, c.tenants[1].HomeCommunity) || p.Total != nil {
				t.Fatalf("%v %v, total %v", err, p.Warnings, p.Total)
			}
			unlock()
			from := map[int32]int{}
			for _, i := range p.Items {
				from[i.Tenant.ID]++
			}
			for i, of := range c.tenants {
				listed, event := i != 1 && i != 5, 1
				if i == 1 {
					event = 0
				}
				if (from[of.ID] > 0) != listed || c.events(t, of) != event {
					t.Errorf("tenant %d: %d listed, %d events", i, from[of.ID], c.events(t, of))
				}
			}
		})
	}
}

// TestNobodyAnswers: a list of nothing would look like a patient without documents; and that one answers who shows nothing to this reader
// makes no difference, which would tell of it.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	c := newCabinet(t, 30)
	c.service.TenantDeadline = time.Second
	lock(t, "document_entry", c.tenants[:5]...)
	p, err := c.service.List(t.Context(), c.reader, disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: 10}})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestClosedIsNotNamed: a tenant that gives the reader nothing is not read, and not named when it is out of order: that would tell that
// it holds something. Its event, which cannot be written there, goes to the control log.
func TestClosedIsNotNamed(t *testing.T) {
	t.Parallel()
	c := newCabinet(t, 60)
	lock(t, "document_entry", c.tenants[5])
	lock(t, "audit_event", c.tenants[5])
	began := time.Now()
	p, err := c.service.List(t.Context(), c.reader, disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: 200}})
	if err != nil || len(p.Warnings) != 0 || len(p.Items) != len(c.seen) || *p.Total != len(c.seen) || time.Since(began) > c.service.TenantDeadline/2 {
		t.Errorf("%d of %d items, %v, %v", len(p.Items), len(c.seen), p.Warnings, err)
	}
	var kept int
	err = stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(), "select count(*) from control.audit_event where patient_id = $1", c.patient.CX()).Scan(&kept)
	if err != nil || kept != 1 {
		t.Errorf("%d events in the control log, %v", kept, err)
	}
}

// of is the cabinet of another patient, whose documents a test lays into it itself.
func (c cabinet) of(patient string) *cabinet {
	c.patient, c.seen = document.PatientID{Value: patient, Authority: "1.2.3"}, nil
	return &c
}

// TestTotalTellsNothingOfOmitted: whether a page says the total follows from what is shown, not from how far had to be read for it.
func TestTotalTellsNothingOfOmitted(t *testing.T) {
	t.Parallel()
	empty := newCabinet(t, 0)
	empty.reader.Basis = access.Basis{Scope: access.Kjernejournal, AccessBasis: "SAMTYKKE"}
	r := rand.New(rand.NewPCG(1, 1))
	cabinets := []*cabinet{empty.of(uuid.NewString()), empty.of(uuid.NewString())}
	for omitted, c := range cabinets {
		var entries []document.Entry
		for i := range 16 + omitted {
			e := c.entry(r, i)
			e.Class = document.Code{Value: "A00-1", System: "2.16.578.1.12.4.1.1.9602"}
			if i >= 16 {
				e.Class.Value, e.Creation.At = "B00-1", began.Add(time.Hour) // the newest
			}
			entries = append(entries, e)
		}
		c.register(t, c.tenants[0], entries)
	}
	for size, want := range map[int]bool{1: false, 5: false, 10: false, 15: false, 16: true, 20: true} {
		for omitted, c := range cabinets {
			p, err := c.service.List(t.Context(), c.reader, disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: size}})
			if err != nil || len(p.Items) != min(16, size) || (p.Total != nil) != want || want && *p.Total != 16 {
				t.Errorf("pages of %d, %d omitted: %d items, total %v, %v", size, omitted, len(p.Items), p.Total, err)
			}
		}
	}
}

// TestTwinsOverTenants: the same id and time in several tenants, which one sender may well give them, are several things of the list: none
// is lost between two pages.
func TestTwinsOverTenants(t *testing.T) {
	t.Parallel()
	c := newCabinet(t, 0).of(uuid.NewString())
	r := rand.New(rand.NewPCG(1, 1))
	var entries []document.Entry
	for i := range 7 {
		entries = append(entries, c.entry(r, i))
	}
	for _, of := range c.tenants[:3] {
		c.register(t, of, entries)
	}
	for _, size := range []int{1, 2, 4, 5, 10, 30} {
		q, n := disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: size}}, 0
		for {
			p, err := c.service.List(t.Context(), c.reader, q)
			if err != nil || len(p.Items) == 0 || len(p.Items) > size {
				t.Fatalf("pages of %d: %d items, %v", size, len(p.Items), err)
			}
			n += len(p.Items)
			if q.After = p.Next; p.Next == nil {
				break
			}
		}
		if n != 21 {
			t.Errorf("pages of %d: %d listed of 21", size, n)
		}
	}
}

// TestSameRefusalBesideClosed: when the one tenant that would show something is out of order, the refusal is the same with and without another
// that holds something and shows it to nobody.
func TestSameRefusalBesideClosed(t *testing.T) {
	t.Parallel()
	empty := newCabinet(t, 0)
	empty.service.TenantDeadline = 300 * time.Millisecond
	r := rand.New(rand.NewPCG(1, 1))
	alone, beside := empty.of(uuid.NewString()), empty.of(uuid.NewString())
	for _, c := range []*cabinet{alone, beside} {
		c.register(t, c.tenants[0], []document.Entry{c.entry(r, 0)})
	}
	beside.register(t, beside.tenants[5], []document.Entry{beside.entry(r, 0)})
	lock(t, "document_entry", empty.tenants[0])
	var told []string
	for _, c := range []*cabinet{alone, beside} {
		_, err := c.service.List(t.Context(), c.reader, disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: 10}})
		lead := fault.Of(err).Leading()
		if lead == nil || lead.Kind() != fault.Unavailable {
			t.Fatal(err)
		}
		told = append(told, fmt.Sprintf("%s %s %s %v", lead.Code, lead.Safe, lead.Location, lead.RetryAfter))
	}
	if diff := cmp.Diff(told[0], told[1]); diff != "" {
		t.Errorf("it tells of the closed one:\n%s", diff)
	}
}

// TestComparingEndsWithItsContext: what is compared is compared within a transaction; a caller that left, or a deadline, must free it.
func TestComparingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := newCabinet(t, 0).of(uuid.NewString())
	r := rand.New(rand.NewPCG(1, 1))
	var entries []document.Entry
	for i := range 150 {
		entries = append(entries, c.entry(r, i))
	}
	c.register(t, c.tenants[0], entries)
	ctx, leave := context.WithCancel(t.Context())
	decided := 0 // the clock is asked for each decision
	service := &disclosure.Service{DB: c.service.DB, Tenants: c.service.Tenants, Log: c.service.Log, Locator: c.service.Locator, Policy: c.service.Policy,
		TenantDeadline: c.service.TenantDeadline}
	service.Now = func() time.Time {
		if decided++; decided == 20 {
			leave()
		}
		return time.Now()
	}
	_, err := service.List(ctx, c.reader, disclosure.Search{Patient: c.patient, Paging: disclosure.Paging{Limit: 200}})
	if err == nil || decided > 40 {
		t.Errorf("%d decisions, %v", decided, err)
	}
}
