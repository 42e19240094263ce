package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
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

// FuzzEvents holds that whatever the log's reader is given, it ends with events or an error, and prints no control characters.
func FuzzEvents(f *testing.F) {
	for _, s := range []string{"", "{}\n{}", "{", "null\n", `{"time":"2026-01-01T00:00:00Z","operation":"a\u001b[0m"}`, strings.Repeat("x", 5000), "[]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		defer fuzztest.InTime(t)()
		events, err := readEvents(bytes.NewReader(lines))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := printEvents(&out, events); err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(out.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
			t.Errorf("prints %q", out.Bytes()[i:min(out.Len(), i+20)])
		}
	})
}
