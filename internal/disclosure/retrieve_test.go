package disclosure_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
)

// seenBy is the rules in the test's own words (C2, C3, C5): how an entry of one code stands in a reader's list, and whether he may open it.
func seenBy(kind access.Kind, age int, code string) (listed, openable bool, masked bool) {
	switch {
	case kind == access.Personnel:
		return true, code != "NORS", code == "NORS"
	case kind == access.Guardian && age >= 12, kind != access.Guardian && age < 16, kind != access.Guardian && age < 18 && code == "V":
		return false, false, false
	default:
		return true, code == "N" || code == "NORS", code == "V" || code == "NORN_ANG"
	}
}

// TestReadersOverSOAP: who sees and opens what, for every kind of reader, code and age at which something changes, in ITI-38 and ITI-39 alike. What is
// listed and not openable, what is masked and what is not there are the same when they are asked for.
func TestReadersOverSOAP(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.stored = true
	codes := []string{"N", "R", "V", "NORN_ANG", "NORS"}
	var entries []document.Entry
	var wanted []disclosure.Sought
	for _, c := range codes {
		with := []string{c}
		if len(c) > 1 {
			with = []string{"N", c}
		}
		entries = append(entries, a.entry(c, conf(with...)))
		wanted = append(wanted, a.sought("1.2."+c))
	}
	a.submit(a.own, "s", entries, nil)
	find := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: approved}
	for _, kind := range []access.Kind{access.Personnel, access.Citizen, access.Guardian, access.Proxy} {
		for _, age := range []int{11, 12, 15, 16, 17, 18} {
			a.facts.BirthDate = at.AddDate(-age, 0, 0)
			lister, opener := a.citizenSide(kind, "ITI-38"), a.citizenSide(kind, "ITI-39")
			if kind == access.Personnel {
				lister, opener = a.doctor("ITI-38"), a.opening()
			}
			names, err := a.ask(lister, find)
			if err != nil {
				t.Fatal(err)
			}
			delivered, err := a.service.Retrieve(t.Context(), opener, true, wanted)
			if err != nil {
				t.Fatal(err)
			}
			told := " " + strings.Join(names, " ") + " "
			for i, c := range codes {
				listed, openable, masked := seenBy(kind, age, c)
				if strings.Contains(told, " "+c+" ") != (listed && !masked) || strings.Contains(told, " "+c+"* ") != masked {
					t.Errorf("%v of %d in the list of %s: %s", c, age, kind, told)
				}
				switch d := delivered[i]; {
				case openable && (d.Problem != nil || content(t, d) != c):
					t.Errorf("%v of %d is not opened for %s: %v", c, age, kind, d.Problem)
				case !openable && (d.Problem == nil || d.Open != nil || d.Problem.Safe != absent || d.Problem.Code != fault.UnknownDocument || d.Problem.Rule != ""):
					t.Errorf("%v of %d is opened for %s, or told from what is not there: %v", c, age, kind, d.Problem)
				}
			}
		}
	}
}

const absent = "No such document, or not for this patient, home community or caller."

func (a *archive) sought(uniqueID string) disclosure.Sought {
	return disclosure.Sought{HomeCommunity: a.own.HomeCommunity, Repository: a.own.Repository, UniqueID: uniqueID}
}

func (a *archive) opening() disclosure.Reader {
	r := a.doctor("ITI-39")
	r.Basis = access.Basis{Scope: access.Opening}
	return r
}

// content is all of a document, read to its end.
func content(t *testing.T, d disclosure.Delivery) string {
	t.Helper()
	body, err := d.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	all, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("%s: %v", d.UniqueID, err)
	}
	return string(all)
}

// TestRetrieval: several documents of several instances in one request. What can be had is had; of the rest each has its reason, and what may not be told
// apart is the same to the letter; and each has one event, that says how it was.
func TestRetrieval(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.stored = true
	other, theirs := a.tenant(), document.PatientID{Value: "12119000465", Authority: document.AuthorityFNR}
	gone := a.entry("gone")
	a.submit(a.own, "s1", []document.Entry{a.entry("here"), a.entry("barred", conf("N", "NORS")), gone, a.entry("lost"), a.entry("short"),
		a.entry("bent"), a.entry("demanded", func(e *document.Entry) { e.OnDemand = true }), a.entry("elsewhere", func(e *document.Entry) { e.Repository = "1.2.3" })}, nil)
	a.submit(a.own, "s2", []document.Entry{a.entry("theirs", func(e *document.Entry) { e.Patient = theirs })}, nil)
	a.submit(other, "s3", []document.Entry{a.entry("there")}, nil)
	a.change(gone, func(b *postgres.Batch, e document.Entry) error { registry.Bury(b, e); return nil })
	a.damage("lost", nil)
	a.damage("short", []byte("shor"))
	a.damage("bent", []byte("tneb"))
	there := disclosure.Sought{HomeCommunity: other.HomeCommunity, Repository: other.Repository, UniqueID: "1.2.there"}
	astray := there
	astray.Repository = a.own.Repository
	nowhere := there
	nowhere.HomeCommunity = "1.2.3"
	homeless := there
	homeless.HomeCommunity = ""
	for _, c := range []struct {
		sought disclosure.Sought
		want   string
		code   fault.Code
	}{
		{a.sought("1.2.here"), "here", ""}, {there, "there", ""}, {a.sought("1.2.barred"), "", fault.UnknownDocument}, {a.sought("1.2.nothing"), "", fault.UnknownDocument},
		{a.sought("1.2.gone"), "", fault.UnknownDocument}, {a.sought("1.2.theirs"), "", fault.UnknownDocument}, {a.sought("1.2.demanded"), "", fault.UnknownDocument},
		{a.sought("1.2.elsewhere"), "", fault.UnknownDocument}, {a.sought("1.2.lost"), "", fault.StoredBytesDamaged}, {a.sought("1.2.short"), "", fault.StoredBytesDamaged},
		{a.sought("1.2.bent"), "", fault.StoredBytesDamaged}, {astray, "", fault.UnknownRepository}, {nowhere, "", fault.UnknownCommunity},
		{homeless, "", fault.MissingHomeCommunity}, {a.sought("1.2.there"), "", fault.UnknownDocument},
	} {
		all := []disclosure.Sought{a.sought("1.2.here"), c.sought, c.sought} // the first, and the same twice
		delivered, err := a.service.Retrieve(t.Context(), a.opening(), true, all)
		if err != nil || delivered[0].Problem != nil {
			t.Fatalf("%+v: %v, %v", c.sought, delivered, err)
		}
		d := delivered[len(delivered)-1]
		switch {
		case len(delivered) > 2:
			t.Errorf("%+v was delivered twice", c.sought)
		case c.code == "" && (d.Problem != nil || content(t, d) != c.want):
			t.Errorf("%+v: %v", c.sought, d.Problem)
		case c.code != "" && (d.Problem == nil || d.Problem.Code != c.code || d.Open != nil):
			t.Errorf("%+v: %v, want %s", c.sought, d.Problem, c.code)
		case c.code == fault.UnknownDocument && d.Problem.Safe != absent:
			t.Errorf("%+v: %q", c.sought, d.Problem.Safe)
		}
	}
	lines, err := a.service.Log.List(t.Context(), a.own.Schema(), uuid.Nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[string]int{}
	for _, l := range lines {
		outcomes[l.Document+" "+l.Outcome+" "+l.Rule]++
	}
	for want, n := range map[string]int{"1.2.here success ": 15, "1.2.barred denied C2": 1, "1.2.theirs denied X2": 1, "1.2.gone denied W3": 1, "1.2.nothing failed ": 1,
		"1.2.lost failed ": 1, "1.2.bent failed ": 1} {
		if outcomes[want] != n {
			t.Errorf("%d events of %q, want %d: %v", outcomes[want], want, n, outcomes)
		}
	}
	registry43 := a.opening()
	registry43.Transaction = "ITI-43"
	if delivered, err := a.service.Retrieve(t.Context(), registry43, false, []disclosure.Sought{homeless}); err != nil || delivered[0].Problem != nil {
		t.Errorf("by its repository: %v, %v", delivered, err)
	}
}

// change changes an entry in a transaction of its own.
func (a *archive) change(e document.Entry, change func(*postgres.Batch, document.Entry) error) {
	a.t.Helper()
	err := a.service.DB.InTenant(a.t.Context(), a.own.Schema(), func(tx *postgres.Tx) error {
		b := tx.Batch()
		if err := change(b, e); err != nil {
			return err
		}
		return b.Send(a.t.Context())
	})
	if err != nil {
		a.t.Fatal(err)
	}
}

// damage puts other bytes in the place of a document's, or none.
func (a *archive) damage(name string, content []byte) {
	a.t.Helper()
	var e document.Entry
	err := a.service.DB.InTenant(a.t.Context(), a.own.Schema(), func(tx *postgres.Tx) (err error) {
		e, err = registry.ByID(a.t.Context(), tx, a.id(name))
		return err
	})
	if err == nil {
		err = a.blobs.Remove(a.t.Context(), "d/"+a.own.SchemaName+"/"+e.ObjectKey.String())
	}
	if err != nil {
		a.t.Fatal(err)
	}
	if content != nil {
		a.put(a.own, e.ObjectKey, content)
	}
}

// TestDamagedOnItsWay (promise 3): a large document whose bytes are not those registered does not come out to its end, and is refused from then on.
func TestDamagedOnItsWay(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	large := bytes.Repeat([]byte("large"), 1<<20/4)
	sum := sha256.Sum256(large)
	e := a.entry("large", func(e *document.Entry) { e.Size, e.SHA256 = int64(len(large)), sum[:] })
	a.submit(a.own, "s", []document.Entry{e}, nil)
	a.put(a.own, e.ObjectKey, large)
	retrieve := func() disclosure.Delivery {
		t.Helper()
		delivered, err := a.service.Retrieve(t.Context(), a.opening(), true, []disclosure.Sought{a.sought("1.2.large")})
		if err != nil {
			t.Fatal(err)
		}
		return delivered[0]
	}
	if d := retrieve(); d.Problem != nil || content(t, d) != string(large) {
		t.Fatal(d.Problem)
	}
	bent := bytes.Clone(large)
	bent[len(bent)/2] ^= 1
	a.damage("large", bent)
	d := retrieve()
	if d.Problem != nil {
		t.Fatalf("nobody has looked at it yet: %v", d.Problem)
	}
	body, err := d.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if n, err := io.Copy(io.Discard, body); err == nil || errors.Is(err, io.EOF) || n >= int64(len(large)) || fault.Of(err).Leading().Code != fault.StoredBytesDamaged {
		t.Errorf("%d of %d bytes, %v", n, len(large), err)
	}
	if d := retrieve(); d.Problem == nil || d.Problem.Code != fault.StoredBytesDamaged {
		t.Errorf("asked for again: %v", d.Problem)
	}
	for name, left := range map[string][]byte{"cut": large[:len(large)-1], "lost": nil} {
		a.damage("large", left)
		a.service.Forget() // another process, which has not seen it
		if d := retrieve(); d.Problem == nil || d.Problem.Code != fault.StoredBytesDamaged {
			t.Errorf("%s: %v", name, d.Problem)
		}
	}
	a.damage("large", large)
	if d := retrieve(); d.Problem != nil || content(t, d) != string(large) {
		t.Errorf("mended: %v", d.Problem)
	}
}

// TestBarredMeanwhile: what is barred, or deleted, after the first decision and before the event is not given out.
func TestBarredMeanwhile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*postgres.Batch, document.Entry) error{
		"barred": func(b *postgres.Batch, e document.Entry) error {
			return registry.SetConfidentiality(b, e, coded("N", "NORS"), registry.Change{At: at, Event: uuid.New()})
		},
		"deleted": func(b *postgres.Batch, e document.Entry) error { registry.Bury(b, e); return nil },
		"anew": func(b *postgres.Batch, e document.Entry) error {
			registry.Relink(b, e.ID, e.ObjectKey, uuid.New())
			return nil
		},
	} {
		a := newArchive(t)
		a.stored = true
		e := a.entry("here")
		a.submit(a.own, "s", []document.Entry{e}, nil)
		changed := false
		a.blobs = looking{a.blobs, func() {
			if !changed {
				changed = true
				a.change(e, change)
			}
		}}
		a.use(a.blobs)
		delivered, err := a.service.Retrieve(t.Context(), a.opening(), true, []disclosure.Sought{a.sought("1.2.here")})
		if err != nil || !changed || delivered[0].Problem == nil || delivered[0].Open != nil || delivered[0].Problem.Safe != absent {
			t.Errorf("%s: %v, %v", name, delivered, err)
		}
		lines, err := a.service.Log.List(t.Context(), a.own.Schema(), uuid.Nil, 10)
		if err != nil || len(lines) != 1 || lines[0].Outcome == "success" {
			t.Errorf("%s: %+v, %v", name, lines, err)
		}
	}
}

// TestRetrievalAboutNobody: personnel whose assertion names no patient are held by the rules alone, which still ask the register about each.
func TestRetrievalAboutNobody(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.stored = true
	theirs := document.PatientID{Value: "12119000465", Authority: document.AuthorityFNR}
	a.submit(a.own, "s1", []document.Entry{a.entry("mine")}, nil)
	a.submit(a.own, "s2", []document.Entry{a.entry("theirs", func(e *document.Entry) { e.Patient = theirs })}, nil)
	r := a.opening()
	r.About = document.PatientID{}
	wanted := []disclosure.Sought{a.sought("1.2.mine"), a.sought("1.2.theirs"), a.sought("1.2.nothing")}
	for dead, want := range map[time.Time]string{{}: "true true false", at.AddDate(0, 0, -40): "false false false"} {
		a.facts.DeadSince = dead
		delivered, err := a.service.Retrieve(t.Context(), r, true, wanted)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(delivered[0].Problem == nil, delivered[1].Problem == nil, delivered[2].Problem == nil)
		if got != want {
			t.Errorf("dead %v: %s, want %s", dead, got, want)
		}
	}
	citizen := a.citizenSide(access.Citizen, "ITI-39")
	citizen.About = document.PatientID{}
	if _, err := a.service.Retrieve(t.Context(), citizen, true, wanted); code(err) != fault.AssertionRefused {
		t.Errorf("a citizen about nobody: %v", err)
	}
}
