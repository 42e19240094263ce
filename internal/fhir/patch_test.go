package fhir

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

const label = `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]},{"coding":[{"system":"urn:oid:2.16.578.1.12.4.1.1.9603","code":"NORS"}]}]`

func TestReadPatch(t *testing.T) {
	t.Parallel()
	labels := []CodeableConcept{
		{Coding: []Coding{{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "R"}}},
		{Coding: []Coding{{System: "urn:oid:2.16.578.1.12.4.1.1.9603", Code: "NORS"}}},
	}
	for name, c := range map[string]struct {
		body string
		want Patch
	}{
		"resource":      {`{"resourceType":"DocumentReference","id":"d1","securityLabel":` + label + `}`, Patch{"d1", labels}},
		"without id":    {"\xEF\xBB\xBF{\"securityLabel\":" + label + `,"resourceType":"DocumentReference"}`, Patch{"", labels}},
		"JSON Patch":    {`[{"op":"replace","path":"/securityLabel","value":` + label + `}]`, Patch{"", labels}},
		"add":           {` [ {"value":` + label + `,"path":"/securityLabel","op":"add"} ] `, Patch{"", labels}},
		"escaped words": {`[{"op":"r\u0065place","path":"\/securityLabel","value":` + label + `}]`, Patch{"", labels}},
	} {
		got, err := ReadPatch(strings.NewReader(c.body), 1<<16)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(&c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestReadPatchTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	var report strings.Builder
	for _, c := range []struct{ name, body string }{
		{"empty", ""},
		{"null", "null"},
		{"cut off", `[{"op":"replace"`},
		{"not JSON", `[{"op" "replace"}]`},
		{"no operation", `[]`},
		{"two operations", `[{"op":"test","path":"/status","value":1},{"op":"replace","path":"/securityLabel","value":` + label + `}]`},
		{"operation is a text", `["replace"]`},
		{"other path", `[{"op":"replace","path":"/status","value":"superseded"}]`},
		{"one label", `[{"op":"add","path":"/securityLabel/-","value":{}}]`},
		{"removal of another path", `[{"op":"remove","path":"/subject"}]`},
		{"removal", `[{"op":"remove","path":"/securityLabel"}]`},
		{"no value", `[{"op":"replace","path":"/securityLabel"}]`},
		{"value is null", `[{"op":"replace","path":"/securityLabel","value":null}]`},
		{"value is one object", `[{"op":"replace","path":"/securityLabel","value":{"coding":[]}}]`},
		{"two values", `[{"op":"replace","path":"/securityLabel","value":[],"value":[]}]`},
		{"other elements", `{"resourceType":"DocumentReference","id":"d1","status":"current","description":"x","securityLabel":` + label + `,"13116900216":1}`},
		{"empty labels", `{"resourceType":"DocumentReference","id":"d1","securityLabel":[]}`},
		{"no labels", `{"resourceType":"DocumentReference","id":"d1"}`},
		{"label of wrong type", `{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"code":1}]}]}`},
		{"other resource", `{"resourceType":"Parameters","parameter":[]}`},
		{"no resource", `{}`},
		{"id is a number", `{"resourceType":"DocumentReference","id":1}`},
		{"too large", `[` + strings.Repeat(" ", 70_000)},
		{"nested", strings.Repeat("[", 100_000)},
	} {
		got, err := ReadPatch(strings.NewReader(c.body), 1<<16)
		if err == nil || got != nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		fmt.Fprintf(&report, "## %s\n", c.name)
		for _, p := range fault.Of(err) {
			fmt.Fprintf(&report, "%s at %s\n%s\n", p.Code, p.Location, p.Safe)
		}
	}
	golden(t, "bad_patches.golden", []byte(report.String()))
}

// FuzzPatch: a body is refused with a fault, or the labels that were read are read again from what Marshal writes of them.
func FuzzPatch(f *testing.F) {
	f.Add(`{"resourceType":"DocumentReference","id":"d1","securityLabel":` + label + `}`)
	f.Add(`[{"op":"replace","path":"/securityLabel","value":` + label + `}]`)
	f.Fuzz(func(t *testing.T, body string) {
		defer fuzztest.InTime(t)()
		patch, err := ReadPatch(strings.NewReader(body), 1<<16)
		var problem *fault.Problem
		if err != nil {
			if patch != nil || !errors.As(err, &problem) || problem.Kind() == fault.Internal {
				t.Fatalf("err = %v", err)
			}
			return
		}
		if len(patch.SecurityLabel) == 0 {
			t.Fatal("no labels")
		}
		labels, err := Marshal(patch.SecurityLabel)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadPatch(strings.NewReader(`[{"op":"replace","path":"/securityLabel","value":`+string(labels)+`}]`), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		written, _ := Marshal(again.SecurityLabel)
		if diff := cmp.Diff(string(labels), string(written)); diff != "" {
			t.Error(diff)
		}
	})
}
