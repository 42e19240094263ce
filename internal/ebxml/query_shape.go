package ebxml

import (
	"strings"

	"dokumentlager/internal/fault"
)

// shape is which parameters a stored query has (spec/ihe.md 1.2). Parameters of other queries are not looked at, as unknown ones are not.
type shape struct {
	required []string
	optional []string
	// either is a pair, or more, of which exactly one must be given.
	either []string
	// one tells that the pair takes one value, not several.
	one bool
	// some is a list of which at least one must be given.
	some []string
}

const entryPrefix, setPrefix, folderPrefix = "$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder"

func prefixed(prefix, names string) (out []string) {
	for _, n := range strings.Fields(names) {
		out = append(out, prefix+n)
	}
	return out
}

// shapes is the table of queries.
func shapes() map[StoredQuery]shape {
	documentFilters := append(prefixed(entryPrefix, "ClassCode TypeCode PracticeSettingCode HealthcareFacilityTypeCode FormatCode EventCodeList ConfidentialityCode AuthorPerson "+
		"CreationTimeFrom CreationTimeTo ServiceStartTimeFrom ServiceStartTimeTo ServiceStopTimeFrom ServiceStopTimeTo Type DocumentAvailability"), "$MetadataLevel")
	contentFilters := append(prefixed(entryPrefix, "FormatCode ConfidentialityCode Type"), "$MetadataLevel", "$XDSAssociationStatus")
	entry := prefixed(entryPrefix, "EntryUUID UniqueId")
	folder := prefixed(folderPrefix, "EntryUUID UniqueId")
	level := []string{"$MetadataLevel", "$XDSAssociationStatus"}
	byCode := prefixed(entryPrefix, "ClassCode EventCodeList HealthcareFacilityTypeCode")
	return map[StoredQuery]shape{
		FindDocuments:               {required: prefixed(entryPrefix, "PatientId Status"), optional: documentFilters},
		FindDocumentsByReferenceID:  {required: prefixed(entryPrefix, "PatientId Status ReferenceIdList"), optional: documentFilters},
		FindDocumentsByTitle:        {required: prefixed(entryPrefix, "PatientId Status Title"), optional: documentFilters},
		FindSubmissionSets:          {required: prefixed(setPrefix, "PatientId Status"), optional: append(prefixed(setPrefix, "SourceId SubmissionTimeFrom SubmissionTimeTo AuthorPerson ContentType"), level...)},
		FindFolders:                 {required: prefixed(folderPrefix, "PatientId Status"), optional: append(prefixed(folderPrefix, "LastUpdateTimeFrom LastUpdateTimeTo CodeList"), level...)},
		GetAll:                      {required: []string{"$patientId", entryPrefix + "Status", setPrefix + "Status", folderPrefix + "Status"}, optional: contentFilters},
		GetDocuments:                {either: append(entry, entryPrefix+"LogicalID"), optional: level},
		GetFolders:                  {either: append(folder, folderPrefix+"LogicalID"), optional: level},
		GetAssociations:             {required: []string{"$uuid"}, optional: level},
		GetDocumentsAndAssociations: {either: entry, optional: level},
		GetSubmissionSets:           {required: []string{"$uuid"}, optional: level},
		GetSubmissionSetAndContents: {either: prefixed(setPrefix, "EntryUUID UniqueId"), optional: contentFilters},
		GetFolderAndContents:        {either: folder, one: true, optional: contentFilters},
		GetFoldersForDocument:       {either: entry, one: true, optional: level},
		GetRelatedDocuments:         {either: entry, one: true, required: []string{"$AssociationTypes"}, optional: append([]string{entryPrefix + "Type"}, level...)},

		FindDocumentsForMultiplePatients:              {required: []string{entryPrefix + "Status"}, optional: append([]string{entryPrefix + "PatientId"}, documentFilters...), some: byCode},
		FindFoldersForMultiplePatients:                {required: []string{folderPrefix + "Status", folderPrefix + "CodeList"}, optional: append(prefixed(folderPrefix, "PatientId LastUpdateTimeFrom LastUpdateTimeTo"), level...)},
		FindDocumentsByReferenceIDForMultiplePatients: {required: []string{entryPrefix + "Status", entryPrefix + "ReferenceIdList"}, optional: append([]string{entryPrefix + "PatientId"}, documentFilters...)},
	}
}

func (s shape) parameters() []string {
	all := append([]string{}, s.required...)
	return append(append(all, s.optional...), s.either...)
}

// check refuses a query that gives both of a pair.
func (s shape) check(given map[string][][]string) (problems []*fault.Problem) {
	n := 0
	for _, name := range s.either {
		if _, ok := given[name]; ok {
			n++
		}
	}
	if n > 1 {
		problems = append(problems, fault.New(fault.BadQueryParam, "Only one of %s can be given.", strings.Join(s.either, ", ")).At(s.either[0]))
	}
	return problems
}

// single tells of parameters that have several values where this query takes one.
func (s shape) single(q *Query) (problems []*fault.Problem) {
	if len(q.Patients) > 1 && !q.Query.MultiPatient() {
		problems = append(problems, fault.New(fault.BadQueryParam, "The query is of one patient; several are asked with ITI-51.").At("patient"))
	}
	if s.one && max(len(q.EntryUUIDs), len(q.EntryUniqueIDs), len(q.FolderUUIDs), len(q.FolderUniqueIDs)) > 1 {
		problems = append(problems, fault.New(fault.BadQueryParam, "The parameters %s have one value in this query.", strings.Join(s.either, ", ")).At(s.either[0]))
	}
	return problems
}

// missing tells of required parameters that are not there, or of whose values none is left: unknown statuses do not count.
func (s shape) missing(q *Query, given map[string][][]string) (problems []*fault.Problem) {
	for _, name := range s.required {
		if !hasValue(given[name]) || emptied(q, name) {
			problems = append(problems, fault.New(fault.MissingQueryParam, "The parameter %s is missing, or has no value that is known.", name).At(name))
		}
	}
	if problem := oneOf(s.either, given); problem != nil {
		problems = append(problems, problem)
	}
	if problem := oneOf(s.some, given); problem != nil && q.Query.MultiPatient() {
		problems = append(problems, problem)
	}
	return problems
}

func oneOf(names []string, given map[string][][]string) *fault.Problem {
	for _, name := range names {
		if hasValue(given[name]) {
			return nil
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fault.New(fault.MissingQueryParam, "One of %s is needed.", strings.Join(names, ", ")).At(names[0])
}

func hasValue(groups [][]string) bool {
	for _, values := range groups {
		for _, v := range values {
			if v != "" {
				return true
			}
		}
	}
	return false
}

// emptied is whether a status parameter named nothing but statuses that do not exist.
func emptied(q *Query, name string) bool {
	switch name {
	case entryPrefix + "Status":
		return len(q.EntryStatuses) == 0
	case setPrefix + "Status":
		return len(q.SetStatuses) == 0
	case folderPrefix + "Status":
		return len(q.FolderStatuses) == 0
	default:
		return false
	}
}
