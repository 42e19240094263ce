//go:build bench

package bench

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
)

// uploadRounds of each kind: a scan takes seconds.
const uploadRounds = 5

// upload compares a whole ITI-65 with what it cannot do without: the scan and the put, one after the other, and the slower of the two alone,
// since they run beside each other (issue 3).
func (r *rig) upload(t *testing.T) {
	for _, k := range []kind{pdfOfImages, plainText} {
		of := r.service.Tenant(t)
		writer := r.service.Writer(t, of.Organisations[0])
		taken := alternate(uploadRounds, 1,
			func() time.Duration {
				message := r.press.bundle(t, servicetest.BundleFor(of), k, k.make(r.press, large))
				req := r.service.Request(t, http.MethodPost, "/R4/fhir/Bundle", bytes.NewReader(message), "Content-Type", "application/fhir+json")
				writer.Sign(t, req)
				return r.timed(t, req, io.Discard)
			},
			func() time.Duration { return r.floor.scan(t, k.make(r.press, large)) },
			// The same bytes as were scanned: the store does not mind, and they are as fresh to it.
			func() time.Duration { return r.floor.put(t, r.press.page) },
		)
		ours, scan, put := taken[0], taken[1], taken[2]
		name := "upload of 60 MiB, " + k.name
		r.milliseconds(name+", against clamd scan then S3 put", ours.median(), scan.plus(put).median())
		r.milliseconds(name+", against the slower of clamd scan and S3 put alone", ours.median(), max(scan.median(), put.median()))
		t.Logf("%s: ours %v, scan %v, put %v", k.name, ours, scan, put)
		if got := r.service.Rows(t, of, "document_entry"); got != 1+uploadRounds {
			t.Fatalf("%d documents registered, %d sent", got, 1+uploadRounds)
		}
	}
}
