package toolkit

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/beevik/etree"
)

// The node classifications that make a RegistryPackage a submission set or a folder.
const (
	setNode    = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
	folderNode = "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
	hasMember  = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
	statusType = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
)

// objects are those of an answer by kind.
type objects struct{ documents, sets, folders, associations, refs []*etree.Element }

func read(payload string) (o objects, err error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(payload); err != nil {
		return o, err
	}
	o.documents, o.associations, o.refs = doc.FindElements("//ExtrinsicObject"), doc.FindElements("//Association"), doc.FindElements("//ObjectRef")
	for _, p := range doc.FindElements("//RegistryPackage") {
		if classified(doc, p, setNode) {
			o.sets = append(o.sets, p)
		}
		if classified(doc, p, folderNode) {
			o.folders = append(o.folders, p)
		}
	}
	return o, nil
}

// classified: the classification stands in the object, or beside it and names it.
func classified(doc *etree.Document, p *etree.Element, node string) bool {
	return slices.ContainsFunc(doc.FindElements("//Classification"), func(c *etree.Element) bool {
		return c.SelectAttrValue("classificationNode", "") == node && (c.Parent() == p || c.SelectAttrValue("classifiedObject", "") == p.SelectAttrValue("id", "-"))
	})
}

// counts is a shape that is a number of objects of each kind, -1 where any number will do.
func counts(documents, sets, folders, associations, refs int) func(objects) string {
	return func(o objects) string {
		for _, c := range []struct {
			what      string
			got, want int
		}{{"documents", len(o.documents), documents}, {"submission sets", len(o.sets), sets}, {"folders", len(o.folders), folders},
			{"associations", len(o.associations), associations}, {"ObjectRefs", len(o.refs), refs}} {
			if c.want >= 0 && c.got != c.want {
				return fmt.Sprintf("%d %s, want %d", c.got, c.what, c.want)
			}
		}
		return ""
	}
}

// members: each of the named kinds is a member of the one set.
func members(o objects, of ...[]*etree.Element) string {
	for _, kind := range of {
		for _, e := range kind {
			if !linked(o, o.sets[0], e) {
				return "an object is no member of the submission set"
			}
		}
	}
	return ""
}

func linked(o objects, from, to *etree.Element) bool {
	return slices.ContainsFunc(o.associations, func(a *etree.Element) bool {
		return a.SelectAttrValue("associationType", "") == hasMember && a.SelectAttrValue("sourceObject", "") == from.SelectAttrValue("id", "") &&
			a.SelectAttrValue("targetObject", "") == to.SelectAttrValue("id", "")
	})
}

// with says whether all, or that many, of the objects have a status.
func with(of []*etree.Element, status string, number int) string {
	n := 0
	for _, e := range of {
		if e.SelectAttrValue("status", "") == statusType+status {
			n++
		}
	}
	if number < 0 {
		number = max(1, len(of))
	}
	if n != number {
		return fmt.Sprintf("%d of %d are %s, want %d", n, len(of), status, number)
	}
	return ""
}

// every is the first complaint.
func every(checks ...func(objects) string) func(objects) string {
	return func(o objects) string {
		for _, check := range checks {
			if complaint := check(o); complaint != "" {
				return complaint
			}
		}
		return ""
	}
}

func approved(o objects) string { return with(o.sets, "Approved", -1) }
func whole(o objects) string    { return members(o, o.documents, o.folders) }

// inFolder: so many documents are members of the one folder.
func inFolder(n int) func(objects) string {
	return func(o objects) string {
		got := 0
		for _, d := range o.documents {
			if linked(o, o.folders[0], d) {
				got++
			}
		}
		if got != n {
			return fmt.Sprintf("%d documents in the folder, want %d", got, n)
		}
		return ""
	}
}

// shapes are what ExpectedContents may say: counts by Count, the others by what they check. A set with a document and a folder that holds it
// has a third membership for the first two and one for that of the folder's document.
var shapes = map[string]func(objects) string{
	"Documents": nil, "SubmissionSets": nil, "Folders": nil, "Associations": nil, "ObjectRefs": nil, "DocumentEntries": nil,
	"None":                          counts(0, 0, 0, 0, 0),
	"SSApproved":                    approved,
	"DocApp":                        func(o objects) string { return with(o.documents, "Approved", -1) },
	"DocDep":                        func(o objects) string { return with(o.documents, "Deprecated", -1) },
	"FolApp":                        func(o objects) string { return with(o.folders, "Approved", -1) },
	"OneDocApp":                     func(o objects) string { return with(o.documents, "Approved", 1) },
	"OneDocDep":                     func(o objects) string { return with(o.documents, "Deprecated", 1) },
	"SSwithOneDoc":                  every(counts(1, 1, 0, 1, 0), whole, approved),
	"SSwithTwoDoc":                  every(counts(2, 1, 0, 2, 0), whole, approved),
	"SSwithOneFol":                  every(counts(0, 1, 1, 1, 0), whole),
	"SSwithOneDocOneFol":            every(counts(1, 1, 1, 4, 0), whole, inFolder(1)),
	"SSwithTwoDocOneFol":            every(counts(2, 1, 1, -1, 0), whole),
	"SSwithTwoDocOneFolOneDocInFol": every(counts(2, 1, 1, 5, 0), whole, inFolder(1)),
}

// contents holds the answer to what ExpectedContents says.
func (d *StepResult) contents(r *Runner, of *Result) {
	o, err := read(d.result)
	if err != nil {
		d.differ("%v", err)
		return
	}
	for _, c := range d.Step.Contents {
		complaint := ""
		switch check := shapes[c.Shape]; {
		case c.Shape == "DocApp" && len(o.documents) == 0 && d.Step.expectsNone():
		case check != nil:
			complaint = check(o)
		default:
			complaint = counted(c, o)
		}
		if complaint == "" {
			complaint = only(r, of, c, o)
		}
		if complaint != "" {
			d.differ("%s: %s", c.Shape, complaint)
		}
	}
}

// expectsNone: none of no documents is anything but Approved.
func (s *Step) expectsNone() bool {
	return slices.ContainsFunc(s.Contents, func(c Content) bool { return c.Shape == "Documents" && c.Count == "0" })
}

func counted(c Content, o objects) string {
	n, err := strconv.Atoi(c.Count)
	if c.Shape == "DocumentEntries" {
		return ""
	}
	if err != nil {
		return "the plan gives no number"
	}
	switch c.Shape {
	case "Documents":
		return counts(n, -1, -1, -1, -1)(o)
	case "SubmissionSets":
		return counts(-1, n, -1, -1, -1)(o)
	case "Folders":
		return counts(-1, -1, n, -1, -1)(o)
	case "Associations":
		return counts(-1, -1, -1, n, -1)(o)
	default:
		return counts(0, 0, 0, 0, n)(o)
	}
}

// only: the answer's entries are those that the plan names, and no others.
func only(r *Runner, of *Result, c Content, o objects) string {
	for i, u := range c.Only {
		id, _, err := r.value(context.Background(), of.Plan, u)
		if err != nil {
			return err.Error()
		}
		if len(o.documents) != len(c.Only) || !slices.ContainsFunc(o.documents, func(e *etree.Element) bool {
			return e.SelectAttrValue("id", "") == id && e.SelectAttrValue("objectType", "") == c.Types[i]
		}) {
			return fmt.Sprintf("%d documents, and not the one that was registered alone", len(o.documents))
		}
	}
	return ""
}
