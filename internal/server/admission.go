package server

import (
	"math/rand/v2"
	"runtime"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/obs"
)

// newGate makes the one gate of this process, and lets its metrics be read.
func (p *parts) newGate() *admission.Gate {
	l := p.cfg.Limits
	gate := admission.New(admission.Capacity{Requests: l.InFlight, Work: p.cfg.uploadsAtWork(), Bytes: int64(max(l.UploadBytes, l.Request)),
		Unsized: int64(unsizedUpload)}, p.now, admission.Jitter(rand.Float64), func(why admission.Reason) { p.metrics.Refused(string(why)) })
	p.metrics.Admission(func() obs.Admitted {
		s := gate.State()
		return obs.Admitted{Receiving: s.Receiving, Waiting: s.Waiting, Working: s.Working, Bytes: s.Bytes}
	})
	return gate
}

// unsizedUpload is what a body without a declared length counts until it is whole: one document of the largest size, in base64.
const unsizedUpload = DocumentLimit / 3 * 4

// uploadsAtWork is never more than there are scan slots, so that an upload of one document never waits for the scanner after it has
// waited for its place; and without the operator's word not more than two for each processor, beyond which all get slower and none more.
func (c Config) uploadsAtWork() int {
	work := c.Limits.UploadsAtWork
	if work == 0 {
		work = 2 * runtime.GOMAXPROCS(0)
	}
	return min(work, c.Clamd.Slots)
}
