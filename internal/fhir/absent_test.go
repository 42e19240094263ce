package fhir

import (
	"strings"
	"testing"
)

// TestAbsent: where a required primitive has no value, both forms say why, in the place of the value (hl7.org/fhir/R4/json.html#primitive,
// xml.html).
func TestAbsent(t *testing.T) {
	t.Parallel()
	total := 0
	const url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
	cases := []struct {
		name      string
		resource  *Bundle
		json, xml string
	}{
		{"no total", &Bundle{Type: SearchSet, NoTotal: AbsentBecause("unknown"), Link: []BundleLink{{Relation: "self", URL: "x"}}},
			`"type":"searchset","_total":{"extension":[{"url":"` + url + `","valueCode":"unknown"}]},"link"`,
			`<type value="searchset"/><total><extension url="` + url + `"><valueCode value="unknown"/></extension></total><link>`},
		{"a total", &Bundle{Type: SearchSet, Total: &total}, `"type":"searchset","total":0}`, `<type value="searchset"/><total value="0"/></Bundle>`},
		{"no location", &Bundle{Entry: []BundleEntry{{Response: &BundleResponse{Status: "200 OK", NoLocation: AbsentBecause("not-applicable"), ETag: "e"}}}},
			`"status":"200 OK","_location":{"extension":[{"url":"` + url + `","valueCode":"not-applicable"}]},"etag"`,
			`<status value="200 OK"/><location><extension url="` + url + `"><valueCode value="not-applicable"/></extension></location><etag`},
	}
	for _, c := range cases {
		json, err := Marshal(c.resource)
		if err != nil || !strings.Contains(string(json), c.json) {
			t.Errorf("%s: %s %v, want %s", c.name, json, err, c.json)
		}
		xml, err := MarshalXML(c.resource)
		if err != nil || !strings.Contains(string(xml), c.xml) {
			t.Errorf("%s: %s %v, want %s", c.name, xml, err, c.xml)
		}
	}
}
