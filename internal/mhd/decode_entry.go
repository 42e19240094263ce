package mhd

import (
	"fmt"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/submission"

	"github.com/google/uuid"
)

// document decodes one DocumentReference and returns the bundle's entry of its Binary, -1 when there is none.
func (d *decoder) document(i int) int {
	ref, ok := fhir.As[fhir.DocumentReference](d.bundle.Entry[i].Resource)
	out := submission.Document{DeclaredSize: -1}
	if !ok {
		d.m.request.Documents = append(d.m.request.Documents, out)
		return -1
	}
	scope := scope{d: d, contained: ref.Contained}
	d.describe(i, ref, scope, &out.Entry)
	body := d.attach(i, ref, &out)
	out.Identifiers.Resource = lastURN(ref.ID, d.bundle.Entry[i].FullURL)
	out.Identifiers.EntryUUID = entryUUID(ref.Identifier)
	if ref.MasterIdentifier != nil {
		out.Identifiers.Master = document.StripURN(ref.MasterIdentifier.Value)
	}
	d.relations(i, ref, &out)
	d.m.request.Documents = append(d.m.request.Documents, out)
	return body
}

// lastURN is a resource's id, or the UUID of its fullUrl when it has none.
func lastURN(id, fullURL string) string {
	if id != "" {
		return document.StripURN(id)
	}
	if strings.HasPrefix(fullURL, "urn:") {
		return document.StripURN(fullURL)
	}
	return ""
}

// entryUUID is the identifier that is a UUID; "official" is MHD's use for it.
func entryUUID(ids []fhir.Identifier) string {
	for _, id := range ids {
		if v := document.StripURN(id.Value); id.Use == "official" || len(ids) == 1 {
			if _, err := uuid.Parse(v); err == nil {
				return v
			}
		}
	}
	return ""
}

// describe decodes everything but the attachment and the relations.
func (d *decoder) describe(i int, ref *fhir.DocumentReference, scope scope, e *document.Entry) {
	switch ref.Status {
	case "current":
		e.Status = document.Approved
	case "superseded":
		e.Status = document.Deprecated
	default:
		d.problem(fault.New(fault.MetadataError, "The status must be current (or superseded).").At(place(i, "resource.status")).By("W4"))
	}
	e.Patient = patientID(scope.subject(ref.Subject, i))
	e.Type = code(ref.Type)
	if len(ref.Category) > 0 {
		e.Class = code(&ref.Category[0])
	}
	if len(ref.Category) > 1 {
		d.problem(fault.New(fault.ExtraMetadata, "Only the first category is kept: XDS has one document class.").AsWarning().At(place(i, "resource.category[1]")))
	}
	for _, label := range ref.SecurityLabel {
		for _, c := range label.Coding {
			e.Confidentiality = append(e.Confidentiality, coded(c))
		}
	}
	e.Comments = ref.Description
	e.Authors = scope.authors(ref.Author, place(i, "resource.author"))
	if ref.Authenticator != nil {
		d.notKept("The authenticator", place(i, "resource.authenticator"))
	}
	d.context(i, ref.Context, scope, e)
}

func (d *decoder) context(i int, c *fhir.DocumentReferenceContext, scope scope, e *document.Entry) {
	if c == nil {
		return
	}
	for n := range c.Event {
		e.Events = append(e.Events, code(&c.Event[n]))
	}
	e.Facility, e.Practice = code(c.FacilityType), code(c.PracticeSetting)
	if c.Period != nil {
		e.ServiceStart = d.time(c.Period.Start, place(i, "resource.context.period.start"))
		e.ServiceStop = d.time(c.Period.End, place(i, "resource.context.period.end"))
	}
	e.SourcePatient = sourcePatient(scope.patient(c.SourcePatientInfo))
	if len(c.Encounter) > 0 {
		d.notKept("The encounter", place(i, "resource.context.encounter"))
	}
	for _, r := range c.Related {
		if r.Identifier != nil && r.Identifier.Value != "" {
			e.References = append(e.References, document.PatientID{Value: r.Identifier.Value, Authority: document.StripURN(r.Identifier.System)}.CX())
		}
	}
}

// attach decodes content and finds the Binary by attachment.url.
func (d *decoder) attach(i int, ref *fhir.DocumentReference, out *submission.Document) int {
	if len(ref.Content) != 1 || ref.Content[0].Attachment == nil {
		d.problem(fault.New(fault.MetadataError, "The DocumentReference has %d contents; it needs exactly one, with an attachment.", len(ref.Content)).
			At(place(i, "resource.content")).By("W4"))
		return -1
	}
	a, e, here := ref.Content[0].Attachment, &out.Entry, place(i, "resource.content[0].attachment")
	if f := ref.Content[0].Format; f != nil {
		e.Format = coded(*f)
	}
	e.MimeType, e.Language, e.Title = a.ContentType, a.Language, a.Title
	e.Creation = d.time(a.Creation, here+".creation")
	if ext := extension(a.Extension, extHomeCommunity, oldHomeCommunity); ext != nil {
		out.HomeCommunity = document.StripURN(ext.ValueURI)
	}
	if a.Size != nil {
		out.DeclaredSize = max(*a.Size, 0)
	}
	if a.Hash != "" {
		hash, err := fhir.DecodeHash(a.Hash)
		if err != nil {
			for _, p := range fault.Of(err) {
				d.problem(p.At(here + ".hash"))
			}
		}
		out.DeclaredHash = hash
	}
	if a.Data != "" {
		d.problem(fault.New(fault.MetadataError, "The document stands in a Binary of its own, not in attachment.data.").At(here + ".data"))
	}
	return d.body(a.URL, out)
}

// body links the Binary that the attachment names.
func (d *decoder) body(url string, out *submission.Document) int {
	n, found := d.find(url)
	if !found {
		return -1
	}
	b, ok := fhir.As[fhir.Binary](d.bundle.Entry[n].Resource)
	if !ok {
		return -1
	}
	// Only a stated id: a fullUrl is symbolic and comes again in the next message, where it would name another document.
	out.Identifiers.Binary = document.StripURN(b.ID)
	out.OtherMimeType = b.ContentType
	if b.Body >= 0 && b.Body < len(d.bodies) {
		out.Bytes = d.bodies[b.Body]
	}
	return n
}

// relationTypes are relatesTo's codes; an unknown one is a problem.
var relationTypes = map[string]document.AssociationType{
	relationReplaces: document.Replace, relationTransform: document.Transform, relationAppends: document.Append, relationSigns: document.Signs,
}

func (d *decoder) relations(i int, ref *fhir.DocumentReference, out *submission.Document) {
	for n, r := range ref.RelatesTo {
		kind, ok := relationTypes[r.Code]
		if !ok {
			d.problem(fault.New(fault.MetadataError, "relatesTo.code must be replaces, transforms, appends or signs.").At(place(i, fmt.Sprintf("resource.relatesTo[%d].code", n))))
			continue
		}
		out.Relations = append(out.Relations, submission.Relation{Type: kind, Target: target(r.Target)})
	}
}

// time reads a FHIR dateTime; XDS has it in UTC, and the registry keeps microseconds.
func (d *decoder) time(s, location string) document.Time {
	if s == "" {
		return document.Time{}
	}
	t, err := rest.TimeOf(s)
	if err != nil {
		for _, p := range fault.Of(err) {
			d.problem(p.At(location))
		}
		return document.Time{}
	}
	return t
}
