package mhd

import (
	"slices"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
)

// scope resolves references of one resource: its own contained resources first, then the bundle's entries. Real clients also write
// "Practitioner/id" for what is contained; that is understood.
type scope struct {
	d         *decoder
	contained []fhir.Resource
}

func (s scope) resolve(reference string) *fhir.Resource {
	id := strings.TrimPrefix(reference, "#")
	if _, last, ok := strings.Cut(reference, "/"); ok && !strings.Contains(last, "/") {
		id = last
	}
	for i := range s.contained {
		if id != "" && resourceID(&s.contained[i]) == id {
			return &s.contained[i]
		}
	}
	if i, found := s.d.find(reference); found {
		return s.d.bundle.Entry[i].Resource
	}
	return nil
}

// resourceID is the id of any resource type that a submission refers to.
func resourceID(r *fhir.Resource) string {
	switch v := r.Value.(type) {
	case *fhir.Patient:
		return v.ID
	case *fhir.Practitioner:
		return v.ID
	case *fhir.PractitionerRole:
		return v.ID
	case *fhir.Organization:
		return v.ID
	case *fhir.DocumentReference:
		return v.ID
	case *fhir.Binary:
		return v.ID
	case *fhir.List:
		return v.ID
	default:
		return ""
	}
}

// patient finds the Patient that a reference names; a logical reference (identifier only) makes one.
func (s scope) patient(r *fhir.Reference) *fhir.Patient {
	if r == nil {
		return nil
	}
	if r.Reference != "" {
		if found := s.resolve(r.Reference); found != nil {
			if p, ok := fhir.As[fhir.Patient](found); ok {
				return p
			}
		}
	}
	if r.Identifier != nil {
		return &fhir.Patient{Identifier: []fhir.Identifier{*r.Identifier}}
	}
	return nil
}

// subject is patient for the one whose record it is. A reference that leads to nothing is not the same as none: nobody here can ask
// the server it points to, and no other patient of the message may stand in for it (docs/profiles.md).
func (s scope) subject(r *fhir.Reference, entry int) *fhir.Patient {
	found := s.patient(r)
	if found == nil && r != nil && r.Reference != "" {
		s.d.problem(fault.New(fault.UnknownPatient, "The reference leads to no Patient in the message, and it is not looked up elsewhere. "+
			"Send the Patient as an entry with that fullUrl, or its identifier in subject.identifier.").At(place(entry, "resource.subject")).By("P1"))
	}
	return found
}

// patientID prefers the national identifiers (P2) and takes any other (P1).
func patientID(p *fhir.Patient) document.PatientID {
	if p == nil {
		return document.PatientID{}
	}
	var found document.PatientID
	for _, id := range p.Identifier {
		candidate := document.PatientID{Value: strings.TrimSpace(id.Value), Authority: document.StripURN(id.System)}
		if candidate.Authority == document.AuthorityFNR || candidate.Authority == document.AuthorityDNR {
			return candidate
		}
		if found.IsZero() {
			found = candidate
		}
	}
	return found
}

func sourcePatient(p *fhir.Patient) document.SourcePatient {
	if p == nil {
		return document.SourcePatient{}
	}
	out := document.SourcePatient{ID: patientID(p), Gender: p.Gender, BirthDate: p.BirthDate}
	if len(p.Name) > 0 {
		out.Family, out.Given = p.Name[0].Family, p.Name[0].Given
	}
	return out
}

// authors joins what MHD spreads over several references into XDS authors, one person each: a PractitionerRole is an author; a
// Practitioner or Organization is one only when no role speaks for it; a department goes to the author of its organisation. An
// author of whom there is neither identifier nor name, or no resource, is warned of at the location.
func (s scope) authors(refs []fhir.Reference, location string) (authors []document.Author) {
	var people []*fhir.Practitioner
	var places []*fhir.Organization
	for _, r := range refs {
		if r.Reference == "" && r.Identifier == nil && (r.Display == "" || extension(r.Extension, extAuthorOrg) != nil) {
			continue // List.source may hold nothing but the extension for the author's organisation
		}
		found := s.resolve(r.Reference)
		if found == nil {
			s.d.notKept("An author whose resource is not in the message", location)
			continue
		}
		switch v := found.Value.(type) {
		case *fhir.PractitionerRole:
			authors = append(authors, s.role(v))
		case *fhir.Practitioner:
			people = append(people, v)
		case *fhir.Organization:
			places = append(places, v)
		default:
			s.d.notKept("An author that is neither Practitioner, PractitionerRole nor Organization", location)
		}
	}
	for _, p := range people {
		person := personOf(p)
		if person.IsZero() {
			s.d.notKept("An author without identifier and name", location)
			continue
		}
		if !slices.ContainsFunc(authors, func(a document.Author) bool { return samePerson(a.Person, person) }) {
			authors = append(authors, document.Author{Person: person})
		}
	}
	for _, o := range places {
		authors = affiliate(authors, s.organisation(o, 0))
	}
	return authors
}

// affiliate adds an institution to the authors: nothing to do when one has it; to the author of the organisation it is part of; to a
// lone author; as an author of its own otherwise.
func affiliate(authors []document.Author, o document.Organisation) []document.Author {
	for _, a := range authors {
		if slices.ContainsFunc(a.Institutions, func(have document.Organisation) bool { return sameOrganisation(have, o) }) {
			return authors
		}
	}
	for i, a := range authors {
		part := o.PartOf != nil && slices.ContainsFunc(a.Institutions, func(have document.Organisation) bool { return sameOrganisation(have, *o.PartOf) })
		if part || (len(authors) == 1 && len(a.Institutions) == 0) {
			authors[i].Institutions = append(authors[i].Institutions, o)
			return authors
		}
	}
	return append(authors, document.Author{Institutions: []document.Organisation{o}})
}

func samePerson(a, b document.Person) bool {
	return a.ID == b.ID && a.Family == b.Family && slices.Equal(a.Given, b.Given)
}

func sameOrganisation(a, b document.Organisation) bool { return a.ID == b.ID && a.Name == b.Name }

func (s scope) role(r *fhir.PractitionerRole) document.Author {
	var a document.Author
	if r.Practitioner != nil {
		if found := s.resolve(r.Practitioner.Reference); found != nil {
			if p, ok := fhir.As[fhir.Practitioner](found); ok {
				a.Person = personOf(p)
			}
		}
	}
	if r.Organization != nil {
		if found := s.resolve(r.Organization.Reference); found != nil {
			if o, ok := fhir.As[fhir.Organization](found); ok {
				a.Institutions = append(a.Institutions, s.organisation(o, 0))
			}
		}
	}
	a.Roles, a.Specialties = codes(r.Code), codes(r.Specialty)
	return a
}

func codes(concepts []fhir.CodeableConcept) (out []document.Code) {
	for i := range concepts {
		if c := code(&concepts[i]); c != (document.Code{}) {
			out = append(out, c)
		}
	}
	return out
}

func personOf(p *fhir.Practitioner) document.Person {
	out := document.Person{ID: identifier(p.Identifier)}
	if len(p.Name) > 0 {
		out.Family, out.Given = p.Name[0].Family, p.Name[0].Given
	}
	return out
}

// maxParts bounds a chain of partOf, which a hostile message could close into a ring.
const maxParts = 4

func (s scope) organisation(o *fhir.Organization, depth int) document.Organisation {
	out := document.Organisation{ID: identifier(o.Identifier), Name: o.Name}
	if o.PartOf != nil && depth < maxParts {
		if found := s.resolve(o.PartOf.Reference); found != nil {
			if parent, ok := fhir.As[fhir.Organization](found); ok {
				whole := s.organisation(parent, depth+1)
				out.PartOf = &whole
			}
		}
	}
	return out
}

func identifier(ids []fhir.Identifier) document.Identifier {
	if len(ids) == 0 {
		return document.Identifier{}
	}
	return document.Identifier{System: document.StripURN(ids[0].System), Value: ids[0].Value}
}
