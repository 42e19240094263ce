package ebxml

import (
	"encoding/xml"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// StoredQuery is the id of a stored query (ITI TF-2 §3.18.4.1.2.4), without urn:uuid:.
type StoredQuery string

// The stored queries, with those of ITI-51 last.
const (
	FindDocuments               StoredQuery = "14d4debf-8f97-4251-9a74-a90016b0af0d"
	FindDocumentsByReferenceID  StoredQuery = "12941a89-e02e-4be5-967c-ce4bfc8fe492"
	FindDocumentsByTitle        StoredQuery = "ab474085-82b5-402d-8115-3f37cb1e2405"
	FindSubmissionSets          StoredQuery = "f26abbcb-ac74-4422-8a30-edb644bbc1a9"
	FindFolders                 StoredQuery = "958f3006-baad-4929-a4de-ff1114824431"
	GetAll                      StoredQuery = "10b545ea-725c-446d-9b95-8aeb444eddf3"
	GetDocuments                StoredQuery = "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
	GetFolders                  StoredQuery = "5737b14c-8a1a-4539-b659-e03a34a5e1e4"
	GetAssociations             StoredQuery = "a7ae438b-4bc2-4642-93e9-be891f7bb155"
	GetDocumentsAndAssociations StoredQuery = "bab9529a-4a10-40b3-a01f-f68a615d247a"
	GetSubmissionSets           StoredQuery = "51224314-5390-4169-9b91-b1980040715a"
	GetSubmissionSetAndContents StoredQuery = "e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
	GetFolderAndContents        StoredQuery = "b909a503-523d-4517-8acf-8e5834dfc4c7"
	GetFoldersForDocument       StoredQuery = "10cae35a-c7f9-4cf5-b61e-fc3278ffb578"
	GetRelatedDocuments         StoredQuery = "d90e5407-b356-4d91-a89f-873917b4b0e6"

	FindDocumentsForMultiplePatients              StoredQuery = "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"
	FindFoldersForMultiplePatients                StoredQuery = "50d3f5ac-39a2-11de-a1ca-b366239e58df"
	FindDocumentsByReferenceIDForMultiplePatients StoredQuery = "1191642d-86c4-42d8-b784-f95445f9f0d5"
)

// MultiPatient tells the queries of ITI-51 from those of ITI-18 and 38.
func (q StoredQuery) MultiPatient() bool {
	return q == FindDocumentsForMultiplePatients || q == FindFoldersForMultiplePatients || q == FindDocumentsByReferenceIDForMultiplePatients
}

// Query is a stored query that was understood. Lists are alternatives; of lists of lists each must be met.
type Query struct {
	Query StoredQuery
	// References asks for ids (ObjectRef) instead of whole objects (LeafClass).
	References bool
	// Home is the home of AdhocQuery, without urn:oid:.
	Home     string
	Patients []document.PatientID

	// The statuses asked for, those we do not know left out.
	EntryStatuses, SetStatuses, FolderStatuses, AssociationStatuses []document.Status

	Classes, Types, Practices, Facilities, Formats []document.Code
	Events, Confidentiality                        [][]document.Code
	ReferenceIDs                                   [][]string
	// Authors and Titles are patterns of SQL's LIKE.
	Authors, Titles []Pattern
	// Times are From ≤ x < To.
	Creation, ServiceStart, ServiceStop Span
	// Stable and OnDemand are the types of entries wanted.
	Stable, OnDemand bool
	// Availability, when not empty, is which of Online and Offline is wanted.
	Availability []string

	Submitted       Span
	SourceIDs       []string
	SetAuthors      []Pattern
	SetContentTypes []document.Code

	Updated     Span
	FolderCodes [][]document.Code

	// What a Get query is given, without prefixes. What is no id at all is just not found.
	EntryUUIDs, EntryUniqueIDs, EntryLogicalIDs    []string
	SetUUIDs, SetUniqueIDs                         []string
	FolderUUIDs, FolderUniqueIDs, FolderLogicalIDs []string
	// UUIDs is $uuid of GetAssociations and GetSubmissionSets.
	UUIDs            []string
	AssociationTypes []document.AssociationType
	// MetadataLevel is 1 unless asked otherwise.
	MetadataLevel int
	// Text is the query as its parameters, for the audit event, without the patient.
	Text string
}

// Span is half open; a zero bound is open.
type Span struct{ From, To time.Time }

// Holds reports whether a time that was told lies within. One that was not told is not excluded (spec/ihe.md 1.2).
func (s Span) Holds(t document.Time) bool {
	return t.IsZero() || !t.At.Before(s.From) && (s.To.IsZero() || t.At.Before(s.To))
}

// IsZero reports whether nothing is asked.
func (s Span) IsZero() bool { return s.From.IsZero() && s.To.IsZero() }

// ReadQuery reads the payload of ITI-18, 38 or 51. The error is a fault.Problem, for a message that is none, or fault.Problems with all that is
// wrong with the query, each with the name of its parameter as location.
func ReadQuery(payload []byte) (*Query, error) {
	r, root, err := open(payload)
	if err != nil {
		return nil, err
	}
	if root.Name != AdhocQueryRequest {
		return nil, wrongPayload()
	}
	var raw rawQuery
	if err := r.children(func(e xml.StartElement) error { return raw.take(r, e) }); err != nil {
		return nil, err
	}
	return raw.understand()
}

// rawQuery is a query as written.
type rawQuery struct {
	returnType string
	queries    int
	id, home   string
	slots      []Slot
}

// take reads ResponseOption or AdhocQuery. NHN's clients and others put the second in no particular order.
func (q *rawQuery) take(r *reader, e xml.StartElement) error {
	switch {
	case e.Name == xml.Name{Space: queryURI, Local: "ResponseOption"}:
		q.returnType = attr(e, "returnType")
	case e.Name == xml.Name{Space: rimURI, Local: "AdhocQuery"}:
		q.queries++
		q.id, q.home = plainRef(attr(e, "id")), document.StripURN(attr(e, "home"))
		return r.children(func(s xml.StartElement) (err error) {
			if s.Name != (xml.Name{Space: rimURI, Local: "Slot"}) {
				return r.skip()
			}
			q.slots, err = r.slot(s, q.slots)
			return err
		})
	}
	return r.skip()
}

func (q *rawQuery) understand() (*Query, error) {
	out := &Query{Query: StoredQuery(q.id), Home: q.home, Stable: true, MetadataLevel: 1, Text: q.text()}
	if q.queries != 1 {
		return nil, fault.New(fault.MalformedBody, "The message has %d AdhocQuery elements; it needs exactly one.", q.queries)
	}
	var problems fault.Problems
	switch q.returnType {
	case "LeafClass":
	case "ObjectRef":
		out.References = true
	default:
		problems.Add(fault.New(fault.BadRequest, "The returnType is neither LeafClass nor ObjectRef.").At("returnType"))
	}
	shape, known := shapes()[out.Query]
	if !known {
		problems.Add(fault.New(fault.UnknownStoredQuery, "There is no stored query with this id.").At("AdhocQuery.id"))
		return nil, problems
	}
	given := group(q.slots)
	problems.Add(shape.check(given)...)
	for _, p := range shape.parameters() {
		if values, ok := given[p]; ok {
			problems.Add(parameters()[p].apply(out, p, values))
		}
	}
	problems.Add(shape.missing(out, given)...)
	problems.Add(shape.single(out)...)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// maxText is how much of a query its Text has.
const maxText = 8 << 10

// text is id=…&slot=value&slot=value. The patient is left out: an audit event has a place of its own for him.
func (q *rawQuery) text() string {
	var b strings.Builder
	b.WriteString("id=urn:uuid:" + q.id + "&returnType=" + q.returnType)
	for _, s := range q.slots {
		if !strings.HasSuffix(strings.ToLower(s.Name), "patientid") {
			b.WriteString("&" + s.Name + "=" + strings.Join(s.Values, ","))
		}
		if b.Len() > maxText {
			return strings.ToValidUTF8(b.String()[:maxText], "") + "…"
		}
	}
	return b.String()
}

// group gathers slots by name: one group of values for each slot.
func group(slots []Slot) map[string][][]string {
	given := map[string][][]string{}
	for _, s := range slots {
		given[s.Name] = append(given[s.Name], s.Values)
	}
	return given
}
