//go:build bench

package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

const (
	listRounds = 300
	// entries is how many documents the patient has in all, page how many a list shows.
	entries, page = 200, 20
	// first is how many of each of many tenants a list asks for first (package disclosure), where the page shows fewer of each.
	first = 8
)

// list compares ITI-67 with the statement it runs, in one tenant and over five, and then with what else it may not do without:
// the audit event's commit (A1) and the used proof's (W1). What token and proof cost is seen at /pingauth, which does nothing else.
func (r *rig) list(t *testing.T) {
	for _, c := range []struct {
		name, patient string
		tenants       int
	}{
		{"one tenant", servicetest.Patient, 1},
		{"five tenants", "12119000465", 5},
	} {
		l := r.newLister(t, c.patient, c.tenants)
		taken := alternate(listRounds, 20, l.ours, l.statement, l.event, l.proof, l.verify, l.ping)
		ours, sql, event, proof, verified, ping := taken[0], taken[1], taken[2], taken[3], taken[4], taken[5]
		name := "list of 20, " + c.name
		commits := sql.plus(event)
		r.milliseconds(name+", against the bare SQL", ours.median(), sql.median())
		r.milliseconds(name+", against the bare SQL, p99", ours.p99(), sql.p99())
		r.milliseconds(name+", against the bare SQL and the audit commit", ours.median(), commits.median())
		r.milliseconds(name+", against the bare SQL and the audit and proof commits", ours.median(), commits.plus(proof).median())
		if c.tenants == 1 {
			r.milliseconds("token and proof verified with the proof's commit (/pingauth), against the same answer without (/ping)", verified.median(), ping.median())
			r.milliseconds("token and proof verified (/pingauth), against the proof's commit", verified.median(), proof.median())
		}
	}
}

// lister searches for one patient and does its floors.
type lister struct {
	*rig
	t    *testing.T
	form string
	// page is how many entries a list shows, limit how many a statement asks for.
	page, limit int
	doctor      *servicetest.Caller
	tenants     []tenant.Tenant
	conn        *pgx.Conn
	// statements are Find's own, one for each tenant, as the database saw them.
	statements []string
	args       []any
	log        audit.Log
	proofs     postgres.Proofs
}

// newLister uploads what it will search for.
func (r *rig) newLister(t *testing.T, patient string, tenants int) *lister {
	t.Helper()
	var filled []tenant.Tenant
	for range tenants {
		of := r.service.Tenant(t)
		r.fill(t, of, patient, entries/tenants)
		filled = append(filled, of)
	}
	// One more is asked for than is shown: whether there is a next page must be known (package disclosure).
	return r.lister(t, document.PatientID{Value: patient, Authority: document.AuthorityFNR}, filled, page, page+1)
}

// lister searches in tenants that hold something, without home community where there are several.
func (r *rig) lister(t *testing.T, patient document.PatientID, tenants []tenant.Tenant, page, limit int) *lister {
	t.Helper()
	query := registry.Query{Patient: patient, Limit: limit}
	l := &lister{rig: r, t: t, page: page, limit: limit, tenants: tenants, conn: bare(t, r.service.Parts.OwnerURL),
		doctor: r.service.Doctor(t, servicetest.Organisation()), args: []any{patient.CX(), query.Limit, string(document.Approved)},
		log: audit.Log{DB: r.service.DB}, proofs: postgres.Proofs{DB: r.service.DB}}
	for _, of := range tenants {
		l.statements = append(l.statements, l.capture(of, query))
	}
	l.form = form(patient, page, tenants...)
	return l
}

// form is a search for a patient's current documents; in one tenant, with its home community.
func form(patient document.PatientID, count int, in ...tenant.Tenant) string {
	f := url.Values{"patient.identifier": {document.URN(patient.Authority) + "|" + patient.Value}, "status": {"current"}, "_count": {fmt.Sprint(count)}}
	if len(in) == 1 {
		f.Set("homeCommunityId", in[0].HomeCommunity)
	}
	return f.Encode()
}

// fill uploads small documents, twenty in a bundle, and lets the database learn of them: else it would do so at some point of the
// measurement.
func (r *rig) fill(t *testing.T, of tenant.Tenant, patient string, n int) {
	t.Helper()
	writer := r.service.Writer(t, of.Organisations[0])
	for sent := 0; sent < n; {
		b := servicetest.Bundle{Home: of.HomeCommunity, Patient: patient}
		for range min(20, n-sent) {
			d := servicetest.NewDoc()
			d.Creation = time.Date(2026, 1, 1, 8, sent, 0, 0, time.UTC).Format(time.RFC3339)
			b.Docs = append(b.Docs, d)
			sent++
		}
		if a := writer.Upload(t, b.JSON(t)); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	if _, err := r.service.Owner.Pool().Exec(t.Context(), "analyze "+pgx.Identifier{of.SchemaName, "document_entry"}.Sanitize()); err != nil {
		t.Fatal(err)
	}
}

// capture runs Find and asks the database what it was sent, so that the floor is that statement and no copy of it here; then it proves
// that the statement finds the same with our arguments.
func (l *lister) capture(of tenant.Tenant, q registry.Query) (statement string) {
	l.t.Helper()
	ctx := l.t.Context()
	var found []string
	err := l.service.DB.InTenant(ctx, of.Schema(), func(tx *postgres.Tx) error {
		var pid int
		if err := tx.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		entries, err := registry.Find(ctx, tx, q)
		if err != nil {
			return err
		}
		for _, e := range entries {
			found = append(found, e.ID.String())
		}
		return l.conn.QueryRow(ctx, "select query from pg_stat_activity where pid = $1", pid).Scan(&statement)
	})
	if err != nil {
		l.t.Fatal(err)
	}
	// A part of each row is enough to tell it.
	rows, err := l.conn.Query(ctx, "select id::text from ("+statement+") as found", l.args...)
	if err != nil {
		l.t.Fatalf("%v: %s", err, statement)
	}
	again, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if diff := cmp.Diff(found, again); err != nil || diff != "" || len(found) != l.limit {
		l.t.Fatalf("Find finds %d entries; its statement others: %v %s", len(found), err, diff)
	}
	return statement
}

// ours is the search as a client sees it: one page, of which every entry is there.
func (l *lister) ours() time.Duration {
	l.t.Helper()
	req := l.service.Request(l.t, http.MethodPost, "/R4/fhir/DocumentReference/_search", strings.NewReader(l.form), "Content-Type", "application/x-www-form-urlencoded")
	l.doctor.Sign(l.t, req)
	var body bytes.Buffer
	took := l.timed(l.t, req, &body)
	if found, _, err := matches(body.Bytes()); err != nil || len(found) != l.page {
		l.t.Fatalf("%d matches, want %d: %v: %s", len(found), l.page, err, body.Bytes())
	}
	return took
}

// matches are the ids that a page lists, and the address of the next; anything else beside them is an error.
func matches(answer []byte) (ids []string, next string, err error) {
	var page struct {
		Link  []struct{ Relation, URL string }
		Entry []struct {
			Resource struct{ ID string }
			Search   struct{ Mode string }
		}
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return nil, "", err
	}
	for _, e := range page.Entry {
		if e.Search.Mode != "match" {
			return nil, "", fmt.Errorf("an entry of mode %s", e.Search.Mode)
		}
		ids = append(ids, e.Resource.ID)
	}
	for _, l := range page.Link {
		if l.Relation == "next" {
			next = l.URL
		}
	}
	return ids, next, nil
}

// toTheEnd follows the pages and gives the number of different entries found and of pages.
func (l *lister) toTheEnd() (found, pages int) {
	l.t.Helper()
	seen := map[string]bool{}
	req := l.service.Request(l.t, http.MethodPost, "/R4/fhir/DocumentReference/_search", strings.NewReader(l.form), "Content-Type", "application/x-www-form-urlencoded")
	for {
		l.doctor.Sign(l.t, req)
		var body bytes.Buffer
		l.timed(l.t, req, &body)
		ids, next, err := matches(body.Bytes())
		if err != nil {
			l.t.Fatal(err)
		}
		pages++
		for _, id := range ids {
			if seen[id] {
				l.t.Fatalf("page %d lists an entry again", pages)
			}
			seen[id] = true
		}
		if next == "" {
			return len(seen), pages
		}
		req = l.service.Request(l.t, http.MethodGet, strings.TrimPrefix(next, l.service.URL), nil)
	}
}

// statement runs the SQL of each tenant, one after the other, and reads the rows without looking at them.
func (l *lister) statement() time.Duration {
	l.t.Helper()
	began := time.Now()
	for _, sql := range l.statements {
		if err := readAll(l.t.Context(), l.conn, sql, l.args, l.limit); err != nil {
			l.t.Fatal(err)
		}
	}
	return time.Since(began)
}

// querier is a connection or a pool.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readAll(ctx context.Context, db querier, sql string, args []any, want int) error {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	n := 0
	for rows.Next() {
		n++
	}
	if n != want {
		return errors.Join(rows.Err(), fmt.Errorf("%d rows, want %d", n, want))
	}
	return rows.Err()
}

// event commits one audit event in each tenant, one after the other, as a search has to.
func (l *lister) event() time.Duration {
	l.t.Helper()
	hits := l.page
	began := time.Now()
	for _, of := range l.tenants {
		e := audit.New(time.Now(), audit.Actor{RequestID: "bench"}, audit.Read, "search")
		e.Patient, e.Detail.Query, e.Detail.Hits = l.args[0].(string), "_count=20", &hits
		if err := l.log.Record(l.t.Context(), of.Schema(), e); err != nil {
			l.t.Fatal(err)
		}
	}
	return time.Since(began)
}

// proof commits one used proof.
func (l *lister) proof() time.Duration {
	l.t.Helper()
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	began := time.Now()
	if fresh, err := l.proofs.Use(l.t.Context(), id, began); err != nil || !fresh {
		l.t.Fatalf("fresh %v: %v", fresh, err)
	}
	return time.Since(began)
}

// verify has a token and a proof looked at and nothing else done.
func (l *lister) verify() time.Duration {
	l.t.Helper()
	req := l.service.Request(l.t, http.MethodGet, "/pingauth", nil)
	l.doctor.Sign(l.t, req)
	return l.timed(l.t, req, io.Discard)
}

func (l *lister) ping() time.Duration {
	l.t.Helper()
	return l.timed(l.t, l.service.Request(l.t, http.MethodGet, "/ping", nil), io.Discard)
}
