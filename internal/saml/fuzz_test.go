package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

// FuzzSecurityHeader sends any bytes as a header. Nobody can sign, so what passes must be about one of the persons of the seeds, letter
// for letter what their issuer said.
func FuzzSecurityHeader(f *testing.F) {
	r := newRig(f)
	known := map[string]bool{}
	for _, m := range append(honest(f, r), wrappings(f, r)...) {
		f.Add([]byte(m.text))
		if a, err := r.Verify([]byte(m.text)); err == nil {
			known[a.Subject+a.Patient.CX()+a.Caller.HPR+a.Caller.Role+a.ACP] = true
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.InTime(t)()
		a, err := r.Verify(text)
		var p *fault.Problem
		switch {
		case err == nil && !known[a.Subject+a.Patient.CX()+a.Caller.HPR+a.Caller.Role+a.ACP]:
			t.Errorf("passed as %+v", a)
		case err != nil && (!errors.As(err, &p) || a.Caller.Kind != access.Nobody):
			t.Errorf("refused as %+v, %v", a, err)
		}
	})
}

// FuzzVet: what is vetted, encoding/xml reads to its end, with the same number of elements, and finds nothing there that was to be refused.
func FuzzVet(f *testing.F) {
	r := newRig(f)
	for _, m := range bytesOf(f, r) {
		f.Add([]byte(m.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.InTime(t)()
		clean, why := vet(text)
		if why != nil {
			return
		}
		decoder := xml.NewDecoder(bytes.NewReader(clean))
		roots, depth := 0, 0
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("vetted, and not to be read: %v", err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				if depth == 0 {
					roots++
				}
				depth++
			case xml.EndElement:
				depth--
			case xml.CharData:
				if depth == 0 && strings.TrimSpace(string(token)) != "" {
					t.Error("text outside the root")
				}
			default:
				t.Errorf("vetted with a %T", token)
			}
		}
		if roots != 1 {
			t.Errorf("vetted with %d roots", roots)
		}
	})
}

// FuzzAttributeText reads any text as an AttributeValue's.
func FuzzAttributeText(f *testing.F) {
	for _, s := range []string{"", "LE", `<Role xmlns="urn:hl7-org:v3" xsi:type="CE" code="LE"/>`, `<decision-ref><id value="x" /></decision-ref>`, "<", "<a><b><c/></b></a>", "<a>&lt;</a>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.InTime(t)()
		v, present, err := readText(text)
		if err == nil && present && v.fields == nil && v.text == "" {
			t.Errorf("%q is present and empty", text)
		}
		r := reading{attributes: map[string][]value{"x": {v}}}
		_, _, _ = r.code([]string{"x"}), r.identifiers([]string{"x"}), r.reference([]string{"x"})
		r.attributes[namePatient[0]] = r.attributes["x"]
		if p := r.patient(); r.wrong == nil && err == nil && present && p.Check() != nil {
			t.Errorf("%q is taken for a patient", text)
		}
	})
}
