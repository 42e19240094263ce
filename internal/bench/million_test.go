//go:build bench

package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/tenant"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// A million is a thousand tenants with fifty patients each and twenty entries of each; BENCH_TENANTS makes it less, to try it out.
	millionTenants, millionPatients, millionEach = 1000, 50, 20
	millionRounds                                = 3
)

// million compares personnel's list in one of a thousand tenants with its bare query on the same data, and with the list in one
// tenant: what the others' being there costs (issue 4). A patient in a tenant is drawn for each request. The service is asked once before the
// other tenants are made, too: then there is no other tenant's schema, role or row.
func (r *rig) million(t *testing.T) {
	m := r.millions(t, tenantsWanted(t))
	m.add(1)
	m.everywhere(1)
	alone := closed(t, 1, m.list(1))
	m.add(m.wanted - 1)
	m.size()
	m.everywhere(m.wanted)
	for _, clients := range []int{1, 8} {
		var all, one, bareAll sample
		for range millionRounds {
			all = append(all, closed(t, clients, m.list(m.wanted))...)
			bareAll = append(bareAll, closed(t, clients, m.query(m.wanted))...)
			one = append(one, closed(t, clients, m.list(1))...)
		}
		name := fmt.Sprintf("list of 20 of %d entries in %d tenants, %d at once", m.wanted*millionPatients*millionEach, m.wanted, clients)
		seconds := (millionRounds * smallPhase).Seconds()
		r.milliseconds(name+": median, against the bare query", all.median(), bareAll.median())
		r.milliseconds(name+": p99, against the bare query", all.p99(), bareAll.p99())
		r.add(name+": throughput, against the bare query", float64(len(all))/seconds, float64(len(bareAll))/seconds, "1/s")
		r.milliseconds(name+": median, against the same list in one of the tenants (target 1.25)", all.median(), one.median())
		r.milliseconds(name+": p99, against the same list in one of the tenants", all.p99(), one.p99())
		if clients == 1 {
			r.milliseconds(name+": median, against that of the first tenant before there were others", all.median(), alone.median())
		}
	}
}

func tenantsWanted(t *testing.T) int {
	t.Helper()
	text := os.Getenv("BENCH_TENANTS")
	if text == "" {
		return millionTenants
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		t.Fatalf("BENCH_TENANTS is %q, want a number of at least 2", text)
	}
	return n
}

// millions is the data and those who ask for it.
type millions struct {
	*copier
	wanted   int
	doctor   *servicetest.Caller
	patients []document.PatientID
	tenants  []tenant.Tenant
	// statement is Find's, with the first tenant's schema, and args its parameters but for the patient.
	statement string
	args      []any
	pool      *pgxpool.Pool
}

func (r *rig) millions(t *testing.T, wanted int) *millions {
	return &millions{copier: r.copier(t), wanted: wanted, doctor: r.service.Doctor(t, servicetest.Organisation()),
		patients: syntheticPatients(wanted * millionPatients), pool: r.pool(t)}
}

// add makes and fills n more tenants.
func (m *millions) add(n int) {
	m.t.Helper()
	began := time.Now()
	made := m.copier.tenants(n)
	created := time.Since(began)
	already := len(m.tenants)
	m.tenants = append(m.tenants, made...)
	m.fill(made, func(i int) []document.PatientID { return m.of(already + i) }, millionEach)
	m.t.Logf("%d tenants made in %v, filled in %v", n, created.Round(time.Millisecond), (time.Since(began) - created).Round(time.Millisecond))
	if m.statement == "" {
		l := m.lister(m.t, m.patients[0], m.tenants[:1], page, millionEach)
		m.statement, m.args = l.statements[0], l.args
		if found, _ := l.toTheEnd(); found != millionEach {
			m.t.Fatalf("a patient has %d entries, want %d", found, millionEach)
		}
	}
}

// of are the patients of a tenant.
func (m *millions) of(tenant int) []document.PatientID {
	return m.patients[tenant*millionPatients : (tenant+1)*millionPatients]
}

// everywhere asks for every patient of few tenants, or one patient of each of many, from several sides: what a connection meets for the
// first time is not what is measured. How long the first lists took is told.
func (m *millions) everywhere(among int) {
	m.t.Helper()
	began, cold := time.Now(), sample{}
	holder := m.doctor.Holder(m.t)
	for _, i := range rand.Perm(among) {
		took, err := m.one(holder, i, rand.IntN(millionPatients))
		if err != nil {
			m.t.Fatal(err)
		}
		cold = append(cold, took)
	}
	for range 2 {
		_ = closed(m.t, 8, m.list(among))
		_ = closed(m.t, 8, m.query(among))
	}
	m.t.Logf("the first list in each of %d tenants: p50 %v, p99 %v; warm after %v", among, cold.median(), cold.p99(), time.Since(began).Round(time.Millisecond))
}

// list is a search for a patient drawn from the first so many tenants.
func (m *millions) list(among int) func() func() (time.Duration, error) {
	holder := m.doctor.Holder(m.t)
	return func() func() (time.Duration, error) {
		return func() (time.Duration, error) { return m.one(holder, rand.IntN(among), rand.IntN(millionPatients)) }
	}
}

// one lists a tenant's patient and wants all that the patient has.
func (m *millions) one(holder *servicetest.Holder, in, patient int) (time.Duration, error) {
	body := strings.NewReader(form(m.of(in)[patient], page, m.tenants[in]))
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.service.URL+"/R4/fhir/DocumentReference/_search", body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := holder.Sign(req); err != nil {
		return 0, err
	}
	var answer bytes.Buffer
	took, err := timed(m.client, req, &answer)
	if err != nil {
		return 0, err
	}
	if found, next, err := matches(answer.Bytes()); err != nil || len(found) != millionEach || next != "" {
		return 0, fmt.Errorf("%d matches, want %d: %w", len(found), millionEach, err)
	}
	return took, nil
}

// query is the bare statement for a patient drawn in the same way.
func (m *millions) query(among int) func() func() (time.Duration, error) {
	schema := func(i int) string { return pgx.Identifier{m.tenants[i].SchemaName}.Sanitize() + "." }
	return func() func() (time.Duration, error) {
		in := rand.IntN(among)
		sql := strings.ReplaceAll(m.statement, schema(0), schema(in))
		args := append([]any{m.of(in)[rand.IntN(millionPatients)].CX()}, m.args[1:]...)
		return func() (time.Duration, error) {
			began := time.Now()
			err := readAll(m.t.Context(), m.pool, sql, args, millionEach)
			return time.Since(began), err
		}
	}
}

// size tells what the data take, and lets the database write them before anything is measured.
func (m *millions) size() {
	m.t.Helper()
	if _, err := m.service.Owner.Pool().Exec(m.t.Context(), "checkpoint"); err != nil {
		m.t.Fatal(err)
	}
	var mebibytes, entries int64
	ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
	defer cancel()
	err := m.service.Owner.Pool().QueryRow(ctx, `select pg_database_size(current_database()) >> 20, (select sum(reltuples)::bigint from pg_class where relname = 'document_entry')`).
		Scan(&mebibytes, &entries)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Logf("the database has %d MiB, with %d entries", mebibytes, entries)
}
