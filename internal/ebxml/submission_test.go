package ebxml_test

import (
	"fmt"
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
)

// entryOf is the XML of a submission with one document, in which a test changes something.
func sound() string {
	s := newSource(2)
	o := s.objects(1)
	o.Entries[0] = s.entry()
	for o.Entries[0].OnDemand {
		o.Entries[0] = s.entry()
	}
	o.Entries[0].ID, o.Entries[0].Ref, o.Entries[0].Home = document.Entry{}.ID, "Doc", "1.2.3"
	o.Entries[0].Authors = nil
	o.Folders = nil
	o.Associations = o.Associations[:1]
	o.Associations[0].TargetRef, o.Associations[0].Target = "Doc", document.Entry{}.ID
	o.Associations[0].Membership, o.Associations[0].SourceRef = document.Original, o.Sets[0].Ref
	return string(ebxml.AppendProvide(nil, &o, []ebxml.Document{{Ref: "Doc", Href: "cid:1"}}))
}

// TestSubmissionProblems: one thing is changed, and told with its code and place.
func TestSubmissionProblems(t *testing.T) {
	t.Parallel()
	message := sound()
	if s, err := ebxml.ReadSubmission([]byte(message)); err != nil || s.Problems != nil {
		t.Fatal(err, s.Problems)
	}
	between := func(from, to string) string {
		_, rest, _ := strings.Cut(message, from)
		inner, _, found := strings.Cut(rest, to)
		if !found {
			t.Fatalf("no %s … %s", from, to)
		}
		return from + inner + to
	}
	extrinsic := between("<ExtrinsicObject", "</ExtrinsicObject>")
	pack := between("<RegistryPackage", "</RegistryPackage>")
	creation := between(`<Slot name="creationTime">`, "</Slot>")
	unique := func() string {
		all := strings.SplitAfter(extrinsic, "<ExternalIdentifier")
		return "<ExternalIdentifier" + strings.TrimSuffix(all[len(all)-1], "</ExtrinsicObject>")
	}()
	association := between("<Association", "</Association>")
	for name, c := range map[string]struct {
		old, new string
		want     fault.Code
		at       string
		warning  bool
	}{
		"two sets":                {pack, pack + strings.ReplaceAll(pack, `id="urn:uuid:`, `id="urn:uuid:0`), fault.MetadataError, "set", false},
		"no set":                  {pack, "", fault.MetadataError, "set", false},
		"both set and folder":     {"</RegistryPackage>", `<Classification classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"/></RegistryPackage>`, fault.MetadataError, "registryObjectList", false},
		"neither set nor folder":  {pack, "<RegistryPackage/>", fault.MetadataError, "registryObjectList", false},
		"two of one id":           {extrinsic, extrinsic + extrinsic, fault.DuplicateInMessage, "documents[1].entryUUID", false},
		"document not a member":   {association, "", fault.MetadataError, "documents[0]", false},
		"unknown objectType":      {"urn:uuid:7edca82f", "urn:uuid:8edca82f", fault.MetadataError, "documents[0].objectType", false},
		"On-Demand with hash":     {"urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248", fault.MetadataError, "documents[0]", false},
		"time that is none":       {creation, `<Slot name="creationTime"><ValueList><Value>2026-01-02</Value></ValueList></Slot>`, fault.MetadataError, "documents[0].creationTime", false},
		"two times":               {creation, `<Slot name="creationTime"><ValueList><Value>2025</Value><Value>2026</Value></ValueList></Slot>`, fault.MetadataError, "documents[0].creationTime", false},
		"slot twice":              {creation, creation + creation, fault.MetadataError, "documents[0].creationTime", false},
		"size that is none":       {between(`<Slot name="size">`, "</Slot>"), `<Slot name="size"><ValueList><Value>-1</Value></ValueList></Slot>`, fault.MetadataError, "documents[0].size", false},
		"hash that is none":       {between(`<Slot name="hash">`, "</Slot>"), `<Slot name="hash"><ValueList><Value>abc</Value></ValueList></Slot>`, fault.MetadataError, "documents[0].hash", false},
		"home that is no OID":     {`home="urn:oid:1.2.3"`, `home="home"`, fault.MetadataError, "documents[0].homeCommunityId", false},
		"status of no kind":       {"StatusType:", "StatusTyp:", fault.MetadataError, "documents[0]", false},
		"no uniqueId":             {unique, "", fault.MetadataError, "documents[0].uniqueId", false},
		"two uniqueIds":           {unique, unique + unique, fault.MetadataError, "documents[0].uniqueId", false},
		"sourceId that is no OID": {`identificationScheme="urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832" value="1.2.3"`, `identificationScheme="urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832" value="x"`, fault.MetadataError, "set.sourceId", false},
		"patient that is no CX":   {`identificationScheme="urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value="`, `identificationScheme="urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427" value="^`, fault.MetadataError, "documents[0].patient", false},
		"association to itself":   {`targetObject="Doc"`, "targetObject=\"" + between(`sourceObject="`, `"`)[len(`sourceObject="`):], fault.MetadataError, "associations[0]", false},
		"association to nothing":  {`targetObject="Doc"`, `targetObject="Other"`, fault.UnresolvedReference, "associations[0].target", false},
		"association of no type":  {"AssociationType:HasMember", "AssociationType:HasDocument", fault.MetadataError, "associations[0].type", false},
		"membership of no kind":   {"<Value>Original</Value>", "<Value>Copy</Value>", fault.MetadataError, "associations[0].membership", false},
		"update of no membership": {`<Value>Original</Value></ValueList></Slot>`, `<Value>Copy</Value></ValueList></Slot><Slot name="PreviousVersion"><ValueList><Value>1</Value></ValueList></Slot>`, fault.UpdateOperation, "associations[0].membership", false},
		"status that stays":       {between("associationType=", "HasMember"), `associationType="urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus`, fault.UpdateOperation, "associations[0]", false},
		"list twice":              {creation, creation + strings.Repeat(`<Slot name="sourcePatientInfo"><ValueList><Value>PID-8|F</Value></ValueList></Slot>`, 2), fault.MetadataError, "documents[0].sourcePatientInfo", false},
		"status from itself":      {between("associationType=", "</Association>"), `associationType="urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus" sourceObject="a" targetObject="b"><Slot name="OriginalStatus"><ValueList><Value>urn:oasis:names:tc:ebxml-regrep:StatusType:Approved</Value></ValueList></Slot><Slot name="NewStatus"><ValueList><Value>urn:oasis:names:tc:ebxml-regrep:StatusType:Approved</Value></ValueList></Slot></Association>`, fault.UpdateOperation, "associations[0]", false},
		"body without entry":      {`<xds:Document id="Doc">`, `<xds:Document id="Other">`, fault.MissingMetadata, "bodies[0]", false},
		"no coding scheme":        {`<Slot name="codingScheme">`, `<Slot name="scheme">`, fault.MetadataError, "documents[0].", false},
		"another object":          {"<RegistryObjectList>", "<RegistryObjectList><Service/>", fault.MetadataError, "registryObjectList", false},
		"classification of none":  {"<RegistryObjectList>", `<RegistryObjectList><Classification classifiedObject="x"/>`, fault.UnresolvedReference, "registryObjectList", false},
		"limited metadata":        {"</ExtrinsicObject>", `<Classification classificationNode="urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85"/></ExtrinsicObject>`, fault.MetadataError, "documents[0]", false},
		"a slot of their own":     {creation, creation + `<Slot name="urn:x"><ValueList><Value>1</Value></ValueList></Slot>`, fault.ExtraMetadata, "documents[0]", true},
		"legal authenticator":     {creation, creation + `<Slot name="legalAuthenticator"><ValueList><Value>^Welby</Value></ValueList></Slot>`, fault.ExtraMetadata, "documents[0].legalAuthenticator", true},
		"a classification":        {"</ExtrinsicObject>", `<Classification classificationScheme="urn:uuid:00000000-0000-4000-8000-000000000000" nodeRepresentation="x"/></ExtrinsicObject>`, fault.ExtraMetadata, "documents[0]", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(message, c.old, c.new, 1)
			if changed == message {
				t.Fatal("nothing changed")
			}
			s, err := ebxml.ReadSubmission([]byte(changed))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range s.Problems {
				if p.Code == c.want && strings.HasPrefix(p.Location, c.at) && (p.Severity == fault.Warning) == c.warning {
					return
				}
			}
			t.Errorf("want %s at %s, got %v", c.want, c.at, s.Problems)
		})
	}
}

// TestNoSubmission: what is no message at all is an error.
func TestNoSubmission(t *testing.T) {
	t.Parallel()
	list := `<l:SubmitObjectsRequest xmlns:l="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">%s</l:SubmitObjectsRequest>`
	many := strings.Repeat(`<ObjectRef/>`, 20_001)
	for _, message := range []string{"", "x", "<a", "<a/>", fmt.Sprintf(list, ""), fmt.Sprintf(list, "<RegistryObjectList/><RegistryObjectList/>"), fmt.Sprintf(list, "<RegistryObjectList>"), fmt.Sprintf(list, "<RegistryObjectList>"+many+"</RegistryObjectList>")} {
		if _, err := ebxml.ReadSubmission([]byte(message)); fault.Of(err).Leading() == nil || fault.KindOf(err) == fault.Internal {
			t.Errorf("%.60s: %v", message, err)
		}
	}
	s, err := ebxml.ReadSubmission([]byte(fmt.Sprintf(list, "<RegistryObjectList>"+strings.Repeat("<Association/>", 1000)+"</RegistryObjectList>")))
	if err != nil || len(s.Problems) != 500 {
		t.Errorf("%v, %d problems told", err, len(s.Problems))
	}
}

// TestWarningsHideNoError: however much of a message is not kept, what refuses it is told.
func TestWarningsHideNoError(t *testing.T) {
	t.Parallel()
	s := newSource(4)
	o := s.objects(1)
	o.Entries, o.Folders, o.Associations = nil, nil, nil
	for range 600 {
		o.Entries = append(o.Entries, s.entry())
		o.Associations = append(o.Associations, s.association(document.HasMember, o.Sets[0].ID, o.Entries[len(o.Entries)-1].ID))
	}
	o.Associations = o.Associations[:599]
	message := strings.ReplaceAll(string(ebxml.AppendSubmission(nil, &o)), "</ExtrinsicObject>", `<Classification classificationScheme="urn:uuid:00000000-0000-4000-8000-000000000000" nodeRepresentation="x"/></ExtrinsicObject>`)
	got, err := ebxml.ReadSubmission([]byte(message))
	if err != nil || len(got.Problems) != 501 || !got.Problems.Refuses() {
		t.Errorf("%v, %d problems, refused: %v", err, len(got.Problems), got.Problems.Refuses())
	}
}
