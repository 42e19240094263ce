package soap_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"strings"
	"testing"
	"testing/iotest"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"
)

// FuzzEnvelope holds that an envelope is refused with a Fault or is XML that Go's decoder takes too, and that what is cut out of it stands alone:
// put into another envelope, it is read the same.
func FuzzEnvelope(f *testing.F) {
	full := begin + `<s:Header>` + action + `<t:x xmlns:t="urn:t" s:mustUnderstand="0">æ</t:x></s:Header>` + body + end
	for _, s := range []string{full, provide("Zmlyc3Q=", include("cid:x")), "\xef\xbb\xbf" + full, `<?xml version="1.0" encoding="latin1"?>` + full, provide("<![CDATA[Zm]]>ly&#13;"),
		`<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Header><a xmlns=""/></Header><Body xmlns:q="urn:q"><q:p q:a=""/></Body></Envelope>`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, message string) {
		defer fuzztest.InTime(t)()
		m, box, err := read("application/soap+xml", message)
		if err != nil {
			refused(t, err)
			return
		}
		if len(box.docs) != m.Documents {
			t.Fatalf("%d sinks, %d documents", len(box.docs), m.Documents)
		}
		d := xml.NewDecoder(bytes.NewReader(m.Body))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%q: the body %q does not stand alone: %v", message, m.Body, err)
			}
		}
		if m.Documents > 0 {
			return // its body has our own references
		}
		blocks := ""
		for _, b := range m.Header.Blocks {
			blocks += string(b.XML)
		}
		outer := `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>` + blocks + `</s:Header><s:Body>` + string(m.Body) + `</s:Body></s:Envelope>`
		again, err := soap.Read("application/soap+xml", strings.NewReader(outer), soap.Options{Understands: []xml.Name{soap.Security}, Documents: []xml.Name{documentElement}, Limits: soap.Limits{Namespaces: 500, Attributes: 500, Header: 1 << 20, Envelope: 4 << 20}})
		if err != nil {
			t.Fatalf("%q was read and not again as %q: %v", message, outer, err)
		}
		if again.Payload != m.Payload || again.Header.Action != m.Header.Action || len(again.Header.Blocks) != len(m.Header.Blocks) {
			t.Fatalf("%q was read otherwise as %q", message, outer)
		}
	})
}

func refused(t *testing.T, err error) {
	t.Helper()
	var f *soap.Fault
	var p *fault.Problem
	switch {
	case errors.As(err, &f):
		checkFault(t, f)
	case !errors.As(err, &p) || p.Code != fault.InvalidContent:
		t.Fatalf("%v is no refusal", err)
	}
}

// FuzzPackage holds that a package is refused or read the same however its bytes arrive, and that a document is closed when and only when it was
// whole.
func FuzzPackage(f *testing.F) {
	one := part("a@x", "text/plain", "first")
	root := rootPart(provide(include("cid:a%40x"), "aW4="))
	f.Add(related, root+one+"--b--")
	f.Add(`multipart/related; boundary='b'`, one+root+"--b--\r\n")
	f.Add(`multipart/related; boundary=b; start=root`, "x\r\n"+strings.ReplaceAll(one+root, "\r", "")+"--b  --\n")
	f.Add(related, root+strings.Replace(one, "binary", "base64", 1)+"--b\r\n")
	f.Fuzz(func(t *testing.T, contentType, message string) {
		defer fuzztest.InTime(t)()
		m, box, err := read(contentType, message)
		again := &inbox{}
		second, secondErr := soap.Read(contentType, iotest.HalfReader(strings.NewReader(message)), again.options())
		if (err == nil) != (secondErr == nil) || strings.Join(box.texts(), "|") != strings.Join(again.texts(), "|") && err == nil {
			t.Fatalf("%v, %q; by halves %v, %q", err, box.texts(), secondErr, again.texts())
		}
		if err != nil {
			refused(t, err)
			return
		}
		for i, closed := range box.closed {
			if !closed {
				t.Fatalf("document %d of a whole message is not closed", i)
			}
		}
		if string(m.Body) != string(second.Body) {
			t.Fatalf("%q, by halves %q", m.Body, second.Body)
		}
	})
}

// FuzzMediaType holds the tolerant reader of Content-Type against the standard library's: what that one reads is read the same, as far as it
// matters here.
func FuzzMediaType(f *testing.F) {
	for _, s := range []string{related, simple, `a/b; c='d'`, `a/b; c="d\"e"; f`, `multipart/related; boundary=uuid:1/2=; type="a/b; c="d""`, `a/b;;c=`, "A/B ; C = D"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.InTime(t)()
		name, params, ok := soap.ParseMediaTypeForTest(s)
		want, wantParams, err := mime.ParseMediaType(s)
		if err != nil || len(s) > 2000 || len(wantParams) > 16 || strings.ContainsAny(s, "*'\\") || !ok {
			return
		}
		if name != want {
			t.Fatalf("%q is %q, the standard library says %q", s, name, want)
		}
		for k, v := range wantParams {
			if params[k] != v && strings.TrimSpace(params[k]) != strings.TrimSpace(v) {
				t.Fatalf("%q: %s is %q, the standard library says %q", s, k, params[k], v)
			}
		}
	})
}
