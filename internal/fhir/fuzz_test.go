package fhir

import (
	stdbase64 "encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
	"dokumentlager/testdata/hostile"
)

// FuzzParseResource holds that what is read can be written and read again the same, and that a refusal is a fault.
func FuzzParseResource(f *testing.F) {
	for _, s := range []string{`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"x"}]}`, `{"resourceType":"Patient","name":[{"given":["a"]}],"x":1}`, `{"resourceType":"X","a":{"resourceType":"Y"}}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"List"}}]}`, `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"replace"}]}]}`, "[]", "{", "\xef\xbb\xbf{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.InTime(t)()
		r, err := ParseResource(strings.NewReader(string(data)), 1<<20)
		if err != nil {
			if p := (*fault.Problem)(nil); !errors.As(err, &p) {
				t.Fatalf("%q: %v is no fault", data, err)
			}
			return
		}
		written, err := Marshal(r)
		if err != nil {
			t.Fatalf("%q cannot be written: %v", data, err)
		}
		again, err := ParseResource(strings.NewReader(string(written)), 8<<20)
		if err != nil || again.Type != r.Type {
			t.Fatalf("%q was written as %q, which cannot be read: %v", data, written, err)
		}
		if twice, err := Marshal(again); err != nil || string(twice) != string(written) {
			t.Fatalf("%q is written as %q, then as %q", data, written, twice)
		}
	})
}

// FuzzBase64 holds the stream's decoder against the standard library's, over whatever JSON string.
func FuzzBase64(f *testing.F) {
	for _, e := range hostile.Encodings() {
		f.Add(e.Text, uint16(7))
	}
	f.Add(strings.Repeat("QUJD", 9000)+`\u0051Q==`, uint16(32<<10-3))
	f.Fuzz(func(t *testing.T, text string, step uint16) {
		defer fuzztest.InTime(t)()
		body := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Binary","data":"` + text + `"}}]}`
		if len(text) > 0 && text[len(text)-1] == '\\' || strings.Contains(text, `"`) {
			return // another string
		}
		var sink kept
		_, err := ReadBundle(&stepper{strings.NewReader(body), int(step) + 1}, Limits{}, func(int) (io.WriteCloser, error) { return &sink, nil })
		var plain string
		if json.Unmarshal([]byte(body), &struct{}{}) != nil || json.Unmarshal([]byte(`"`+text+`"`), &plain) != nil {
			if err == nil {
				t.Fatalf("%q is no JSON and passes", text)
			}
			return
		}
		want, wantErr := stdbase64.StdEncoding.Strict().DecodeString(strings.NewReplacer(" ", "", "\n", "", "\r", "", "\t", "").Replace(plain))
		if (err == nil) != (wantErr == nil) || err == nil && sink.String() != string(want) {
			t.Fatalf("%q: %q, %v; the standard library %q, %v", text, sink.String(), err, want, wantErr)
		}
	})
}

// FuzzHash holds that a declared hash is one of the two lengths, and the same written again.
func FuzzHash(f *testing.F) {
	for _, s := range []string{"2jmj7l5rSw0yVb/vlWAYkK/YBwk=", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "=", "", strings.Repeat("A", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.InTime(t)()
		digest, err := DecodeHash(s)
		if err != nil || s == "" {
			return
		}
		if again, err := DecodeHash(EncodeHash(digest)); err != nil || string(again) != string(digest) || len(digest) != 20 && len(digest) != 32 {
			t.Fatalf("%q became %x, then %x: %v", s, digest, again, err)
		}
	})
}
