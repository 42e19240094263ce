package ebxml_test

import (
	"crypto/sha1"
	"math/rand/v2"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"

	"github.com/google/uuid"
)

// source makes values of the model as they could stand in a registry: every field filled or not by chance, with the characters that XML and
// HL7 want to have escaped.
type source struct{ *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 6))} }

func (s source) maybe() bool { return s.IntN(3) > 0 }

var letters = []rune(`abcÆØÅæøå  <>&"'\^&~|{}%_;:/.-1234567890` + "\U0001F600")

// text has no white space at its ends, which is not kept.
func (s source) text() string {
	out := []rune{'a'}
	for range s.IntN(20) {
		out = append(out, letters[s.IntN(len(letters))])
	}
	return string(append(out, 'z'))
}

func (s source) optional() string {
	if s.maybe() {
		return s.text()
	}
	return ""
}

func (s source) oid() string {
	return []string{"2.16.578.1.12.4.1.4.1", "1.2.3", "2.16.578.1.12.4.1.1.9602", "2.25.329800735698586629295641978511506172918"}[s.IntN(4)]
}

func (s source) uuid() (id uuid.UUID) {
	for i := range id {
		id[i] = byte(s.Uint32())
	}
	id[6], id[8] = 0x70|id[6]&0x0f, 0x80|id[8]&0x3f
	return id
}

func (s source) code() document.Code {
	return document.Code{Value: s.text(), System: s.oid(), Display: s.optional()}
}

func (s source) codes(n int) (out []document.Code) {
	for range s.IntN(n + 1) {
		out = append(out, s.code())
	}
	return out
}

// role has no display, for which XDS has no place.
func (s source) roles() (out []document.Code) {
	for range s.IntN(3) {
		c := document.Code{Value: s.text()}
		if s.maybe() {
			c.System = s.oid()
		}
		out = append(out, c)
	}
	return out
}

func (s source) names() (out []string) {
	for range s.IntN(4) {
		out = append(out, []string{"Line", "Bjørn^Å", `O\Neil`, "A&B"}[s.IntN(4)])
	}
	return out
}

func (s source) patient() document.PatientID {
	return document.PatientID{Value: []string{"13116900216", "abc<'>", "Å"}[s.IntN(3)], Authority: []string{"2.16.578.1.12.4.1.4.1", "http://x/y"}[s.IntN(2)]}
}

var precisions = []document.Precision{document.Year, document.Month, document.Day, 10, document.Minute, document.Second}

func (s source) time() document.Time {
	if !s.maybe() {
		return document.Time{}
	}
	p := precisions[s.IntN(len(precisions))]
	at, err := time.Parse("20060102150405"[:p], time.Date(1900+s.IntN(200), time.Month(1+s.IntN(12)), 1+s.IntN(28), s.IntN(24), s.IntN(60), s.IntN(60), 0, time.UTC).Format("20060102150405"[:p]))
	if err != nil {
		panic(err)
	}
	return document.Time{At: at, Precision: p}
}

func (s source) author() document.Author {
	whole := document.Organisation{Name: s.text(), ID: document.Identifier{System: document.AuthorityOrg, Value: "983974880"}}
	a := document.Author{Roles: s.roles(), Specialties: s.roles(), Institutions: []document.Organisation{whole}}
	if s.maybe() {
		part := whole
		a.Institutions = append(a.Institutions, document.Organisation{Name: s.text(), ID: document.Identifier{System: "2.16.578.1.12.4.1.4.102", Value: "42"}, PartOf: &part})
	}
	if s.maybe() {
		a.Institutions = append(a.Institutions, document.Organisation{Name: "Name alone " + s.text()})
	}
	if s.maybe() {
		a.Person = document.Person{Family: s.text(), Given: s.names()}
		if s.maybe() {
			a.Person.ID = document.Identifier{System: []string{document.AuthorityHPR, "urn:x"}[s.IntN(2)], Value: "565501872"}
		}
	}
	return a
}

func (s source) authors() (out []document.Author) {
	for range s.IntN(3) {
		out = append(out, s.author())
	}
	return out
}

func (s source) status() document.Status {
	return []document.Status{document.Approved, document.Deprecated}[s.IntN(2)]
}

func (s source) entry() ebxml.Entry {
	var e ebxml.Entry
	e.ID, e.LogicalID = s.uuid(), s.uuid()
	e.Ref, e.LogicalRef, e.Home, e.Repository, e.Version = e.ID.String(), e.LogicalID.String(), s.oid(), s.oid(), 1+s.IntN(3)
	e.UniqueID = []string{"2.25.1", s.uuid().String(), "1.2.3^ext", "^105085430"}[s.IntN(4)]
	e.Patient, e.Status = s.patient(), s.status()
	e.Class, e.Type, e.Format, e.Facility, e.Practice = s.code(), s.code(), s.code(), s.code(), s.code()
	e.Events, e.Confidentiality = s.codes(3), s.codes(3)
	if s.maybe() {
		e.References = []string{"4^^^&1.2&ISO^urn:ihe:iti:xds:2013:accession", s.text()}
	}
	e.Title, e.Comments, e.Language, e.Authors = s.optional(), s.optional(), "nb-NO", s.authors()
	if s.maybe() {
		e.SourcePatient = document.SourcePatient{ID: s.patient(), Family: s.text(), Given: s.names(), Gender: []string{"", "male", "other", "unknown"}[s.IntN(4)], BirthDate: []string{"", "1969", "1969-11", "1969-11-13"}[s.IntN(4)]}
	}
	e.ServiceStart, e.ServiceStop, e.MimeType = s.time(), s.time(), "application/pdf"
	if e.OnDemand = !s.maybe(); !e.OnDemand {
		sum := sha1.Sum([]byte(e.UniqueID))
		e.Creation, e.SHA1, e.Size, e.SizeStated = s.time(), sum[:], s.Int64N(1<<40), true
	}
	e.Offline = !s.maybe()
	return e
}

func (s source) set() ebxml.Set {
	var v ebxml.Set
	v.ID, v.Home, v.Status = s.uuid(), s.oid(), document.Approved
	v.Ref = v.ID.String()
	v.UniqueID, v.Patient, v.SourceID, v.ContentType = s.uuid().String(), s.patient(), "1.2.3", s.code()
	v.Time = document.Time{At: time.Date(2026, 1, 1+s.IntN(20), 2, 3, 4, 0, time.UTC), Precision: document.Second}
	v.Title, v.Comments, v.Authors = s.optional(), s.optional(), s.authors()
	return v
}

func (s source) folder() ebxml.Folder {
	var f ebxml.Folder
	f.ID, f.Home, f.Status, f.Version = s.uuid(), s.oid(), s.status(), 1+s.IntN(2)
	f.Ref, f.LogicalRef = f.ID.String(), s.uuid().String()
	f.UniqueID, f.Patient, f.Codes, f.Title, f.Comments = "1.2.3", s.patient(), s.codes(3), s.text(), s.optional()
	f.Updated = time.Date(2026, 1, 1+s.IntN(20), 2, 3, 4, 0, time.UTC)
	return f
}

func (s source) association(kind document.AssociationType, from, to uuid.UUID) ebxml.Association {
	var a ebxml.Association
	a.ID, a.Type, a.Source, a.Target, a.Status, a.Version = s.uuid(), kind, from, to, s.status(), 1
	a.Ref, a.SourceRef, a.TargetRef, a.LogicalRef, a.Home = a.ID.String(), from.String(), to.String(), s.uuid().String(), s.oid()
	if kind == document.HasMember {
		a.Membership = []document.Membership{"", document.Original, document.Reference}[s.IntN(3)]
		a.Previous = []string{"", "1"}[s.IntN(2)]
	}
	if kind == document.UpdateStatus {
		a.From, a.To, a.Alone = document.Approved, document.Deprecated, true
	}
	if s.maybe() {
		a.Documentation = s.code()
	}
	return a
}

// objects is a registry of everything: each set, folder, document and kind of association.
func (s source) objects(entries int) (o ebxml.Objects) {
	o.Sets = append(o.Sets, s.set())
	for range entries {
		o.Entries = append(o.Entries, s.entry())
		o.Associations = append(o.Associations, s.association(document.HasMember, o.Sets[0].ID, o.Entries[len(o.Entries)-1].ID))
	}
	for range 2 {
		o.Folders = append(o.Folders, s.folder())
		o.Associations = append(o.Associations, s.association(document.HasMember, o.Sets[0].ID, o.Folders[len(o.Folders)-1].ID))
	}
	for _, kind := range []document.AssociationType{document.Replace, document.Transform, document.Append, document.TransformReplace, document.Signs,
		document.SnapshotOf, document.UpdateStatus, document.SubmitAssociation} {
		o.Associations = append(o.Associations, s.association(kind, o.Entries[0].ID, s.uuid()))
	}
	return o
}
