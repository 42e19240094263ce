package toolkit

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dokumentlager/internal/devstack/thirdpartytest"

	"github.com/google/go-cmp/cmp"
)

var opened = sync.OnceValues(func() (*Kit, error) { return Open(folder()) })

// kit gives the toolkit's plans, or skips the test.
func kit(t *testing.T) *Kit {
	t.Helper()
	if _, err := os.Stat(folder()); err != nil {
		t.Skip("SKIPPED: no third-party plans here; set DOKUMENTLAGER_THIRDPARTY to their folder")
	}
	k, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func folder() string {
	return filepath.Join(thirdpartytest.Folder(), "nist-toolkit2", "testkit")
}

// TestAllPlans: every plan of the kit is understood to the last instruction, and none is missing (spec/soap.md 6 counts them).
func TestAllPlans(t *testing.T) {
	t.Parallel()
	plans, steps, expressions := kit(t).Plans(), 0, 0
	for _, p := range plans {
		steps += len(p.Steps)
		for _, s := range p.Steps {
			for _, e := range s.expressions() {
				expressions++
				if _, err := text("<a/>", e); err != nil {
					t.Errorf("%s: %s: %v", p.Name, e, err)
				}
			}
		}
	}
	if len(plans) != 368 || steps != 530 || expressions < 350 {
		t.Errorf("%d plans, %d steps, %d XPaths; want 368, 530, and 350 at least", len(plans), steps, expressions)
	}
}

// expressions are all XPaths of a step.
func (s *Step) expressions() (all []string) {
	for _, r := range s.Reports {
		all = append(all, r.XPath)
	}
	for _, a := range s.Asserts {
		all = append(all, a.XPath)
	}
	for _, u := range s.Uses {
		if u.Kind == "XPath" {
			all = append(all, u.Value)
		}
	}
	return all
}

// TestUnknownInstruction: what the interpreter does not know it says, wherever it stands.
func TestUnknownInstruction(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`<TestPlan><Novel/></TestPlan>`, `<TestPlan><TestStep id="a"><NovelTransaction/></TestStep></TestPlan>`,
		`<TestPlan><TestStep id="a"><RegisterTransaction><Novel/></RegisterTransaction></TestStep></TestPlan>`,
		`<TestPlan><TestStep id="a"><StoredQueryTransaction><ExpectedContents><Novel/></ExpectedContents></StoredQueryTransaction></TestStep></TestPlan>`,
		`<TestPlan><TestStep id="a"><NullTransaction><Assertions><DataRef file="../x/log.xml"/></Assertions></NullTransaction></TestStep></TestPlan>`} {
		if err := (&Plan{}).parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "unknown instruction") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestOrder: a test's sections run as its index says, what prepares it before them.
func TestOrder(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range kit(t).Plans() {
		if p.Test == "12346" {
			got = append(got, p.Section)
		}
	}
	if diff := cmp.Diff([]string{"", "patient_identity_feed", "single_doc", "doc_w_fol", "two_doc_w_fol", "doc_for_rplc", "rplc"}, got); diff != "" {
		t.Error(diff)
	}
}

const objectsText = `<RegistryObjectList xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" xmlns:r="urn:x">
 <r:ExtrinsicObject id="d1" status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"/>
 <ExtrinsicObject id="d2" status="urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"/>
 <RegistryPackage id="s"><Name>a<b>c</b></Name><Classification classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/></RegistryPackage>
 <RegistryPackage id="f"/><Classification classifiedObject="f" classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"/>
 <Association id="a" sourceObject="s" targetObject="d1" associationType="urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"/>
</RegistryObjectList>`

// TestXPath: the navigator sees what the plans look for.
func TestXPath(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`//*[local-name()='ExtrinsicObject'][2]/@id`:                                                                      "d2",
		`count(//*[local-name(.)='ExtrinsicObject'])`:                                                                     "2",
		`namespace-uri(//*[local-name()='ExtrinsicObject'][1])`:                                                           "urn:x",
		`//*[local-name()='RegistryPackage' and descendant::*[local-name()='b']]/@id`:                                     "s",
		`//*[local-name()='Name']`:                                                                                        "ac",
		`count(//*[local-name()='RegistryPackage'][not(descendant::*[local-name()='b'])])`:                                "1",
		`translate(substring("20261122",1,4), "6", "x")`:                                                                  "202x",
		`//*[local-name()='ExtrinsicObject']/@status = 'urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated'`:           "true",
		`//*[local-name()='ExtrinsicObject'][@id="d1"]/@status = 'urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated'`: "false",
		`count(//*[local-name()='Association'][@id = "a"]) = '1'`:                                                         "true",
		`//*[local-name()='RegistryPackage'][1]/@id != //*[local-name()='RegistryPackage'][2]/@id`:                        "true",
		`count(//@xmlns)`: "0",
	} {
		if got, err := text(objectsText, expression); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", expression, got, err, want)
		}
	}
}

// TestShapes: each statement about contents tells what is from what is not.
func TestShapes(t *testing.T) {
	t.Parallel()
	o, err := read(objectsText)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.documents) != 2 || len(o.sets) != 1 || len(o.folders) != 1 || len(o.associations) != 1 {
		t.Fatalf("%d documents, %d sets, %d folders, %d associations", len(o.documents), len(o.sets), len(o.folders), len(o.associations))
	}
	for shape, check := range shapes {
		holds := shape == "OneDocApp" || shape == "OneDocDep"
		if check != nil && (check(o) == "") != holds {
			t.Errorf("%s: %q", shape, check(o))
		}
	}
	for shape, n := range map[string]string{"Documents": "2", "SubmissionSets": "1", "Folders": "1", "Associations": "1"} {
		if got := counted(Content{Shape: shape, Count: n}, o); got != "" {
			t.Errorf("%s: %s", shape, got)
		}
		if counted(Content{Shape: shape, Count: "3"}, o) == "" {
			t.Errorf("%s: three are taken for %s", shape, n)
		}
	}
	if counted(Content{Shape: "ObjectRefs", Count: "0"}, o) == "" {
		t.Error("whole objects are taken for references")
	}
}
