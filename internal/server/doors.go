package server

import (
	"context"
	"net/http"
	"time"

	"dokumentlager/api"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/mhd"
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
	rest, err := mhd.New(mhd.Config{Verifier: p.verifier, Submissions: submissions, Disclosures: disclosures, Admission: p.newGate(), BaseURL: p.cfg.PublicBaseURL,
		CursorKey: p.cfg.Secrets.CursorKey[:], MaxRequest: int64(p.cfg.Limits.Request), Version: version, Log: p.log, Now: p.now})
	return []Door{rest}, err
}

// docs answers /docs and /openapi.yaml.
func docs() http.Handler { return api.Handler() }
