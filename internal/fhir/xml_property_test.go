package fhir

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nasty are texts that an encoder gets wrong.
var nasty = []string{
	"", " ", "a", "æøå ÆØÅ", "👩‍⚕️ 𝄞", `"quoted" and 'so'`, "]]>", "<![CDATA[x]]>", "<!-- x -->", "<?x?>", "&amp; &#38; &", "a\tb\nc\rd\r\ne", "  two  spaces  ",
	"\x00\x01\x1f", "\x7f\u0085\u2028\u2029", "\ufffd\ufffe\uffff", "\ud7ff\ue000\U0010ffff\U0001fffe", `back\slash \u0041`, "</Bundle>", "value=\"x\"", "xmlns", strings.Repeat("long ", 100),
}

// divs are narratives in the very form that the writer gives them.
var divs = []string{
	`<div xmlns="http://www.w3.org/1999/xhtml"></div>`,
	`<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="nb">Blåbær &lt;&amp;&gt; <b class="x">fet</b><br></br></div>`,
}

// filled gives a value random content; how deep bounds what holds itself.
func filled(rng *rand.Rand, v reflect.Value, deep int) {
	switch v.Kind() {
	case reflect.Pointer:
		if rng.IntN(3) > 0 && deep > 0 && v.Type() != reflect.TypeFor[*Absent]() { // absent_test.go
			v.Set(reflect.New(v.Type().Elem()))
			filled(rng, v.Elem(), deep)
		}
	case reflect.Slice:
		if deep > 0 {
			v.Set(reflect.MakeSlice(v.Type(), rng.IntN(3), 3))
		}
		for i := range v.Len() {
			filled(rng, v.Index(i), deep-1)
		}
	case reflect.String:
		v.SetString(nasty[rng.IntN(len(nasty))])
	case reflect.Bool:
		v.SetBool(rng.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt([]int64{0, -1, 1, 62914560, 1 << 62}[rng.IntN(5)])
	case reflect.Struct:
		switch value := v.Addr().Interface().(type) {
		case *Resource:
			*value = *Hold(anyResource(rng, deep-1))
			return
		case *Narrative:
			*value = Narrative{Status: "generated", Div: divs[rng.IntN(len(divs))]}
			return
		}
		for i := range v.NumField() {
			if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != "resourceType" && rng.IntN(4) > 0 {
				filled(rng, v.Field(i), deep-1)
			}
		}
	default:
		panic("a field of kind " + v.Kind().String() + ": neither this test nor MarshalXML knows it")
	}
}

// anyResource is a random resource.
func anyResource(rng *rand.Rand, deep int) Typed {
	all := resources()
	r := all[rng.IntN(len(all))]
	filled(rng, reflect.ValueOf(r).Elem(), deep)
	return r
}

// sayable is what XML can say of a JSON value: nothing empty, and characters only.
func sayable(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Map(func(c rune) rune {
			if c < 0x20 && !strings.ContainsRune("\t\n\r", c) || c == 0xFFFE || c == 0xFFFF {
				return 0xFFFD
			}
			return c
		}, v)
	case map[string]any:
		for name, value := range v {
			if v[name] = sayable(value); empty(v[name]) {
				delete(v, name)
			}
		}
		return v
	case []any:
		var kept []any
		for _, value := range v {
			if value = sayable(value); !empty(value) {
				kept = append(kept, value)
			}
		}
		return kept
	}
	return v
}

func empty(v any) bool {
	switch v := v.(type) {
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// TestXMLSaysWhatJSONSays writes random resources both ways and reads them with readers that are not the writers'.
func TestXMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	long := 0
	for seed := range uint64(400) {
		r := anyResource(rand.New(rand.NewPCG(seed, 5)), 4)
		inXML, err := MarshalXML(r)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := fromXML(string(inXML))
		if err != nil {
			t.Fatalf("seed %d: %v\n%.3000s", seed, err, inXML)
		}
		if diff := cmp.Diff(sayable(fromJSON(t, r)), any(got)); diff != "" {
			t.Fatalf("seed %d: %s\n%.3000s", seed, diff, inXML)
		}
		if again, _ := MarshalXML(Hold(r)); !bytes.Equal(again, inXML) {
			t.Fatalf("seed %d: held, or a second time, it is written differently", seed)
		}
		if len(inXML) > 2000 {
			long++
		}
	}
	if long < 50 {
		t.Errorf("only %d resources had something in them: the test proves little", long)
	}
}

// fromJSON is a resource as encoding/json reads what Marshal wrote.
func fromJSON(t *testing.T, r any) any {
	t.Helper()
	inJSON, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(inJSON))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
