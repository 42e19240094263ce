package mhd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/format"
	"dokumentlager/internal/rest"
)

// FuzzSearch holds that no form makes a search without a patient and a status, that its limits hold, and that what goes into the audit
// event does not repeat the patient's parameter.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{"patient.identifier=urn:oid:2.16.578.1.12.4.1.4.1|13116900216&status=current", "patient.identifier=13116900216&status=current,superseded&creation=ge2026&creation=lt2027-02&_count=9999",
		"status=x&patient.identifier=a|b|c^d", "patient.identifier=|&status=|", "category=|,a|b,,&type=urn:oid:1|x", "date=eq2026-13-01&date=ap2026", "homeCommunityId=urn:oid:1.2&identifier=urn:uuid:a,b", "_count=-1&_format=json&x=y",
		"patient.identifier=1&patient.identifier=2", "date=2026-01-01T00:00:00 01:00", "status=%00&patient.identifier=%ff|%fe", strings.Repeat("category=a,", 100),
		`patient.identifier=13116900216&status=current&author.given:contains=ø\,&type:not=a|b&related:identifier=|x&period:missing=true&_sort=-date&_total=accurate`, "creation=ge9999&date=lt0001&period=sa2026-02",
		`status=current&patient=Patient/1&author.family:exact=\&security-label=x\|y|z&_id=A&_lastUpdated=ne2026`} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, text string, strict bool) {
		defer fuzztest.InTime(t)()
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		q, _, err := parseSearch(form, strict)
		if err != nil {
			if p := (*fault.Problem)(nil); !errors.As(err, &p) {
				t.Fatalf("%v is no fault", err)
			}
			return
		}
		if q.Patient.Check() != nil || len(q.Statuses) == 0 || q.Limit < 1 || q.Limit > rest.MaxCount || len(q.Criteria) > rest.MaxCriteria {
			t.Errorf("%q became %+v", text, q)
		}
		for _, c := range q.Criteria {
			if len(c.Tokens) > 2*rest.MaxAlternatives || len(c.Texts) > rest.MaxAlternatives || len(c.Dates) > rest.MaxAlternatives {
				t.Errorf("%q became %+v", text, c)
			}
		}
		if _, err := json.Marshal(q); err != nil {
			t.Errorf("%q fits no cursor: %v", text, err)
		}
		if kept, err := url.ParseQuery(q.Text); err != nil || kept.Has("patient.identifier") {
			t.Errorf("the event would hold %q", q.Text)
		}
	})
}

// FuzzRange holds that a range is inside the document, whatever the header.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0", "bytes=-1", "bytes=5-", "bytes=-0", "bytes=1-2,3-4", "bytes=9223372036854775807-", "bytes=--1", "bytes=-9223372036854775808", "bytes=+1-2", "bits=0-1", "bytes = 0-1"} {
		f.Add(s, "", int64(100))
		f.Add(s, `"00"`, int64(1))
		f.Add(s, `W/"00"`, int64(0))
	}
	f.Fuzz(func(t *testing.T, header, condition string, size int64) {
		defer fuzztest.InTime(t)()
		if size < 0 || size > 60<<20 {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Range", header)
		r.Header.Set("If-Range", condition)
		offset, length, err := rangeOf(r, document.Entry{Size: size, SHA256: []byte{0}})
		if err == nil && (offset < 0 || length < 0 || offset+length > size || length == 0 && size != 0) {
			t.Errorf("%q of %d bytes: %d from %d", header, size, length, offset)
		}
		matches(header, condition)
	})
}

// FuzzAddresses holds that an address of one document is read to a fault or to identifiers without a prefix.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{"documentUniqueId=urn:uuid:a&homeCommunityId=urn:oid:1.2&repositoryUniqueId=1.2.3", "id=x", "documentUniqueId=%00&homeCommunityId=%ff", "homeCommunityId=1.2&homeCommunityId=1.3", ""} {
		f.Add(s, "13116900216")
		f.Add(s, " ")
	}
	f.Fuzz(func(t *testing.T, query, patient string) {
		defer fuzztest.InTime(t)()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.Header.Set(headerPatient, patient)
		w, err := parseRetrieve(r)
		if err == nil && (strings.HasPrefix(w.UniqueID, "urn:oid:") && !strings.Contains(query, "urn:oid:urn:oid:") || w.Patient == "" || strings.TrimSpace(w.Patient) != w.Patient) {
			t.Errorf("%q became %+v", query, w)
		}
		if a, err := statusAddress(r); err == nil && (a.UniqueID == "" || a.HomeCommunity != "" && !document.IsOID(a.HomeCommunity)) {
			t.Errorf("%q became %+v", query, a)
		}
	})
}

// FuzzDecode holds that no bundle that can be read makes the decoder fall over, and that every problem it finds can be placed and told.
func FuzzDecode(f *testing.F) {
	const head = `{"resourceType":"Bundle","type":"transaction","entry":[`
	for _, s := range []string{`{"fullUrl":"urn:uuid:a","resource":{"resourceType":"List","code":{"coding":[{"code":"submissionset"}]},"entry":[{"item":{"reference":"urn:uuid:b"}}],"subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:oid:1.2","value":"1"}]}],"source":{"extension":[{"url":"x","valueReference":{"reference":"#p"}}]}}},{"fullUrl":"urn:uuid:b","resource":{"resourceType":"DocumentReference","content":[{"attachment":{"url":"urn:uuid:c","hash":"AAAA","size":1}}],"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/x"}}],"author":[{"reference":"#a"}],"contained":[{"resourceType":"PractitionerRole","id":"a","practitioner":{"reference":"#a"},"organization":{"reference":"#a"}}]}},{"fullUrl":"urn:uuid:c","resource":{"resourceType":"Binary","data":"SGVp"}}`,
		`{"resource":{"resourceType":"Parameters","parameter":[{"name":"operation"}]},"request":{"method":"PATCH","url":"DocumentReference/x?"}}`, `{"resource":{"resourceType":"DocumentReference","content":[{}]}},{}`, `{"resource":{"resourceType":"DocumentReference","content":[],"relatesTo":[{}]}}`,
		`{"resource":{"resourceType":"DocumentReference","contained":[{"resourceType":"Organization","id":"a","partOf":{"reference":"#a"}}],"author":[{"reference":"#a"}]}}`, `{"resource":{"resourceType":"Bundle"}},{"resource":{"resourceType":"List"}},{"resource":{"resourceType":"X"}}`, ``,
		`{"fullUrl":"urn:uuid:f","resource":{"resourceType":"List","code":{"coding":[{"code":"folder"}]},"extension":[{"url":"https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-designationType"}],"identifier":[{"use":"official","value":"x"}],"entry":[{"deleted":true},{"item":{"reference":"urn:uuid:f"}},{"item":{"identifier":{"value":"1"}}}]},"request":{"method":"PUT","url":"List/0cfedab5-af95-4e82-8d5c-6eee02c86c60"}}`} {
		f.Add([]byte(head + s + "]}"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		defer fuzztest.InTime(t)()
		b, err := fhir.ReadBundle(bytes.NewReader(body), fhir.Limits{}, func(int) (io.WriteCloser, error) { return discarded{}, nil })
		if err != nil {
			return
		}
		m := decode(b, nil, "https://dokumentlager.example")
		for _, p := range m.locate(append(m.request.Problems, fault.New(fault.MetadataError, "x").At("documents[0].document"), fault.New(fault.MetadataError, "x").At("folders[0].items[1]"), fault.New(fault.MetadataError, "x").At("set.patient"))) {
			if p.Safe == "" || strings.Contains(p.Safe, "%!") || strings.HasPrefix(p.Location, "documents[") || strings.HasPrefix(p.Location, "folders[") || strings.HasPrefix(p.Location, "set.") {
				t.Errorf("told as %q at %q", p.Safe, p.Location)
			}
		}
		if len(m.places.folders) != len(m.request.Folders) {
			t.Errorf("%d folders at %d places", len(m.request.Folders), len(m.places.folders))
		}
		if len(m.places.bodies) != len(m.places.documents) || len(m.request.Documents) != len(m.places.documents) {
			t.Errorf("%d documents at %d places with %d bodies", len(m.request.Documents), len(m.places.documents), len(m.places.bodies))
		}
	})
}

type discarded struct{}

func (discarded) Write(p []byte) (int, error) { return len(p), nil }
func (discarded) Close() error                { return nil }

// FuzzIdempotencyKey holds that a key is visible text within its limit, that a list is none, and that quoting it gives it again.
func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{`"8e03978e-40d5-43e8-bc93-6894a57f9324"`, "bare", `"a\"b"`, `"a\\"`, `"`, `""`, `"a";p=1`, `"a", "b"`, "a\x00", "æ", strings.Repeat("k", 300), `"a\x"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		defer fuzztest.InTime(t)()
		key, err := idempotencyKey(http.Header{headerIdempotencyKey: {header}})
		if err != nil {
			if strings.Contains(fault.Of(err).Leading().Safe, header) && len(header) > 12 {
				t.Errorf("the refusal repeats %q", header)
			}
			return
		}
		if key == "" || len(key) > maxKey || strings.IndexFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q became %q", header, key)
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
		if again, err := idempotencyKey(http.Header{headerIdempotencyKey: {quoted}}); err != nil || again != key {
			t.Errorf("%q became %q, and in quotes %q: %v", header, key, again, err)
		}
	})
}

// FuzzContentType holds that a stored type gets into a header only as one media type of visible ASCII.
func FuzzContentType(f *testing.F) {
	for _, s := range []string{"text/plain", "text/plain; charset=utf-8", "text/plain\r\nX-Evil: 1", `text/plain; x="a\r\nb"`, "text/plain; name*=utf-8''%0d%0a", "application/pdf;a=b;a=c", "TEXT/HTML", "a/b; æ=ø", ";", "text/plain; charset=", strings.Repeat("a/", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, stored string) {
		defer fuzztest.InTime(t)()
		sent := contentType(stored)
		if strings.IndexFunc(sent, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q is sent as %q", stored, sent)
		}
		was, _, _ := mime.ParseMediaType(stored)
		is, _, err := mime.ParseMediaType(sent)
		if _, allowed := format.Parse(stored); err != nil || is != was && (allowed || is != "application/octet-stream") {
			t.Errorf("%q is sent as %q: %v", stored, sent, err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Content-Type", stored)
		if rest.WantMedia(r, "application/fhir+json") == nil && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(stored)), "application/fhir+json") {
			t.Errorf("%q is taken", stored)
		}
	})
}
