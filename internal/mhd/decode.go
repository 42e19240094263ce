package mhd

import (
	"fmt"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
)

// The extensions and codes of MHD that carry XDS attributes FHIR has no element for.
const (
	mhdDefinitions    = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
	extHomeCommunity  = mhdDefinitions + "ihe-homeCommunityId"
	extRepository     = mhdDefinitions + "ihe-repositoryUniqueId"
	extSourceID       = mhdDefinitions + "ihe-sourceId"
	extDesignation    = mhdDefinitions + "ihe-designationType"
	extAuthorOrg      = mhdDefinitions + "ihe-authorOrg"
	extRecipient      = mhdDefinitions + "ihe-intendedRecipient"
	oldHomeCommunity  = "http://ihe.net/fhir/StructureDefinition/homeCommunityId"
	listTypes         = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
	systemURI         = "urn:ietf:rfc:3986"
	profileSet        = mhdDefinitions + "IHE.MHD.Comprehensive.SubmissionSet"
	profileEntry      = mhdDefinitions + "IHE.MHD.Comprehensive.DocumentReference"
	relationReplaces  = "replaces"
	relationTransform = "transforms"
	relationAppends   = "appends"
	relationSigns     = "signs"
)

// decoder turns one bundle into a request; problems gather in request.Problems with locations of their own.
type decoder struct {
	bundle *fhir.Bundle
	base   string
	bodies []*repository.Reception
	m      *message
}

// decode maps a transaction bundle to a submission (nhn.md (b), spec/ihe.md 1.10). It never fails: what is wrong is among the
// request's problems.
func decode(bundle *fhir.Bundle, bodies []*repository.Reception, base string) *message {
	d := &decoder{bundle: bundle, base: base, bodies: bodies, m: &message{bundle: bundle, places: places{set: noSet}}}
	d.m.request.Claim = claimOf(bundle.Meta)
	d.entries()
	return d.m
}

func (d *decoder) problem(p *fault.Problem) { d.m.request.Problems.Add(p) }

// claims are MHD's profiles of a ProvideBundle, by the end of their canonical address; versions after | are ignored.
var claims = map[string]submission.Claim{
	"IHE.MHD.Comprehensive.ProvideBundle":             submission.Comprehensive,
	"IHE.MHD.UnContained.Comprehensive.ProvideBundle": submission.Comprehensive,
	"IHE.MHD.Minimal.ProvideBundle":                   submission.Minimal,
}

func claimOf(meta *fhir.Meta) submission.Claim {
	if meta == nil || len(meta.Profile) == 0 {
		return submission.Unclaimed
	}
	for _, p := range meta.Profile {
		p, _, _ = strings.Cut(p, "|")
		for _, base := range []string{mhdDefinitions, "http://profiles.ihe.net/ITI/MHD/StructureDefinition/"} {
			if claim, ok := claims[strings.TrimPrefix(p, base)]; ok && strings.HasPrefix(p, base) {
				return claim
			}
		}
	}
	return submission.Unrecognised
}

// entries sorts the bundle's entries, then decodes the set, the documents and the folders.
func (d *decoder) entries() {
	sets, used := []int{}, map[int]bool{}
	for i, e := range d.bundle.Entry {
		d.checkRequest(i, e)
		if e.Resource == nil {
			d.problem(fault.New(fault.MetadataError, "The entry has no resource.").At(place(i, "resource")))
			continue
		}
		switch r := e.Resource; r.Type {
		case "List":
			sets = append(sets, d.list(i)...)
		case "DocumentReference":
			d.m.places.documents = append(d.m.places.documents, i)
		case "Parameters":
			d.superseding(i)
		case "Bundle":
			d.problem(fault.New(fault.FHIRDocument, "A FHIR document is sent as application/fhir+json in a Binary, not as a bundle inside the bundle.").At(place(i, "resource")))
		case "Patient", "Binary", "Practitioner", "PractitionerRole", "Organization":
		default:
			d.problem(fault.New(fault.MetadataError, "A resource of this type has no place in a submission; it takes List, DocumentReference, Binary and Patient.").At(place(i, "resource")))
		}
	}
	d.set(sets)
	for _, i := range d.m.places.documents {
		body := d.document(i)
		used[body] = true
		d.m.places.bodies = append(d.m.places.bodies, body)
	}
	for _, i := range d.m.places.folders {
		d.folder(i)
	}
	for i, e := range d.bundle.Entry {
		if e.Resource != nil && e.Resource.Type == "Binary" && !used[i] {
			d.problem(fault.New(fault.MissingMetadata, "No DocumentReference has an attachment.url that names this Binary's fullUrl.").At(place(i, "resource")))
		}
	}
	d.checkMembers()
}

func place(entry int, field string) string { return fmt.Sprintf("Bundle.entry[%d].%s", entry, field) }

// checkRequest: a submission creates; only the PATCH form of superseding and a PUT of a folder change something.
func (d *decoder) checkRequest(i int, e fhir.BundleEntry) {
	method := "POST"
	if e.Request != nil && e.Request.Method != "" {
		method = e.Request.Method
	}
	patch := e.Resource != nil && e.Resource.Type == "Parameters"
	put := method == "PUT" && d.isFolder(i)
	if (method != "POST" && !patch && !put) || (patch && method != "PATCH") {
		d.problem(fault.New(fault.MetadataError, "The entry's request.method cannot be carried out; documents are provided with POST.").At(place(i, "request.method")))
	}
}

func (d *decoder) isFolder(i int) bool {
	if d.bundle.Entry[i].Resource == nil {
		return false
	}
	l, ok := fhir.As[fhir.List](d.bundle.Entry[i].Resource)
	return ok && code(l.Code).Value == codeFolder
}

// list tells submission sets from folders.
func (d *decoder) list(i int) []int {
	l, ok := fhir.As[fhir.List](d.bundle.Entry[i].Resource)
	if !ok {
		return nil
	}
	switch code(l.Code).Value {
	case codeSubmissionSet:
		return []int{i}
	case codeFolder:
		d.m.places.folders = append(d.m.places.folders, i)
	default:
		d.problem(fault.New(fault.MetadataError, "The List is neither submission set nor folder: its code must be submissionset or folder of %s.", listTypes).At(place(i, "resource.code")))
	}
	return nil
}

// superseding is MHD's Patch.Parameters: replace DocumentReference.status by superseded.
func (d *decoder) superseding(i int) {
	e := d.bundle.Entry[i]
	p, ok := fhir.As[fhir.Parameters](e.Resource)
	if !ok || e.Request == nil {
		d.problem(fault.New(fault.MetadataError, "The Parameters entry has no request.").At(place(i, "request")))
		return
	}
	patches := p.PathPatches()
	if len(patches) != 1 || patches[0] != (fhir.PathPatch{Type: "replace", Path: "DocumentReference.status", Value: "superseded"}) {
		d.problem(fault.New(fault.Unmodifiable, "The only change a submission can make is DocumentReference.status replaced by superseded.").At(place(i, "resource.parameter")))
		return
	}
	d.m.request.Supersedes = append(d.m.request.Supersedes, target(&fhir.Reference{Reference: e.Request.URL}))
}

// set decodes the one submission set.
func (d *decoder) set(sets []int) {
	if len(sets) != 1 {
		d.problem(fault.New(fault.MetadataError, "The bundle has %d Lists with code submissionset; it needs exactly one.", len(sets)).At("Bundle.entry"))
		return
	}
	i := sets[0]
	d.m.places.set = i
	l, _ := fhir.As[fhir.List](d.bundle.Entry[i].Resource)
	scope := scope{d: d, contained: l.Contained}
	s := &d.m.request.Set
	s.Title = l.Title
	if len(l.Note) > 0 {
		s.Comments = l.Note[0].Text
	}
	if ext := extension(l.Extension, extSourceID); ext != nil && ext.ValueIdentifier != nil {
		s.SourceID = d.sourceID(ext.ValueIdentifier.Value, i)
	}
	if ext := extension(l.Extension, extDesignation); ext != nil {
		s.ContentType = code(ext.ValueCodeableConcept)
	}
	s.UniqueID = document.StripURN(preferred(l.Identifier, "usual").Value)
	s.Time = d.time(l.Date, place(i, "resource.date"))
	if l.Date == "" {
		d.problem(fault.New(fault.MetadataError, "The submission set's date is missing.").At(place(i, "resource.date")).By("W4"))
	}
	if len(l.Identifier) == 0 {
		d.problem(fault.New(fault.MetadataError, "The submission set has no identifier (uniqueId).").At(place(i, "resource.identifier")).By("W4"))
	}
	subject := scope.subject(l.Subject, i)
	s.Patient, s.SourcePatient = patientID(subject), sourcePatient(subject)
	if l.Source != nil {
		refs := []fhir.Reference{*l.Source}
		if ext := extension(l.Source.Extension, extAuthorOrg); ext != nil && ext.ValueReference != nil {
			refs = append(refs, *ext.ValueReference)
		}
		s.Authors = scope.authors(refs, place(i, "resource.source"))
	}
	if ext := extension(l.Extension, extHomeCommunity, oldHomeCommunity); ext != nil {
		d.m.request.HomeCommunity = document.StripURN(ext.ValueURI)
	}
	if extension(l.Extension, extRecipient) != nil {
		d.notKept("The intended recipient", place(i, "resource.extension"))
	}
}

// notKept warns of what the message says and the registry has no place for: what is acknowledged without a word is kept (promise 1).
func (d *decoder) notKept(what, location string) {
	d.problem(fault.New(fault.ExtraMetadata, "%s is not kept; the documents are.", what).AsWarning().At(location))
}

// sourceID must be an OID (ITI TF-3 §4.2.3.3.9).
func (d *decoder) sourceID(value string, entry int) string {
	oid, err := document.ParseOID(value)
	if value != "" && err != nil {
		d.problem(fault.New(fault.MetadataError, "The sourceId is not an OID (urn:oid: and digits with dots).").At(place(entry, "resource.extension")).By("W4"))
	}
	return oid
}

// checkMembers: the set's entries and the bundle's DocumentReferences and new folders must be the same ones (spec/ihe.md 1.5).
func (d *decoder) checkMembers() {
	l, ok := d.setList()
	if !ok {
		return
	}
	listed := map[int]bool{}
	for n, item := range l.Entry {
		if item.Item == nil {
			continue
		}
		i, found := d.find(item.Item.Reference)
		if !found {
			d.problem(fault.New(fault.UnresolvedReference, "The submission set lists something that is not in the bundle.").
				At(fmt.Sprintf("Bundle.entry[%d].resource.entry[%d].item", d.m.places.set, n)))
			continue
		}
		listed[i] = true
	}
	for _, i := range d.m.places.documents {
		if !listed[i] {
			d.problem(fault.New(fault.MetadataError, "The submission set does not list this DocumentReference among its entries.").At(place(i, "fullUrl")))
		}
	}
	for n, i := range d.m.places.folders {
		if !listed[i] && d.m.request.Folders[n].Updates == uuid.Nil {
			d.problem(fault.New(fault.MetadataError, "The submission set does not list this folder among its entries.").At(place(i, "fullUrl")))
		}
	}
}

func (d *decoder) setList() (*fhir.List, bool) {
	if d.m.places.set == noSet {
		return nil, false
	}
	return fhir.As[fhir.List](d.bundle.Entry[d.m.places.set].Resource)
}

// find resolves a reference to an entry of the bundle: by fullUrl, or by type and id.
func (d *decoder) find(reference string) (int, bool) {
	if reference == "" {
		return 0, false
	}
	for i, e := range d.bundle.Entry {
		if e.FullURL == reference || (e.FullURL != "" && strings.HasSuffix(e.FullURL, "/"+reference)) {
			return i, true
		}
		if e.Resource != nil && e.Resource.Type+"/"+resourceID(e.Resource) == reference {
			return i, true
		}
	}
	return 0, false
}

// target reads a reference to a registered document: DocumentReference/id in any base, urn:uuid:, urn:oid:, or an identifier.
func target(r *fhir.Reference) submission.Target {
	if r == nil {
		return submission.Target{}
	}
	text := r.Reference
	if text == "" && r.Identifier != nil {
		text = r.Identifier.Value
	}
	if i := strings.LastIndex(text, "DocumentReference/"); i >= 0 {
		text, _, _ = strings.Cut(text[i+len("DocumentReference/"):], "?")
	}
	text = document.StripURN(text)
	id, _ := uuid.Parse(text)
	return submission.Target{Entry: id, UniqueID: text}
}

// code is a concept's first coding in canonical spelling.
func code(c *fhir.CodeableConcept) document.Code {
	if c == nil || len(c.Coding) == 0 {
		return document.Code{}
	}
	return coded(c.Coding[0])
}

func coded(c fhir.Coding) document.Code {
	return document.Code{Value: c.Code, System: terminology.Canonical(c.System), Display: c.Display}
}

func extension(all []fhir.Extension, urls ...string) *fhir.Extension {
	for i, e := range all {
		for _, url := range urls {
			if e.URL == url {
				return &all[i]
			}
		}
	}
	return nil
}

// preferred is the identifier with the given use, or the first.
func preferred(ids []fhir.Identifier, use string) fhir.Identifier {
	for _, id := range ids {
		if id.Use == use {
			return id
		}
	}
	if len(ids) > 0 {
		return ids[0]
	}
	return fhir.Identifier{}
}
