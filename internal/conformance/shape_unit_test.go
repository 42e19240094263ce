package conformance

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
)

// TestShape: the structural check says what is wrong with IHE's own examples when something is taken from them, and nothing when not.
func TestShape(t *testing.T) {
	t.Parallel()
	from := thirdparty(t)
	p := readProfiles(t, filepath.Join(from.dir, "ihe-mhd"))
	cases := []struct {
		name, profile string
		change        func(bundle, resource servicetest.Object)
		want          string
	}{
		{"as it is", profileFound, func(servicetest.Object, servicetest.Object) {}, ""},
		{"no total", profileFound, func(b, _ servicetest.Object) { delete(b, "total") }, "Bundle.total: there are 0, 1 to 1 are needed"},
		{"no total, and why", profileFound, func(b, _ servicetest.Object) { delete(b, "total"); b["_total"] = servicetest.Object{} }, ""},
		{"another type", profileFound, func(b, _ servicetest.Object) { b["type"] = "collection" }, "Bundle.type: it must be searchset"},
		{"an unknown element", profileFound, func(b, _ servicetest.Object) { b["totals"] = 1 }, "Bundle.totals: no such element"},
		{"no masterIdentifier", "", func(_, r servicetest.Object) { delete(r, "masterIdentifier") }, "Bundle.entry[0].masterIdentifier: there are 0, 1 to 1 are needed"},
		{"a masterIdentifier of another use", "", func(_, r servicetest.Object) { r["masterIdentifier"].(servicetest.Object)["use"] = "old" },
			"Bundle.entry[0].masterIdentifier.use: it must be usual"},
		{"no content type", "", func(_, r servicetest.Object) { delete(attachment(r), "contentType") },
			"Bundle.entry[0].content[0].attachment[0].contentType: there are 0, 1 to 1 are needed"},
		{"a profile that is none", "", func(_, r servicetest.Object) {
			r["meta"] = servicetest.Object{"profile": []any{"http://example.org/x"}}
		},
			"Bundle.entry[0].meta.profile: no profile of MHD or BALP has this address"},
		{"an outcome without issues", "", func(b, _ servicetest.Object) {
			b["entry"] = append(b["entry"].([]any), servicetest.Object{"fullUrl": "urn:uuid:1", "resource": servicetest.Object{"resourceType": "OperationOutcome"}})
		}, "Bundle.entry[1].issue: there are 0, 1 to * are needed"},
	}
	for _, c := range cases {
		bundle := parse(t, from.read(t, examples+"Bundle-ex-findDocumentReferencesResponse.json"))
		_, found := resources(bundle, "DocumentReference")
		found[0]["meta"] = servicetest.Object{"profile": []any{definitions + "IHE.MHD.Minimal.DocumentReference"}}
		c.change(bundle, found[0])
		problems := p.shape(c.profile, "Bundle", bundle)
		slices.Sort(problems)
		if got := strings.Join(slices.Compact(problems), "\n"); got != c.want {
			t.Errorf("%s: said %q, want %q", c.name, got, c.want)
		}
	}
}
