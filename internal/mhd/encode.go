package mhd

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
)

// resourceURL is an absolute address of a FHIR resource here.
func (d *Door) resourceURL(kind string, id uuid.UUID) string {
	return d.BaseURL + "/R4/fhir/" + kind + "/" + id.String()
}

// documentURL is where the document itself is fetched (R2). It names no patient: the caller says that in a header.
func (d *Door) documentURL(uniqueID string, t tenant.Tenant) string {
	return d.BaseURL + "/mhd/document?documentUniqueId=" + url.QueryEscape(uniqueID) + "&homeCommunityId=" + url.QueryEscape(t.HomeCommunity) +
		"&repositoryUniqueId=" + url.QueryEscape(t.Repository)
}

// etag names the bytes, which never change under an identifier.
func etag(sha256 []byte) string { return `"` + hex.EncodeToString(sha256) + `"` }

// reference encodes an entry as DocumentReference, with the profile it has enough for (claimed); masked entries come in already without their content.
func (d *Door) reference(item disclosure.Item) *fhir.DocumentReference {
	e := item.Entry
	w := &writer{}
	ref := &fhir.DocumentReference{
		ID:               e.ID.String(),
		Meta:             &fhir.Meta{LastUpdated: e.Registered.UTC().Format(time.RFC3339Nano)},
		MasterIdentifier: &fhir.Identifier{Use: "usual", System: systemURI, Value: document.URN(e.UniqueID)},
		Identifier:       d.identifiers(e),
		Status:           statusCodes[e.Status],
		Type:             concept(e.Type),
		Category:         concepts(e.Class),
		Subject:          &fhir.Reference{Identifier: &fhir.Identifier{System: document.URN(e.Patient.Authority), Value: e.Patient.Value}},
		Date:             e.Registered.UTC().Format(time.RFC3339),
		Author:           w.authors(e.Authors),
		Description:      e.Comments,
		SecurityLabel:    concepts(e.Confidentiality...),
		Content:          []fhir.DocumentReferenceContent{{Attachment: d.attachment(e, item.Tenant), Format: coding(e.Format)}},
		Context:          w.context(e),
	}
	for _, a := range item.Relations {
		ref.RelatesTo = append(ref.RelatesTo, fhir.DocumentReferenceRelated{Code: relationCodes[a.Type],
			Target: &fhir.Reference{Reference: "DocumentReference/" + a.Target.String()}})
	}
	ref.Contained = w.contained
	return claimed(ref)
}

var statusCodes = map[document.Status]string{document.Approved: "current", document.Deprecated: "superseded"}

var relationCodes = map[document.AssociationType]string{
	document.Replace: relationReplaces, document.TransformReplace: relationReplaces, document.Transform: relationTransform,
	document.Append: relationAppends, document.Signs: relationSigns, document.SnapshotOf: relationTransform,
}

// identifiers are entryUUID and, where there is one, the other unique identifier.
func (d *Door) identifiers(e document.Entry) []fhir.Identifier {
	ids := []fhir.Identifier{{Use: "official", System: systemURI, Value: "urn:uuid:" + e.ID.String()}}
	if e.AliasID != "" {
		ids = append(ids, fhir.Identifier{Use: "secondary", System: systemURI, Value: document.URN(e.AliasID)})
	}
	return ids
}

// attachment has an address where the document can be fetched from here, and none where another repository keeps it, makes it when it is asked for, or
// has taken it away (docs/profiles.md).
func (d *Door) attachment(e document.Entry, t tenant.Tenant) *fhir.Attachment {
	a := &fhir.Attachment{
		Extension: []fhir.Extension{
			{URL: extHomeCommunity, ValueURI: document.URN(t.HomeCommunity)},
			{URL: extRepository, ValueURI: document.URN(cmp.Or(e.Repository, t.Repository))},
		},
		ContentType: e.MimeType, Language: e.Language, Title: e.Title, Creation: rest.DateTime(e.Creation),
	}
	if !e.OnDemand && e.Repository == "" && !e.Offline {
		a.URL = d.documentURL(e.UniqueID, t)
	}
	if len(e.SHA1) > 0 {
		size := e.Size
		a.Size, a.Hash = &size, fhir.EncodeHash(e.SHA1)
	}
	return a
}

// writer gathers contained resources and gives each a short id.
type writer struct{ contained []fhir.Resource }

func (w *writer) contain(prefix string, make func(id string) fhir.Typed) *fhir.Reference {
	id := fmt.Sprintf("%s%d", prefix, len(w.contained)+1)
	w.contained = append(w.contained, *fhir.Hold(make(id)))
	return &fhir.Reference{Reference: "#" + id}
}

func (w *writer) context(e document.Entry) *fhir.DocumentReferenceContext {
	c := &fhir.DocumentReferenceContext{Event: concepts(e.Events...), FacilityType: concept(e.Facility), PracticeSetting: concept(e.Practice)}
	if !e.ServiceStart.IsZero() || !e.ServiceStop.IsZero() {
		c.Period = &fhir.Period{Start: rest.DateTime(e.ServiceStart), End: rest.DateTime(e.ServiceStop)}
	}
	if p := e.SourcePatient; !p.ID.IsZero() || p.Family != "" {
		c.SourcePatientInfo = w.contain("patient", func(id string) fhir.Typed { return patientResource(id, p) })
	}
	for _, cx := range e.References {
		if id, err := document.ParseCX(cx); err == nil {
			c.Related = append(c.Related, fhir.Reference{Identifier: &fhir.Identifier{System: document.URN(id.Authority), Value: id.Value}})
		}
	}
	return c
}

func patientResource(id string, p document.SourcePatient) *fhir.Patient {
	out := &fhir.Patient{ID: id, Gender: p.Gender, BirthDate: p.BirthDate}
	if !p.ID.IsZero() {
		out.Identifier = []fhir.Identifier{{System: document.URN(p.ID.Authority), Value: p.ID.Value}}
	}
	if p.Family != "" || len(p.Given) > 0 {
		out.Name = []fhir.HumanName{{Family: p.Family, Given: p.Given}}
	}
	return out
}

// authors writes each author as MHD has it: a role that ties person and institution, or the one there is.
func (w *writer) authors(authors []document.Author) (refs []fhir.Reference) {
	for _, a := range authors {
		var person, place *fhir.Reference
		if !a.Person.IsZero() {
			person = w.contain("person", func(id string) fhir.Typed { return practitioner(id, a.Person) })
		}
		for i, o := range a.Institutions {
			r := w.organisation(o)
			if i == 0 {
				place = r
			}
			if person == nil || i > 0 {
				refs = append(refs, *r)
			}
		}
		switch {
		case person != nil && (place != nil || len(a.Roles)+len(a.Specialties) > 0):
			refs = append(refs, *w.contain("role", func(id string) fhir.Typed {
				return &fhir.PractitionerRole{ID: id, Practitioner: person, Organization: place, Code: concepts(a.Roles...), Specialty: concepts(a.Specialties...)}
			}))
		case person != nil:
			refs = append(refs, *person)
		}
	}
	return refs
}

func (w *writer) organisation(o document.Organisation) *fhir.Reference {
	var whole *fhir.Reference
	if o.PartOf != nil {
		whole = w.organisation(*o.PartOf)
	}
	return w.contain("organization", func(id string) fhir.Typed {
		return &fhir.Organization{ID: id, Identifier: identifiers(o.ID), Name: o.Name, PartOf: whole}
	})
}

func practitioner(id string, p document.Person) *fhir.Practitioner {
	out := &fhir.Practitioner{ID: id, Identifier: identifiers(p.ID)}
	if p.Family != "" || len(p.Given) > 0 {
		out.Name = []fhir.HumanName{{Family: p.Family, Given: p.Given}}
	}
	return out
}

func identifiers(id document.Identifier) []fhir.Identifier {
	if id == (document.Identifier{}) {
		return nil
	}
	return []fhir.Identifier{{System: document.URN(id.System), Value: id.Value}}
}

// source writes a set's authors as far as a List has room for them: a person, in a role where there is one, and an organisation beside it
// (MHD's authorOrg); the last of each.
func (w *writer) source(authors []document.Author) *fhir.Reference {
	var out fhir.Reference
	for _, a := range slices.Backward(authors) {
		a.Institutions = a.Institutions[:min(1, len(a.Institutions))]
		switch isPerson := !a.Person.IsZero(); {
		case isPerson && out.Reference == "":
			out.Reference = w.authors([]document.Author{a})[0].Reference
		case !isPerson && len(a.Institutions) > 0 && out.Extension == nil:
			out.Display = a.Institutions[0].Name
			out.Extension = []fhir.Extension{{URL: extAuthorOrg, ValueReference: w.organisation(a.Institutions[0])}}
		}
	}
	if out.Reference == "" && out.Extension == nil {
		return nil
	}
	return &out
}

// withID gives a source patient the identifier it is filed under when it came without.
func withID(p document.SourcePatient, id document.PatientID) document.SourcePatient {
	if p.ID.IsZero() {
		p.ID = id
	}
	return p
}

func concept(c document.Code) *fhir.CodeableConcept {
	if c.Value == "" {
		return nil
	}
	return &fhir.CodeableConcept{Coding: []fhir.Coding{*coding(c)}}
}

func concepts(all ...document.Code) (out []fhir.CodeableConcept) {
	for _, c := range all {
		if one := concept(c); one != nil {
			out = append(out, *one)
		}
	}
	return out
}

func coding(c document.Code) *fhir.Coding {
	if c.Value == "" {
		return nil
	}
	return &fhir.Coding{System: absolute(terminology.URI(c.System)), Code: c.Value, Display: c.Display}
}

// absolute drops a code system that is no URI, which FHIR has no place for ("FormatCodes", of messages in use): the registry keeps it.
func absolute(system string) string {
	if scheme, _, found := strings.Cut(system, ":"); !found || scheme == "" || strings.ContainsAny(scheme, "/ ") {
		return ""
	}
	return system
}
