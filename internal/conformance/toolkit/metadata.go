package toolkit

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// The identification schemes of unique ids and patient ids (ITI TF-3 4.2.5).
var (
	uniqueIDs = map[string]bool{"urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab": true, "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8": true,
		"urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a": true}
	patientIDs = map[string]bool{"urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427": true, "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446": true,
		"urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a": true}
)

// assigned is what a step's metadata were given.
type assigned struct {
	uids, uuids map[string]string
	patient     string
}

// replaced puts values in the place of symbols, everywhere in a text of XML.
func replaced(text string, values []substitution) string {
	for _, v := range values {
		text = strings.ReplaceAll(text, v.symbol, escaped(v.value))
	}
	return text
}

type substitution struct{ symbol, value string }

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// rewrite gives metadata identifiers of their own, as the plan wants it: a new unique id for each set, folder and document but those that it
// keeps, the patient, and UUIDs for symbolic ids.
func (r *Runner) rewrite(s *Step, text string, patient string) (string, *assigned, error) {
	a := &assigned{uids: map[string]string{}, uuids: map[string]string{}, patient: patient}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return "", nil, err
	}
	objects := append(doc.FindElements("//ExtrinsicObject"), doc.FindElements("//RegistryPackage")...)
	for _, o := range objects {
		r.identify(s, o, a)
	}
	if s.AssignUUIDs {
		r.name(doc.Root(), append(objects, doc.FindElements("//Association")...), a)
	}
	for _, o := range objects {
		if _, symbolic := a.uuids[o.SelectAttrValue("id", "")]; !symbolic && isUUID(o.SelectAttrValue("id", "")) && !s.AssignUUIDs {
			a.uuids[o.SelectAttrValue("id", "")] = o.SelectAttrValue("id", "")
		}
	}
	out, err := doc.WriteToString()
	return out, a, err
}

// identify gives one object its unique id and patient.
func (r *Runner) identify(s *Step, o *etree.Element, a *assigned) {
	symbol := o.SelectAttrValue("id", "")
	for _, id := range o.SelectElements("ExternalIdentifier") {
		scheme := id.SelectAttrValue("identificationScheme", "")
		if patientIDs[scheme] && !s.KeepPatient {
			id.CreateAttr("value", a.patient)
		}
		if uniqueIDs[scheme] && !s.keeps(symbol) {
			id.CreateAttr("value", r.NewOID())
		}
		if uniqueIDs[scheme] {
			a.uids[symbol] = id.SelectAttrValue("value", "")
		}
	}
}

// keeps tells whether the object of a symbol keeps its unique id.
func (s *Step) keeps(symbol string) bool {
	for _, k := range s.KeepIDs {
		if k == "*" || k == symbol {
			return true
		}
	}
	return false
}

func isUUID(id string) bool { return strings.HasPrefix(id, "urn:uuid:") }

// name gives UUIDs to symbolic ids, and to associations without any, wherever they are meant.
func (r *Runner) name(root *etree.Element, objects []*etree.Element, a *assigned) {
	for _, o := range objects {
		id := o.SelectAttrValue("id", "")
		if id == "" && o.Tag == "Association" {
			o.CreateAttr("id", r.NewUUID())
			continue
		}
		if !isUUID(id) && a.uuids[id] == "" {
			a.uuids[id] = r.NewUUID()
		}
	}
	for _, e := range append(root.FindElements(".//*"), root) {
		for i := range e.Attr {
			switch e.Attr[i].Key {
			case "id", "lid", "classifiedObject", "registryObject", "sourceObject", "targetObject", "parent":
				if uuid := a.uuids[e.Attr[i].Value]; uuid != "" {
					e.Attr[i].Value = uuid
				}
			}
		}
	}
}

const (
	xdsURI = "urn:ihe:iti:xds-b:2007"
	xopURI = "http://www.w3.org/2004/08/xop/include"
)

// provide puts metadata and documents into the message of ITI-41. A document's id is the symbol's, or the UUID that the symbol became.
func provide(metadata string, documents []Part, a *assigned) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<xdsb:ProvideAndRegisterDocumentSetRequest xmlns:xdsb=%q>%s`, xdsURI, bare(metadata))
	for _, d := range documents {
		id := d.Symbol
		if uuid := a.uuids[id]; uuid != "" {
			id = uuid
		}
		fmt.Fprintf(&b, `<xdsb:Document id="%s"><xop:Include xmlns:xop=%q href="cid:%s"/></xdsb:Document>`, escaped(id), xopURI, d.ContentID)
	}
	b.WriteString(`</xdsb:ProvideAndRegisterDocumentSetRequest>`)
	return b.String()
}

// bare is XML without its declaration and what else stands before the root.
func bare(text string) string {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil {
		return text
	}
	alone := etree.NewDocument()
	root := doc.Root()
	if inner := root.SelectElement("SubmitObjectsRequest"); inner != nil && root.Tag == "ProvideAndRegisterDocumentSetRequest" {
		root = inner // some plans have the whole message, without its documents
	}
	alone.SetRoot(root)
	out, err := alone.WriteToString()
	if err != nil {
		return text
	}
	return out
}
