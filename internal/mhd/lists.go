package mhd

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/samber/lo"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/rest"
)

// setsAndFolders is ITI-66.
var setsAndFolders = searching{"List", "search-lists", parseLists, (*Door).findLists, func(d *Door) cursors { return d.lists }}

// listKinds are the parameters of ITI-66.
var listKinds = withCommon(map[string]rest.Kind{
	"code": rest.Token, "designationType": rest.Token,
	"identifier": rest.IdentifierToken, "sourceId": rest.IdentifierToken,
	"source.given": rest.Text, "source.family": rest.Text,
	"date": rest.Date,
})

// listOrders are what _sort may say of submission sets and folders.
var listOrders = map[string]registry.Order{"-date": {}, "date": {Oldest: true}}

// parseLists reads the parameters of ITI-66 as parseSearch does those of ITI-67; code is required too.
func parseLists(form url.Values, strict bool) (disclosure.Search, fault.Problems, error) {
	p := newParams(form, listKinds)
	p.Required("code")
	q := disclosure.Search{Patient: p.RequiredPatient(), Statuses: p.statuses(), HomeCommunity: p.Home(), Paging: p.paging(listOrders), Text: p.Text()}
	q.Kinds, q.Criteria = kindsOf(p.All(strict))
	return q, p.Warnings, p.Problems.Err()
}

// The codes of listTypes.
const (
	codeSubmissionSet = "submissionset"
	codeFolder        = "folder"
)

// kindsOf gives the kinds that fit what a search says of code, which is MHD's word for them, and the criteria that are left.
func kindsOf(all criteria.Criteria) (kinds []document.ListKind, rest criteria.Criteria) {
	ofCode, rest := lo.FilterReject(all, func(c criteria.Criterion, _ int) bool { return c.Field == "code" })
	for _, k := range []document.ListKind{document.SubmissionSetKind, document.FolderKind} {
		code := document.Code{System: listTypes, Value: lo.Ternary(k == document.FolderKind, codeFolder, codeSubmissionSet)}
		if criteria.Criteria(ofCode).Met(func(criteria.Field) criteria.Values { return criteria.Values{Tokens: []document.Code{code}} }) {
			kinds = append(kinds, k)
		}
	}
	return kinds, rest
}

func (d *Door) findLists(ctx context.Context, reader disclosure.Reader, q disclosure.Search) (found, error) {
	page, err := d.Disclosures.SearchLists(ctx, reader, q)
	out := found{next: page.Next, total: page.Total, nors: page.NORS, warnings: page.Warnings}
	for _, item := range page.Items {
		out.entries = append(out.entries, fhir.BundleEntry{FullURL: d.resourceURL("List", item.List.ID),
			Resource: fhir.Hold(list(item.List)), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	return out, err
}

// readList is GET List/{id}: a record system reads back what its organisation sent; personnel read what the rules let them.
func (d *Door) readList(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if actor.Has(access.ScopeCreate) && !asPerson(actor) {
		l, err := d.ownList(r, actor)
		if err != nil {
			return err
		}
		return rest.Answer(w, r, http.StatusOK, list(l))
	}
	l, err := d.listByRules(r, actor)
	if err != nil {
		return err
	}
	return rest.Answer(w, r, http.StatusOK, list(l))
}

// listByRules is a submission set or folder as its reader may see it.
func (d *Door) listByRules(r *http.Request, actor audit.Actor) (document.List, error) {
	const operation = "read-list"
	reader, err := d.reader(r, actor)
	if err != nil {
		return document.List{}, d.Disclosures.Refuse(r.Context(), actor, operation, err)
	}
	a, err := address(r)
	if err != nil {
		return document.List{}, d.Disclosures.Refuse(r.Context(), actor, operation, err)
	}
	item, err := d.Disclosures.ReadList(r.Context(), reader, a.Entry, a.HomeCommunity)
	return item.List, err
}

// asPerson: older tokens carry writing and reading scopes together; a person reads by the rules for persons.
func asPerson(actor audit.Actor) bool {
	return actor.Kind == access.Personnel && (actor.Has(access.ScopeReadList) || actor.Has(access.ScopeReadListKJ))
}

// ownList is a submission set or folder for its sender.
func (d *Door) ownList(r *http.Request, actor audit.Actor) (document.List, error) {
	if err := d.mayWrite(r, actor, access.ScopeCreate, audit.Read, "read-set"); err != nil {
		return document.List{}, err
	}
	a, err := address(r)
	if err != nil {
		return document.List{}, d.Submissions.RefuseUnread(r.Context(), actor, audit.Read, "read-set", err)
	}
	return d.Submissions.ReadSet(r.Context(), actor, a)
}

// list encodes a submission set or folder with the profile it has enough for; masked ones come in already without their content.
func list(s document.List) *fhir.List {
	w := &writer{}
	l := &fhir.List{
		ID:         s.ID.String(),
		Meta:       &fhir.Meta{LastUpdated: s.Registered.UTC().Format(time.RFC3339Nano)},
		Identifier: listIdentifiers(s),
		Status:     map[document.Status]string{document.Approved: "current", document.Deprecated: "retired"}[s.Status],
		Mode:       "working", Title: s.Title, Date: rest.DateTime(s.Time),
	}
	if s.Comments != "" {
		l.Note = []fhir.Annotation{{Text: s.Comments}}
	}
	for _, m := range s.Members {
		l.Entry = append(l.Entry, fhir.ListEntry{Item: &fhir.Reference{Reference: "DocumentReference/" + m.String()}})
	}
	for _, f := range s.Folders {
		l.Entry = append(l.Entry, fhir.ListEntry{Item: &fhir.Reference{Reference: "List/" + f.String()}})
	}
	if s.Kind == document.FolderKind {
		return folder(l, s)
	}
	return set(l, s, w)
}

func listIdentifiers(s document.List) []fhir.Identifier {
	return []fhir.Identifier{
		{Use: "usual", System: systemURI, Value: document.URN(s.UniqueID)},
		{Use: "official", System: systemURI, Value: "urn:uuid:" + s.ID.String()},
	}
}

// set is what only a submission set has.
func set(l *fhir.List, s document.List, w *writer) *fhir.List {
	l.Code = listCode(codeSubmissionSet)
	l.Subject = w.contain("patient", func(id string) fhir.Typed { return patientResource(id, withID(s.SourcePatient, s.Patient)) })
	if s.SourceID != "" {
		l.Extension = append(l.Extension, fhir.Extension{URL: extSourceID, ValueIdentifier: identified(s.SourceID)})
	}
	designate(l, s)
	l.Source = w.source(s.Authors)
	l.Contained = w.contained
	return claimedSet(l)
}

// folder is what only a folder has.
func folder(l *fhir.List, s document.List) *fhir.List {
	l.Code = listCode(codeFolder)
	l.Meta.LastUpdated = s.Time.At.UTC().Format(time.RFC3339Nano)
	l.Subject = &fhir.Reference{Identifier: &fhir.Identifier{System: document.URN(s.Patient.Authority), Value: s.Patient.Value}}
	designate(l, s)
	l.Meta.Profile = []string{profileMinimalFolder}
	if l.Title != "" && len(l.Extension) > 0 {
		l.Meta.Profile = []string{profileFolder}
	}
	return l
}

const (
	profileList          = mhdDefinitions + "IHE.MHD.List"
	profileFolder        = mhdDefinitions + "IHE.MHD.Comprehensive.Folder"
	profileMinimalFolder = mhdDefinitions + "IHE.MHD.Minimal.Folder"
)

func listCode(code string) *fhir.CodeableConcept {
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: listTypes, Code: code}}}
}

func designate(l *fhir.List, s document.List) {
	for _, c := range s.Codes {
		if concept := concept(c); concept != nil {
			l.Extension = append(l.Extension, fhir.Extension{URL: extDesignation, ValueCodeableConcept: concept})
		}
	}
}

// listParams are those of the capability statement that are no criteria.
var listParams = []fhir.CapabilitySearchParam{
	{Name: "date", Type: "date", Documentation: "submissionTime of a set, lastUpdateTime of a folder"},
	{Name: "_lastUpdated", Type: "date", Documentation: "when it was registered here, or last got a document"},
	{Name: "_sort", Type: "string", Documentation: "-date (the usual), date"},
}
