package api_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/terminology"

	"github.com/getkin/kin-openapi/openapi3"
)

func asJSON(t *testing.T, value any) []byte {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// sink takes the one document of the example.
type sink struct{ bytes.Buffer }

func (*sink) Close() error { return nil }

// TestUploadExampleIsTaken reads the bundle with the service's own reader and checks what the rules would: hash and size, codes, patient.
func TestUploadExampleIsTaken(t *testing.T) {
	t.Parallel()
	body := asJSON(t, load(t).Components.Examples["ProvideBundle"].Value.Value)
	var received sink
	bundle, err := fhir.ReadBundle(bytes.NewReader(body), fhir.Limits{}, func(int) (io.WriteCloser, error) { return &received, nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range bundle.Entry {
		if ref, ok := fhir.As[fhir.DocumentReference](e.Resource); ok {
			checkReference(t, ref, received.Bytes())
		}
		if p, ok := fhir.As[fhir.Patient](e.Resource); ok {
			id := document.PatientID{Value: p.Identifier[0].Value, Authority: document.StripURN(p.Identifier[0].System)}
			if err := document.CheckNorwegian(id, false); err != nil {
				t.Error(err)
			}
		}
	}
}

func checkReference(t *testing.T, ref *fhir.DocumentReference, received []byte) {
	t.Helper()
	a := ref.Content[0].Attachment
	if sum := sha1.Sum(received); a.Hash != base64.StdEncoding.EncodeToString(sum[:]) || *a.Size != int64(len(received)) {
		t.Errorf("hash %s and size %d are not those of the %d bytes", a.Hash, *a.Size, len(received))
	}
	for field, c := range map[terminology.Field]fhir.Coding{
		terminology.Class: ref.Category[0].Coding[0], terminology.Type: ref.Type.Coding[0], terminology.Format: *ref.Content[0].Format,
		terminology.Facility: ref.Context.FacilityType.Coding[0], terminology.Practice: ref.Context.PracticeSetting.Coding[0],
		terminology.Confidentiality: ref.SecurityLabel[0].Coding[0],
	} {
		if p := terminology.Check(field, document.Code{Value: c.Code, System: terminology.Canonical(c.System)}); p != nil {
			t.Errorf("%s: %s", field, p)
		}
		if want := terminology.Display(terminology.Canonical(c.System), c.Code); want != c.Display && c.Display != "" {
			t.Errorf("%s: the display is %q, not %q", field, want, c.Display)
		}
	}
}

// TestPatchExamplesAreTaken reads both forms with the service's own reader.
func TestPatchExamplesAreTaken(t *testing.T) {
	t.Parallel()
	content := load(t).Paths.Value("/R4/fhir/DocumentReference/{id}").Patch.RequestBody.Value.Content
	if len(content) != 2 {
		t.Fatalf("%d forms of a PATCH, want 2", len(content))
	}
	for name, media := range content {
		for _, e := range media.Examples {
			patch, err := fhir.ReadPatch(bytes.NewReader(asJSON(t, e.Value.Value)), 1<<16)
			if err != nil || len(patch.SecurityLabel) == 0 {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestOutcomeExamplesAreAsAnswered rebuilds each example of a refusal from its codes and texts: the service must write the same.
func TestOutcomeExamplesAreAsAnswered(t *testing.T) {
	t.Parallel()
	found := 0
	for name, o := range operations(t) {
		for status, response := range o.Responses.Map() {
			for _, e := range outcomes(response.Value) {
				found++
				if status >= "400" {
					sameOutcome(t, name+" "+status, codesOf(t, response.Value, "x-error-codes"), asJSON(t, e.Value))
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d OperationOutcome examples were looked at", found)
	}
}

func outcomes(r *openapi3.Response) (all []*openapi3.Example) {
	for _, media := range r.Content {
		for _, e := range media.Examples {
			if value, ok := e.Value.Value.(map[string]any); ok && value["resourceType"] == "OperationOutcome" {
				all = append(all, e.Value)
			}
		}
	}
	return all
}

func sameOutcome(t *testing.T, name string, described []fault.Code, example []byte) {
	t.Helper()
	var outcome fhir.OperationOutcome
	if err := json.Unmarshal(example, &outcome); err != nil {
		t.Fatal(err)
	}
	var problems fault.Problems
	for _, issue := range outcome.Issue {
		coding := issue.Details.Coding
		p := fault.New(fault.Code(coding[len(coding)-1].Code), "%s", issue.Details.Text)
		if _, rule, ok := strings.Cut(issue.Diagnostics, "(rule "); ok {
			p.Rule = strings.TrimSuffix(rule, ")")
		}
		if len(issue.Expression) > 0 {
			p.Location = issue.Expression[0]
		}
		if issue.Severity == "warning" {
			p.AsWarning()
		} else if !slices.Contains(described, p.Code) {
			t.Errorf("%s: the example has %s, which is not among the codes", name, p.Code)
		}
		problems.Add(p)
	}
	if want, got := asJSON(t, fhir.Outcome(problems)), asJSON(t, outcome); !bytes.Equal(want, got) {
		t.Errorf("%s: the service would write\n%s\nthe example has\n%s", name, want, got)
	}
}

// TestServedByTheRouter asks through the real router: its headers must not get in the page's way.
func TestServedByTheRouter(t *testing.T) {
	t.Parallel()
	r := router(t)
	for _, c := range []struct{ method, path, mediaType string }{
		{"GET", "/docs", "text/html; charset=utf-8"}, {"HEAD", "/docs", "text/html; charset=utf-8"},
		{"GET", "/openapi.yaml", "application/yaml; charset=utf-8"},
	} {
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, httptest.NewRequest(c.method, c.path, nil))
		h := rec.Header()
		if rec.Code != http.StatusOK || h.Get("Content-Type") != c.mediaType || h.Get("ETag") == "" {
			t.Fatalf("%s %s: %d %v", c.method, c.path, rec.Code, h)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", c.path, csp)
		}
		if empty := rec.Body.Len() == 0; empty != (c.method == "HEAD") {
			t.Errorf("%s %s: body of %d bytes", c.method, c.path, rec.Body.Len())
		}
		again := httptest.NewRequest(c.method, c.path, nil)
		again.Header.Set("If-None-Match", h.Get("ETag"))
		rec = httptest.NewRecorder()
		r.ServeHTTP(rec, again)
		if rec.Code != http.StatusNotModified {
			t.Errorf("%s with its ETag: %d", c.path, rec.Code)
		}
	}
}
