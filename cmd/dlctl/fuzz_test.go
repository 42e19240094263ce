package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fhir"
)

// FuzzRefusal holds that no answer of a server writes to the terminal of the one who asked.
func FuzzRefusal(f *testing.F) {
	for _, s := range []string{`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"x","diagnostics":"a\u001b[31m\nb","expression":["c"],"details":{"text":"t","coding":[{"code":"d\u009b"}]}}]}`, "<html>", "", `{"resourceType":"OperationOutcome"}`, `{"resourceType":"Patient"}`} {
		f.Add([]byte(s), "400 Bad Request", "3", "r-1")
		f.Add([]byte(s), "\x1b[2J", "\x07", "\u202e")
	}
	f.Fuzz(func(t *testing.T, body []byte, status, retry, id string) {
		defer fuzztest.InTime(t)()
		text := refusalOf(&http.Response{Status: status, Header: http.Header{"Retry-After": {retry}, "X-Request-Id": {id}, "Www-Authenticate": {status}}, Body: io.NopCloser(bytes.NewReader(body))}).Error()
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }); i >= 0 {
			t.Errorf("writes %q", text[i:min(len(text), i+20)])
		}
	})
}

// FuzzEvents holds that whatever a page of the log holds, it ends with a table or an error, and prints no control characters.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{"{}", `{"resourceType":"Bundle"}`, `{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"AuditEvent"}}]}`,
		`{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"AuditEvent","recorded":"2026-01-01T00:00:00Z","outcome":"\u001b[0m","agent":[{"requestor":true,"name":"a\u001b[0m"}],"entity":[{"what":{"type":"Patient"}}]}},{"resource":{"resourceType":"OperationOutcome"}}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		defer fuzztest.InTime(t)()
		resource, err := fhir.ParseResource(bytes.NewReader(body), maxAnswer)
		if err != nil {
			return
		}
		page, ok := fhir.As[fhir.Bundle](resource)
		if !ok {
			return
		}
		var log eventLog
		log.add(page)
		var out bytes.Buffer
		if err := log.print(&out); err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
			t.Errorf("prints %q", out.Bytes()[i:min(out.Len(), i+20)])
		}
	})
}
