package lifecycle_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// line is what fsck says of a finding, as scene.fsck gives it.
func line(kind lifecycle.Kind, object, entry uuid.UUID) string {
	text := func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		return id.String()
	}
	return strings.Join([]string{string(kind), text(object), text(entry)}, " ")
}

// sabotages break one thing each and return what fsck must say, that and nothing else: a check that never finds anything proves
// nothing (design/trust.md §3).
var sabotages = map[string]func(s *scene) []string{
	"nothing": func(*scene) []string { return nil },
	"bytes deleted": func(s *scene) []string {
		s.take(s.path("d", s.key(s.plain)))
		return []string{line(lifecycle.ObjectMissing, s.key(s.plain), s.plain)}
	},
	"bytes in quarantine deleted": func(s *scene) []string {
		s.take(s.path("q", s.quarantined))
		return []string{line(lifecycle.ObjectMissing, s.quarantined, uuid.Nil)}
	},
	"bytes truncated": func(s *scene) []string {
		content := s.content("d", s.key(s.plain))
		s.put(s.path("d", s.key(s.plain)), content[:len(content)-1])
		return []string{line(lifecycle.ObjectSize, s.key(s.plain), s.plain)}
	},
	"one bit flipped": func(s *scene) []string {
		s.flip("d", s.key(s.first))
		return []string{line(lifecycle.ObjectBytes, s.key(s.first), s.first)}
	},
	"one bit flipped in quarantine": func(s *scene) []string {
		s.flip("q", s.quarantined)
		return []string{line(lifecycle.ObjectBytes, s.quarantined, uuid.Nil)}
	},
	"two objects exchanged": func(s *scene) []string {
		one, other := s.key(s.first), s.key(s.second)
		a, b := s.content("d", one), s.content("d", other)
		s.put(s.path("d", one), b)
		s.put(s.path("d", other), a)
		return []string{line(lifecycle.ObjectBytes, one, s.first), line(lifecycle.ObjectBytes, other, s.second)}
	},
	"document put into quarantine": func(s *scene) []string {
		key := s.key(s.plain)
		s.put(s.path("q", key), s.content("d", key))
		s.take(s.path("d", key))
		return []string{line(lifecycle.ObjectMisplaced, key, s.plain)}
	},
	"infected bytes among the documents": func(s *scene) []string {
		s.put(s.path("d", s.quarantined), s.content("q", s.quarantined))
		return []string{line(lifecycle.ObjectMisplaced, s.quarantined, uuid.Nil)}
	},
	"an orphan": func(s *scene) []string {
		key := uuid.New()
		s.put(s.path("d", key), []byte("nobody names me"))
		return []string{line(lifecycle.ObjectOrphan, key, uuid.Nil)}
	},
	"bytes of a deleted document are back": func(s *scene) []string {
		s.put(s.path("d", s.key(s.deleted)), []byte("I was deleted"))
		return []string{line(lifecycle.ObjectOrphan, s.key(s.deleted), s.deleted)}
	},
	"a name that is no key": func(s *scene) []string {
		s.put("d/"+s.of.SchemaName+"/13116900216", []byte("strange"))
		return []string{line(lifecycle.ObjectStrange, uuid.Nil, uuid.Nil)}
	},
	"an object row deleted": func(s *scene) []string {
		key := s.key(s.plain)
		s.owner(`delete from tenant.stored_object where key = $1`, key)
		return []string{line(lifecycle.EntryWithoutObject, key, s.plain), line(lifecycle.ObjectOrphan, key, s.plain)}
	},
	"an object marked gone": func(s *scene) []string {
		key := s.key(s.plain)
		s.owner(`update tenant.stored_object set state = 'G' where key = $1`, key)
		return []string{line(lifecycle.EntryWithoutObject, key, s.plain), line(lifecycle.ObjectOrphan, key, s.plain)}
	},
	"a deleted document's bytes kept": func(s *scene) []string {
		s.owner(`update tenant.document_entry set status = 'T' where id = $1`, s.plain)
		return []string{line(lifecycle.DeletedButKept, s.key(s.plain), s.plain)}
	},
	"an entry's digest changed": func(s *scene) []string {
		s.owner(`update tenant.document_entry set sha256 = decode(repeat('00', 32), 'hex') where id = $1`, s.plain)
		return []string{line(lifecycle.EntryDiffers, s.key(s.plain), s.plain)}
	},
	"a row's digest changed": func(s *scene) []string {
		s.owner(`update tenant.stored_object set sha256 = decode(repeat('00', 32), 'hex') where key = $1`, s.key(s.plain))
		return []string{line(lifecycle.EntryDiffers, s.key(s.plain), s.plain), line(lifecycle.ObjectBytes, s.key(s.plain), s.plain)}
	},
	"an entry deleted": func(s *scene) []string {
		key := s.key(s.plain)
		s.owner(`delete from tenant.document_entry where id = $1`, s.plain)
		return []string{line(lifecycle.AssociationBroken, uuid.Nil, uuid.Nil), line(lifecycle.ObjectWithoutEntry, key, uuid.Nil)}
	},
	"an entry's patient unreadable": func(s *scene) []string {
		s.owner(`update tenant.document_entry set patient_id = '' where id = $1`, s.plain)
		return []string{line(lifecycle.EntryUnreadable, uuid.Nil, s.plain)}
	},
	"the create event deleted": func(s *scene) []string {
		s.owner(`delete from tenant.audit_event where id = (select event_id from tenant.stored_object where key = $1)`, s.key(s.plain))
		return []string{line(lifecycle.AuditMissing, s.key(s.plain), s.plain)}
	},
	"the create event of a deleted document deleted": func(s *scene) []string {
		s.owner(`delete from tenant.audit_event where action = 'C' and entry_id = $1`, s.deleted)
		return []string{line(lifecycle.AuditMissing, s.key(s.deleted), s.deleted)}
	},
	"the create event of an id used again deleted": func(s *scene) []string {
		s.delete(s.plain)
		again := servicetest.NewDoc()
		again.ID = s.plain.String()
		s.upload(again)
		s.owner(`delete from tenant.audit_event where id = (select event_id from tenant.stored_object where key = $1)`, s.key(s.plain))
		s.owner(`update tenant.audit_event set at = at - interval '2 hours' where action = 'C' and entry_id = $1`, s.plain)
		return []string{line(lifecycle.AuditMissing, s.key(s.plain), s.plain)}
	},
	"the create event names another entry": func(s *scene) []string {
		s.owner(`update tenant.audit_event set detail = replace(detail::text, $1, $2)::jsonb where action = 'C' and detail::text like '%' || $1 || '%'`,
			s.second.String(), uuid.NewString())
		return []string{line(lifecycle.AuditMissing, s.key(s.second), s.second)}
	},
	"the delete event deleted": func(s *scene) []string {
		s.owner(`delete from tenant.audit_event where action = 'D'`)
		return []string{line(lifecycle.AuditMissing, s.key(s.deleted), uuid.Nil)}
	},
	"the change's event deleted": func(s *scene) []string {
		s.owner(`delete from tenant.audit_event where action = 'U'`)
		return []string{line(lifecycle.AuditMissing, uuid.Nil, s.changed)}
	},
	"the event of the quarantine deleted": func(s *scene) []string {
		s.owner(`delete from tenant.audit_event where id = (select event_id from tenant.stored_object where key = $1)`, s.quarantined)
		return []string{line(lifecycle.AuditMissing, s.quarantined, uuid.Nil)}
	},
	"a set's only membership deleted": func(s *scene) []string {
		s.owner(`delete from tenant.association where kind = 'M' and target_id = $1`, s.plain)
		return []string{line(lifecycle.SetWithoutMembers, uuid.Nil, uuid.Nil)}
	},
	"one of two memberships deleted": func(s *scene) []string {
		s.owner(`delete from tenant.association where kind = 'M' and target_id = $1`, s.second)
		return []string{line(lifecycle.EntryOutsideSet, uuid.Nil, s.second)}
	},
	"a set deleted": func(s *scene) []string {
		s.owner(`delete from tenant.submission where id = (select submission_id from tenant.document_entry where id = $1)`, s.plain)
		return []string{line(lifecycle.AssociationBroken, uuid.Nil, s.plain)}
	},
	"a relation's target is not there": func(s *scene) []string {
		s.owner(`update tenant.association set target_id = $1 where kind = 'P'`, uuid.New())
		return []string{line(lifecycle.AssociationBroken, uuid.Nil, uuid.Nil)}
	},
	"a relation's source is not there": func(s *scene) []string {
		s.owner(`update tenant.association set source_id = $1 where kind = 'P'`, uuid.New())
		return []string{line(lifecycle.AssociationBroken, uuid.Nil, s.replacing)}
	},
	"two versions current": func(s *scene) []string {
		s.owner(`update tenant.document_entry set logical_id = $1, version = 2 where id = $2`, s.first, s.second)
		return []string{line(lifecycle.SeveralCurrent, uuid.Nil, s.second)}
	},
	"a replaced document current": func(s *scene) []string {
		s.owner(`update tenant.document_entry set status = 'A' where id = $1`, s.replaced)
		return []string{line(lifecycle.ReplacedButCurrent, uuid.Nil, s.replaced)}
	},
	"entry locator row deleted": func(s *scene) []string {
		s.owner(`delete from control.entry_locator where entry_id = $1`, s.plain)
		return []string{line(lifecycle.LocatorMissing, uuid.Nil, s.plain)}
	},
	"patient locator row deleted": func(s *scene) []string {
		s.owner(`delete from control.patient_locator where tenant_id = $1`, s.of.ID)
		first := s.id(`select id from tenant.document_entry where status <> 'T' order by id limit 1`)
		return []string{line(lifecycle.LocatorMissing, uuid.Nil, first)}
	},
	"a message left": func(s *scene) []string {
		s.owner(`update tenant.stored_object set held = '{}' where key = $1`, s.key(s.plain))
		return []string{line(lifecycle.MessageLeft, s.key(s.plain), uuid.Nil)}
	},
	"a quarantined document's message deleted": func(s *scene) []string {
		s.owner(`update tenant.stored_object set held = null where key = $1`, s.quarantined)
		return []string{line(lifecycle.MessageMissing, s.quarantined, uuid.Nil)}
	},
	"an entry names what was never published": func(s *scene) []string {
		old := s.key(s.plain)
		s.owner(`update tenant.document_entry set object_key = $2 where id = $1`, s.plain, s.quarantined)
		return []string{line(lifecycle.EntryWithoutObject, s.quarantined, s.plain), line(lifecycle.ObjectWithoutEntry, old, uuid.Nil)}
	},
	"an entry names another's quarantined document": func(s *scene) []string {
		old := s.key(s.plain)
		s.owner(`update tenant.stored_object set held = held || '{"late":true}' where key = $1`, s.quarantined)
		s.owner(`update tenant.document_entry set object_key = $2 where id = $1`, s.plain, s.quarantined)
		return []string{line(lifecycle.EntryWithoutObject, s.quarantined, s.plain), line(lifecycle.ObjectWithoutEntry, old, uuid.Nil)}
	},
	"a removal nobody does": func(s *scene) []string {
		s.loseRemoval()
		return []string{line(lifecycle.RemovalLost, s.key(s.deleted), uuid.Nil)}
	},
}

func (s *scene) content(area string, key uuid.UUID) []byte {
	s.t.Helper()
	body, err := s.store.Open(s.t.Context(), s.path(area, key), 0, -1)
	if err != nil {
		s.t.Fatal(err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

func (s *scene) flip(area string, key uuid.UUID) {
	s.t.Helper()
	content := s.content(area, key)
	content[len(content)/2] ^= 1
	s.put(s.path(area, key), content)
}

// loseRemoval makes the deleted document one whose job was lost.
func (s *scene) loseRemoval() {
	s.t.Helper()
	key := s.key(s.deleted)
	s.owner(`delete from jobs.river_job where args->>'key' = $1`, key.String())
	s.owner(`update tenant.stored_object set state = 'R' where key = $1`, key)
}

func TestFsckNamesWhatIsBrokenAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, sabotage := range sabotages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			want := sabotage(s)
			slices.Sort(want)
			found, got := s.fsck()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s\n%+v", diff, found)
			}
			text, err := json.Marshal(found)
			if err != nil || strings.Contains(string(text), servicetest.Patient) {
				t.Errorf("a patient stands in the findings, or %v: %s", err, text)
			}
		})
	}
}

// TestFsckLeavesUploadsAlone: an object younger than the grace period belongs to an upload on its way; without --deep bytes are not read.
func TestFsckLeavesUploadsAlone(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.put(s.path("d", uuid.New()), []byte("on its way"))
	s.flip("d", s.key(s.plain))
	found, report, err := s.fsckWith(func(f *lifecycle.Fsck) { f.Now, f.Deep = time.Now, false })
	if err != nil || len(found) != 0 || report.Objects != 10 {
		t.Errorf("%+v, %+v, %v", found, report, err)
	}
}

// TestFsckOfAnIDUsedAgain: an entry that took over the id of a deleted, replaced one is current by right.
func TestFsckOfAnIDUsedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.delete(s.replaced)
	again := servicetest.NewDoc()
	again.ID = s.replaced.String()
	s.upload(again)
	if _, got := s.fsck(); got != nil {
		t.Errorf("%v", got)
	}
}

// TestFsckWhileBusy: uploads, changes and deletions that run beside it are no findings.
func TestFsckWhileBusy(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 15 {
			entry := s.upload(servicetest.NewDoc(), servicetest.NewDoc())
			s.change(entry)
			s.delete(entry)
		}
	}()
	for busy := true; busy; {
		select {
		case <-done:
			busy = false
		default:
		}
		found, _, err := s.fsckWith(func(f *lifecycle.Fsck) { f.Now = time.Now })
		if err != nil || len(found) != 0 {
			t.Fatalf("%+v, %v", found, err)
		}
	}
}

// meanwhile is a store during whose first listing or opening something happens.
type meanwhile struct {
	blob.Store
	list, open func()
}

func (m *meanwhile) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	once(&m.list)
	return m.Store.List(ctx, prefix, fn)
}

func (m *meanwhile) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	once(&m.open)
	return m.Store.Open(ctx, key, offset, length)
}

func once(f *func()) {
	if do := *f; do != nil {
		*f = nil
		do()
	}
}

// TestFsckLooksTwice: between the rows and the listing a document comes and one goes, and another goes before its bytes are read.
// None of that is a finding.
func TestFsckLooksTwice(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for name, m := range map[string]*meanwhile{
		"deleted before listed":  {list: func() { s.delete(s.plain) }},
		"uploaded before listed": {list: func() { s.upload(servicetest.NewDoc()) }},
		"deleted before opened": {open: func() {
			for _, entry := range []uuid.UUID{s.first, s.second, s.changed, s.addendum, s.replacing, s.replaced} {
				s.delete(entry)
			}
		}},
	} {
		m.Store = s.store
		found, _, err := s.fsckWith(func(f *lifecycle.Fsck) {
			f.Objects, f.Parallel = repository.New(repository.Config{Blobs: m}), 1
		})
		if err != nil || len(found) != 0 || m.list != nil {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}
}

// silent is a store in which one call fails.
type silent struct {
	blob.Store
	stat, open, list error
}

func (f silent) Stat(ctx context.Context, key string) (blob.Info, error) {
	if f.stat != nil {
		return blob.Info{}, f.stat
	}
	return f.Store.Stat(ctx, key)
}

func (f silent) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if f.open != nil {
		return nil, f.open
	}
	return f.Store.Open(ctx, key, offset, length)
}

func (f silent) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	return errors.Join(f.list, f.Store.List(ctx, prefix, fn))
}

// TestFsckSaysWhenItCouldNot: a store that does not answer is neither clean nor full of findings.
func TestFsckSaysWhenItCouldNot(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.put(s.path("d", uuid.New()), []byte("orphan, so that something is looked at"))
	down := errors.New("down")
	for name, store := range map[string]blob.Store{
		"no list": silent{Store: s.store, list: down}, "no stat": silent{Store: s.store, stat: down}, "no bytes": silent{Store: s.store, open: down},
		"disorder": backwards{s.store},
	} {
		_, report, err := s.fsckWith(func(f *lifecycle.Fsck) { f.Objects = repository.New(repository.Config{Blobs: store}) })
		if err == nil || !strings.Contains(err.Error(), s.of.Name) || report.Findings > 1 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	if _, _, err := s.fsckWith(func(f *lifecycle.Fsck) { f.DB = s.closedDB() }); err == nil {
		t.Error("no database: no error")
	}
	if _, _, err := s.fsckWith(func(f *lifecycle.Fsck) { s.of.Name = "no-such-tenant" }); err == nil {
		t.Error("no tenant: no error")
	}
}

// backwards lists in another order than that of keys.
type backwards struct{ blob.Store }

func (b backwards) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	var all []blob.Info
	if err := b.Store.List(ctx, prefix, func(i blob.Info) error { all = append(all, i); return nil }); err != nil {
		return err
	}
	for _, i := range slices.Backward(all) {
		if err := fn(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) closedDB() *postgres.DB {
	s.t.Helper()
	db, err := postgres.Open(s.t.Context(), postgres.Config{URL: s.service.Parts.AppURL, Pools: 1})
	if err != nil {
		s.t.Fatal(err)
	}
	db.Close()
	return db
}

// TestFsckPagesThroughRows: more rows than a page holds, and a wrong locator key finds no patient at all.
func TestFsckPagesThroughRows(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	entry := s.upload(servicetest.NewDoc())
	s.multiply(entry, 1200)
	gone := s.id(`select key from tenant.stored_object order by key offset 1100 limit 1`)
	// Copies have one row of bytes each, and no bytes: all are missing but the original.
	found, report, err := s.fsckWith(func(f *lifecycle.Fsck) { f.Locator, _ = registry.NewLocator(make([]byte, 32)) })
	count := map[lifecycle.Kind]int{}
	named := false
	for _, f := range found {
		count[f.Kind]++
		named = named || f.Kind == lifecycle.ObjectMissing && f.Object == gone.String() && f.Entry != ""
	}
	want := map[lifecycle.Kind]int{lifecycle.ObjectMissing: 1200, lifecycle.EntryOutsideSet: 1200, lifecycle.AuditMissing: 1200, lifecycle.LocatorMissing: 1200 + 2}
	if diff := cmp.Diff(want, count); diff != "" || err != nil || report.Objects != 1201 || !named {
		t.Errorf("%+v, %v, named %v\n%s", report, err, named, diff)
	}
}

// multiply copies an entry and its object's row.
func (s *scene) multiply(entry uuid.UUID, n int) {
	s.t.Helper()
	sql := `with copy as (select gen_random_uuid() id, gen_random_uuid() key from generate_series(1, $2::int)),
		o as (insert into tenant.stored_object (key, state, size, sha256, mime_type, event_id, stored_at, changed_at)
		  select copy.key, state, size, sha256, mime_type, event_id, stored_at, changed_at from tenant.stored_object o, copy where o.key = $3),
		e as (insert into tenant.document_entry (id, logical_id, version, unique_id, patient_id, status, submission_id, object_key, class_code, type_code,
		  format_code, facility_code, practice_code, confidentiality, creation_time, mime_type, size, sha1, sha256, registered_at, rest)
		  select copy.id, copy.id, 1, unique_id, patient_id, status, submission_id, copy.key, class_code, type_code, format_code, facility_code, practice_code,
		  confidentiality, creation_time, mime_type, size, sha1, sha256, registered_at, rest from tenant.document_entry e, copy where e.id = $1)
		select 1`
	s.owner(sql, entry, n, s.key(entry))
}

// TestFsckOfAllTenants names prefixes that are no tenant's.
func TestFsckOfAllTenants(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	name := "left_" + strings.ReplaceAll(uuid.NewString(), "-", "")[:6]
	s.put("d/"+name+"/"+uuid.NewString(), []byte("x"))
	s.put("q/13116900216/x", []byte("x"))
	var all []string
	check := func(f *lifecycle.Fsck) {
		f.Found = func(f lifecycle.Finding) { all = append(all, string(f.Kind)+" "+f.Detail) }
		s.of.Name = ""
	}
	_, _, err := s.fsckWith(check)
	text := strings.Join(all, "\n")
	if err != nil || !strings.Contains(text, "prefix-unknown the store holds objects under \""+name+"\"") || !strings.Contains(text, "not repeated here") ||
		strings.Contains(text, "13116900216") {
		t.Errorf("%v: %s", err, text)
	}
}
