package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"dokumentlager/internal/devstack/fuzztest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

var leOrder = binary.LittleEndian

// FuzzInspector: the split of writes never matters, with attachments and without, and nothing panics.
func FuzzInspector(f *testing.F) {
	for _, data := range samples() {
		f.Add(data, uint16(7))
	}
	f.Add([]byte("GIF89a=1;alert(1)"), uint16(1))
	f.Add(utf16File(cdaFile, binary.BigEndian, true), uint16(3))
	f.Add([]byte(`<a><t representation="B64">`+strings.Repeat("QUJD", 40)+`</t></a>`), uint16(50))
	f.Add([]byte(strings.Repeat(" ", 4090)+`{"data":"`+strings.Repeat("QU\\u004aD", 40)+`"}`), uint16(4095))
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		defer fuzztest.InTime(t)()
		var whole, parts bin
		want := inspect(t, data, 0, WithAttachments(2, whole.open))
		got := inspect(t, data, int(step)+1, WithAttachments(2, parts.open))
		if !cmp.Equal(got, want, cmp.AllowUnexported(Result{})) || !cmp.Equal(whole.contents(), parts.contents()) {
			t.Fatal(cmp.Diff(want, got, cmp.AllowUnexported(Result{})))
		}
		if whole.closed != len(whole.files) || whole.closed != want.Attachments {
			t.Fatalf("%d of %d attachments closed", whole.closed, len(whole.files))
		}
		for _, declared := range Types() {
			problems := want.Check(string(declared), "")
			if len(problems) == 0 && want.Found != declared && !want.alsoJSON || len(data) == 0 && len(problems) == 0 {
				t.Fatalf("found %q passes as %q", want.Found, declared)
			}
			for _, p := range problems {
				if strings.Contains(p.Safe, "%!") || strings.Contains(p.Safe, ": .") {
					t.Fatal(p.Safe)
				}
			}
		}
	})
}

// FuzzJSON holds our grammar against two others.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{jsonFile, `[-0.5e-2,1E+9,"\ud83d\ude00",{}]`, `[01]`, `{"a":1,}`, `[1 2]`, "\"\x7f\"", `[]]`, `{"a" 1}`, `-`, `[tru]`, `[1.]`, `"\u00G0"`, `[}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.InTime(t)()
		b := newJSON(nil)
		b.write(data)
		got := b.end() == ""
		if valid := json.Valid(data); got != valid && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) < maxJSONDepth {
			t.Fatalf("%q: %t, encoding/json %t", data, got, valid)
		}
		options := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
		if valid := jsontext.Value(data).IsValid(options...); utf8.Valid(data) && got != valid && !strings.Contains(strings.ToLower(string(data)), `\ud`) && len(data) < maxJSONDepth {
			t.Fatalf("%q: %t, jsontext %t", data, got, valid)
		}
	})
}

// FuzzXML holds our well-formedness against encoding/xml: what we accept it accepts; what it accepts we accept, but for what it lets
// through (below).
func FuzzXML(f *testing.F) {
	for _, s := range []string{cdaFile, "<a/>", "<a b='1' c=\"&lt;\"/>", "<a>]]></a>", "<a><!-- -- --></a>", "<a><!--->--></a>", "<a><b></a></b>", "<a b='1'c='2'/>", "<a b=1/>",
		"<a><![CDATA[]]]]></a>", "<?xml version='1.0'?> <a/> <?p?>", "<a>&#0;</a>", "<a>&#x10FFFF;&bad;</a>", "<æ:ø å='é'/>", "<a><?xml version='1.0'?></a>", "<a b='1' b='2'/>", "\xef\xbb\xbf<a/>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.InTime(t)()
		s, skip := byteOrder(data)
		if s != utf8Set || len(data) > 2000 {
			return
		}
		data = data[skip:]
		b := newXML(s, skip > 0, data, nil)
		b.write(data)
		fault, reference := b.end(), stdXML(data)
		// encoding/xml knows namespaces, where a name has one colon at most; XML 1.0 does not mind.
		colons := bytes.Contains(data, []byte(":")) && reference != nil && strings.Contains(reference.Error(), "name after <")
		if fault == "" && reference != nil && !strings.Contains(reference.Error(), "invalid XML name") && !colons && !encodingOnly(reference) {
			t.Fatalf("%q passes here, encoding/xml says %v", data, reference)
		}
		// encoding/xml lets through: equal attributes, no blank between attributes, declarations anywhere, text outside the root, what stands
		// in instructions, any depth, references to surrogates.
		lenient := []string{"twice", "a tag is damaged", "instruction is damaged", "declaration", "DOCTYPE", "<!", "outside the root", "encoding", "does not allow", "deeper"}
		if bytes.Contains(data, []byte("&#")) {
			lenient = append(lenient, "names nothing that is known")
		}
		if fault != "" && reference == nil && utf8.Valid(data) && !containsAny(fault, lenient) {
			t.Fatalf("%q: %s, encoding/xml accepts it", data, fault)
		}
	})
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

func encodingOnly(err error) bool { return strings.Contains(err.Error(), "encoding") }

// stdXML reads a document with encoding/xml and adds the one thing it does not ask for: one root.
func stdXML(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return nil, errors.New("encoding") }
	depth, roots := 0, 0
	for {
		token, err := d.RawToken()
		if err == io.EOF {
			if depth != 0 || roots != 1 {
				return errors.New("root")
			}
			return stdTags(data)
		}
		if err != nil {
			return err
		}
		switch token.(type) {
		case xml.StartElement:
			if depth++; depth == 1 {
				roots++
			}
		case xml.EndElement:
			depth--
		}
	}
}

// stdTags lets encoding/xml match end tags.
func stdTags(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return nil, errors.New("encoding") }
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
