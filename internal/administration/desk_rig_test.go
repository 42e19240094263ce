package administration_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// quarantine is a tenant of the running service, and its quarantine desk.
type quarantine struct {
	t       *testing.T
	service *servicetest.Service
	of      tenant.Tenant
	writer  *servicetest.Caller
	store   *blob.S3
	objects *repository.Repository
	queue   *job.Queue
	locator registry.Locator
	now     func() time.Time
}

func openQuarantine(t *testing.T, options ...func(*administration.Draft)) *quarantine {
	t.Helper()
	s := servicetest.Start(t)
	store := s.Store(t)
	queue, err := job.NewQueue(s.DB, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	locator := s.Locator(t)
	of := s.Tenant(t, options...)
	clamd := repository.Clamd(scan.New(scan.Config{Address: s.Parts.Clamd}))
	return &quarantine{t: t, service: s, of: of, writer: s.Writer(t, of.Organisations[0]), store: store, queue: queue, locator: locator,
		objects: repository.New(repository.Config{Blobs: store, Scanner: clamd, SpoolDir: t.TempDir()}), now: time.Now}
}

// desk is the desk as one operator has it.
func (q *quarantine) desk(operator string) *administration.Desk {
	db, log := q.service.DB, audit.Log{DB: q.service.DB}
	publisher := &submission.Service{DB: db, Tenants: tenant.Directory{DB: db}, Objects: q.objects, Log: log, Locator: q.locator, Queue: q.queue, Now: q.now}
	return &administration.Desk{DB: db, Objects: q.objects, Log: log, Queue: q.queue, Publisher: publisher, Operator: operator, Now: q.now,
		Signatures: func(context.Context) (scan.Signatures, error) {
			return scan.Signatures{Engine: "1.4.3", Database: 27800, Built: time.Now()}, nil
		}}
}

// infected sends documents that the scanner finds, and returns the key of the first in quarantine.
func (q *quarantine) infected(b servicetest.Bundle) uuid.UUID {
	q.t.Helper()
	if a := q.writer.Upload(q.t, b.JSON(q.t)); a.Status != http.StatusUnprocessableEntity {
		q.t.Fatalf("infected: %d %s", a.Status, a.Body)
	}
	found, err := q.desk("rigg").List(q.t.Context(), q.of)
	if err != nil || len(found) == 0 {
		q.t.Fatalf("%v, %v", found, err)
	}
	return uuid.MustParse(found[0].Key)
}

// sick is a document that the scanner finds.
func sick() servicetest.Doc {
	d := servicetest.NewDoc()
	d.Bytes = append([]byte("Epikrise "+uuid.NewString()+" "), scan.EICAR()...)
	return d
}

// released approves as kari and releases as ola.
func (q *quarantine) released(key uuid.UUID) error {
	if _, err := q.desk("kari").Approve(q.t.Context(), q.of, key, "falsk alarm"); err != nil {
		return err
	}
	return q.desk("ola").Release(q.t.Context(), q.of, key)
}

// text runs a query for one text, as the tenant.
func (q *quarantine) text(sql string, args ...any) (found string) {
	q.t.Helper()
	err := q.service.DB.InTenant(q.t.Context(), q.of.Schema(), func(tx *postgres.Tx) error {
		return tx.QueryRow(q.t.Context(), sql, args...).Scan(&found)
	})
	if err != nil {
		q.t.Fatalf("%s: %v", sql, err)
	}
	return found
}

// open asks as a doctor for a document.
func (q *quarantine) open(unique string) servicetest.Answer {
	q.t.Helper()
	return q.service.Doctor(q.t, q.of.Organisations[0]).Get(q.t, "/mhd/document?documentUniqueId="+unique+"&homeCommunityId="+q.of.HomeCommunity+
		"&repositoryUniqueId="+q.of.Repository, "nhn-patient-nin", servicetest.Patient)
}

// paths are the tenant's objects in one area.
func (q *quarantine) paths(area string) (found []string) {
	q.t.Helper()
	if err := q.store.List(q.t.Context(), area+"/"+q.of.SchemaName+"/", func(i blob.Info) error { found = append(found, i.Key); return nil }); err != nil {
		q.t.Fatal(err)
	}
	return found
}

// removed waits until the jobs have removed what is to be.
func (q *quarantine) removed() {
	q.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); q.text(`select count(*)::text from tenant.stored_object where state = 'R'`) != "0"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			q.t.Fatal("bytes are not removed")
		}
	}
}

// clean demands that fsck finds nothing, and the canary nothing of the patient in the log.
func (q *quarantine) clean() {
	q.t.Helper()
	q.removed()
	var found []lifecycle.Finding
	check := &lifecycle.Fsck{DB: q.service.DB, Tenants: tenant.Directory{DB: q.service.DB}, Objects: q.objects, Queue: q.queue, Locator: q.locator, Deep: true,
		Grace: 0, Parallel: 2, Now: func() time.Time { return time.Now().Add(time.Hour) }, Found: func(f lifecycle.Finding) { found = append(found, f) },
		Progress: func(lifecycle.Progress) {}}
	if _, err := check.Run(q.t.Context(), q.of.Name); err != nil || len(found) > 0 {
		q.t.Errorf("fsck: %+v, %v", found, err)
	}
}

// operations are the tenant's events: operation, outcome and who.
func (q *quarantine) operations() (out []string) {
	q.t.Helper()
	for _, l := range q.service.Events(q.t, q.of) {
		if l.Caller.Name != "rigg" && l.Caller.Kind == "operator" {
			if l.Action != "E" {
				q.t.Errorf("%s is %s", l.Operation, l.Action)
			}
			out = append(out, l.Operation+" "+l.Outcome+" "+l.Caller.Name)
		}
	}
	return out
}

// reference reads a DocumentReference back as its record system, without what registration gave it.
func (q *quarantine) reference(id string) servicetest.Object {
	q.t.Helper()
	a := q.writer.Get(q.t, "/R4/fhir/DocumentReference/"+id)
	var ref servicetest.Object
	if err := json.Unmarshal(a.Body, &ref); a.Status != http.StatusOK || err != nil {
		q.t.Fatalf("%d %s", a.Status, a.Body)
	}
	return ref
}

func contains(all []string, one string) bool { return slices.Contains(all, one) }

// sweep removes what no row names, however young: so many objects.
func (q *quarantine) sweep(orphans int) {
	q.t.Helper()
	sweep := &lifecycle.Sweep{DB: q.service.DB, Tenants: tenant.Directory{DB: q.service.DB}, Objects: q.objects, Queue: q.queue, Actor: audit.Operator("rigg"),
		Now: func() time.Time { return time.Now().Add(time.Hour) }}
	report, err := sweep.Run(q.t.Context(), q.of.Name)
	if err != nil || report.Removed != orphans {
		q.t.Errorf("%+v, %v", report, err)
	}
}
