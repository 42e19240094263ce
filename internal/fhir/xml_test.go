package fhir

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func TestMarshalXML(t *testing.T) {
	t.Parallel()
	zero, size, no := 0, int64(0), false
	for _, c := range []struct {
		value any
		want  string
	}{
		{&Patient{}, `<Patient xmlns="http://hl7.org/fhir"/>`},
		{Hold(&List{Status: "current", ID: "l1", Entry: []ListEntry{{}}}), `<List xmlns="http://hl7.org/fhir"><id value="l1"/><status value="current"/></List>`},
		{&Patient{Active: &no, Meta: &Meta{}, Name: []HumanName{{Family: "Å <&>", Given: []string{"A", "", "B"}}, {Period: &Period{}}}},
			`<Patient xmlns="http://hl7.org/fhir"><active value="false"/><name><family value="Å &lt;&amp;&gt;"/><given value="A"/><given value="B"/></name></Patient>`},
		{&Binary{Body: 3}, `<Binary xmlns="http://hl7.org/fhir"/>`},
		{&Bundle{Type: SearchSet, Total: &zero, Link: []BundleLink{{Relation: "self", URL: "http://a/?b=c&d=e"}}},
			`<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/><total value="0"/><link><relation value="self"/><url value="http://a/?b=c&amp;d=e"/></link></Bundle>`},
		{&Bundle{Entry: []BundleEntry{{Resource: Hold(&Patient{ID: "p"}), Response: &BundleResponse{Outcome: Hold(&OperationOutcome{})}}}},
			`<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Patient><id value="p"/></Patient></resource><response><outcome><OperationOutcome/></outcome></response></entry></Bundle>`},
		{&DocumentReference{Contained: []Resource{*Hold(&Organization{Name: "A"})}, Content: []DocumentReferenceContent{{Attachment: &Attachment{Size: &size}}}},
			`<DocumentReference xmlns="http://hl7.org/fhir"><contained><Organization><name value="A"/></Organization></contained>` +
				`<content><attachment><size value="0"/></attachment></content></DocumentReference>`},
		{&List{Extension: []Extension{{URL: `a"b`, Extension: []Extension{{URL: "size", ValueUnsignedInt: &size}, {}}}, {URL: "alone"}}},
			`<List xmlns="http://hl7.org/fhir"><extension url="a&quot;b"><extension url="size"><valueUnsignedInt value="0"/></extension></extension><extension url="alone"/></List>`},
		{&Patient{Text: &Narrative{Status: "generated", Div: " <div xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang='nb'><!-- x -->a&nbsp;b<br/>\n<p id=\"&quot;\">&lt;]]&gt;</p></div>\n"}},
			`<Patient xmlns="http://hl7.org/fhir"><text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml" xml:lang="nb">a` + "\u00a0" +
				`b<br></br>&#10;<p id="&quot;">&lt;]]&gt;</p></div></text></Patient>`},
	} {
		got, err := MarshalXML(c.value)
		if diff := cmp.Diff(xmlHead+c.want, string(got)); diff != "" || err != nil {
			t.Errorf("%T: %v\n%s", c.value, err, diff)
		}
		if _, err := readTree(string(got)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}

// TestXMLOfText: a reader gets every character back that XML 1.0 has, and U+FFFD for each of the others.
func TestXMLOfText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"Norwegian and emoji", "æøå ÆØÅ 👩‍⚕️ 𝄞", "æøå ÆØÅ 👩‍⚕️ 𝄞"},
		{"markup", `<a b="c">&amp;]]></a><!-- '`, `<a b="c">&amp;]]></a><!-- '`},
		{"white space", " a\tb\nc\rd\r\ne ", " a\tb\nc\rd\r\ne "},
		{"control characters", "a\x00b\x01\x08\x0b\x0c\x0e\x1fc\x7f\u0085", "a\ufffdb\ufffd\ufffd\ufffd\ufffd\ufffd\ufffdc\x7f\u0085"},
		{"no characters", "\ufffe\uffff\ufffd", "\ufffd\ufffd\ufffd"},
		{"lone surrogates", "a\xed\xa0\x80b\xed\xbf\xbf", "a\ufffd\ufffd\ufffdb\ufffd\ufffd\ufffd"},
		{"bytes that are no UTF-8", "a\xffb\xc3", "a\ufffdb\ufffd"},
	} {
		written, err := MarshalXML(&Bundle{ID: c.text, Meta: &Meta{Tag: []Coding{{Code: c.text}}}})
		if err != nil {
			t.Fatal(err)
		}
		read, err := fromXML(string(written))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		want := map[string]any{"resourceType": "Bundle", "id": c.want, "meta": map[string]any{"tag": []any{map[string]any{"code": c.want}}}}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestXMLRefuses: what cannot be said in XML is an error, never half a resource.
func TestXMLRefuses(t *testing.T) {
	t.Parallel()
	div := func(text string) any { return &Patient{Text: &Narrative{Div: text}} }
	const open = `<div xmlns="http://www.w3.org/1999/xhtml">`
	for name, value := range map[string]any{
		"a datatype":               &Coding{Code: "a"},
		"nothing":                  nil,
		"no value":                 (*Patient)(nil),
		"a resource of no type":    &Bundle{Entry: []BundleEntry{{Resource: &Resource{}}}},
		"an unknown type":          &Bundle{Entry: []BundleEntry{{Resource: &Resource{Type: "Encounter", Raw: jsontext.Value(`{"resourceType":"Encounter"}`)}}}},
		"text for a div":           div("hei"),
		"a div that is open":       div(open + "<p></div>"),
		"a div and more":           div(open + "</div></text><active value='true'/>"),
		"two divs":                 div(open + "</div>" + open + "</div>"),
		"text behind the div":      div(open + "</div>hei"),
		"another root":             div(`<p xmlns="http://www.w3.org/1999/xhtml"/>`),
		"another namespace":        div(open + `<svg xmlns="http://www.w3.org/2000/svg"/></div>`),
		"a strange attribute":      div(open + `<p xmlns:x="urn:x" x:a="b"/></div>`),
		"an undeclared prefix":     div(open + `<p x:a="b"/></div>`),
		"an attribute twice":       div(open + `<p a="b" a="c"/></div>`),
		"an unknown entity":        div(open + `&xxe;</div>`),
		"a document type":          div(`<!DOCTYPE div [<!ENTITY a "b">]>` + open + `</div>`),
		"a processing instruction": div(open + `<?php ?></div>`),
	} {
		if written, err := MarshalXML(value); err == nil {
			t.Errorf("%s: %s", name, written)
		}
	}
	if _, err := MarshalXML(div("hei")); !errors.Is(err, errNoXHTML) {
		t.Errorf("a bad narrative is %v", err)
	}
}

// TestXMLGolden writes the bundle of testdata and an outcome as people read them in a diff.
func TestXMLGolden(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := ParseResource(strings.NewReader(string(raw)), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := As[Bundle](bundle)
	for i := len(whole.Entry) - 1; i >= 0; i-- {
		if r := whole.Entry[i].Resource; r != nil && r.Value == nil {
			whole.Entry = append(whole.Entry[:i], whole.Entry[i+1:]...) // a type that has no form in XML here
		}
	}
	var lines strings.Builder
	for _, r := range []Typed{whole, everyElement()} {
		written, err := MarshalXML(r)
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString(strings.ReplaceAll(string(written), "><", ">\n<") + "\n")
	}
	golden(t, "xml.golden", []byte(lines.String()))
}

// everyElement is a bundle in which every field of every type is filled once, so that the golden file shows each.
func everyElement() *Bundle {
	out := &Bundle{}
	for _, r := range resources() {
		fillOnce(reflect.ValueOf(r).Elem(), map[reflect.Type]bool{})
		out.Entry = append(out.Entry, BundleEntry{Resource: Hold(r)})
	}
	return out
}

func fillOnce(v reflect.Value, inside map[reflect.Type]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !inside[v.Type().Elem()] && v.Type() != reflect.TypeFor[*Absent]() { // absent_test.go
			v.Set(reflect.New(v.Type().Elem()))
			fillOnce(v.Elem(), inside)
		}
	case reflect.Slice:
		if !inside[v.Type().Elem()] {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fillOnce(v.Index(0), inside)
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Struct:
		switch value := v.Addr().Interface().(type) {
		case *Resource:
			*value = *Hold(&Practitioner{ID: "inner"})
			return
		case *Narrative:
			*value = Narrative{Status: "generated", Div: divs[1]}
			return
		}
		inside[v.Type()] = true
		for i := range v.NumField() {
			fillOnce(v.Field(i), inside)
		}
		inside[v.Type()] = false
	}
}

// searchSet is an answer of the size of a whole page.
func searchSet(n int) *Bundle {
	out := &Bundle{Type: SearchSet, Total: &n}
	for i := range n {
		size := int64(123456 + i)
		concept := func(code string) *CodeableConcept {
			return &CodeableConcept{Coding: []Coding{{System: "urn:oid:2.16.578.1.12.4.1.1.9602", Code: code, Display: "Epikriser og sammenfatninger"}}}
		}
		ref := &DocumentReference{
			ID: fmt.Sprintf("0d3a4a0e-3c3e-4f1a-9a55-%012d", i), Meta: &Meta{LastUpdated: "2026-11-01T12:00:00.123456Z", Profile: []string{"https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.Comprehensive.DocumentReference"}},
			MasterIdentifier: &Identifier{Use: "usual", System: "urn:ietf:rfc:3986", Value: "urn:uuid:6a4a3cf1-0000-4000-8000-000000000000"},
			Identifier:       []Identifier{{Use: "official", System: "urn:ietf:rfc:3986", Value: "urn:uuid:6a4a3cf1-0000-4000-8000-000000000001"}},
			Status:           "current", Type: concept("A03-2"), Category: []CodeableConcept{*concept("A00-1")}, Date: "2026-11-01T12:00:00Z",
			Subject:       &Reference{Identifier: &Identifier{System: "urn:oid:2.16.578.1.12.4.1.4.1", Value: "13116900216"}},
			Author:        []Reference{{Reference: "#role3"}},
			SecurityLabel: []CodeableConcept{*concept("N"), *concept("NORN_ALLE")},
			Contained: []Resource{
				*Hold(&Practitioner{ID: "person1", Name: []HumanName{{Family: "GREVLING", Given: []string{"KVART"}}}}),
				*Hold(&Organization{ID: "organization2", Name: "STIFTELSEN BETANIEN HOSPITAL SKIEN", Identifier: []Identifier{{System: "urn:oid:2.16.578.1.12.4.1.4.101", Value: "981275721"}}}),
				*Hold(&PractitionerRole{ID: "role3", Practitioner: &Reference{Reference: "#person1"}, Organization: &Reference{Reference: "#organization2"}}),
			},
			Content: []DocumentReferenceContent{{Format: &Coding{System: "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", Code: "urn:ihe:iti:xds:2017:mimeTypeSufficient"},
				Attachment: &Attachment{ContentType: "application/pdf", Language: "nb-NO", URL: "https://dokumentlager.example.no/mhd/document?documentUniqueId=1&homeCommunityId=2", Size: &size,
					Hash: "qUqP5cyxm6YcTAhz05Hph5gvu9M=", Title: "Epikrise fra prøveavdelingen", Creation: "2026-10-31T10:15:30Z",
					Extension: []Extension{{URL: "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-homeCommunityId", ValueURI: "urn:oid:2.16.578.1.12.4.5.480.1"}}}}},
			Context: &DocumentReferenceContext{Period: &Period{Start: "2026-10-30T08:00:00Z", End: "2026-10-31T09:00:00Z"}, FacilityType: concept("86.909"), PracticeSetting: concept("6")},
		}
		out.Entry = append(out.Entry, BundleEntry{FullURL: "https://dokumentlager.example.no/R4/fhir/DocumentReference/" + ref.ID, Resource: Hold(ref), Search: &BundleSearch{Mode: "match"}})
	}
	return out
}

// BenchmarkAnswer writes a page of 200 entries, and an outcome, in both forms. XML may take three times as long as JSON.
func BenchmarkAnswer(b *testing.B) {
	for name, value := range map[string]Typed{"page": searchSet(200), "outcome": Success("All went well.")} {
		for form, marshal := range map[string]func(any) ([]byte, error){"json": Marshal, "xml": MarshalXML} {
			b.Run(name+"/"+form, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					written, err := marshal(value)
					if err != nil {
						b.Fatal(err)
					}
					b.SetBytes(int64(len(written)))
				}
			})
		}
	}
}
