package api_test

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"dokumentlager/api"
	"dokumentlager/internal/fault"

	nethtml "golang.org/x/net/html"
)

func fetchPage(t *testing.T) (string, http.Header) {
	t.Helper()
	rec := httptest.NewRecorder()
	api.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/docs", nil))
	if rec.Code != http.StatusOK {
		t.Fatal(rec.Code)
	}
	return rec.Body.String(), rec.Header()
}

// TestPageHasEverything: each operation with its parameters, statuses and scopes, and each error code.
func TestPageHasEverything(t *testing.T) {
	t.Parallel()
	page, _ := fetchPage(t)
	for name, o := range operations(t) {
		article, ok := between(page, `<article id="`+o.OperationID+`">`, "</article>")
		if !ok {
			t.Errorf("%s is not on the page", name)
			continue
		}
		method, path, _ := strings.Cut(name, " ")
		want := []string{`<code>` + html.EscapeString(path) + `</code>`, ">" + method + "<", html.EscapeString(o.Summary), "curl -sS"}
		for status := range o.Responses.Map() {
			want = append(want, status)
		}
		for _, p := range o.Parameters {
			want = append(want, "<dt><code>"+p.Value.Name+"</code>")
		}
		for _, text := range want {
			if !strings.Contains(article, text) {
				t.Errorf("%s: %q is not in its article", name, text)
			}
		}
	}
	for code, info := range fault.Codes() {
		row, ok := between(page, `<tr id="error-`+string(code)+`">`, "</tr>")
		if !ok || !strings.Contains(html.UnescapeString(row), info.Meaning) {
			t.Errorf("the code %s is not on the page with its meaning", code)
		}
	}
}

func between(text, begin, end string) (string, bool) {
	_, rest, ok := strings.Cut(text, begin)
	if !ok {
		return "", false
	}
	inner, _, ok := strings.Cut(rest, end)
	return inner, ok
}

// TestPageNeedsNothing: nothing is loaded, nothing runs, every inner link leads somewhere, ids are unique, and the policy's hash is
// that of the style on the page.
func TestPageNeedsNothing(t *testing.T) {
	t.Parallel()
	page, header := fetchPage(t)
	ids, links := map[string]int{}, []string{}
	tokens := nethtml.NewTokenizer(strings.NewReader(page))
	for {
		kind := tokens.Next()
		if kind == nethtml.ErrorToken {
			if tokens.Err() != io.EOF {
				t.Fatal(tokens.Err())
			}
			break
		}
		token := tokens.Token()
		if kind != nethtml.StartTagToken {
			continue
		}
		switch token.Data {
		case "script", "link", "img", "iframe", "object", "form", "base":
			t.Errorf("the page has a <%s>", token.Data)
		}
		for _, a := range token.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "href":
				links = append(links, a.Val)
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s> has %s, which the policy forbids", token.Data, a.Key)
			}
		}
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("the id %q stands %d times", id, n)
		}
	}
	for _, l := range links {
		if target, inner := strings.CutPrefix(l, "#"); inner && ids[target] == 0 {
			t.Errorf("the link #%s leads nowhere", target)
		}
	}
	style, _ := between(page, "<style>", "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(header.Get("Content-Security-Policy"), want) {
		t.Errorf("the policy does not allow the page's own style: %s", header.Get("Content-Security-Policy"))
	}
	if found := regexp.MustCompile(`url\(|@import|https?:`).FindString(style); found != "" {
		t.Errorf("the style loads something: %s", found)
	}
}

// TestCurl: the commands that vendors paste first, word for word.
func TestCurl(t *testing.T) {
	t.Parallel()
	page, _ := fetchPage(t)
	for id, want := range map[string]string{
		"ping": `curl -sS -i "$BASE/ping"`,
		"validateBundle": `eval "$(dlctl token POST "/R4/fhir/Bundle/\$validate")"   # sets BASE, TOKEN and PROOF
curl -sS -i "$BASE/R4/fhir/Bundle/\$validate" \
  -H "Authorization: DPoP $TOKEN" -H "DPoP: $PROOF" \
  -H 'nhn-source-system: MittEPJ/26.2' \
  -H 'Content-Type: application/fhir+json' \
  --data-binary @bundle.json`,
		"deleteDocument": `eval "$(dlctl token DELETE "/R4/fhir/DocumentReference/7da057fc-5d62-475d-889a-0c68cc712563")"   # sets BASE, TOKEN and PROOF
curl -sS -i -X DELETE "$BASE/R4/fhir/DocumentReference/7da057fc-5d62-475d-889a-0c68cc712563?homeCommunityId=2.16.578.1.12.4.5.100.1.1" \
  -H "Authorization: DPoP $TOKEN" -H "DPoP: $PROOF" \
  -H 'nhn-source-system: MittEPJ/26.2'`,
		"searchDocuments": `eval "$(dlctl token POST "/R4/fhir/DocumentReference/_search")"   # sets BASE, TOKEN and PROOF
curl -sS -i "$BASE/R4/fhir/DocumentReference/_search" \
  -H "Authorization: DPoP $TOKEN" -H "DPoP: $PROOF" \
  -H 'nhn-source-system: MittEPJ/26.2' \
  --data-urlencode 'patient.identifier=urn:oid:2.16.578.1.12.4.1.4.1|13116900216' \
  --data-urlencode 'status=current' \
  --data-urlencode 'creation=ge2026-01-01'`,
		"getAuditEvents": `curl -sS -i "$BASE/R4/fhir/AuditEvent?date=ge2026-11-01&date=le2026-11-30" \`,
		"searchAuditEvents": `  --data-urlencode 'date=ge2026-11-01' \
  --data-urlencode 'date=le2026-11-30' \
  --data-urlencode 'patient.identifier=urn:oid:2.16.578.1.12.4.1.4.1|13116900216' \`,
	} {
		article, _ := between(page, `<article id="`+id+`">`, "</article>")
		if !strings.Contains(html.UnescapeString(article), want) {
			t.Errorf("%s: the page does not have\n%s", id, want)
		}
	}
}
