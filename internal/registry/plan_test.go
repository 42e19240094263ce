package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// Of the rows of the plans' tenant one patient has few, one nearly all, as it is: most patients have little, and a few have very much.
	planRows, fewRows, manyRows = 3000, 20, 2000
)

// listener keeps every statement that the service's connections send, as they send it.
type listener struct {
	mu    sync.Mutex
	heard []sent
}

// sent is one statement with its parameters; kept says that its connection keeps plans, and so may come to use one that knows no parameters.
type sent struct {
	sql  string
	args []any
	kept bool
}

func (l *listener) hear(conn *pgx.Conn, sql string, args []any) {
	verb, _, _ := strings.Cut(strings.TrimSpace(strings.ToLower(strings.TrimLeft(sql, "("))), " ")
	if !slices.Contains([]string{"select", "insert", "update", "delete", "with"}, verb) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = append(l.heard, sent{sql, args, conn.Config().DefaultQueryExecMode == pgx.QueryExecModeCacheStatement})
}

func (l *listener) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	l.hear(conn, data.SQL, data.Args)
	return ctx
}

func (l *listener) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (l *listener) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		l.hear(conn, q.SQL, q.Arguments)
	}
	return ctx
}

func (l *listener) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (l *listener) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// planned is a database of the test's own: its tables are of a size at which the planner wants an index, its connections are listened to.
type planned struct {
	t      *testing.T
	db     *postgres.DB
	owner  *postgres.Owner
	of     tenant.Tenant
	ears   *listener
	entry  document.Entry // one of patient's, who has few
	much   document.PatientID
	object uuid.UUID
}

func openPlanned(t *testing.T) *planned {
	t.Helper()
	ownerURL, appURL := stacktest.EmptyDatabase(t)
	owner, err := postgres.OpenOwner(t.Context(), ownerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	p := &planned{t: t, owner: owner, ears: &listener{}, much: document.PatientID{Value: "12119000465", Authority: document.AuthorityFNR}, entry: plain()}
	if p.db, err = postgres.Open(t.Context(), postgres.Config{URL: appURL, Pools: 1, ConnsPerPool: 1, ControlConns: 1, Tracer: p.ears}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.db.Close)
	p.of = (&stacktest.Database{Owner: owner, DB: p.db}).Tenant(t)
	p.entry.AliasID = "alias"
	p.object = p.entry.ObjectKey
	p.in(func(tx *postgres.Tx) error {
		b := tx.Batch()
		err := registry.Register(tx, b, locator(t), submission(p.entry))
		repository.New(repository.Config{}).Record(b, repository.Object{Key: p.object, Size: p.entry.Size, SHA256: p.entry.SHA256},
			repository.Row{State: repository.Stored, MimeType: p.entry.MimeType, Event: uuid.New()}, time.Now())
		if err == nil {
			err = audit.Append(tx, b, audit.New(time.Now(), audit.Actor{}, audit.Create, "provide"))
		}
		if err != nil {
			return err
		}
		return b.Send(t.Context())
	})
	p.grow()
	return p
}

func (p *planned) in(fn func(*postgres.Tx) error) {
	p.t.Helper()
	if err := p.db.InTenant(p.t.Context(), p.of.Schema(), fn); err != nil {
		p.t.Fatal(err)
	}
}

// grow copies the one row of each table until it is large, and the directory's, locators' and notes' with them.
func (p *planned) grow() {
	p.t.Helper()
	s := pgx.Identifier{p.of.SchemaName}.Sanitize()
	owner := fmt.Sprintf(`case when n < %d then patient_id when n < %d then '%s' else 'other' || n %% 50 || '^^^&1.2.3&ISO' end`, fewRows, fewRows+manyRows, p.much.CX())
	// Narrow rows must be more: twenty of three thousand are on every other page.
	copies := func(table string, times int, change string) string {
		return fmt.Sprintf(`insert into %[1]s.%[2]s select c.* from %[1]s.%[2]s r, generate_series(1, %[3]d) n,
			lateral jsonb_populate_record(r, jsonb_build_object(%[4]s)) c`, s, table, times*planRows, change)
	}
	for _, sql := range []string{
		copies("document_entry", 1, `'id', md5('e' || n)::uuid, 'logical_id', md5('e' || n)::uuid, 'unique_id', 'u' || n, 'alias_id', 'a' || n, 'submission_id', md5('s' || n)::uuid,
			'object_key', md5('o' || n)::uuid, 'status', case n % 5 when 0 then 'D' else 'A' end, 'creation_time', creation_time - n * interval '1 hour', 'patient_id', `+owner),
		copies("submission", 1, `'id', md5('s' || n)::uuid, 'unique_id', 's' || n, 'submission_time', submission_time - n * interval '1 hour', 'patient_id', `+owner),
		copies("association", 5, `'id', md5('a' || n)::uuid, 'source_id', md5('s' || n)::uuid, 'target_id', md5('e' || n)::uuid, 'submission_id', md5('s' || n)::uuid`),
		copies("stored_object", 2, `'key', md5('o' || n)::uuid, 'state', case n % 100 when 0 then 'Q' when 1 then 'R' else 'S' end`),
		copies("audit_event", 1, `'id', lpad(to_hex(n), 32, '0')::uuid`), // by time, as they come
		fmt.Sprintf(`insert into control.tenant (name, home_community_id, repository_unique_id, schema_name, profile, share_personnel, share_citizen, own_organisation_only)
			select 'p' || n, '1.2.' || n, '1.3.' || n, 'none' || n, 'nhn', true, true, false from generate_series(1, %d) n`, planRows),
		`insert into control.tenant_organisation select id, (100000000 + id)::text from control.tenant where schema_name like 'none%'`,
		fmt.Sprintf(`insert into control.patient_locator select md5(n::text)::uuid, n %% 100 from generate_series(1, %d) n`, planRows),
		fmt.Sprintf(`insert into control.entry_locator select md5(n::text)::uuid, n %% 100 from generate_series(1, %d) n`, planRows),
		fmt.Sprintf(`insert into control.idempotency (key, attempt, until) select md5(n::text)::uuid, md5(n::text)::uuid, now() + n * interval '1 s' from generate_series(1, %d) n`, planRows),
		fmt.Sprintf(`insert into control.dpop_proof select md5(n::text)::uuid, now() + n * interval '1 s' from generate_series(1, %d) n`, planRows),
		fmt.Sprintf(`insert into control.audit_event (id, at, action, outcome, operation, actor, detail) select lpad(to_hex(n), 32, '0')::uuid, now(), 'R', 'S', 'x', '{}', '{}' from generate_series(1, %d) n`, planRows),
		`analyze`,
	} {
		if _, err := p.owner.Pool().Exec(p.t.Context(), sql); err != nil {
			p.t.Fatalf("%v: %s", err, sql)
		}
	}
}

// requests are what the service asks its database for, one by one. sorts says why one may sort: what it sorts is not the table's size.
func (p *planned) requests() map[string]struct {
	ask   func() error
	sorts string
} {
	ctx, events, keys := p.t.Context(), audit.Log{DB: p.db}, idempotency.Keys{DB: p.db, Lease: time.Minute}
	both, id := []document.Status{document.Approved, document.Deprecated}, p.entry.ID
	place := &registry.Position{At: noon.Add(-9 * time.Hour), ID: id}
	inTenant := func(fn func(*postgres.Tx) error) func() error {
		return func() error { return p.db.InTenant(ctx, p.of.Schema(), fn) }
	}
	find := func(q registry.Query) func() error {
		q.Limit = 21
		return inTenant(func(tx *postgres.Tx) error { _, err := registry.Find(ctx, tx, q); return err })
	}
	find81 := func(f audit.Filter) func() error {
		return inTenant(func(tx *postgres.Tx) error { _, err := audit.Find(ctx, tx, f, uuid.Max, 51); return err })
	}
	directory := func(ask func(tenant.Directory) error) func() error {
		return func() error { return ask(tenant.Directory{DB: p.db}) }
	}
	objects := repository.New(repository.Config{})
	const versions = "versions of one document, or a list's few members"
	type request = struct {
		ask   func() error
		sorts string
	}
	return map[string]request{
		"find":                        {find(registry.Query{Patient: patient}), ""},
		"find of much":                {find(registry.Query{Patient: p.much}), ""},
		"find of both statuses":       {find(registry.Query{Patient: patient, Statuses: both}), ""},
		"find of much, both statuses": {find(registry.Query{Patient: p.much, Statuses: both}), ""},
		"find after":                  {find(registry.Query{Patient: p.much, After: place}), ""},
		"find both after":             {find(registry.Query{Patient: p.much, Statuses: both, After: place}), ""},
		"find within":                 {find(registry.Query{Patient: p.much, Created: criteria.Span{From: noon.AddDate(0, 0, -9), To: noon}}), ""},
		"find the oldest":             {find(registry.Query{Patient: p.much, Order: registry.Order{Oldest: true}}), ""},
		"find by registration":        {find(registry.Query{Patient: patient, Order: registry.Order{Registered: true}}), "no index has this order: all of one patient's"},
		"find nobody":                 {find(registry.Query{Patient: document.PatientID{Value: "x", Authority: "1.2"}}), ""},
		"by id":                       {inTenant(func(tx *postgres.Tx) error { _, err := registry.ByID(ctx, tx, id); return err }), ""},
		"by id for a change":          {inTenant(func(tx *postgres.Tx) error { _, err := registry.ForChange(ctx, tx, id); return err }), ""},
		"by unique id":                {inTenant(func(tx *postgres.Tx) error { _, err := registry.ByUniqueID(ctx, tx, p.entry.UniqueID); return err }), versions},
		"by unique id, of a patient": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.ByUniqueIDOf(ctx, tx, p.entry.UniqueID, patient.Value)
			return err
		}), versions},
		"existing": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.Existing(ctx, tx, []uuid.UUID{id}, []string{p.entry.UniqueID})
			return err
		}), versions},
		"relations":     {inTenant(func(tx *postgres.Tx) error { _, err := registry.Relations(ctx, tx, some(21)); return err }), versions},
		"members":       {inTenant(func(tx *postgres.Tx) error { _, err := registry.Members(ctx, tx, some(21)); return err }), ""},
		"lists":         {p.lists(registry.ListQuery{Patient: patient}), versions},
		"lists of much": {p.lists(registry.ListQuery{Patient: p.much, After: place}), versions},
		"list by id":    {inTenant(func(tx *postgres.Tx) error { _, err := registry.ListsByID(ctx, tx, some(1)); return err }), versions},
		"folders named": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.ListsNamed(ctx, tx, some(1), []string{"s7"})
			return err
		}), versions},
		"folders of entries": {inTenant(func(tx *postgres.Tx) error { _, err := registry.FoldersOf(ctx, tx, some(3)); return err }), versions},
		"entries named": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.Entries(ctx, tx, registry.Keys{IDs: some(3), UniqueIDs: []string{"u7", "u8"}, LogicalIDs: some(2)})
			return err
		}), versions},
		"entries to be fetched": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.Named(ctx, tx, []string{"u7", "u8", "a9"}, patient)
			return err
		}), versions},
		"folders by any id": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.Lists(ctx, tx, document.FolderKind, registry.Keys{IDs: some(3), UniqueIDs: []string{"s7"}, LogicalIDs: some(2)})
			return err
		}), versions},
		"associations at either end": {inTenant(func(tx *postgres.Tx) error { _, err := registry.Linked(ctx, tx, some(21)); return err }), versions},
		"associations named":         {inTenant(func(tx *postgres.Tx) error { _, err := registry.Links(ctx, tx, some(21)); return err }), versions},
		"set taken":                  {inTenant(func(tx *postgres.Tx) error { _, err := registry.SetTaken(ctx, tx, "s7"); return err }), ""},
		"set that brought":           {inTenant(func(tx *postgres.Tx) error { _, err := registry.BroughtBy(ctx, tx, "s7"); return err }), versions},
		"receipt": {inTenant(func(tx *postgres.Tx) error {
			_, err := registry.Receipt(ctx, tx, p.entry.SubmissionID)
			return ignore(err)
		}), ""},
		"registration": {p.change(func(tx *postgres.Tx, b *postgres.Batch) error {
			return registry.Register(tx, b, locator(p.t), related(plain(), document.Replace, id))
		}), ""},
		"privacy": {p.change(func(_ *postgres.Tx, b *postgres.Batch) error {
			return registry.SetConfidentiality(b, p.entry, p.entry.Confidentiality, registry.Change{})
		}), ""},
		"burial": {p.change(func(_ *postgres.Tx, b *postgres.Batch) error { registry.Bury(b, p.entry); return nil }), ""},
		"another key": {p.change(func(_ *postgres.Tx, b *postgres.Batch) error {
			registry.Relink(b, id, p.object, uuid.New())
			return nil
		}), ""},
		"removal decided": {p.change(func(_ *postgres.Tx, b *postgres.Batch) error {
			objects.MarkRemoval(b, p.object, uuid.New(), time.Now())
			return nil
		}), ""},
		"removal done":      {inTenant(func(tx *postgres.Tx) error { return ignore(objects.MarkGone(ctx, tx, p.object, time.Now())) }), ""},
		"removals waiting":  {p.waiting(), ""},
		"life of an object": {inTenant(func(tx *postgres.Tx) error { _, err := repository.LifeOf(ctx, tx, p.object); return ignore(err) }), ""},
		"in quarantine":     {inTenant(func(tx *postgres.Tx) error { _, err := repository.HeldByID(ctx, tx, id, "u7"); return err }), "the quarantine alone"},
		"quarantine's desk": {inTenant(func(tx *postgres.Tx) error { _, err := objects.Quarantined(ctx, tx); return err }), "the quarantine alone"},
		"orphans claimed": {inTenant(func(tx *postgres.Tx) error {
			_, err := objects.Claim(ctx, tx, []repository.Held{{Key: uuid.New()}}, uuid.New(), time.Now())
			return err
		}), "the orphans alone"},
		"audit list":                 {func() error { _, err := events.List(ctx, p.of.Schema(), uuid.Nil, 100); return err }, ""},
		"audit list, next":           {func() error { _, err := events.List(ctx, p.of.Schema(), id, 100); return err }, ""},
		"audit list of no tenant":    {func() error { _, err := events.ListControl(ctx, id, 100); return err }, ""},
		"audit search":               {find81(audit.Filter{Span: audit.Span{From: noon, To: noon.AddDate(0, 1, 0)}}), ""},
		"audit search, of a patient": {find81(audit.Filter{Patient: patient.CX(), Outcomes: []string{"N"}}), ""},
		"audit search, no tenant's one": {func() error {
			_, err := events.FindControl(ctx, audit.Filter{Patient: patient.CX()}, uuid.Max, 51)
			return err
		}, ""},
		"audit event": {inTenant(func(tx *postgres.Tx) error { _, _, err := audit.ByID(ctx, tx, id); return err }), ""},
		"event": {func() error {
			return events.Record(ctx, p.of.Schema(), audit.New(time.Now(), audit.Actor{}, audit.Read, "search"))
		}, ""},
		"events": {func() error {
			return events.RecordAll(ctx, []audit.TenantEvent{{Schema: p.of.Schema(), Event: audit.New(time.Now(), audit.Actor{}, audit.Read, "search")}})
		}, ""},
		"tenant by home":              {directory(func(d tenant.Directory) error { _, err := d.ByHome(ctx, p.of.HomeCommunity); return err }), versions},
		"tenant by name":              {directory(func(d tenant.Directory) error { _, err := d.ByName(ctx, p.of.Name); return err }), versions},
		"tenants of an organisation":  {directory(func(d tenant.Directory) error { _, err := d.OfOrganisation(ctx, p.of.Organisations[0]); return err }), "a few tenants and their organisations"},
		"tenants that hold a patient": {directory(func(d tenant.Directory) error { _, err := d.OfPatient(ctx, locator(p.t).Key(patient)); return err }), "a few tenants and their organisations"},
		"tenants that hold an entry":  {directory(func(d tenant.Directory) error { _, err := d.OfEntry(ctx, id); return err }), "a few tenants and their organisations"},
		"proof":                       {func() error { _, err := postgres.Proofs{DB: p.db}.Use(ctx, uuid.New(), time.Now()); return err }, ""},
		"proofs forgotten":            {func() error { _, err := postgres.Proofs{DB: p.db}.Sweep(ctx, time.Now()); return err }, ""},
		"idempotency key":             {p.attempt(keys), ""},
		"idempotency keys forgotten":  {func() error { _, err := keys.Sweep(ctx); return err }, ""},
	}
}

func some(n int) (ids []uuid.UUID) {
	for range n {
		ids = append(ids, uuid.New())
	}
	return ids
}

// ignore: what was not found was asked for all the same.
func ignore(error) error { return nil }

func (p *planned) lists(q registry.ListQuery) func() error {
	q.Limit = 21
	return func() error {
		return p.db.InTenant(p.t.Context(), p.of.Schema(), func(tx *postgres.Tx) error {
			_, err := registry.FindLists(p.t.Context(), tx, q)
			return err
		})
	}
}

// change sends statements and takes them back.
func (p *planned) change(queue func(*postgres.Tx, *postgres.Batch) error) func() error {
	return func() error {
		err := p.db.InTenant(p.t.Context(), p.of.Schema(), func(tx *postgres.Tx) error {
			b := tx.Batch()
			if err := queue(tx, b); err != nil {
				return err
			}
			if err := b.Send(p.t.Context()); err != nil {
				return err
			}
			return errChanged
		})
		if err == errChanged {
			return nil
		}
		return err
	}
}

func (p *planned) waiting() func() error {
	return func() error {
		queue, err := job.NewQueue(p.db, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return p.db.InTenant(p.t.Context(), p.of.Schema(), func(tx *postgres.Tx) error {
			_, err := queue.Waiting(p.t.Context(), tx, some(3))
			return err
		})
	}
}

func (p *planned) attempt(keys idempotency.Keys) func() error {
	return func() error {
		a, _, err := keys.Begin(p.t.Context(), idempotency.KeyOf("a", "b", "c"))
		if err == nil {
			a.End(p.t.Context())
		}
		return err
	}
}

// TestPlans: what a request asks of a large tenant is found by an index, and stands in the order that the index gives. The statements are
// those that were really sent, with their parameters; those of connections that keep plans also as a plan that knows no parameters.
func TestPlans(t *testing.T) {
	t.Parallel()
	p := openPlanned(t)
	for name, request := range p.requests() {
		p.ears.heard = nil
		if err := request.ask(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(p.ears.heard) == 0 {
			t.Errorf("%s: no statement was heard", name)
		}
		for _, s := range slices.Clone(p.ears.heard) {
			for _, complaint := range complaints(p.explain(s), request.sorts != "") {
				t.Errorf("%s: %s:\n%s\n%v", name, complaint, s.sql, s.args)
			}
		}
	}
	p.sabotage()
}

// sabotage takes indexes away and wants to hear of it: a test that is never wrong proves nothing.
func (p *planned) sabotage() {
	p.t.Helper()
	s := pgx.Identifier{p.of.SchemaName}.Sanitize()
	requests := p.requests()
	for index, name := range map[string]string{
		s + ".document_entry_patient_id_status_creation_time_id_idx": "find", s + ".association_source_id_idx": "relations",
		"control.tenant_organisation_by_organisation": "tenants of an organisation", s + ".stored_object_state_stored_at_idx": "in quarantine",
	} {
		if _, err := p.owner.Pool().Exec(p.t.Context(), "drop index "+index); err != nil {
			p.t.Fatal(err)
		}
		p.ears.heard = nil
		if err := requests[name].ask(); err != nil {
			p.t.Fatal(err)
		}
		var heard []string
		for _, s := range slices.Clone(p.ears.heard) {
			heard = append(heard, complaints(p.explain(s), requests[name].sorts != "")...)
		}
		if len(heard) == 0 {
			p.t.Errorf("without %s nobody complains of %q", index, name)
		}
	}
}

// planNode is a node of PostgreSQL's EXPLAIN (FORMAT JSON).
type planNode struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Plans    []planNode
}

// explain gives the statement's plans as the owner, whose plans are the tenant's: there are no policies on rows.
func (p *planned) explain(s sent) (found []planNode) {
	p.t.Helper()
	ctx := p.t.Context()
	err := pgx.BeginFunc(ctx, p.owner.Pool(), func(tx pgx.Tx) error {
		asked := []string{"explain (format json) " + s.sql}
		args := s.args
		if s.kept {
			if _, err := tx.Exec(ctx, "set local plan_cache_mode = force_generic_plan"); err != nil {
				return err
			}
			if _, err := tx.Prepare(ctx, "kept", s.sql); err != nil {
				return err
			}
			defer tx.Conn().Deallocate(ctx, "kept") // by pgx, which otherwise holds it for prepared when the same statement comes again
			generic := "explain (format json) execute kept"
			if len(args) > 0 {
				generic += "(" + strings.Join(literals(args), ", ") + ")"
			}
			asked = append(asked, generic)
		}
		for i, sql := range asked {
			if i > 0 {
				args = nil
			}
			var text []byte
			if err := tx.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&text); err != nil {
				return fmt.Errorf("%w: %s", err, sql)
			}
			var all []struct{ Plan planNode }
			if err := json.Unmarshal(text, &all); err != nil {
				return err
			}
			for _, one := range all {
				found = append(found, one.Plan)
			}
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return found
}

// literals are parameters in SQL; all are ours.
func literals(args []any) (out []string) {
	for _, a := range args {
		switch a := a.(type) {
		case time.Time:
			out = append(out, "'"+a.Format(time.RFC3339Nano)+"'")
		case nil:
			out = append(out, "null")
		case []string:
			out = append(out, "array['"+strings.Join(a, "','")+"']")
		case time.Duration:
			out = append(out, fmt.Sprintf("'%d microseconds'", a.Microseconds()))
		default:
			out = append(out, "'"+strings.ReplaceAll(fmt.Sprint(a), "'", "''")+"'")
		}
	}
	return out
}

// complaints are what no plan of a request may hold. The queue's own table is emptied as its jobs are done, and does not grow.
func complaints(plans []planNode, sorts bool) (out []string) {
	for _, n := range plans {
		if n.Type == "Seq Scan" && n.Relation != "river_job" {
			out = append(out, "a sequential scan of "+n.Relation)
		}
		if strings.HasSuffix(n.Type, "Sort") && !sorts {
			out = append(out, "a sort")
		}
		out = append(out, complaints(n.Plans, sorts)...)
	}
	return out
}
