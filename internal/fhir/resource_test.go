package fhir

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/fault"
)

func TestMarshalWritesTheTypeFirstAndNothingEmpty(t *testing.T) {
	t.Parallel()
	zero, size, no := 0, int64(0), false
	for _, c := range []struct {
		value any
		want  string
	}{
		{&Patient{}, `{"resourceType":"Patient"}`},
		{Hold(&List{Status: "current", ID: "l1", Entry: []ListEntry{}}), `{"resourceType":"List","id":"l1","status":"current"}`},
		{&Patient{Active: &no, Name: []HumanName{{Family: "Å <&>"}}}, `{"resourceType":"Patient","active":false,"name":[{"family":"Å <&>"}]}`},
		{&Bundle{Type: SearchSet, Total: &zero}, `{"resourceType":"Bundle","type":"searchset","total":0}`},
		{&Binary{Body: 3}, `{"resourceType":"Binary"}`},
		{&DocumentReference{Contained: []Resource{*Hold(&Organization{Name: "A"})}, Content: []DocumentReferenceContent{{Attachment: &Attachment{Size: &size}}}},
			`{"resourceType":"DocumentReference","contained":[{"resourceType":"Organization","name":"A"}],"content":[{"attachment":{"size":0}}]}`},
		{&Bundle{Entry: []BundleEntry{{Response: &BundleResponse{Status: "201 Created", Outcome: Hold(Success("ok"))}}}},
			`{"resourceType":"Bundle","entry":[{"response":{"status":"201 Created","outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","details":{"text":"ok"},"diagnostics":"ok"}]}}}]}`},
		{&CapabilityStatement{Status: "active", Kind: "instance", FHIRVersion: "4.0.1", Rest: []CapabilityRest{{Mode: "server"}}},
			`{"resourceType":"CapabilityStatement","status":"active","date":"","kind":"instance","fhirVersion":"4.0.1","rest":[{"mode":"server"}]}`},
	} {
		got, err := Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%T\n got %s\nwant %s (%v)", c.value, got, c.want, err)
		}
	}
}

// Every resource can be held, written, and read back as the same type.
func TestEveryResourceIsReadBack(t *testing.T) {
	t.Parallel()
	for _, value := range []Typed{
		&Bundle{}, &DocumentReference{}, &List{}, &Patient{}, &Practitioner{}, &PractitionerRole{}, &Organization{},
		&Binary{Body: NoBody}, &OperationOutcome{}, &Parameters{}, &CapabilityStatement{},
	} {
		written, err := Marshal(Hold(value))
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseResource(strings.NewReader(string(written)), 1<<10)
		if err != nil {
			t.Errorf("%s: %v", written, err)
		} else if diff := cmp.Diff(Hold(value), read); diff != "" {
			t.Error(diff)
		}
	}
}

func TestParseResource(t *testing.T) {
	t.Parallel()
	answer := `{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Binary","data":"QUJD"}},` +
		`{"response":{"status":"201","outcome":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"value"}]}}}]}`
	resource, err := ParseResource(strings.NewReader(answer), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	bundle, _ := As[Bundle](resource)
	if b, ok := As[Binary](bundle.Entry[0].Resource); !ok || b.Data != "QUJD" || b.Body != NoBody {
		t.Errorf("binary = %+v", b)
	}
	if o, ok := As[OperationOutcome](bundle.Entry[1].Response.Outcome); !ok || o.Issue[0].Severity != "warning" {
		t.Errorf("outcome = %+v", o)
	}
	for body, at := range map[string]string{
		`{"resourceType":"Patient","name":{}}`:         "Patient.name",
		`{"resourceType":"Patient","id":"1","id":"2"}`: "body.id",
		`[]`:                        "",
		`{"resourceType":"Patient"`: "body.resourceType",
		`{"resourceType":"Parameters","parameter":[{"part":[{"resource":{}}]}]}`: "Parameters.parameter[0].part[0].resource",
	} {
		_, err := ParseResource(strings.NewReader(body), 1<<10)
		var p *fault.Problem
		if !errors.As(err, &p) || p.Code != fault.MalformedBody || p.Location != at {
			t.Errorf("%s: %v", body, err)
		}
	}
	if _, err := ParseResource(strings.NewReader(answer), 20); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("limit: %v", err)
	}
}

func TestParseDocumentReference(t *testing.T) {
	t.Parallel()
	d, err := ParseDocumentReference(strings.NewReader(`{"resourceType":"DocumentReference","id":"d1"}`), 1<<10)
	if err != nil || d.ID != "d1" {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := ParseDocumentReference(strings.NewReader(`{"resourceType":"Patient"}`), 1<<10); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a Patient: %v", err)
	}
}

// The example of IHE.MHD.Patch.Parameters has its parts in this order.
func TestPathPatches(t *testing.T) {
	t.Parallel()
	resource, err := ParseResource(strings.NewReader(`{"resourceType":"Parameters","parameter":[{"name":"other"},{"name":"operation","part":[`+
		`{"name":"path","valueString":"DocumentReference.status"},{"name":"type","valueCode":"replace"},{"name":"value","valueCode":"superseded"}]}]}`), 1<<10)
	if err != nil {
		t.Fatal(err)
	}
	parameters, _ := As[Parameters](resource)
	if diff := cmp.Diff([]PathPatch{{"replace", "DocumentReference.status", "superseded"}}, parameters.PathPatches()); diff != "" {
		t.Error(diff)
	}
}

// As is asked of entries without resource and of unknown types.
func TestAsOfNothing(t *testing.T) {
	t.Parallel()
	if _, ok := As[Patient](nil); ok {
		t.Error("nil holds a Patient")
	}
	if _, ok := As[Patient](&Resource{Type: "Patient"}); ok {
		t.Error("an undecoded resource is a Patient")
	}
}
