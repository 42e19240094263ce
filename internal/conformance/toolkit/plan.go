package toolkit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// Plan is one testplan.xml: a section of a test.
type Plan struct {
	// Name is "11897/approved"; outside the folder tests it begins with the folder: "testdata-registry/Patient_1000_Doc1".
	Name string
	// Folder is where it lies below the testkit. Section may be empty, or several folders deep.
	Folder, Test, Section string
	Steps                 []Step
}

// Step is one step of a plan.
type Step struct {
	ID string
	// Transaction is the kit's name: RegisterTransaction; empty when the step sends nothing and asserts nothing.
	Transaction string
	// Status is Success, Failure or PartialSuccess; empty where the plan expects none.
	Status, ErrorCode, ErrorMessage string
	// NewPatient ends the test's patient; UnknownPatient wants one that the registry does not know. Gather asks the operator for something.
	NewPatient, UnknownPatient bool
	Gather                     string

	Metadata                      string
	Documents                     []Attachment
	AssignUUIDs, KeepPatient, Raw bool
	// KeepIDs are the symbols whose unique ids stay as they are; "*" is all.
	KeepIDs       []string
	Uses          []Use
	Reports       []Report
	Asserts       []Assert
	Contents      []Content
	MediaType     string
	References    []Reference
	Async, Wait   bool
	Headers, Body string // of a raw HTTP message
}

// Attachment is a document that goes with the ExtrinsicObject of a symbolic id.
type Attachment struct{ ID, File string }

// Use is a replacement in the step's texts: every occurrence of Symbol becomes what another step was assigned, reported or answered.
type Use struct {
	Symbol string
	// Test and Section are empty for this one, Step for any. Folder is a UseId's testdir, which names both.
	Test, Section, Step, Folder string
	// Kind is AssignedUids, AssignedUuids, AssignedPatientId, Report, XPath or Repository.
	Kind string
	// Value is the symbolic id, the report's name or the XPath.
	Value string
}

// Report is a value that later steps may use, found by XPath in the step's InputMetadata or Result.
type Report struct{ Name, Section, XPath string }

// Assert is an XPath over the section's log that must be true.
type Assert struct{ ID, XPath string }

// Content is one statement about the objects of an answer: a count, or a shape by its name.
type Content struct {
	Shape string
	Count string
	// Only are the entries that alone may be in the answer, as uses of their ids, with their object types.
	Only  []Use
	Types []string
}

// Reference is a document that must come back as it was sent.
type Reference struct{ UID, File string }

// parse reads the plan; an element that is not known is an error.
func (p *Plan) parse(text []byte) error {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil {
		return err
	}
	var errs []error
	for _, e := range doc.Root().ChildElements() {
		switch e.Tag {
		case "Test", "Rule", "PatientId", "SUTInitiates": // titles, and who begins
		case "TestStep":
			s, err := step(e)
			errs = append(errs, err)
			p.Steps = append(p.Steps, s)
		default:
			errs = append(errs, unknown(e))
		}
	}
	return errors.Join(errs...)
}

func unknown(e *etree.Element) error { return fmt.Errorf("unknown instruction %s", e.GetPath()) }

func trimmed(e *etree.Element) string { return strings.TrimSpace(e.Text()) }

func step(e *etree.Element) (s Step, err error) {
	s.ID = e.SelectAttrValue("id", "")
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "Rule", "Goal": // prose
		case "ExpectedStatus":
			s.Status = trimmed(c)
		case "ExpectedErrorCode":
			s.ErrorCode = trimmed(c)
		case "ExpectedErrorMessage":
			s.ErrorMessage = trimmed(c)
		case "NewPatientId":
			s.NewPatient = true
		case "AltPatientId":
			s.UnknownPatient = true
		case "Gather":
			s.Gather = c.SelectAttrValue("prompt", "")
		default:
			if _, known := transactions[c.Tag]; !known || s.Transaction != "" {
				err = errors.Join(err, unknown(c))
				continue
			}
			s.Transaction = c.Tag
			err = errors.Join(err, s.transaction(c))
		}
	}
	return s, err
}

// transaction reads what stands within the transaction's element.
func (s *Step) transaction(e *etree.Element) (err error) {
	for _, c := range e.ChildElements() {
		switch c.Tag {
		case "XDSb", "NoMetadata", "ParseMetadata", "InteractionSequence", "CleanParams", "ReferenceMetadata":
			// How the toolkit's own client works, and pictures of it. ReferenceMetadata names the entry whose hash and size a retrieved
			// document must have: we hold it to the bytes themselves.
		case "WaitBefore": // milliseconds; longer than a second, so that times in whole seconds differ
			s.Wait = true
		case "ASync":
			s.Async = true
		case "CreateNewPatientId":
			s.NewPatient = true
		case "MetadataFile":
			s.Metadata = trimmed(c)
		case "Document":
			s.Documents = append(s.Documents, Attachment{c.SelectAttrValue("id", ""), trimmed(c)})
		case "AssignUuids":
			s.AssignUUIDs = true
		case "NoPatientId":
			s.KeepPatient = true
		case "NoAssignUids":
			s.KeepIDs = append(s.KeepIDs, c.SelectAttrValue("id", "*"))
		case "UseId", "UseReport", "UseXPath", "UseRepositoryUniqueId":
			s.Uses = append(s.Uses, use(c))
		case "Report":
			s.Reports = append(s.Reports, Report{c.SelectAttrValue("name", ""), c.SelectAttrValue("section", ""), trimmed(c)})
		case "Assertions":
			err = errors.Join(err, s.assertions(c))
		case "ExpectedContents":
			err = errors.Join(err, s.contents(c))
		case "ExpectedMimeType":
			s.MediaType = trimmed(c)
		case "ReferenceDocument":
			s.References = append(s.References, Reference{c.SelectAttrValue("uid", ""), trimmed(c)})
		case "Headers":
			s.Headers, s.Raw = trimmed(c), true
		case "BodyFile":
			s.Body, s.Raw = trimmed(c), true
		default:
			err = errors.Join(err, unknown(c))
		}
	}
	return err
}

func use(e *etree.Element) Use {
	get := func(name string) string { return e.SelectAttrValue(name, "") }
	u := Use{Symbol: get("symbol"), Test: get("test"), Section: get("section"), Step: get("step"), Folder: get("testdir")}
	switch e.Tag {
	case "UseId":
		u.Kind, u.Section, u.Value = get("section"), "", get("id")
	case "UseReport":
		u.Kind, u.Symbol, u.Value = "Report", get("useAs"), get("reportName")
	case "UseXPath":
		u.Kind, u.Value = "XPath", trimmed(e)
	case "UseRepositoryUniqueId":
		u.Kind, u.Value = "Repository", get("id")
	}
	return u
}

func (s *Step) assertions(e *etree.Element) (err error) {
	for _, c := range e.ChildElements() {
		switch {
		case c.Tag == "DataRef" && c.SelectAttrValue("file", "") == "THIS": // the section's log, the only one there is
		case c.Tag == "Assert":
			s.Asserts = append(s.Asserts, Assert{c.SelectAttrValue("id", ""), trimmed(c)})
		default:
			err = errors.Join(err, unknown(c))
		}
	}
	return err
}

func (s *Step) contents(e *etree.Element) (err error) {
	for _, c := range e.ChildElements() {
		content := Content{Shape: c.Tag, Count: c.SelectAttrValue("count", "")}
		if _, known := shapes[c.Tag]; !known {
			err = errors.Join(err, unknown(c))
			continue
		}
		for _, entry := range c.FindElements("MustOnlyInclude/DocumentEntry") {
			content.Only = append(content.Only, use(entry.SelectElement("UseId")))
			content.Types = append(content.Types, trimmed(entry.SelectElement("DocumentEntryType")))
		}
		s.Contents = append(s.Contents, content)
	}
	return err
}

// transactions are IHE's names for the kit's; empty where it is none of ours: a feed that registration replaces, or nothing sent.
var transactions = map[string]string{
	"RegisterTransaction": "ITI-42", "ProvideAndRegisterTransaction": "ITI-41", "StoredQueryTransaction": "ITI-18", "XCQTransaction": "ITI-38",
	"XCRTransaction": "ITI-39", "RetrieveTransaction": "ITI-43", "MuTransaction": "ITI-57", "RmuTransaction": "ITI-92",
	"RemoveMetadataTransaction": "ITI-62", "RdTransaction": "ITI-86", "RegisterODDETransaction": "ITI-61", "MPQTransaction": "ITI-51",
	"HttpTransaction": "ITI-41", "PatientIdentityFeedTransaction": "", "NullTransaction": "", "XCRmuTransaction": "",
}

// IHE is IHE's name of what the step sends, empty when it sends nothing to us.
func (s *Step) IHE() string { return transactions[s.Transaction] }
