package ebxml_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	approved   = `('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')`
	both       = `('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved', 'urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated')`
	line       = `'13116900216^^^&2.16.578.1.12.4.1.4.1&ISO'`
	identifier = "urn:uuid:A0000000-0000-4000-8000-00000000000a"
)

func ask(query ebxml.StoredQuery, slots ...ebxml.Slot) (*ebxml.Query, error) {
	return ebxml.ReadQuery(ebxml.AppendQuery(nil, query, false, "", slots))
}

func slot(name string, values ...string) ebxml.Slot { return ebxml.Slot{Name: name, Values: values} }

// TestFindDocuments: every parameter, every coding.
func TestFindDocuments(t *testing.T) {
	t.Parallel()
	got, err := ask(ebxml.FindDocuments,
		slot("$XDSDocumentEntryPatientId", " ( ' 13116900216^^^&2.16.578.1.12.4.1.4.1&ISO' ) "),
		slot("$XDSDocumentEntryStatus", `('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved','urn:x:Unknown')`),
		slot("$XDSDocumentEntryClassCode", `('A00-1^^2.16.578.1.12.4.1.1.9602', 'it''s^^urn:oid:1.2')`, `('C^^1.3')`),
		slot("$XDSDocumentEntryTypeCode", `'t^^1.2'`),
		slot("$XDSDocumentEntryEventCodeList", `('a^^1','b^^1')`), slot("$XDSDocumentEntryEventCodeList", `('c^^1')`),
		slot("$XDSDocumentEntryConfidentialityCode", `('N^^1')`, `('V^^1')`),
		slot("$XDSDocumentEntryAuthorPerson", `('%Welby%','_x')`),
		slot("$XDSDocumentEntryCreationTimeFrom", "2004"), slot("$XDSDocumentEntryCreationTimeTo", "'20050102'"),
		slot("$XDSDocumentEntryServiceStartTimeFrom", "20040101103000"),
		slot("$XDSDocumentEntryType", `('urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248')`),
		slot("$MetadataLevel", "2"), slot("$SomethingElse", "no coding at all"), slot("$XDSFolderStatus", "not looked at"))
	if err != nil {
		t.Fatal(err)
	}
	c := func(v, s string) document.Code { return document.Code{Value: v, System: s} }
	want := &ebxml.Query{Query: ebxml.FindDocuments, Patients: []document.PatientID{{Value: "13116900216", Authority: "2.16.578.1.12.4.1.4.1"}},
		EntryStatuses: []document.Status{document.Approved}, Classes: []document.Code{c("A00-1", "2.16.578.1.12.4.1.1.9602"), c("it's", "1.2"), c("C", "1.3")}, Types: []document.Code{c("t", "1.2")},
		Events: [][]document.Code{{c("a", "1"), c("b", "1")}, {c("c", "1")}}, Confidentiality: [][]document.Code{{c("N", "1"), c("V", "1")}}, Authors: []ebxml.Pattern{"%Welby%", "_x"},
		Creation:     ebxml.Span{From: time.Date(2004, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2005, 1, 2, 0, 0, 0, 0, time.UTC)},
		ServiceStart: ebxml.Span{From: time.Date(2004, 1, 1, 10, 30, 0, 0, time.UTC)}, OnDemand: true, MetadataLevel: 2}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(ebxml.Query{}, "Text")); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(got.Text, "id=urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d&returnType=LeafClass&$XDSDocumentEntryStatus=(") ||
		!strings.Contains(got.Text, "&$XDSDocumentEntryCreationTimeFrom=2004&") || strings.Contains(got.Text, "13116900216") {
		t.Error("as text:", got.Text)
	}
}

// TestQueries: what each query must have, and how its lack is told. An empty code wants an answer.
func TestQueries(t *testing.T) {
	t.Parallel()
	patient, status := slot("$XDSDocumentEntryPatientId", line), slot("$XDSDocumentEntryStatus", approved)
	id := slot("$XDSDocumentEntryEntryUUID", "('"+identifier+"')")
	many := slot("$XDSDocumentEntryUniqueId", "('1.2','1.3')")
	reference := slot("$XDSDocumentEntryReferenceIdList", "('x^^^&1&ISO^t')")
	folders, folder := slot("$XDSFolderStatus", both), slot("$XDSFolderPatientId", line)
	sets, set := slot("$XDSSubmissionSetStatus", both), slot("$XDSSubmissionSetPatientId", line)
	for name, c := range map[string]struct {
		query ebxml.StoredQuery
		slots []ebxml.Slot
		want  fault.Code
	}{
		"FindDocuments":                 {ebxml.FindDocuments, []ebxml.Slot{patient, status}, ""},
		"without patient":               {ebxml.FindDocuments, []ebxml.Slot{status}, fault.MissingQueryParam},
		"without status":                {ebxml.FindDocuments, []ebxml.Slot{patient}, fault.MissingQueryParam},
		"with unknown status alone":     {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "('urn:x')")}, fault.MissingQueryParam},
		"with empty status":             {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "")}, fault.MissingQueryParam},
		"two patients":                  {ebxml.FindDocuments, []ebxml.Slot{slot("$XDSDocumentEntryPatientId", line, line), status}, fault.BadQueryParam},
		"patient twice":                 {ebxml.FindDocuments, []ebxml.Slot{patient, patient, status}, fault.BadQueryParam},
		"patient without quotes":        {ebxml.FindDocuments, []ebxml.Slot{slot("$XDSDocumentEntryPatientId", strings.Trim(line, "'")), status}, fault.BadRequest},
		"status without quotes":         {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "(urn:x)")}, fault.BadRequest},
		"list cut off":                  {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "('urn:x'")}, fault.BadRequest},
		"list without comma":            {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "('urn:x' 'urn:y')")}, fault.BadRequest},
		"list that ends in a comma":     {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "('urn:x',)")}, fault.BadRequest},
		"no list, with a comma":         {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "'urn:x','urn:y'")}, fault.BadRequest},
		"quote that does not end":       {ebxml.FindDocuments, []ebxml.Slot{patient, slot("$XDSDocumentEntryStatus", "'urn:x''")}, fault.BadRequest},
		"code without scheme":           {ebxml.FindDocuments, []ebxml.Slot{patient, status, slot("$XDSDocumentEntryClassCode", "('a')")}, fault.BadRequest},
		"time that is none":             {ebxml.FindDocuments, []ebxml.Slot{patient, status, slot("$XDSDocumentEntryCreationTimeFrom", "20041301")}, fault.BadRequest},
		"two times":                     {ebxml.FindDocuments, []ebxml.Slot{patient, status, slot("$XDSDocumentEntryCreationTimeFrom", "(2004,2005)")}, fault.BadQueryParam},
		"class code twice":              {ebxml.FindDocuments, []ebxml.Slot{patient, status, slot("$XDSDocumentEntryClassCode", "('a^^1')"), slot("$XDSDocumentEntryClassCode", "('a^^1')")}, fault.BadQueryParam},
		"no such query":                 {"00000000-0000-4000-8000-000000000000", []ebxml.Slot{patient, status}, fault.UnknownStoredQuery},
		"ByReferenceId":                 {ebxml.FindDocumentsByReferenceID, []ebxml.Slot{patient, status, reference, reference}, ""},
		"ByReferenceId without one":     {ebxml.FindDocumentsByReferenceID, []ebxml.Slot{patient, status}, fault.MissingQueryParam},
		"ByTitle":                       {ebxml.FindDocumentsByTitle, []ebxml.Slot{patient, status, slot("$XDSDocumentEntryTitle", "('%x%')")}, ""},
		"FindSubmissionSets":            {ebxml.FindSubmissionSets, []ebxml.Slot{set, sets}, ""},
		"FindSubmissionSets of entries": {ebxml.FindSubmissionSets, []ebxml.Slot{patient, status}, fault.MissingQueryParam},
		"FindFolders":                   {ebxml.FindFolders, []ebxml.Slot{folder, folders}, ""},
		"GetAll":                        {ebxml.GetAll, []ebxml.Slot{slot("$patientId", line), status, folders, sets}, ""},
		"GetAll without set status":     {ebxml.GetAll, []ebxml.Slot{slot("$patientId", line), status, folders}, fault.MissingQueryParam},
		"GetDocuments":                  {ebxml.GetDocuments, []ebxml.Slot{many}, ""},
		"GetDocuments by what is no id": {ebxml.GetDocuments, []ebxml.Slot{slot("$XDSDocumentEntryEntryUUID", "'Some Value'")}, ""},
		"GetDocuments by both":          {ebxml.GetDocuments, []ebxml.Slot{id, many}, fault.BadQueryParam},
		"GetDocuments by none":          {ebxml.GetDocuments, nil, fault.MissingQueryParam},
		"GetRelatedDocuments":           {ebxml.GetRelatedDocuments, []ebxml.Slot{id, slot("$AssociationTypes", "('urn:ihe:iti:2007:AssociationType:APND')")}, ""},
		"GetRelatedDocuments of many":   {ebxml.GetRelatedDocuments, []ebxml.Slot{many, slot("$AssociationTypes", "('urn:ihe:iti:2007:AssociationType:APND')")}, fault.BadQueryParam},
		"GetAssociations":               {ebxml.GetAssociations, []ebxml.Slot{slot("$uuid", "('a','b')")}, ""},
		"GetSubmissionSets":             {ebxml.GetSubmissionSets, []ebxml.Slot{slot("$uuid", "('a','b')")}, ""},
		"MPQ":                           {ebxml.FindDocumentsForMultiplePatients, []ebxml.Slot{slot("$XDSDocumentEntryPatientId", line, line), status, slot("$XDSDocumentEntryClassCode", "('a^^1')")}, ""},
		"MPQ without a code":            {ebxml.FindDocumentsForMultiplePatients, []ebxml.Slot{patient, status}, fault.MissingQueryParam},
		"MPQ of folders":                {ebxml.FindFoldersForMultiplePatients, []ebxml.Slot{folders, slot("$XDSFolderCodeList", "('a^^1')")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, err := ask(c.query, c.slots...)
			lead := fault.Of(err).Leading()
			if err == nil && (c.want != "" || q == nil) || err != nil && (lead == nil || lead.Code != c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "13116900216") {
				t.Errorf("the patient stands in the error: %v", err)
			}
		})
	}
	_, err := ask(ebxml.GetAll)
	var all fault.Problems
	if !errors.As(err, &all) || len(all) != 4 {
		t.Errorf("all that is missing is told at once: %v", err)
	}
}

// TestPattern: LIKE, and that no pattern takes long.
func TestPattern(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern ebxml.Pattern
		text    string
		want    bool
	}{{"%Welby%", "^Welby^Marcus", true}, {"Welby", "^Welby^", false}, {"_Welby_", "^Welby^", true}, {"%", "", true}, {"", "", true}, {"_", "", false}, {"Å%", "Ås", true}, {"_s", "Ås", true}, {"a%b%c", "aXbYc", true}, {"a%b%c", "aXbY", false}} {
		if got := c.pattern.Match(c.text); got != c.want {
			t.Errorf("%q like %q: %v", c.text, c.pattern, got)
		}
	}
	if ebxml.Pattern(strings.Repeat("%a", 250) + "b").Match(strings.Repeat("a", 5000)) {
		t.Error("matches")
	}
}

// TestSpan: From ≤ x < To, and what has no time is not excluded.
func TestSpan(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	s := ebxml.Span{From: at(10), To: at(20)}
	for moment, want := range map[int]bool{9: false, 10: true, 19: true, 20: false} {
		if s.Holds(document.Time{At: at(moment)}) != want {
			t.Error(moment)
		}
	}
	if !s.Holds(document.Time{}) || !(ebxml.Span{}).Holds(document.Time{At: at(1)}) {
		t.Error("open spans and times that are not told")
	}
}
