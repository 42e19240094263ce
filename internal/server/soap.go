package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/xds"
)

// soapDoor makes the SOAP addresses; nil when no issuer of assertions is configured: then they are not there.
func (p *parts) soapDoor(gate *admission.Gate, submissions *submission.Service, disclosures *disclosure.Service) *xds.Door {
	if p.assertions == nil {
		return nil
	}
	front := endpoint.New(endpoint.Config{Verifier: p.assertions, Admission: gate, Objects: p.objects, Log: p.refusals(), NewID: newRequestID, HeaderTimeout: p.cfg.Limits.HeaderTimeout, Deferred: xds.Deferred{Delivery: p.delivery},
		Limits: soap.Limits{Total: int64(p.cfg.Limits.Request), Early: int64(DocumentLimit)}})
	door := xds.New(xds.Config{Front: front, Submissions: submissions, Disclosures: disclosures, Now: p.now, Objects: p.cfg.Limits.QueryObjects})
	p.delivery.Answer = door.Later
	return door
}

// soapAddresses are those whose answers are SOAP, whoever gives them.
var soapAddresses = map[string]bool{xds.Gateway: true, xds.Registry: true, xds.Repository: true}

// refusals keeps the audit events of what the front of the SOAP doors refuses.
func (p *parts) refusals() *soapLog {
	s := &soapLog{parts: p}
	s.strangers = thinnedEvents{most: strangersMost, window: time.Minute, write: s.control}
	return s
}

// strangersMost is how many refused assertions have an event of their own in a minute; the others of that minute share one.
const strangersMost = 10

// soapLog implements endpoint.Log.
type soapLog struct {
	*parts
	strangers thinnedEvents
}

// Refused goes where the other doors' refusals go: a reader's to the control log, a record system's to its own instance's.
func (s *soapLog) Refused(ctx context.Context, actor audit.Actor, action audit.Action, operation string, why error) error {
	event := audit.New(s.now(), actor, action, operation).Refused(why)
	if action == audit.Read {
		return s.audit.RecordControl(ctx, event)
	}
	return s.record(ctx, actor.Organisation, event)
}

// Stranger keeps an event of an assertion that was not taken. It names nobody, because nobody is known; and since anybody can cause any number, few
// are kept, with one that tells how many more there were (docs/audit.md).
func (s *soapLog) Stranger(ctx context.Context, actor audit.Actor, action audit.Action, operation string, why error) {
	s.strangers.add(ctx, audit.New(s.now(), actor, action, operation).Refused(why))
}

func (s *soapLog) control(ctx context.Context, event audit.Event) {
	if err := s.audit.RecordControl(ctx, event); err != nil {
		s.log.ErrorContext(ctx, "an audit event could not be written", "operation", event.Operation, "component", string(fault.PartOf(err)), "error", err)
	}
}

// thinnedEvents writes the first events of a time, and when it is over one that stands for the others.
type thinnedEvents struct {
	most   int
	window time.Duration
	write  func(context.Context, audit.Event)

	mu            sync.Mutex
	written, left int
	last          audit.Event
}

func (t *thinnedEvents) add(ctx context.Context, e audit.Event) {
	if t.take(e) {
		t.write(ctx, e)
	}
}

// take counts an event and tells whether it is written. The first one begins the window.
func (t *thinnedEvents) take(e audit.Event) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written+t.left == 0 {
		time.AfterFunc(t.window, t.end)
	}
	if t.written < t.most {
		t.written++
		return true
	}
	t.left, t.last = t.left+1, e
	return false
}

// end writes the last event that was left out, for all of them.
func (t *thinnedEvents) end() {
	t.mu.Lock()
	left, last := t.left, t.last
	t.written, t.left, t.last = 0, 0, audit.Event{}
	t.mu.Unlock()
	if left > 0 {
		last.Detail.Count = left
		t.write(context.Background(), last)
	}
}

// isSOAP says that an answer to this request must be a SOAP message.
func isSOAP(r *http.Request) bool { return soapAddresses[r.URL.Path] }
