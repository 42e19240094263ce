// Package codec_test reads every message of the third-party collections with soap and ebxml, as they lie there.
package codec_test

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/thirdpartytest"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/thirdparty.txt anew")

// TestThirdParty reads every message of the sets that spec/ihe.md 2 lists. What is refused stands in testdata/thirdparty.txt, with
// the reason; of the rest the number. A new line there is a change of ours, to be argued.
func TestThirdParty(t *testing.T) {
	t.Parallel()
	dir := thirdpartytest.Folder()
	if _, err := os.Stat(filepath.Join(dir, "nist-toolkit2")); err != nil {
		t.Skipf("the third-party messages are not there, so nothing was read: tried %s; name their folder in %s", dir, thirdpartytest.Variable)
	}
	counts, lines := map[string]int{}, []string{}
	for _, set := range []string{"nhn-xcads", "nist-toolkit2", "ipf", "epd-by-example", "connect", "openxds", "xds-registry-to-fhir"} {
		for _, file := range messages(t, dir, set) {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			kind, err := understand(text)
			if kind == "" {
				continue
			}
			if err == nil {
				counts[set+", "+kind]++
				continue
			}
			if told(err) == "" {
				counts[set+", "+kind+", with warnings"]++
				continue
			}
			var f *soap.Fault
			if fault.KindOf(err) == fault.Internal && !errors.As(err, &f) {
				t.Errorf("%s: %v is no refusal", file, err)
			}
			lines = append(lines, file+"\t"+kind+"\t"+told(err))
		}
	}
	got := "# Third-party messages that are refused, and why (TestThirdParty -update)\n" + strings.Join(lines, "\n") + "\n\n# Read\n"
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		got += fmt.Sprintf("%s\t%d\n", kind, counts[kind])
	}
	golden := filepath.Join("testdata", "thirdparty.txt")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

// messages are the files of a set that hold XML; where a file was translated from ebRIM 2.1 the translation.
func messages(t *testing.T, dir, set string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(dir, set), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := d.Name()
		if filepath.Ext(name) != ".xml" && name != "http-mtom-pnr.txt" || name == "testplan.xml" || name == "codes.xml" {
			return nil
		}
		if _, err := os.Stat(strings.TrimSuffix(path, ".xml") + ".v3.xml"); err == nil {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// told is an error in one line: what a caller would get.
func told(err error) string {
	var f *soap.Fault
	if errors.As(err, &f) {
		return f.Error()
	}
	seen := map[string]int{}
	var order []string
	for _, p := range fault.Of(err) {
		text := fmt.Sprintf("%s at %s: %s", p.Code.Info().XDS, p.Location, p.Safe)
		if p.Severity == fault.Warning {
			continue
		}
		if seen[text]++; seen[text] == 1 {
			order = append(order, text)
		}
	}
	return strings.Join(order, " | ")
}

// understand reads a message, an HTTP exchange or a bare payload. An empty kind is for a file that is none of them.
func understand(text []byte) (kind string, err error) {
	text = filled(text)
	contentType, body := "application/soap+xml", text
	if head, rest, ok := transcript(text); ok {
		contentType, body = head, rest
		if contentType == "" {
			contentType = "application/soap+xml"
		}
	}
	root := rootOf(body)
	if root.Local == "Envelope" || strings.HasPrefix(contentType, "multipart") {
		m, err := soap.Read(contentType, bytes.NewReader(body), soap.Options{Understands: []xml.Name{soap.Security}, Documents: []xml.Name{ebxml.DocumentElement},
			Open: func(soap.Incoming) (io.WriteCloser, error) { return discard{}, nil }})
		if err != nil {
			return "message", err
		}
		kind, err := payload(m.Payload, m.Body)
		return "message of " + kind, err
	}
	return payload(root, body)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// numbered are the line numbers that one transcript has before its HTTP header.
var numbered = regexp.MustCompile(`(?m)^[12]?[0-9] ?`)

// filled puts a patient where the toolkit puts one before it sends: at $patientid$, $Patient_ID2$, $PatientId01 and the like, and at "patient_id". A
// slot may be called $patientId.
func filled(text []byte) []byte {
	const patient = `p^^^&amp;1.2.3&amp;ISO`
	out := bytes.ReplaceAll(text, []byte(`"patient_id"`), []byte(`"`+patient+`"`))
	for at := 0; ; {
		i := bytes.IndexByte(out[at:], '$')
		if i < 0 {
			return out
		}
		at += i
		rest := strings.ToLower(string(out[at:min(at+16, len(out))]))
		if !strings.HasPrefix(strings.Replace(rest, "_", "", 1), "$patientid") || bytes.HasSuffix(out[:at], []byte(`name="`)) {
			at++
			continue
		}
		end := at + 1
		for end < len(out) && (out[end] == '_' || out[end] >= '0' && out[end] <= '9' || out[end] >= 'A' && out[end] <= 'Z' || out[end] >= 'a' && out[end] <= 'z') {
			end++
		}
		if end < len(out) && out[end] == '$' {
			end++
		}
		out = slices.Replace(bytes.Clone(out), at, end, []byte(patient)...)
	}
}

// transcript takes an HTTP exchange apart: what stands before it, its first line, its header.
func transcript(text []byte) (contentType string, body []byte, ok bool) {
	at := bytes.Index(text, []byte("HTTP/1.1"))
	if at < 0 || at > 300 {
		return "", nil, false
	}
	_, rest, _ := bytes.Cut(text[at:], []byte("\n"))
	if len(text) > 0 && text[0] == '1' {
		rest = numbered.ReplaceAll(rest, nil)
	}
	r := bufio.NewReader(bytes.NewReader(rest))
	header, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		return "", nil, false
	}
	body, err = io.ReadAll(r)
	return header.Get("Content-Type"), body, err == nil
}

// rootOf is the name of the first element, as far as there is one.
func rootOf(text []byte) xml.Name {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	for {
		t, err := d.Token()
		if err != nil {
			return xml.Name{}
		}
		if e, ok := t.(xml.StartElement); ok {
			return e.Name
		}
	}
}

// payload reads a payload by its name.
func payload(name xml.Name, text []byte) (string, error) {
	switch name {
	case ebxml.ProvideAndRegister, ebxml.Register, ebxml.SubmitObjects:
		s, err := ebxml.ReadSubmission(text)
		if err == nil && s.Problems != nil {
			err = s.Problems
		}
		return name.Local, err
	case ebxml.AdhocQueryRequest:
		_, err := ebxml.ReadQuery(text)
		return name.Local, err
	case ebxml.RetrieveRequest, ebxml.RemoveDocuments:
		_, problems, err := ebxml.ReadDocumentRequests(text, name)
		return name.Local, errors.Join(err, problems.Err())
	case ebxml.RemoveObjects:
		_, err := ebxml.ReadRemoval(text)
		return name.Local, err
	case ebxml.AdhocQueryAnswer, ebxml.RegistryAnswer, ebxml.RetrieveAnswer:
		a, err := ebxml.ReadAnswer(text)
		if err == nil && !strings.HasPrefix(string(a.Status), "urn:") {
			err = fault.New(fault.MalformedBody, "an answer without a status")
		}
		return name.Local, err
	}
	return "", nil
}
