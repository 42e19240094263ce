package soap_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"dokumentlager/internal/soap"
)

// BenchmarkPackage is one document of 60 MB in a part; BenchmarkInline the same in the envelope, in lines of 76 characters.
func BenchmarkPackage(b *testing.B) {
	const size = 60_000_000
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		message := io.MultiReader(strings.NewReader(rootPart(provide())+"--b\r\n\r\n"), long(size), strings.NewReader("\r\n--b--"))
		drain(b, related, message)
	}
}

func BenchmarkInline(b *testing.B) {
	const size = 60_000_000
	line := []byte(base64.StdEncoding.EncodeToString(make([]byte, 57)) + "\r\n")
	head, tail, _ := strings.Cut(provide(" @ "), "@")
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		drain(b, simple, io.MultiReader(strings.NewReader(head), &repeated{line: line, n: size / 57}, strings.NewReader(tail)))
	}
}

func drain(b *testing.B, contentType string, message io.Reader) {
	b.Helper()
	var n int64
	_, err := soap.Read(contentType, message, soap.Options{Documents: []xml.Name{documentElement}, Open: func(soap.Incoming) (io.WriteCloser, error) { return counted{&n}, nil }})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkEnvelope is a query with a token of 10 KB.
func BenchmarkEnvelope(b *testing.B) {
	message := []byte(begin + `<s:Header>` + action + `<t:x xmlns:t="urn:t">` + strings.Repeat(`<t:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:role"><t:Value>CE</t:Value></t:Attribute>`, 100) + `</t:x></s:Header>` + body + end)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := soap.Read(simple, bytes.NewReader(message), soap.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
