package rest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

// TestFormOfAccept follows RFC 9110 §12.5.1.
func TestFormOfAccept(t *testing.T) {
	t.Parallel()
	const none = "none"
	for accept, want := range map[string]string{
		"":                        "json",
		" ":                       "json",
		"*/*":                     "json",
		"application/*":           "json",
		"application/fhir+json":   "json",
		"application/json":        "json",
		"text/json":               "json",
		"application/fhir+xml":    "xml",
		"application/xml":         "xml",
		"text/xml; charset=utf-8": "xml",
		"APPLICATION/FHIR+XML":    "xml",
		"application/fhir+json, application/fhir+xml":                         "json",
		"application/fhir+xml, application/fhir+json":                         "xml",
		"application/fhir+xml;q=0.9,application/fhir+json;q=0.8":              "xml",
		"application/fhir+xml;q=0.8,application/fhir+json;q=0.9":              "json",
		"application/fhir+xml;q=0.5, */*;q=0.1":                               "xml",
		"application/fhir+xml;q=0.5, */*":                                     "json",
		"application/xml, */*":                                                "xml",
		"*/*, application/xml":                                                "xml",
		"application/fhir+json;q=0, */*":                                      "xml",
		"application/fhir+json;q=0, application/*;q=0.3, */*;q=0":             "xml",
		"application/fhir+xml;q=0, application/fhir+json;q=0, */*":            none,
		"application/*;q=0, */*":                                              none,
		"application/json;q=0.2, application/fhir+json;q=0.9, text/xml;q=0.8": "json",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":     "xml",
		"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2":                "json",
		"text/html": none,
		"text/*":    none,
		"application/pdf, application/fhir+turtle":            none,
		"application/fhir+json;q=0":                           none,
		"*/*;q=0":                                             none,
		"application/fhir+xml;q=nan":                          none,
		"application/fhir+xml;q=2":                            none,
		"application/fhir+xml;q=-1":                           none,
		"application/fhir+xml;q=high, application/json;q=0.1": "json",
		"application/fhir+xml; fhirVersion=4.0":               "xml",
		`application/fhir+xml; FHIRVersion="4.0"; q=1`:        "xml",
		"application/fhir+xml; fhirVersion=3.0":               none,
		"application/fhir+xml; fhirVersion=5.0, application/fhir+json; fhirVersion=4.0;q=0.1": "json",
		`application/pdf;a="application/fhir+xml, application/fhir+xml", application/json`:    "json",
		`application/pdf;a="\", application/fhir+xml, "`:                                      none,
		"application/json;q=nan":                                          none,
		`application/pdf;a="\", application/fhir+xml"`:                    none,
		"application/fhir+xml; charset":                                   "xml",
		",, application/fhir+xml ,":                                       "xml",
		"\xff/\x00, ;;, /":                                                none,
		strings.Repeat("text/html,", 5000) + "application/fhir+xml;q=0.1": "xml",
	} {
		got, err := FormOf(&http.Request{URL: &url.URL{}, Header: http.Header{"Accept": {accept}}})
		name := got.Name()
		if err != nil {
			name = none
		}
		if name != want {
			t.Errorf("%.100q: %s, want %s", accept, name, want)
		}
	}
	several := http.Header{"Accept": {"text/html", "application/fhir+xml"}}
	if got, err := FormOf(&http.Request{URL: &url.URL{}, Header: several}); got != InXML || err != nil {
		t.Errorf("two Accept headers: %s, %v", got.Name(), err)
	}
}

// TestFormOfFormat: _format wins over Accept, in the address and in a form.
func TestFormOfFormat(t *testing.T) {
	t.Parallel()
	const none = "none"
	for _, c := range []struct{ query, body, accept, want string }{
		{"_format=xml", "", "application/fhir+json", "xml"},
		{"_format=json", "", "application/fhir+xml", "json"},
		{"_format=json", "", "text/html", "json"},
		{"_format=application/fhir+xml", "", "", "xml"},
		{"_format=application%2Ffhir%2Bxml", "", "", "xml"},
		{"_format=application/fhir+json%3B+fhirVersion%3D4.0", "", "", "json"},
		{"_format=text/xml", "", "", "xml"},
		{"_format=", "", "application/fhir+xml", "xml"},
		{"_format=html", "", "application/fhir+json", none},
		{"_format=xml%3BfhirVersion%3D3.0", "", "", none},
		{"_format=xml&_format=application/xml", "", "", "xml"},
		{"_format=xml&_format=json", "", "", none},
		{"", "_format=xml", "application/fhir+json", "xml"},
		{"", "_format=html", "application/fhir+json", none},
		{"_format=json", "_format=xml", "", none},
		{"", "", "", "json"},
	} {
		form, _ := url.ParseQuery(c.body)
		r := &http.Request{URL: &url.URL{RawQuery: c.query}, Header: http.Header{"Accept": {c.accept}}, PostForm: form}
		got, err := FormOf(r)
		name := got.Name()
		if err != nil {
			name = none
		}
		if name != c.want {
			t.Errorf("%+v: %s", c, name)
		}
		if kept := KeptFormat(r); err == nil && (kept == "&_format="+name) != (len(formats(r)) > 0) {
			t.Errorf("%+v: the next page would have %q", c, kept)
		}
	}
}

// TestOnlyFormat: a search has nothing else in its address, not even what a lenient reader overlooks (R1).
func TestOnlyFormat(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{"": true, "_format=xml": true, "_format=a&_format=b": true, "patient.identifier=1": false, "_format=xml&status=current": false,
		"_format=xml;patient.identifier=1": false, "_Format=xml": false, "%zz=1": false, "1": false} {
		if got := onlyFormat(&url.URL{RawQuery: query}); got != want {
			t.Errorf("%q: %t", query, got)
		}
	}
}

// TestWantMedia: uploads are JSON of FHIR 4.0, and whoever sends XML is told so.
func TestWantMedia(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]string{
		"application/fhir+json": "", "application/json; charset=utf-8": "", "application/fhir+json; fhirVersion=4.0": "",
		"application/fhir+json; fhirVersion=3.0": "FHIR version 4.0", "application/fhir+xml": "in JSON only", "text/xml": "in JSON only", "": "Content-Type application/fhir+json", "text/plain": "Content-Type application/fhir+json",
	} {
		err := WantMedia(&http.Request{Header: http.Header{"Content-Type": {media}}}, "application/fhir+json", "application/json")
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", media, err)
		case want != "" && (err == nil || fault.Of(err).Leading().Code != fault.WrongMediaType || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", media, err)
		}
	}
}

// FuzzFormOf holds that whatever Accept and an address say, the answer is a form that they named or a refusal that says so, and that the
// next page's address leads to the same form.
func FuzzFormOf(f *testing.F) {
	for _, accept := range []string{"", "*/*", "application/fhir+xml;q=0.5, */*;q=0.1", "application/fhir+json; fhirVersion=4.0", `a/b;c="\",x"`, "application/json;q=nan,,;"} {
		for _, query := range []string{"", "_format=xml", "_format=application/fhir+json%3Bq=1&_format=json", "_format=%ff;&a"} {
			f.Add(accept, query)
		}
	}
	f.Fuzz(func(t *testing.T, accept, query string) {
		defer fuzztest.InTime(t)()
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{"Accept": {accept}}}
		got, err := FormOf(r)
		if err != nil {
			if got != InJSON || fault.Of(err).Leading().Code != fault.NotAcceptable {
				t.Errorf("%s, %v", got.Name(), err)
			}
			return
		}
		said := strings.ToLower(accept + strings.Join(formats(r), ""))
		if strings.TrimSpace(said) != "" && !strings.Contains(said, "*") && !strings.Contains(said, got.Name()) {
			t.Errorf("%q and %q became %s", accept, query, got.Name())
		}
		if kept := KeptFormat(r); kept != "" {
			if next, err := FormOf(&http.Request{URL: &url.URL{RawQuery: "_cursor=x" + kept}, Header: r.Header}); err != nil || next != got {
				t.Errorf("the next page would be %s (%v), not %s", next.Name(), err, got.Name())
			}
		}
	})
}
