//go:build bench

package bench

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
)

const openRounds = 21

// open compares ITI-68 with a get of the same object from the store.
func (r *rig) open(t *testing.T) {
	of := r.service.Tenant(t)
	document := servicetest.BundleFor(of)
	content := r.press.pdf(large)
	want := sha256.Sum256(content)
	stored := r.service.Writer(t, of.Organisations[0]).Upload(t, r.press.bundle(t, document, pdfOfImages, content))
	if stored.Status != http.StatusOK {
		t.Fatalf("%d %s", stored.Status, stored.Body)
	}
	doctor := r.service.Doctor(t, servicetest.Organisation())
	address := "/mhd/document?" + url.Values{"documentUniqueId": {document.Docs[0].BinaryID}, "homeCommunityId": {of.HomeCommunity},
		"repositoryUniqueId": {of.Repository}}.Encode()
	ours := func(w io.Writer) time.Duration {
		req := r.service.Request(t, http.MethodGet, address, nil, "nhn-patient-nin", servicetest.Patient)
		doctor.Sign(t, req)
		return r.timed(t, req, w)
	}
	key := r.floor.only(t, of.SchemaName)
	direct := func(w io.Writer) time.Duration { return r.floor.get(t, key, w) }
	for name, get := range map[string]func(io.Writer) time.Duration{"opened": ours, "in the store": direct} {
		digest := sha256.New()
		if get(digest); !bytes.Equal(digest.Sum(nil), want[:]) {
			t.Fatalf("the bytes %s are not those sent", name)
		}
	}
	whole := func(get func(io.Writer) time.Duration) func() time.Duration {
		return func() time.Duration {
			var n counter
			took := get(&n)
			if n != large {
				t.Fatalf("%d bytes", n)
			}
			return took
		}
	}
	taken := alternate(openRounds, 2, whole(ours), whole(direct))
	r.milliseconds("open of 60 MiB, against a direct S3 get", taken[0].median(), taken[1].median())
}
