package administration_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestReleasePublishes: what two administrators release can be listed, read back under its own metadata and opened byte for byte; every step
// is one event, and fsck has nothing to say before and after.
func TestReleasePublishes(t *testing.T) {
	t.Parallel()
	q := openQuarantine(t)
	doc := sick()
	doc.Title, doc.Codes = "Epikrise med funn", []string{"R"}
	key := q.infected(servicetest.BundleFor(q.of, doc))
	q.clean()
	if a := q.open(doc.BinaryID); a.Status != http.StatusNotFound {
		t.Errorf("in quarantine: %d %s", a.Status, a.Body)
	}
	shown, err := q.desk("kari").Show(t.Context(), q.of, key)
	if err != nil || shown.Entry != doc.ID || !contains(shown.UniqueIDs, doc.BinaryID) || shown.Organisation != q.of.Organisations[0] || shown.Client == "" ||
		shown.Obstacles != nil || shown.Approval != nil || shown.Published {
		t.Errorf("%+v, %v", shown, err)
	}
	if text, _ := json.Marshal(shown); strings.Contains(string(text), servicetest.Patient) {
		t.Errorf("a patient: %s", text)
	}
	if err := q.released(key); err != nil {
		t.Fatal(err)
	}
	if a := q.open(doc.BinaryID); a.Status != http.StatusOK || !bytes.Equal(a.Body, doc.Bytes) {
		t.Errorf("released: %d, %d bytes", a.Status, len(a.Body))
	}
	// A clean twin, sent in the ordinary way, says what the metadata are to be.
	twin := servicetest.NewDoc()
	twin.Title, twin.Codes = doc.Title, doc.Codes
	if a := q.writer.Upload(t, servicetest.BundleFor(q.of, twin).JSON(t)); a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	ignore := cmp.FilterPath(func(p cmp.Path) bool {
		for _, name := range []string{`["id"]`, `["hash"]`, `["size"]`, `["url"]`, `["value"]`, `["lastUpdated"]`, `["versionId"]`, `["date"]`, `["extension"]`} {
			if p.Last().String() == name {
				return true
			}
		}
		return false
	}, cmp.Ignore())
	if diff := cmp.Diff(q.reference(twin.ID), q.reference(doc.ID), ignore); diff != "" {
		t.Errorf("the metadata differ from those of an upload: %s", diff)
	}
	want := []string{"quarantine-show success kari", "quarantine-approve success kari", "quarantine-release success ola"}
	if diff := cmp.Diff(want, q.operations()); diff != "" {
		t.Error(diff)
	}
	events := q.service.Events(t, q.of)
	for _, l := range events {
		if strings.HasPrefix(l.Operation, "quarantine-") && l.Caller.Name != "rigg" && (l.Entry != doc.ID || !strings.HasPrefix(l.Patient, servicetest.Patient)) {
			t.Errorf("%s is not about the document: %+v", l.Operation, l)
		}
		if l.Operation == "quarantine-release" && (!strings.Contains(l.Reason, "approved by kari") || !strings.Contains(l.Reason, "falsk alarm")) {
			t.Errorf("%q", l.Reason)
		}
	}
	q.clean()
	if left := q.paths("q"); left != nil {
		t.Errorf("left in quarantine: %v", left)
	}
	if held := q.text(`select count(*)::text from tenant.stored_object where held is not null`); held != "0" {
		t.Errorf("%s messages are left", held)
	}
}

// TestTwoAdministrators is the rule table of a release.
func TestTwoAdministrators(t *testing.T) {
	t.Parallel()
	type step struct {
		who, what string
		after     time.Duration
	}
	for name, c := range map[string]struct {
		steps []step
		// last is a part of the last step's refusal; empty when it is done.
		last string
	}{
		"two":                              {[]step{{"kari", "approve", 0}, {"ola", "release", time.Hour}}, ""},
		"nobody approved":                  {[]step{{"ola", "release", 0}}, "Nobody has approved"},
		"one alone":                        {[]step{{"kari", "approve", 0}, {"kari", "release", 0}}, "another administrator must release"},
		"one alone, twice":                 {[]step{{"kari", "approve", 0}, {"kari", "approve", 0}, {"kari", "release", 0}}, "another administrator must release"},
		"just before it lapses":            {[]step{{"kari", "approve", 0}, {"ola", "release", 24*time.Hour - time.Minute}}, ""},
		"lapsed":                           {[]step{{"kari", "approve", 0}, {"ola", "release", 24 * time.Hour}}, "has lapsed"},
		"lapsed and approved by the other": {[]step{{"kari", "approve", 0}, {"ola", "approve", 25 * time.Hour}, {"kari", "release", 26 * time.Hour}}, ""},
		"lapsed, then anew":                {[]step{{"kari", "approve", 0}, {"kari", "approve", 20 * time.Hour}, {"ola", "release", 30 * time.Hour}}, ""},
		"a second approval":                {[]step{{"kari", "approve", 0}, {"ola", "approve", time.Hour}}, "kari has approved it already"},
		"an unknown first":                 {[]step{{"unknown", "approve", 0}}, "not known"},
		"an unknown second":                {[]step{{"kari", "approve", 0}, {"unknown", "release", 0}}, "not known"},
		"a nameless second":                {[]step{{"kari", "approve", 0}, {"", "release", 0}}, "not known"},
		"twice":                            {[]step{{"kari", "approve", 0}, {"ola", "release", 0}, {"ola", "release", 0}}, "No document with this key"},
		"destroyed":                        {[]step{{"kari", "approve", 0}, {"kari", "destroy", 0}, {"ola", "release", 0}}, "No document with this key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := openQuarantine(t)
			key, begin := q.infected(servicetest.BundleFor(q.of, sick())), time.Now()
			for i, s := range c.steps {
				q.now = func() time.Time { return begin.Add(s.after) }
				d, err := q.desk(s.who), error(nil)
				switch s.what {
				case "approve":
					_, err = d.Approve(t.Context(), q.of, key, "grunn")
				case "release":
					err = d.Release(t.Context(), q.of, key)
				case "destroy":
					err = d.Destroy(t.Context(), q.of, key, "grunn")
				}
				if last := i == len(c.steps)-1; err != nil && (!last || c.last == "") || err == nil && last && c.last != "" || err != nil && !strings.Contains(err.Error(), c.last) {
					t.Errorf("step %d: %v, want %q", i, err, c.last)
				}
			}
			outcomes := q.operations()
			if len(outcomes) != len(c.steps) || (c.last != "") == strings.Contains(outcomes[len(outcomes)-1], "success") {
				t.Errorf("events: %v", outcomes)
			}
			q.clean()
		})
	}
}

// TestEightReleases at once: one publishes, and nothing of the others is left.
func TestEightReleases(t *testing.T) {
	t.Parallel()
	q := openQuarantine(t)
	doc := sick()
	key := q.infected(servicetest.BundleFor(q.of, doc))
	if _, err := q.desk("kari").Approve(t.Context(), q.of, key, "falsk alarm"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	errs := make(chan error, 8)
	for i := range 8 {
		all.Go(func() { errs <- q.desk(fmt.Sprintf("ola-%d", i)).Release(t.Context(), q.of, key) })
	}
	all.Wait()
	close(errs)
	done := 0
	for err := range errs {
		if err == nil {
			done++
		} else if fault.Of(err).Leading().Code != fault.AdministrationRefused {
			t.Error(err)
		}
	}
	if a := q.open(doc.BinaryID); done != 1 || a.Status != http.StatusOK || q.service.Rows(t, q.of, "document_entry") != 1 || len(q.paths("d")) != 1 {
		t.Errorf("%d releases, opened %d, %v", done, a.Status, q.paths("d"))
	}
	if n := strings.Count(strings.Join(q.operations(), "\n"), "quarantine-release"); n != 8 {
		t.Errorf("%d events of 8 attempts", n)
	}
	q.clean()
}

// broken is a publisher that fails after everything is queued.
type broken struct {
	administration.Publisher
	err error
}

func (b broken) Publish(ctx context.Context, tx *postgres.Tx, batch *postgres.Batch, t tenant.Tenant, held repository.QuarantineRow, kept repository.Object, event *audit.Event) error {
	return errors.Join(b.Publisher.Publish(ctx, tx, batch, t, held, kept, event), b.err)
}

// dead is a repository whose process ends before it can tidy up.
type dead struct{ *repository.Repository }

func (dead) Forget(context.Context, postgres.Schema, ...uuid.UUID) error { return errors.New("dead") }

// TestReleaseThatFails between copy and commit leaves the document in quarantine; a process that died there leaves an object that no row
// names, which a sweep removes. Afterwards it can be released.
func TestReleaseThatFails(t *testing.T) {
	t.Parallel()
	q := openQuarantine(t)
	doc := sick()
	key := q.infected(servicetest.BundleFor(q.of, doc))
	if _, err := q.desk("kari").Approve(t.Context(), q.of, key, "falsk alarm"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		objects administration.Objects
		err     error
		left    int
	}{
		{"fails", q.objects, errors.New("broken"), 0},
		{"dies", dead{q.objects}, errors.New("broken"), 1},
		{"nobody knows whether it committed", q.objects, postgres.Unconfirmed(io.ErrUnexpectedEOF), 2},
	} {
		d := q.desk("ola")
		d.Publisher, d.Objects = broken{d.Publisher, c.err}, c.objects
		if err := d.Release(t.Context(), q.of, key); err == nil {
			t.Errorf("%s: released", c.name)
		}
		if left := q.paths("d"); len(left) != c.left || len(q.paths("q")) != 1 || q.service.Rows(t, q.of, "document_entry")+q.service.Rows(t, q.of, "submission") != 0 {
			t.Errorf("%s: %v", c.name, left)
		}
	}
	if got := q.operations(); got[len(got)-1] != "quarantine-release failed ola" {
		t.Error(got)
	}
	q.sweep(2)
	q.clean()
	if err := q.desk("ola").Release(t.Context(), q.of, key); err != nil {
		t.Error(err)
	}
	if a := q.open(doc.BinaryID); a.Status != http.StatusOK || !bytes.Equal(a.Body, doc.Bytes) {
		t.Errorf("%d", a.Status)
	}
	q.clean()
}

// TestReleaseMeetsToday: what took the document's place meanwhile keeps it out, in words that say so.
func TestReleaseMeetsToday(t *testing.T) {
	t.Parallel()
	upload := func(q *quarantine, d servicetest.Doc) {
		q.t.Helper()
		if a := q.writer.Upload(q.t, servicetest.BundleFor(q.of, d).JSON(q.t)); a.Status/100 != 2 {
			q.t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	clean := func(of servicetest.Doc) servicetest.Doc { of.Bytes = []byte("renset " + of.ID); return of }
	for name, c := range map[string]struct {
		meanwhile func(q *quarantine, target, doc servicetest.Doc)
		says      string
	}{
		"nothing": {func(*quarantine, servicetest.Doc, servicetest.Doc) {}, ""},
		"a clean one was sent": {func(q *quarantine, _, doc servicetest.Doc) { upload(q, clean(doc)) },
			"registered since"},
		"a clean one under a new id": {func(q *quarantine, _, doc servicetest.Doc) {
			doc.ID = uuid.NewString()
			upload(q, clean(doc))
		}, "registered since"},
		"a clean one was sent and deleted": {func(q *quarantine, _, doc servicetest.Doc) {
			doc.Relates = nil
			upload(q, clean(doc))
			if a := q.writer.Do(q.t, q.service.Request(q.t, http.MethodDelete, "/R4/fhir/DocumentReference/"+doc.ID, nil)); a.Status/100 != 2 {
				q.t.Fatalf("%d", a.Status)
			}
		}, "registered and deleted"},
		"another replaced the target": {func(q *quarantine, target, _ servicetest.Doc) {
			other := servicetest.NewDoc()
			other.Relates = map[string]string{"replaces": target.ID}
			upload(q, other)
		}, "not current any more"},
		"the target was deleted": {func(q *quarantine, target, _ servicetest.Doc) {
			if a := q.writer.Do(q.t, q.service.Request(q.t, http.MethodDelete, "/R4/fhir/DocumentReference/"+target.ID, nil)); a.Status/100 != 2 {
				q.t.Fatalf("%d", a.Status)
			}
		}, "not registered any more"},
		"the sender may not write any more": {func(q *quarantine, _, _ servicetest.Doc) {
			q.of.Organisations = []string{servicetest.Organisation()}
		}, "may not write to it any more"},
		"the instance is closed": {func(q *quarantine, _, _ servicetest.Doc) { q.of.State = tenant.Closed }, "not active"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := openQuarantine(t)
			target, doc := servicetest.NewDoc(), sick()
			upload(q, target)
			doc.Relates = map[string]string{"replaces": target.ID}
			key := q.infected(servicetest.BundleFor(q.of, doc))
			c.meanwhile(q, target, doc)
			err := q.released(key)
			if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || fault.Of(err).Leading().Code != fault.AdministrationRefused) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if left := len(q.paths("d")); err != nil && left > 2 {
				t.Errorf("a copy is left among %d objects", left)
			}
			if err == nil && q.text(`select status::text from tenant.document_entry where id = $1::text::uuid`, target.ID) != "D" {
				t.Error("the target is still current")
			}
			q.clean()
		})
	}
}

// TestNeverReleasable: what would have been refused without malware too is not published by this door.
func TestNeverReleasable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(servicetest.Object)
		says   string
	}{
		"no type":      {func(m servicetest.Object) { delete(servicetest.Resource(m, 3), "type") }, "typeCode"},
		"another hash": {func(m servicetest.Object) { servicetest.Attachment(m)["size"] = 7 }, "documents[0].size"},
		"wrong patient": {func(m servicetest.Object) {
			servicetest.Resource(m, 1)["identifier"].([]any)[0].(servicetest.Object)["value"] = "13116900217"
		}, "patient"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := openQuarantine(t)
			b := servicetest.BundleFor(q.of, sick())
			b.Change = c.change
			a := q.writer.Upload(t, b.JSON(t))
			found, err := q.desk("kari").List(t.Context(), q.of)
			if err != nil || len(found) != 1 || a.Status/100 != 4 {
				t.Fatalf("%d %s: %v, %v", a.Status, a.Body, found, err)
			}
			_, err = q.desk("kari").Approve(t.Context(), q.of, uuid.MustParse(found[0].Key), "grunn")
			if err == nil || !strings.Contains(err.Error(), "without malware too") || !strings.Contains(strings.Join(found[0].Obstacles, " "), c.says) {
				t.Errorf("%v: %v", found[0].Obstacles, err)
			}
			q.clean()
		})
	}
}

// TestOneOfSeveral: of a message with two infected documents and a clean one both are held, each is released in a set of its own with the
// set's metadata, and the clean one was refused.
func TestOneOfSeveral(t *testing.T) {
	t.Parallel()
	for _, profile := range []tenant.Profile{tenant.NHN, tenant.IHE} {
		t.Run(string(profile), func(t *testing.T) {
			t.Parallel()
			q := openQuarantine(t, func(d *administration.Draft) { d.Profile = profile })
			first, second, third := sick(), servicetest.NewDoc(), sick()
			q.infected(servicetest.BundleFor(q.of, first, second, third))
			found, err := q.desk("kari").List(t.Context(), q.of)
			if err != nil || len(found) != 2 {
				t.Fatalf("%v, %v", found, err)
			}
			for _, f := range found {
				if err := q.released(uuid.MustParse(f.Key)); err != nil {
					t.Fatal(err)
				}
			}
			if n, sets := q.service.Rows(t, q.of, "document_entry"), q.service.Rows(t, q.of, "submission"); n != 2 || sets != 2 {
				t.Errorf("%d entries in %d sets", n, sets)
			}
			titles := q.text(`select string_agg(rest->>'title', ',') || ' ' || count(distinct unique_id) from tenant.submission`)
			if titles != "Innsending,Innsending 2" {
				t.Error(titles)
			}
			for _, d := range []servicetest.Doc{first, third} {
				unique := d.BinaryID
				if profile == tenant.IHE {
					unique = d.MasterID
				}
				if a := q.open(unique); a.Status != http.StatusOK || !bytes.Equal(a.Body, d.Bytes) {
					t.Errorf("%d %s", a.Status, a.Body)
				}
			}
			q.clean()
		})
	}
}

// TestDestroy: the bytes go, the message is forgotten, and a reason is needed.
func TestDestroy(t *testing.T) {
	t.Parallel()
	q := openQuarantine(t)
	key := q.infected(servicetest.BundleFor(q.of, sick()))
	for _, why := range []string{"", "  ", strings.Repeat("x", 501), "a\x00b", "a\xffb"} {
		if err := q.desk("kari").Destroy(t.Context(), q.of, key, why); err == nil || fault.Of(err).Leading().Location != "reason" {
			t.Errorf("%q: %v", why, err)
		}
	}
	if err := q.desk("kari").Destroy(t.Context(), q.of, key, "ekte virus"); err != nil {
		t.Fatal(err)
	}
	if err := q.desk("kari").Destroy(t.Context(), q.of, key, "igjen"); err == nil {
		t.Error("destroyed twice")
	}
	q.clean()
	if left := q.paths("q"); left != nil {
		t.Errorf("left: %v", left)
	}
	if state := q.text(`select state::text || coalesce(held::text, '-') from tenant.stored_object`); state != "G-" {
		t.Error(state)
	}
	got := q.operations()
	if len(got) != 7 || got[5] != "quarantine-destroy success kari" || !strings.Contains(got[6], "failed") {
		t.Error(got)
	}
	if _, err := q.desk("kari").Show(t.Context(), tenant.Tenant{ID: q.of.ID, SchemaName: q.of.SchemaName}, uuid.New()); err == nil {
		t.Error("a document that is not there is shown")
	}
}

// TestRescanAtTheDesk: verdict, time and signatures are noted, an unscanned one is a failure, and nothing is released by it.
func TestRescanAtTheDesk(t *testing.T) {
	t.Parallel()
	q := openQuarantine(t)
	doc := sick()
	key := q.infected(servicetest.BundleFor(q.of, doc))
	after, err := q.desk("kari").Rescan(t.Context(), q.of, key)
	if err != nil || len(after.Scans) != 1 || after.Scans[0].Verdict != "infected" || after.Scans[0].Finding == "" || after.Scans[0].By != "kari" ||
		after.Scans[0].Signatures != "1.4.3/27800" || time.Since(after.Scans[0].At) > time.Minute {
		t.Errorf("%+v, %v", after, err)
	}
	d := q.desk("ola")
	d.Objects = forgiving{q.objects}
	if after, err = d.Rescan(t.Context(), q.of, key); err != nil || len(after.Scans) != 2 || after.Scans[1].Verdict != "clean" {
		t.Errorf("%+v, %v", after, err)
	}
	d.Signatures = func(context.Context) (scan.Signatures, error) {
		return scan.Signatures{}, fault.New(fault.NotScanned, "too old")
	}
	if _, err = d.Rescan(t.Context(), q.of, key); fault.Of(err).Leading().Code != fault.NotScanned {
		t.Errorf("old signatures: %v", err)
	}
	want := []string{"quarantine-rescan success kari", "quarantine-rescan success ola", "quarantine-rescan failed ola"}
	if diff := cmp.Diff(want, q.operations()); diff != "" {
		t.Error(diff)
	}
	if a := q.open(doc.BinaryID); a.Status != http.StatusNotFound || len(q.paths("d")) != 0 {
		t.Errorf("%d", a.Status)
	}
	q.clean()
}

// forgiving is a repository whose scanner's signatures have been mended.
type forgiving struct{ *repository.Repository }

func (forgiving) Examine(context.Context, postgres.Schema, repository.Area, repository.Object) (repository.Facts, error) {
	return repository.Facts{}, nil
}
