package format

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// eicar is the scanners' test file, in two halves so that this file is not one.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// bin keeps attachments and counts closings.
type bin struct {
	files  []*bytes.Buffer
	closed int
}

func (b *bin) open() io.WriteCloser {
	b.files = append(b.files, &bytes.Buffer{})
	return binFile{b.files[len(b.files)-1], b}
}

type binFile struct {
	*bytes.Buffer
	bin *bin
}

func (f binFile) Close() error { f.bin.closed++; return nil }

func (b *bin) contents() (all []string) {
	for _, f := range b.files {
		all = append(all, f.String())
	}
	return all
}

// wrap breaks s into lines.
func wrap(s string, width int, end string) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + end)
		s = s[width:]
	}
	return b.String() + s
}

func TestAttachments(t *testing.T) {
	t.Parallel()
	code := base64.StdEncoding.EncodeToString
	virus := code([]byte(eicar))
	long := make([]byte, 100_000)
	for i := range long {
		long[i] = byte(rand.N(256))
	}
	cases := []struct {
		name, data string
		want       []string
	}{
		{"CDA", `<ClinicalDocument><component><nonXMLBody><text mediaType="application/pdf" representation="B64">` + virus + `</text></nonXMLBody></component></ClinicalDocument>`, []string{eicar}},
		{"CDA wrapped short", "<a><text representation='B64'>\r\n\t" + wrap(virus, 8, "\r\n\t") + "\r\n</text></a>", []string{eicar}},
		{"CDA broken up", "<a><text representation='B64'>" + virus[:20] + "<!-- x --><![CDATA[" + virus[20:40] + "]]>&#" + fmt.Sprint(virus[40]) + ";<?p q?>&#x0a;" + virus[41:] + "</text></a>", []string{eicar}},
		{"CDA with what readers skip", "<a><text representation='B64'>" + wrap(virus, 10, "!*-") + "</text></a>", []string{eicar}},
		{"CDA in UTF-16", string(utf16File("<a><value representation='B64'>"+virus+"</value></a>", leOrder, true)), []string{eicar}},
		{"CDA, observation media", "<a><observationMedia><value representation='B64'>" + code(long) + "</value></observationMedia><value representation='B64'>" + virus + "</value></a>", []string{string(long), eicar}},
		{"text after a child", "<a representation='B64'><reference value='x'/>" + wrap(virus, 4, " ") + "</a>", []string{eicar}},
		{"Base64Container", "<m xmlns:b='urn:x'><b:Base64Container>" + wrap(virus, 16, "\n") + "</b:Base64Container></m>", []string{eicar}},
		{"any element, long lines", "<a><x>" + wrap(code(long), 76, "\n") + "</x></a>", []string{string(long)}},
		{"FHIR XML", `<Binary><data value="` + wrap(virus, 20, " ") + `"/></Binary>`, []string{eicar}},
		{"FHIR JSON", `{"resourceType":"Binary","contentType":"application/pdf","data":"` + virus + `"}`, []string{eicar}},
		{"FHIR JSON wrapped and escaped", `{"data":"` + strings.NewReplacer("A", `\u0041`, "+", `\u002B`, "/", `\/`).Replace(wrap(virus, 10, "\\r\\n ")) + `"}`, []string{eicar}},
		{"escaped key", `{"d\u0061ta":"` + wrap(virus, 10, " ") + `"}`, []string{eicar}},
		{"escaped throughout", `{"data":"` + strings.NewReplacer("+", `\u002B`, "/", `\u002f`, "k", `\u006B`).Replace(code(long)) + `"}`, []string{string(long)}},
		{"two behind each other", "<a><text representation='B64'>" + virus + "\n" + virus + "</text></a>", []string{eicar, eicar}},
		{"several in a bundle", `{"entry":[{"data":"` + virus + `"},{"x":[{"data":"` + code(long) + `"}]}]}`, []string{eicar, string(long)}},
		{"any string", `["` + virus + `"]`, []string{eicar}},
		{"data URI", `{"url":"data:application/pdf;base64,` + virus + `"}`, []string{eicar}},
		{"lines in any string", `{"x":"` + wrap(code(long), 64, `\n`) + `"}`, []string{string(long)}},
		{"without padding", `{"data":"` + strings.TrimRight(virus, "=") + `"}`, []string{eicar}},
		{"prose", `{"data":"Pasienten er i god form, og skal ikke, om alt gaar bra, til ny kontroll f\u00f8r om et halvt aar.","text":"` + strings.Repeat("lange norske ord uten tegnsetting ", 9) + `"}`, nil},
		{"prose in XML", "<a><text>" + strings.Repeat("lange norske ord uten tegnsetting ", 9) + "</text></a>", nil},
		{"short", `{"data":"QUJDQUJDQUJD"}`, nil},
		{"not JSON", "{" + virus, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, step := range []int{0, 1, 3, 4097} {
				var b bin
				r := inspect(t, []byte(c.data), step, WithAttachments(64, b.open))
				if got := b.contents(); !cmp.Equal(got, c.want) {
					t.Fatalf("in writes of %d: %s", step, cmp.Diff(c.want, got))
				}
				if b.closed != len(c.want) || r.Attachments != len(c.want) || r.AttachmentsOverLimit != 0 || r.AttachmentErr != nil {
					t.Errorf("closed %d, %+v", b.closed, r)
				}
			}
		})
	}
}

func TestAttachmentLimit(t *testing.T) {
	t.Parallel()
	one := `{"data":"` + base64.StdEncoding.EncodeToString([]byte(eicar)) + `"}`
	var b bin
	r := inspect(t, []byte("["+strings.Repeat(one+",", 9)+one+"]"), 0, WithAttachments(4, b.open))
	if r.Found != JSON || r.Attachments != 4 || r.AttachmentsOverLimit != 6 || len(b.files) != 4 || b.closed != 4 {
		t.Errorf("%+v, %d files, %d closed", r, len(b.files), b.closed)
	}
}

// A document that breaks off in an attachment still closes its writer.
func TestAttachmentCut(t *testing.T) {
	t.Parallel()
	var b bin
	r := inspect(t, []byte(`<a><x representation="B64">`+strings.Repeat("QUJD", 5000)), 100, WithAttachments(4, b.open))
	if r.Damage != "" || r.Found == XML || b.closed != 1 || len(b.files) != 1 {
		t.Errorf("%+v, %d closed", r, b.closed)
	}
}

type failing struct{ write, close error }

func (f failing) Write(p []byte) (int, error) { return 0, f.write }
func (f failing) Close() error                { return f.close }

// What a writer could not take was not scanned: the Result says so.
func TestAttachmentError(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	data := `{"data":"` + strings.Repeat("QUJD", 5000) + `"}`
	for _, f := range []failing{{write: gone}, {close: gone}} {
		r := inspect(t, []byte(data), 0, WithAttachments(4, func() io.WriteCloser { return f }))
		if !errors.Is(r.AttachmentErr, gone) || r.Attachments != 1 || r.Found != JSON {
			t.Errorf("%+v", r)
		}
	}
}

// An Inspector in the writer finds the attachment of an attachment.
func TestAttachmentInAttachment(t *testing.T) {
	t.Parallel()
	inner := `<a><x representation="B64">` + base64.StdEncoding.EncodeToString([]byte(eicar)) + `</x></a>`
	outer := `{"data":"` + base64.StdEncoding.EncodeToString([]byte(inner)) + `"}`
	var b bin
	within := NewInspector(WithAttachments(4, b.open))
	inspect(t, []byte(outer), 0, WithAttachments(4, func() io.WriteCloser { return nopCloser{within} }))
	if r := within.Result(); r.Found != XML || !cmp.Equal(b.contents(), []string{eicar}) {
		t.Errorf("%+v %q", r, b.contents())
	}
}
