package fhir

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// resources are one of each type of this package.
func resources() []Typed {
	return []Typed{new(Bundle), new(DocumentReference), new(List), new(Patient), new(Practitioner), new(PractitionerRole), new(Organization),
		new(Binary), new(OperationOutcome), new(Parameters), new(CapabilityStatement), new(AuditEvent)}
}

// TestElementsStandInTheOrderOfTheSpecification holds every struct that a resource leads to against FHIR's own list of elements: XML has
// an order, and a reader with a schema refuses another.
func TestElementsStandInTheOrderOfTheSpecification(t *testing.T) {
	t.Parallel()
	spec := specification(t)
	seen := make(map[reflect.Type]bool)
	for _, r := range resources() {
		checkOrder(t, spec, seen, reflect.TypeOf(r).Elem(), r.FHIRType())
	}
	if len(seen) < 30 {
		t.Errorf("only %d types looked at: the test proves little", len(seen))
	}
}

// checkOrder checks one struct, and all that its fields are.
func checkOrder(t *testing.T, spec map[string][]string, seen map[reflect.Type]bool, of reflect.Type, key string) {
	t.Helper()
	elements, ok := spec[key]
	if !ok {
		t.Errorf("%s: testdata/elements.txt does not have %s", of, key)
	}
	if seen[of] {
		return
	}
	seen[of] = true
	at := 0
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if name == "-" || name == "resourceType" {
			continue
		}
		if absent, ok := strings.CutPrefix(name, "_"); ok { // in the place of the primitive before it
			if at == 0 || elements[at-1] != absent {
				t.Errorf("%s: %s stands not behind %s", of, name, absent)
			}
			continue
		}
		n := slices.IndexFunc(elements[at:], func(e string) bool { return e == name || strings.HasPrefix(e, name+":") })
		if n < 0 {
			t.Errorf("%s: %s is no element of %s, or stands too late: the order is %v", of, name, key, elements)
			continue
		}
		_, inner, named := strings.Cut(elements[at+n], ":")
		at += n + 1
		if !named {
			inner = key + "." + name
		}
		field := of.Field(i).Type
		for field.Kind() == reflect.Pointer || field.Kind() == reflect.Slice {
			field = field.Elem()
		}
		if field.Kind() == reflect.Struct && field != reflect.TypeFor[Resource]() {
			checkOrder(t, spec, seen, field, inner)
		}
	}
}

// specification reads testdata/elements.txt.
func specification(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/elements.txt")
	if err != nil {
		t.Fatal(err)
	}
	spec := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		if key, elements, ok := strings.Cut(line, ": "); ok && line[0] != '#' {
			spec[key] = strings.Fields(elements)
		}
	}
	return spec
}
