package disclosure_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/person"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

// archive is one patient's documents with their sets and folders, and the use case over them. What is in it has a name.
type archive struct {
	t       *testing.T
	service *disclosure.Service
	facts   *person.Facts
	patient document.PatientID
	own     tenant.Tenant
	blobs   blob.Store
	ids     map[string]uuid.UUID
	names   map[uuid.UUID]string
	// stored says that documents have bytes; each content is its title.
	stored bool
}

// register is Persontjenesten, with one answer for everybody.
type register struct{ facts *person.Facts }

func (r register) Facts(context.Context, document.PatientID) (person.Answer, error) {
	return person.Answer{Facts: *r.facts}, nil
}
func (r register) Nobody(context.Context, string) error { return nil }

var grown = document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}

// at is when the tests take place: noon, so that no day is in doubt.
var at = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)

func newArchive(t *testing.T) *archive {
	t.Helper()
	db := stacktest.Migrated(t).DB
	// A locator of the test's own: the patient's other tests' documents are another's for it.
	locator, err := registry.NewLocator([]byte(uuid.NewString()))
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{t: t, patient: grown, facts: &person.Facts{BirthDate: time.Date(1969, 11, 13, 0, 0, 0, 0, time.UTC)}, blobs: store(t),
		ids: map[string]uuid.UUID{}, names: map[uuid.UUID]string{}}
	a.service = &disclosure.Service{DB: db, Tenants: tenant.Directory{DB: db}, Log: audit.Log{DB: db}, Locator: locator, Register: register{a.facts},
		Objects: repository.New(repository.Config{Blobs: a.blobs}), Policy: access.DefaultPolicy(), TenantDeadline: 20 * time.Second, Now: func() time.Time { return at }}
	a.own = a.tenant()
	return a
}

// tenant is one that answers all transactions.
func (a *archive) tenant(change ...func(*tenant.Tenant)) tenant.Tenant {
	a.t.Helper()
	made := stacktest.Tenant(a.t, change...)
	made, err := a.service.Tenants.ByHome(a.t.Context(), made.HomeCommunity)
	if err != nil {
		a.t.Fatal(err)
	}
	return made
}

func (a *archive) id(name string) uuid.UUID {
	if id, ok := a.ids[name]; ok {
		return id
	}
	id := uuid.Must(uuid.NewV7())
	a.ids[name], a.names[id] = id, name
	return id
}

// doctor, citizen, parent and proxy are readers over SOAP, with an assertion about the patient.
func (a *archive) doctor(transaction string) disclosure.Reader {
	return disclosure.Reader{About: a.patient, Basis: access.Basis{Scope: access.Section45}, Actor: audit.Actor{Transaction: transaction, Issuer: "helseid",
		Caller: access.Caller{Kind: access.Personnel, Organisation: a.own.Organisations[0], HPR: "565501872", SecurityLevel: 4, Attest: true, Purpose: "TREAT", Role: "LE"}}}
}

func (a *archive) citizenSide(kind access.Kind, transaction string) disclosure.Reader {
	return disclosure.Reader{About: a.patient, Actor: audit.Actor{Transaction: transaction, Issuer: "helsenorge",
		Caller: access.Caller{Kind: kind, Organisation: "994598759", PersonID: a.patient.Value, SecurityLevel: 4}}}
}

// entry is a document named so, N unless codes say otherwise; each content is its name.
func (a *archive) entry(name string, change ...func(*document.Entry)) document.Entry {
	code := func(v string) document.Code { return document.Code{Value: v, System: "1.1", Display: v} }
	sum, old := sha256.Sum256([]byte(name)), sha1.Sum([]byte(name))
	id := a.id(name)
	e := document.Entry{ID: id, LogicalID: id, Version: 1, UniqueID: "1.2." + name, Patient: a.patient, Status: document.Approved, ObjectKey: uuid.New(), Class: code("A00-1"),
		Type: code("T1"), Format: code("F1"), Facility: code("X1"), Practice: code("P1"), Confidentiality: coded("N"), Title: name,
		Authors:  []document.Author{{Person: document.Person{Family: "Vits", Given: []string{"Grønn"}}, Institutions: []document.Organisation{{Name: "Betanien"}}}},
		Creation: document.Time{At: at.AddDate(0, -1, 0), Precision: document.Second}, MimeType: "text/plain", Size: int64(len(name)), SHA1: old[:], SHA256: sum[:],
		Registered: at.Add(-time.Hour)}
	for _, f := range change {
		f(&e)
	}
	return e
}

// coded are confidentiality codes, in their systems.
func coded(codes ...string) (all []document.Code) {
	for _, c := range codes {
		system := nor
		if len(c) == 1 {
			system = hl7
		}
		all = append(all, document.Code{Value: c, System: system})
	}
	return all
}

func conf(codes ...string) func(*document.Entry) {
	return func(e *document.Entry) { e.Confidentiality = coded(codes...) }
}

// submit registers a set named so with what it brings: entries, folders, and associations of any kind. Members of the set are made.
func (a *archive) submit(of tenant.Tenant, name string, entries []document.Entry, folders []document.Folder, links ...document.Association) {
	a.t.Helper()
	set := document.SubmissionSet{ID: a.id(name), UniqueID: "1.2." + name, Patient: a.patient, SourceID: "1.9.9", Title: name, Registered: at.Add(-time.Hour),
		ContentType: document.Code{Value: "C1", System: "1.1"}, Time: document.Time{At: at.AddDate(0, -1, 0), Precision: document.Second},
		Authors: []document.Author{{Person: document.Person{Family: "Grevling"}, Institutions: []document.Organisation{{Name: "Voss"}}}}}
	if len(entries) > 0 {
		set.Patient, set.Registered = entries[0].Patient, entries[0].Registered
	}
	member := func(target uuid.UUID) {
		links = append(links, document.Association{ID: a.id(name + ">" + a.names[target]), Type: document.HasMember, Source: set.ID, Target: target, Membership: document.Original})
	}
	for i := range entries {
		entries[i].SubmissionID = set.ID
		member(entries[i].ID)
		if a.stored {
			a.put(of, entries[i].ObjectKey, []byte(entries[i].Title))
		}
	}
	for _, f := range folders {
		member(f.ID)
	}
	for _, l := range slices.Clone(links) {
		if l.Type == document.HasMember && l.Source != set.ID {
			member(l.ID)
		}
	}
	err := a.service.DB.InTenant(a.t.Context(), of.Schema(), func(tx *postgres.Tx) error {
		b := tx.Batch()
		err := registry.Register(tx, b, a.service.Locator, registry.Submission{Set: set, Entries: entries, Folders: folders, Associations: links})
		if err != nil {
			return err
		}
		return b.Send(a.t.Context())
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) folder(name string) document.Folder {
	return document.Folder{ID: a.id(name), UniqueID: "1.2." + name, Version: 1, Patient: a.patient, Status: document.Approved, Title: name,
		Codes: []document.Code{{Value: "K1", System: "1.1"}}, Updated: at.AddDate(0, -1, 0), Registered: at.Add(-time.Hour)}
}

func (a *archive) link(kind document.AssociationType, source, target string) document.Association {
	return document.Association{ID: a.id(source + kindSign(kind) + target), Type: kind, Source: a.id(source), Target: a.id(target)}
}

func kindSign(k document.AssociationType) string {
	if k == document.HasMember {
		return ">"
	}
	return "-" + string(rune(k)) + ">"
}

// ask runs a stored query; what comes back has names, and masked ones an asterisk.
func (a *archive) ask(r disclosure.Reader, q ebxml.Query) (names []string, err error) {
	a.t.Helper()
	if q.MetadataLevel == 0 {
		q.MetadataLevel = 1
	}
	found, err := a.service.Stored(a.t.Context(), r, disclosure.Stored{Query: &q, Gateway: r.Transaction == "ITI-38", Limit: 100})
	return a.named(found.Objects), err
}

func (a *archive) named(objects []disclosure.Object) (names []string) {
	for _, o := range objects {
		var id uuid.UUID
		switch {
		case o.Entry != nil:
			id = o.Entry.ID
		case o.List != nil:
			id = o.List.ID
		default:
			id = o.Link.ID
		}
		name := a.names[id]
		switch hidden := o.Entry != nil && (o.Entry.Title == "Sperret" || o.Entry.Title == "" && o.Masked) || o.List != nil && o.List.Title == "Sperret"; {
		case o.Masked != hidden:
			name += "?"
		case hidden:
			name += "*"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func words(text string) []string {
	all := strings.Fields(text)
	slices.Sort(all)
	return all
}

// store is the real object store.
func store(t *testing.T) blob.Store {
	t.Helper()
	s3 := stacktest.Parts(t).S3
	made, err := blob.NewS3(blob.Config{Endpoint: s3.Endpoint, Bucket: s3.Bucket, AccessKey: s3.AccessKey, SecretKey: s3.SecretKey, Region: s3.Region, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// put stores the bytes of an object, whatever they should be.
func (a *archive) put(of tenant.Tenant, key uuid.UUID, content []byte) {
	a.t.Helper()
	sum := sha256.Sum256(content)
	if err := a.blobs.Put(a.t.Context(), "d/"+of.SchemaName+"/"+key.String(), bytes.NewReader(content), int64(len(content)), sum[:]); err != nil {
		a.t.Fatal(err)
	}
}

// same takes no names and an empty list of them for the same.
var same = cmpopts.EquateEmpty()

func storedQuery(q ebxml.Query, limit int) disclosure.Stored {
	return disclosure.Stored{Query: &q, Gateway: false, Limit: limit}
}

// looking is a store that tells when somebody opens an object.
type looking struct {
	blob.Store
	opened func()
}

func (l looking) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	l.opened()
	return l.Store.Open(ctx, key, offset, length)
}

// use makes the service read from another store.
func (a *archive) use(s blob.Store) {
	a.service.Objects = repository.New(repository.Config{Blobs: s})
}
