package mhd

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"dokumentlager/internal/fault"

	"github.com/samber/lo"
)

// places remembers at which entries of the bundle things stood.
type places struct {
	// set is noSet when the message has no submission set, or several.
	set       int
	documents []int
	folders   []int
	// bodies are the entries of the documents' Binaries, -1 where there is none.
	bodies []int
}

const noSet = -1

func (p places) documentAt(entry int) (document int, yes bool) {
	i := lo.IndexOf(p.documents, entry)
	return i, i >= 0
}

func (p places) folderAt(entry int) (folder int, yes bool) {
	i := lo.IndexOf(p.folders, entry)
	return i, i >= 0
}

func (p places) bodyAt(entry int) (document int, yes bool) {
	i := lo.IndexOf(p.bodies, entry)
	return i, i >= 0
}

// fields says where an XDS attribute stands in a DocumentReference (nhn.md (b), spec/ihe.md 1.10).
var fields = map[string]string{
	"homeCommunityId":            "content[0].attachment.extension",
	"hash":                       "content[0].attachment.hash",
	"size":                       "content[0].attachment.size",
	"mimeType":                   "content[0].attachment.contentType",
	"languageCode":               "content[0].attachment.language",
	"creationTime":               "content[0].attachment.creation",
	"title":                      "content[0].attachment.title",
	"comments":                   "description",
	"formatCode":                 "content[0].format",
	"classCode":                  "category",
	"typeCode":                   "type",
	"confidentialityCode":        "securityLabel",
	"eventCodeList":              "context.event",
	"healthcareFacilityTypeCode": "context.facilityType",
	"practiceSettingCode":        "context.practiceSetting",
	"servicePeriod":              "context.period",
	"sourcePatient":              "context.sourcePatientInfo",
	"patient":                    "subject",
	"uniqueId":                   "masterIdentifier",
	"entryUUID":                  "id",
	"document":                   "content[0].attachment.url",
}

var setFields = map[string]string{"patient": "subject", "sourceId": "extension", "contentType": "extension", "homeCommunityId": "extension", "comments": "note"}

// folderFields says where an XDS attribute stands in a List of code folder.
var folderFields = map[string]string{"patient": "resource.subject", "uniqueId": "resource.identifier", "codes": "resource.extension", "comments": "resource.note",
	"items": "resource.entry", "target": "request.url"}

var (
	documentPlace = regexp.MustCompile(`^documents\[(\d+)\]\.(.+)$`)
	folderPlace   = regexp.MustCompile(`^folders\[(\d+)\]\.(\w+)(\[\d+\])?$`)
)

// locate turns locations in XDS terms into FHIRPath expressions of the message; others are the door's own already.
func (m *message) locate(problems fault.Problems) fault.Problems {
	for _, p := range problems {
		p.Location = m.expression(p.Location)
	}
	return problems
}

func (m *message) expression(location string) string {
	field, ofSet := strings.CutPrefix(location, "set.")
	switch {
	case ofSet && m.places.set == noSet:
		return "Bundle.entry" // the List that is missing: no other entry is to blame
	case ofSet:
		return fmt.Sprintf("Bundle.entry[%d].resource.%s", m.places.set, lo.CoalesceOrEmpty(setFields[field], field))
	}
	switch location {
	case "profile":
		return "Bundle.meta.profile"
	case "set", "supersedes":
		return "Bundle.entry"
	}
	if found := folderPlace.FindStringSubmatch(location); found != nil {
		return m.folderExpression(found)
	}
	found := documentPlace.FindStringSubmatch(location)
	if found == nil {
		return location
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n >= len(m.places.documents) {
		return "Bundle"
	}
	field = found[2]
	if field == "document" && m.places.bodies[n] >= 0 {
		return fmt.Sprintf("Bundle.entry[%d].resource.data", m.places.bodies[n])
	}
	if relation, ok := strings.CutPrefix(field, "relations"); ok {
		field = "relatesTo" + relation
	} else {
		field = lo.CoalesceOrEmpty(fields[field], field)
	}
	return fmt.Sprintf("Bundle.entry[%d].resource.%s", m.places.documents[n], field)
}

func (m *message) folderExpression(found []string) string {
	n, err := strconv.Atoi(found[1])
	if err != nil || n >= len(m.places.folders) {
		return "Bundle"
	}
	field := lo.CoalesceOrEmpty(folderFields[found[2]], "resource."+found[2])
	if found[3] != "" {
		field += found[3] + ".item"
	}
	return fmt.Sprintf("Bundle.entry[%d].%s", m.places.folders[n], field)
}
