//go:build bench

package bench

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
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
	t       *testing.T
	form    string
	doctor  *servicetest.Caller
	tenants []tenant.Tenant
	conn    *pgx.Conn
	// statements are Find's own, one for each tenant, as the database saw them.
	statements []string
	args       []any
	log        audit.Log
	proofs     postgres.Proofs
}

func (r *rig) newLister(t *testing.T, patient string, tenants int) *lister {
	t.Helper()
	id := document.PatientID{Value: patient, Authority: strings.TrimPrefix(servicetest.PatientSystem, "urn:oid:")}
	// One more is asked for than is shown: whether there is a next page must be known (package disclosure).
	query := registry.Query{Patient: id, Limit: page + 1}
	l := &lister{rig: r, t: t, conn: bare(t, r.service.Parts.OwnerURL), doctor: r.service.Doctor(t, servicetest.Organisation()),
		args: []any{id.CX(), query.Limit, string(document.Approved)}, log: audit.Log{DB: r.service.DB}, proofs: postgres.Proofs{DB: r.service.DB}}
	for range tenants {
		of := r.service.Tenant(t)
		r.fill(t, of, patient, entries/tenants)
		l.tenants = append(l.tenants, of)
		l.statements = append(l.statements, l.capture(of, query))
	}
	form := url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + patient}, "status": {"current"}, "_count": {fmt.Sprint(page)}}
	if tenants == 1 {
		form.Set("homeCommunityId", l.tenants[0].HomeCommunity)
	}
	l.form = form.Encode()
	return l
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
	if diff := cmp.Diff(found, again); err != nil || diff != "" || len(found) != page+1 {
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
	var answer struct {
		Entry []struct{ Search struct{ Mode string } }
	}
	if err := json.Unmarshal(body.Bytes(), &answer); err != nil {
		l.t.Fatal(err)
	}
	matches := 0
	for _, e := range answer.Entry {
		if e.Search.Mode == "match" {
			matches++
		}
	}
	if matches != page || len(answer.Entry) != page {
		l.t.Fatalf("%d entries, %d of them matches, want %d: %s", len(answer.Entry), matches, page, body.Bytes())
	}
	return took
}

// statement runs the SQL of each tenant, one after the other, and reads the rows without looking at them.
func (l *lister) statement() time.Duration {
	l.t.Helper()
	began := time.Now()
	for _, sql := range l.statements {
		rows, err := l.conn.Query(l.t.Context(), sql, l.args...)
		if err != nil {
			l.t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if rows.Err() != nil || n != page+1 {
			l.t.Fatalf("%d rows: %v", n, rows.Err())
		}
	}
	return time.Since(began)
}

// event commits one audit event in each tenant, one after the other, as a search has to.
func (l *lister) event() time.Duration {
	l.t.Helper()
	hits := page
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
