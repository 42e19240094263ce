package server

import (
	"context"
	"net/http"
	"time"

	"dokumentlager/api"
	"dokumentlager/internal/atna"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/helsenorge"
	"dokumentlager/internal/innsyn"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/mhd"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/submission"
)

// tenantDeadline is how long a list waits for one tenant before it goes on without it, and says so.
const tenantDeadline = 5 * time.Second

// doors makes the protocols' doors from the parts. This is the one place where a new door is wired.
func (p *parts) doors(ctx context.Context, version string) ([]Door, error) {
	submissions := &submission.Service{DB: p.db, Tenants: p.tenants, Objects: p.objects, Log: p.audit, Locator: p.locator, Queue: p.queue,
		Keys: p.keys, Synthetic: p.cfg.SyntheticIdentities, Register: p.patients(), Unverified: p.cfg.Persontjenesten.Unverified, Now: p.now, Fail: p.fail}
	disclosures := &disclosure.Service{DB: p.db, Tenants: p.tenants, Objects: p.objects, Log: p.audit, Locator: p.locator,
		Register: p.register(), Policy: p.policy(ctx), TenantDeadline: tenantDeadline, Now: p.now}
	gate := p.newGate()
	front := rest.NewFront(p.verifier, gate)
	documents, err := mhd.New(mhd.Config{Front: front, Submissions: submissions, Disclosures: disclosures, Admission: gate, BaseURL: p.cfg.PublicBaseURL,
		CursorKey: p.cfg.Secrets.CursorKey[:], MaxRequest: int64(p.cfg.Limits.Request), Version: version, Resources: []fhir.CapabilityResource{atna.Capability()}, Now: p.now})
	if err != nil {
		return nil, err
	}
	events, err := atna.New(atna.Config{Front: front, Inspection: &inspection.Service{DB: p.db, Tenants: p.tenants, Log: p.audit, Deadline: tenantDeadline, Now: p.now},
		BaseURL: p.cfg.PublicBaseURL, CursorKey: p.cfg.Secrets.CursorKey[:], Now: p.now})
	if err != nil {
		return nil, err
	}
	looks, err := helsenorge.New(helsenorge.Config{Front: front, Looks: p.innsyn(), CursorKey: p.cfg.Secrets.CursorKey[:], Now: p.now})
	all := []Door{documents, events, looks}
	if messages := p.soapDoor(gate, submissions, disclosures); messages != nil {
		all = append(all, messages)
	}
	return all, err
}

// innsyn tells citizens who looked; a nil client of Persontjenesten must not become a Register that is not nil.
func (p *parts) innsyn() *innsyn.Service {
	s := &innsyn.Service{DB: p.db, Tenants: p.tenants, Log: p.audit, Locator: p.locator, Policy: p.cfg.Access.Policy(), Seals: p.audit,
		TenantDeadline: tenantDeadline, Now: p.now}
	if p.person != nil {
		s.Register = p.person
	}
	return s
}

// docs answers /docs and /openapi.yaml.
func docs() http.Handler { return api.Handler() }
