package soap_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"

	"github.com/google/go-cmp/cmp"
)

// provide is an envelope with documents; each content stands between the tags of one.
func provide(contents ...string) string {
	var b strings.Builder
	for i, c := range contents {
		fmt.Fprintf(&b, `<x:Document xmlns:x="urn:ihe:iti:xds-b:2007" id="d%d">%s</x:Document>`, i, c)
	}
	return begin + `<s:Header>` + action + `</s:Header><s:Body><p>` + b.String() + `</p></s:Body>` + end
}

func include(href string) string {
	return ` <xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="` + href + `"/> `
}

const related = `multipart/related; type="application/xop+xml"; start="<root>"; start-info="application/soap+xml"; boundary=b`

func part(id, contentType, body string) string {
	return "--b\r\nContent-Type: " + contentType + "\r\nContent-ID: <" + id + ">\r\nContent-Transfer-Encoding: binary\r\n\r\n" + body + "\r\n"
}

func rootPart(envelope string) string {
	return part("root", `application/xop+xml; charset=UTF-8; type="application/soap+xml"`, envelope)
}

// TestPackages: the shapes that clients send (spec/soap.md 3), and the documents they carry.
func TestPackages(t *testing.T) {
	t.Parallel()
	one := part("a@x", "text/plain", "first")
	root := rootPart(provide(include("cid:a@x")))
	for name, c := range map[string]struct {
		contentType, message string
		want                 []string
	}{
		"plain":                   {related, root + one + "--b--", []string{"first"}},
		"root last":               {related, one + root + "--b--\r\n", []string{"first"}},
		"no start":                {`multipart/related; type=application/xop+xml; boundary=b`, root + one + "--b--", []string{"first"}},
		"no type":                 {`multipart/related; boundary=b`, root + one + "--b--", []string{"first"}},
		"LF alone":                {related, strings.ReplaceAll(root+one+"--b--\r\n", "\r\n", "\n"), []string{"first"}},
		"spaces after boundaries": {related, strings.ReplaceAll(root+one+"--b--", "--b\r", "--b  \r"), []string{"first"}},
		"preamble and epilogue":   {related, "hello\r\n" + root + one + "--b--\r\nbye", []string{"first"}},
		"escaped cid":             {related, rootPart(provide(include("cid:a%40x"))) + one + "--b--", []string{"first"}},
		"escaped on both sides":   {related, rootPart(provide(include("cid:a%40x"))) + part("a%40x", "text/plain", "first") + "--b--", []string{"first"}},
		"colon in the cid":        {related, rootPart(provide(include("cid:urn%3Aihe"))) + part("urn:ihe", "text/plain", "first") + "--b--", []string{"first"}},
		"boundary unquoted":       {`multipart/related; boundary=uuid:b/1=; type=application/xop+xml; start=<root>; action=urn:x`, strings.ReplaceAll(root+one+"--b--", "--b", "--uuid:b/1="), []string{"first"}},
		"boundary in single":      {`Multipart/Related; boundary='b'; start='<root>'`, root + one + "--b--", []string{"first"}},
		"quotes in quotes":        {`multipart/related; start-info="application/soap+xml; action="urn:x""; boundary="b";`, root + one + "--b--", []string{"first"}},
		"start without brackets":  {`multipart/related; start=root; boundary=b`, one + root + "--b--", []string{"first"}},
		"no attachment":           {related, rootPart(provide("")) + "--b--", nil},
		"part nobody names":       {related, root + one + part("c", "x/y", "") + "--b--", []string{"first", ""}},
		"part in base64":          {related, root + strings.Replace(part("a@x", "text/plain", "Zmly\r\nc3Q="), "binary", "Base64", 1) + "--b--", []string{"first"}},
		"inline in a package":     {related, rootPart(provide("Zmlyc3Q=")) + "--b--", []string{"first"}},
		"inline and part":         {related, rootPart(provide("aW4=", include("cid:a@x"))) + one + "--b--", []string{"in", "first"}},
		"inline alone":            {simple, provide("Zmlyc3Q=", "c2Vjb25k"), []string{"first", "second"}},
		"inline with spaces":      {simple, provide("\r\n\t Zm ly&#13;\nc3&#xD;Q=\n"), []string{"first"}},
		"inline in CDATA":         {simple, provide(" <![CDATA[Zmlyc3Q=]]> "), nil},
		"inline then CDATA":       {simple, provide("Zmly<![CDATA[c3Q=]]>"), []string{"first"}},
		"inline escaped":          {simple, provide("Zmlyc3Q&#x3D;"), []string{"first"}},
		"empty":                   {simple, provide(""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, box, err := read(c.contentType, c.message)
			if name == "inline in CDATA" {
				c.want = []string{"first"}
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, box.texts()); diff != "" {
				t.Error(diff)
			}
			hrefs(t, m, len(c.want))
			for cut := 1; cut < len(c.message)-25; cut += 23 { // 25: the closing boundary and what may follow it
				if _, _, err := read(c.contentType, c.message[:cut]); err == nil {
					t.Fatalf("cut off after %d of %d bytes it passes", cut, len(c.message))
				}
			}
		})
	}
}

// hrefs: every reference of the payload leads to a document.
func hrefs(t *testing.T, m *soap.Message, documents int) {
	t.Helper()
	if m.Documents != documents {
		t.Errorf("%d documents, want %d", m.Documents, documents)
	}
	rest := string(m.Body)
	for {
		_, after, found := strings.Cut(rest, `href="`)
		if !found {
			return
		}
		href, tail, _ := strings.Cut(after, `"`)
		if m.Document(href) < 0 {
			t.Errorf("%s leads nowhere", href)
		}
		rest = tail
	}
}

// TestPackageRefusals: packages that are not taken. Nothing of them is closed that was not whole.
func TestPackageRefusals(t *testing.T) {
	t.Parallel()
	one := part("a@x", "text/plain", "first")
	root := rootPart(provide(include("cid:a@x")))
	many := strings.Repeat(part("", "x/y", ""), 101)
	for name, c := range map[string]struct {
		contentType, message string
		want                 soap.Reason
	}{
		"no boundary":            {`multipart/related; type="application/xop+xml"`, root + one + "--b--", soap.Malformed},
		"another boundary":       {strings.Replace(related, "=b", "=c", 1), root + one + "--b--", soap.Malformed},
		"two boundaries":         {related + "; boundary=c", root + one + "--b--", soap.WrongMediaType},
		"of another type":        {`multipart/related; type="text/html"; boundary=b`, root + one + "--b--", soap.WrongMediaType},
		"no such start":          {`multipart/related; start="<none>"; boundary=b`, root + one + "--b--", soap.Malformed},
		"root of another type":   {related, strings.Replace(root, "application/xop+xml", "application/json", 1) + one + "--b--", soap.WrongMediaType},
		"root in base64":         {related, strings.Replace(root, "binary", "base64", 1) + one + "--b--", soap.Malformed},
		"quoted-printable":       {related, root + strings.Replace(one, "binary", "quoted-printable", 1) + "--b--", soap.Malformed},
		"part missing":           {related, root + "--b--", soap.Malformed},
		"two of one name":        {related, root + one + one + "--b--", soap.Malformed},
		"http reference":         {related, rootPart(provide(include("http://x/"))) + one + "--b--", soap.Malformed},
		"file reference":         {related, rootPart(provide(include("file:///etc/passwd"))) + one + "--b--", soap.Malformed},
		"our own reference":      {related, rootPart(provide(include("inline:0"), "aW4=")) + one + "--b--", soap.Malformed},
		"too many parts":         {related, root + one + many + "--b--", soap.TooLarge},
		"part header too long":   {related, root + "--b\r\nContent-ID: <" + strings.Repeat("a", 60<<10) + ">\r\n\r\n--b--", soap.TooLarge},
		"preamble too long":      {related, strings.Repeat("a\r\n", 30<<10) + root + one + "--b--", soap.TooLarge},
		"no closing boundary":    {related, root + one, soap.Malformed},
		"markup in a document":   {simple, provide("Zmly<!-- c -->c3Q="), soap.Malformed},
		"element in a document":  {simple, provide("Zmly<x/>c3Q="), soap.Malformed},
		"strange reference":      {simple, provide("Zmly&amp;c3Q="), soap.Malformed},
		"endless reference":      {simple, provide("Zmly&#0000000000000000000000013;c3Q="), soap.Malformed},
		"reference beyond ASCII": {simple, provide("Zmly&#230;c3Q="), soap.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(c.contentType, c.message)
			var f *soap.Fault
			if !errors.As(err, &f) || f.Reason != c.want {
				t.Fatalf("got %v, want reason %d", err, c.want)
			}
		})
	}
	for _, text := range []string{"Zmlyc3Q", "Zmlyc3Q==", "Zm=yc3Q=", "Zmlyc3R=", "Zmly-3Q=", "æ", "=", "A"} {
		_, box, err := read(simple, provide(text))
		var p *fault.Problem
		if !errors.As(err, &p) || p.Code != fault.InvalidContent || box.closed[0] {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestEarlyDocuments: what comes before the root is announced as such, and shares one allowance.
func TestEarlyDocuments(t *testing.T) {
	t.Parallel()
	message := part("a", "x/y", strings.Repeat("a", 600)) + part("b", "x/y", strings.Repeat("b", 600)) + rootPart(provide()) + part("c", "x/z", strings.Repeat("c", 6000)) + "--b--"
	box := &inbox{}
	options := box.options()
	known := false
	options.Header = func(*soap.Header) error { known = len(box.docs) == 2; return nil }
	options.Limits.Early = 1200
	if _, err := soap.Read(related, strings.NewReader(message), options); err != nil || !known {
		t.Fatal(err, known)
	}
	if diff := cmp.Diff([]soap.Incoming{{Number: 0, MediaType: "x/y", Early: true}, {Number: 1, MediaType: "x/y", Early: true}, {Number: 2, MediaType: "x/z"}}, box.docs); diff != "" {
		t.Error(diff)
	}
	*box = inbox{}
	options.Limits.Early = 1199
	_, err := soap.Read(related, strings.NewReader(message), options)
	var f *soap.Fault
	if !errors.As(err, &f) || f.Reason != soap.TooLarge {
		t.Errorf("above the allowance: %v", err)
	}
	*box = inbox{}
	options.Limits = soap.Limits{Total: 2000}
	if _, err := soap.Read(related, strings.NewReader(message), options); !errors.As(err, &f) || f.Reason != soap.TooLarge {
		t.Errorf("above the whole: %v", err)
	}
}

// TestPackageWriter: a package that is written is read again the same, and its length is the one that was promised.
func TestPackageWriter(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{6})
	ids, err := soap.NewContentIDs(random, 3)
	if err != nil {
		t.Fatal(err)
	}
	docs := []string{"first", "", strings.Repeat("--MIMEBoundary\r\n", 5000)}
	var parts []soap.Outgoing
	var contents []string
	for i, id := range ids {
		parts = append(parts, soap.Outgoing{ContentID: id, MediaType: []string{"text/plain", "x/y\r\nEvil: 1", "nonsense"}[i], Size: int64(len(docs[i]))})
		contents = append(contents, include(soap.Href(id)))
	}
	p, err := soap.NewPackage(random, []byte(provide(contents...)), parts)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	open := func(_ context.Context, i int) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(docs[i])), nil
	}
	if err := p.Write(t.Context(), &out, open); err != nil || int64(out.Len()) != p.Length() {
		t.Fatalf("%v; %d bytes, promised %d", err, out.Len(), p.Length())
	}
	m, box, err := read(p.ContentType(), out.String())
	if err != nil || !m.MTOM {
		t.Fatal(err)
	}
	if diff := cmp.Diff(docs, box.texts()); diff != "" {
		t.Error(diff)
	}
	hrefs(t, m, 3)
	for i, want := range []string{"text/plain", "application/octet-stream", "application/octet-stream"} {
		if box.docs[i].MediaType != want {
			t.Errorf("media type %q", box.docs[i].MediaType)
		}
	}
}

// TestPackageBrokenOff: a document that is longer, shorter or damaged ends the package before its closing boundary, so that no reader takes it
// for whole.
func TestPackageBrokenOff(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{7})
	damaged := errors.New("hash mismatch")
	for name, body := range map[string]io.Reader{
		"short": strings.NewReader("four"), "long": strings.NewReader("sixsix"), "damaged": io.MultiReader(strings.NewReader("five5"), iotest.ErrReader(damaged)),
	} {
		p, err := soap.NewPackage(random, []byte(provide(include("cid:a"))), []soap.Outgoing{{ContentID: "a", MediaType: "x/y", Size: 5}})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = p.Write(t.Context(), &out, func(context.Context, int) (io.ReadCloser, error) { return io.NopCloser(body), nil })
		if !errors.Is(err, soap.ErrSize) && !errors.Is(err, damaged) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.HasSuffix(out.String(), "sixsix") {
			t.Error("more was written than was promised")
		}
		if _, _, err := read(p.ContentType(), out.String()); err == nil || int64(out.Len()) >= p.Length() {
			t.Errorf("%s: what was written can be read as a whole package", name)
		}
	}
}

// long is a document that stands nowhere. A line ends now and then, as in any document: without one, multipart.Reader looks long for a boundary.
func long(n int64) io.Reader {
	return io.LimitReader(page(bytes.Repeat([]byte("some bytes\r\n"), 3000)), n)
}

type page []byte

func (b page) Read(p []byte) (int, error) { return copy(p, b), nil }

// counted is a sink that forgets.
type counted struct{ n *int64 }

func (c counted) Write(p []byte) (int, error) { *c.n += int64(len(p)); return len(p), nil }
func (c counted) Close() error                { return nil }

// TestFlat: five documents of 60 MB, before the root or after it, in parts or (3 MB of it) in the envelope, and on their way out, take no memory
// to speak of.
// Not parallel: it counts what the whole process allocates.
func TestFlat(t *testing.T) {
	const size, most = 60_000_000, 1 << 20
	documents := func(n int) (readers []io.Reader) {
		for i := range n {
			readers = append(readers, strings.NewReader(fmt.Sprintf("--b\r\nContent-ID: <%d>\r\n\r\n", i)), long(size), strings.NewReader("\r\n"))
		}
		return readers
	}
	root := strings.NewReader(rootPart(provide()))
	rootToo := strings.NewReader(rootPart(provide()))
	inline := []io.Reader{strings.NewReader(strings.TrimSuffix(provide(" "), " </x:Document></p></s:Body></s:Envelope>"))}
	line := []byte(base64.StdEncoding.EncodeToString(make([]byte, 57)) + "\r\n")
	inline = append(inline, &repeated{line: line, n: size / 20 / 57}, strings.NewReader("</x:Document></p></s:Body></s:Envelope>"))
	for name, c := range map[string]struct {
		contentType string
		message     io.Reader
		want        int64
	}{
		"root first": {related, io.MultiReader(append(append([]io.Reader{root}, documents(1)...), strings.NewReader("--b--"))...), size},
		"root last":  {related, io.MultiReader(append(documents(5), rootToo, strings.NewReader("--b--"))...), 5 * size},
		"inline":     {simple, io.MultiReader(inline...), size / 20 / 57 * 57},
	} {
		var got int64
		grown := allocated(func() {
			_, err := soap.Read(c.contentType, c.message, soap.Options{Documents: []xml.Name{documentElement}, Limits: soap.Limits{Early: 1 << 40, Total: 1 << 40},
				Open: func(soap.Incoming) (io.WriteCloser, error) { return counted{&got}, nil }})
			if err != nil {
				t.Error(name, err)
			}
		})
		if got != c.want || grown > most {
			t.Errorf("%s: %d bytes read, want %d; %d allocated, at most %d", name, got, c.want, grown, most)
		}
	}
	flatOut(t, size, most)
}

func flatOut(t *testing.T, size int64, most uint64) {
	t.Helper()
	p, err := soap.NewPackage(rand.NewChaCha8([32]byte{}), []byte(provide()), []soap.Outgoing{{Size: size}, {Size: size}, {Size: size}, {Size: size}, {Size: size}})
	if err != nil {
		t.Fatal(err)
	}
	var out int64
	grown := allocated(func() {
		if err := p.Write(t.Context(), counted{&out}, func(context.Context, int) (io.ReadCloser, error) { return io.NopCloser(long(size)), nil }); err != nil {
			t.Error(err)
		}
	})
	if out != p.Length() || grown > most {
		t.Errorf("out: %d bytes, promised %d; %d allocated, at most %d", out, p.Length(), grown, most)
	}
}

// allocated is how much memory was ever asked for while the function ran, whether it was given back or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// repeated is a line, n times.
type repeated struct {
	line []byte
	n    int
	rest []byte
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.rest) == 0 {
			if r.n == 0 {
				return n, io.EOF
			}
			r.n--
			r.rest = r.line
		}
		k := copy(p[n:], r.rest)
		r.rest, n = r.rest[k:], n+k
	}
	return n, nil
}
