package lifecycle_test

import (
	"bytes"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// scene is a tenant of the running service with one of everything: a document, one replaced by another with an addendum, two sent
// together, one whose confidentiality changed, one deleted with its bytes gone, one infected.
type scene struct {
	t       *testing.T
	service *servicetest.Service
	of      tenant.Tenant
	writer  *servicetest.Caller
	store   *blob.S3
	objects *repository.Repository
	queue   *job.Queue
	// Entries, by what happened to them.
	plain, replaced, replacing, addendum, first, second, changed, deleted uuid.UUID
	// quarantined is an object's key.
	quarantined uuid.UUID
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := emptyScene(t)
	s.plain, s.replaced, s.changed, s.deleted = s.upload(servicetest.NewDoc()), s.upload(servicetest.NewDoc()), s.upload(servicetest.NewDoc()), s.upload(servicetest.NewDoc())
	replacing := servicetest.NewDoc()
	replacing.Relates = map[string]string{"replaces": s.replaced.String()}
	s.replacing = s.upload(replacing)
	addendum := servicetest.NewDoc()
	addendum.Relates = map[string]string{"appends": s.replacing.String()}
	s.addendum = s.upload(addendum)
	first, second := servicetest.NewDoc(), servicetest.NewDoc()
	s.upload(first, second)
	s.first, s.second = uuid.MustParse(first.ID), uuid.MustParse(second.ID)
	s.change(s.changed)
	s.delete(s.deleted)
	infected := servicetest.NewDoc()
	infected.Bytes = []byte(scan.EICAR())
	if a := s.writer.Upload(t, servicetest.BundleFor(s.of, infected).JSON(t)); a.Status/100 != 4 {
		t.Fatalf("infected: %d %s", a.Status, a.Body)
	}
	s.quarantined = s.id(`select key from tenant.stored_object where state = 'Q'`)
	return s
}

// emptyScene is a tenant without documents.
func emptyScene(t *testing.T) *scene {
	t.Helper()
	service := servicetest.Start(t)
	store := service.Store(t)
	queue, err := job.NewQueue(service.DB, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	of := service.Tenant(t)
	return &scene{t: t, service: service, of: of, writer: service.Writer(t, of.Organisations[0]), store: store, queue: queue,
		objects: repository.New(repository.Config{Blobs: store})}
}

// upload stores documents in one submission and returns the first one's entry.
func (s *scene) upload(docs ...servicetest.Doc) uuid.UUID {
	s.t.Helper()
	if a := s.writer.Upload(s.t, servicetest.BundleFor(s.of, docs...).JSON(s.t)); a.Status/100 != 2 {
		s.t.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	return uuid.MustParse(docs[0].ID)
}

func (s *scene) change(entry uuid.UUID) {
	s.t.Helper()
	body := `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]}]}]`
	req := s.service.Request(s.t, http.MethodPatch, "/R4/fhir/DocumentReference/"+entry.String(), strings.NewReader(body), "Content-Type", "application/json-patch+json")
	if a := s.writer.Do(s.t, req); a.Status != http.StatusOK {
		s.t.Fatalf("patch: %d %s", a.Status, a.Body)
	}
}

// delete deletes a document and waits until its bytes are gone.
func (s *scene) delete(entry uuid.UUID) {
	s.t.Helper()
	key := s.key(entry)
	if a := s.writer.Do(s.t, s.service.Request(s.t, http.MethodDelete, "/R4/fhir/DocumentReference/"+entry.String(), nil)); a.Status/100 != 2 {
		s.t.Fatalf("delete: %d %s", a.Status, a.Body)
	}
	s.await("gone", func() bool { return state(s.t, s.service.DB, s.of.Schema(), key) == "G" })
}

func (s *scene) await(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not %s after 20 s", what)
		}
	}
}

// id runs a query for one id, as the tenant.
func (s *scene) id(sql string, args ...any) (found uuid.UUID) {
	s.t.Helper()
	err := s.service.DB.InTenant(s.t.Context(), s.of.Schema(), func(tx *postgres.Tx) error {
		return tx.QueryRow(s.t.Context(), sql, args...).Scan(&found)
	})
	if err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
	return found
}

// key is an entry's object.
func (s *scene) key(entry uuid.UUID) uuid.UUID {
	s.t.Helper()
	return s.id(`select object_key from tenant.document_entry where id = $1`, entry)
}

// owner changes one row as the owner of the database may and the service may not.
func (s *scene) owner(sql string, args ...any) {
	s.t.Helper()
	tag, err := s.service.Owner.Pool().Exec(s.t.Context(), strings.ReplaceAll(sql, "tenant.", s.of.SchemaName+"."), args...)
	if err != nil || tag.RowsAffected() != 1 {
		s.t.Fatalf("%s: %d rows, %v", sql, tag.RowsAffected(), err)
	}
}

// path is the store's key of an object in area d or q.
func (s *scene) path(area string, key uuid.UUID) string {
	return area + "/" + s.of.SchemaName + "/" + key.String()
}

func (s *scene) put(path string, content []byte) {
	s.t.Helper()
	sum := sha256.Sum256(content)
	if err := s.store.Put(s.t.Context(), path, bytes.NewReader(content), int64(len(content)), sum[:]); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) take(path string) {
	s.t.Helper()
	if err := s.store.Remove(s.t.Context(), path); err != nil {
		s.t.Fatal(err)
	}
}

// paths are the tenant's objects.
func (s *scene) paths() (found []string) {
	s.t.Helper()
	for _, area := range []string{"d", "q"} {
		if err := s.store.List(s.t.Context(), area+"/"+s.of.SchemaName+"/", func(i blob.Info) error { found = append(found, i.Key); return nil }); err != nil {
			s.t.Fatal(err)
		}
	}
	return found
}

// later is a clock of which the objects put now look two days old.
func later() time.Time { return time.Now().Add(48 * time.Hour) }

// fsck checks the tenant two days from now, each time deeply, and gives sorted lines "kind ids".
func (s *scene) fsck() (found []lifecycle.Finding, lines []string) {
	s.t.Helper()
	found, report, err := s.fsckWith(func(*lifecycle.Fsck) {})
	if err != nil || report.Findings != len(found) || report.Tenants != 1 {
		s.t.Fatalf("%+v with %d findings, %v", report, len(found), err)
	}
	for _, f := range found {
		if f.Tenant != s.of.Name || f.Detail == "" || f.Severity != f.Kind.Severity() {
			s.t.Errorf("incomplete: %+v", f)
		}
		lines = append(lines, strings.Join([]string{string(f.Kind), f.Object, f.Entry}, " "))
	}
	slices.Sort(lines)
	return found, lines
}

func (s *scene) fsckWith(change func(*lifecycle.Fsck)) (found []lifecycle.Finding, report lifecycle.Report, err error) {
	s.t.Helper()
	locator := s.service.Locator(s.t)
	var last lifecycle.Progress
	check := &lifecycle.Fsck{DB: s.service.DB, Tenants: tenant.Directory{DB: s.service.DB}, Objects: s.objects, Queue: s.queue, Locator: locator,
		Deep: true, Grace: lifecycle.DefaultGrace, Parallel: 2, Now: later, Found: func(f lifecycle.Finding) { found = append(found, f) },
		Progress: func(p lifecycle.Progress) {
			if p.Share < last.Share || p.Share > 1.0001 || p.Objects < last.Objects {
				s.t.Errorf("progress goes from %+v to %+v", last, p)
			}
			last = p
		}}
	change(check)
	report, err = check.Run(s.t.Context(), s.of.Name)
	return found, report, err
}

// sweep sweeps the tenant; other tests sweep at the same time, so it waits for its turn.
func (s *scene) sweep(change func(*lifecycle.Sweep)) (told []lifecycle.Swept, report lifecycle.SweepReport) {
	s.t.Helper()
	sweeps.Lock()
	defer sweeps.Unlock()
	sweep := &lifecycle.Sweep{DB: s.service.DB, Tenants: tenant.Directory{DB: s.service.DB}, Objects: s.objects, Queue: s.queue,
		Actor: audit.Operator("test"), Grace: lifecycle.DefaultGrace, Now: later, Told: func(o lifecycle.Swept) { told = append(told, o) }}
	change(sweep)
	report, err := sweep.Run(s.t.Context(), s.of.Name)
	if err != nil {
		s.t.Fatal(err)
	}
	return told, report
}

func logger(to *servicetest.Log) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }

// sweeps lets one test of this process sweep at a time.
var sweeps sync.Mutex
