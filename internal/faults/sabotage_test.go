package faults

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// sabotages are what an inspection must find: one thing done to one document behind the service's back.
var sabotages = map[string]func(t testing.TB, s *servicetest.Service, p *paper){
	"lost object": func(t testing.TB, s *servicetest.Service, p *paper) {
		store := must(storeOf(s))(t)
		must(0, store.Remove(t.Context(), objectOf(t, s, p)))(t)
	},
	"altered object": func(t testing.TB, s *servicetest.Service, p *paper) {
		store := must(storeOf(s))(t)
		altered := bytes.Repeat([]byte("x"), sizeOf(t, s, p))
		sum := sha256.Sum256(altered)
		must(0, store.Put(t.Context(), objectOf(t, s, p), bytes.NewReader(altered), int64(len(altered)), sum[:]))(t)
	},
	"object without a row": func(t testing.TB, s *servicetest.Service, p *paper) {
		store := must(storeOf(s))(t)
		sum := sha256.Sum256(nil)
		// In quarantine, where a clean document never is; a sweep would take it from among the documents.
		must(0, store.Put(t.Context(), "q/"+p.of.SchemaName+"/"+uuid.NewString(), bytes.NewReader(nil), 0, sum[:]))(t)
		behind(t, s, p, `insert into tenant.stored_object (key, state, size, sha256, mime_type, event_id, stored_at, changed_at)
			select gen_random_uuid(), 'S', size, sha256, mime_type, event_id, stored_at, changed_at from tenant.stored_object where key = (select object_key from tenant.document_entry where id = $1)`)
	},
	"lost entry": func(t testing.TB, s *servicetest.Service, p *paper) {
		behind(t, s, p, `delete from tenant.document_entry where id = $1`)
	},
	"duplicate": func(t testing.TB, s *servicetest.Service, p *paper) {
		behind(t, s, p, `with copy as (select (json_populate_record(e, json_build_object('id', gen_random_uuid(), 'logical_id', gen_random_uuid()))).* from tenant.document_entry e
			where id = $1) insert into tenant.document_entry select * from copy`)
	},
	"other status": func(t testing.TB, s *servicetest.Service, p *paper) {
		behind(t, s, p, `update tenant.document_entry set status = 'T' where id = $1`)
	},
	"other confidentiality": func(t testing.TB, s *servicetest.Service, p *paper) {
		behind(t, s, p, `update tenant.document_entry set confidentiality = array['V^^' || confidentiality[1]] where id = $1`)
	},
	"lost event": func(t testing.TB, s *servicetest.Service, p *paper) {
		behind(t, s, p, `delete from tenant.audit_event where action = 'C' and entry_id = $1`)
	},
	"doubled event": func(t testing.TB, s *servicetest.Service, p *paper) {
		behind(t, s, p, `insert into tenant.audit_event select gen_random_uuid(), at, action, outcome, operation, patient_id, entry_id, actor, detail
			from tenant.audit_event where action = 'C' and entry_id = $1`)
	},
	"delete that did not happen": func(_ testing.TB, _ *servicetest.Service, p *paper) { p.deleted = true },
	"change that did not happen": func(_ testing.TB, _ *servicetest.Service, p *paper) { p.code = "R" },
	"document nobody stored":     func(_ testing.TB, _ *servicetest.Service, p *paper) { p.id = uuid.NewString() },
}

// must takes a value and an error, and fails the test with the error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// behind changes rows as the owner of the database may and the service may not.
func behind(t testing.TB, s *servicetest.Service, p *paper, sql string) {
	t.Helper()
	tag, err := s.Owner.Pool().Exec(t.Context(), strings.ReplaceAll(sql, "tenant.", p.of.SchemaName+"."), p.id)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%s: %d rows, %v", sql, tag.RowsAffected(), err)
	}
}

// objectOf is the store's key of a document's bytes.
func objectOf(t testing.TB, s *servicetest.Service, p *paper) string {
	t.Helper()
	var key uuid.UUID
	err := s.Owner.Pool().QueryRow(t.Context(), `select object_key from `+p.of.SchemaName+`.document_entry where id = $1`, p.id).Scan(&key)
	if err != nil {
		t.Fatal(err)
	}
	return "d/" + p.of.SchemaName + "/" + key.String()
}

func sizeOf(t testing.TB, s *servicetest.Service, p *paper) (n int) {
	t.Helper()
	if err := s.Owner.Pool().QueryRow(t.Context(), `select size from `+p.of.SchemaName+`.document_entry where id = $1`, p.id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestInspectionBites: what is inspected is clean, and is not any more after each sabotage.
func TestInspectionBites(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for _, name := range append(slices.Sorted(maps.Keys(sabotages)), "") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			books := newSource(t, s, s.Tenant(t))
			books.fill(t)
			if name != "" {
				sabotages[name](t, s, books.papers[0])
			}
			in := &inspection{t: t, service: s, of: books.of, papers: books.papers}
			found := in.run(t.Context())
			if (len(found) > 0) != (name != "") {
				t.Errorf("found %q", found)
			}
		})
	}
}

// fill leaves a document, one that replaced another, one whose confidentiality changed and one deleted.
func (s *source) fill(t testing.TB) {
	t.Helper()
	do := func(d *deed) *paper {
		r := d.send(t.Context(), time.Minute)
		if !d.finished(r) {
			t.Fatalf("%s: %s", d.name, r)
		}
		if err := d.done(r); err != nil {
			t.Fatal(err)
		}
		return s.papers[len(s.papers)-1]
	}
	do(s.upload("", servicetest.NewDoc()))
	do(s.replace("", do(s.upload("", servicetest.NewDoc())), servicetest.NewDoc()))
	do(s.patch(do(s.upload(newKey(), servicetest.NewDoc())), "R"))
	do(s.delete(do(s.upload("", servicetest.NewDoc()))))
	awaitRemovals(t, s.service, s.of)
}

// sabotage damages one acknowledged document, when the run is to show that it would be seen.
func (s *soak) sabotage(site *site, tenants []tenant.Tenant, all []*client) {
	name := os.Getenv("SOAK_SABOTAGE")
	if name == "" {
		return
	}
	damage, known := sabotages[name]
	if !known {
		s.t.Fatalf("SOAK_SABOTAGE is one of %q", slices.Sorted(maps.Keys(sabotages)))
	}
	for _, p := range papersOf(all, tenants[0]) {
		if !p.deleted && !p.replaced {
			fmt.Fprintf(os.Stderr, "sabotage, %s: document %s\n", name, p.id)
			damage(s.t, site.Service, p)
			return
		}
	}
	s.t.Fatal("nothing to sabotage")
}
