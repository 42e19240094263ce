package sealing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
)

// Verify recomputes everything from the stored events and compares: what was changed by other means than the service shows. It changes
// nothing. Each log is read as of one moment; memory does not grow with it. All but Heads and Progress is needed.
type Verify struct {
	DB    *postgres.DB
	Trust ledger.Trust
	// Heads are signed notes that were kept elsewhere; the logs must go on from them.
	Heads []string
	// Found hears of each finding, Progress of events done, from time to time.
	Found    func(Finding)
	Progress func(log string, done, of int64)
}

// Selection says which logs: one instance's by its short name, the control log, or all when it is zero.
type Selection struct {
	Tenant  string
	Control bool
}

// Report sums up. Pending are events that wait for their seal; Pruned are those that are gone by retention.
type Report struct {
	Logs                             int
	Events, Pending, Pruned, Finding int64
}

// Run verifies. The error is of what could not be looked at.
func (v *Verify) Run(ctx context.Context, only Selection) (Report, error) {
	var report Report
	found := v.Found
	counting := *v
	counting.Found = func(f Finding) {
		report.Finding++
		found(f)
	}
	logs, err := v.logs(ctx, only)
	if err != nil {
		return report, err
	}
	kept, err := counting.kept(logs, only == Selection{})
	if err != nil {
		return report, err
	}
	var failures []error
	for _, log := range logs {
		err := audit.Log{DB: v.DB}.Evidence(ctx, log.schema, func(e *audit.Evidence) error {
			one := &verification{Verify: &counting, log: log, evidence: e, report: &report, kept: kept[log.origin], tree: ledger.NewTree()}
			return one.run(ctx)
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("the log of %s could not be verified: %w", log.name, err))
		}
		report.Logs++
	}
	if (only == Selection{}) {
		failures = append(failures, counting.numbers(ctx))
	}
	return report, errors.Join(failures...)
}

// logs are those to verify.
func (v *Verify) logs(ctx context.Context, only Selection) (logs []*sealed, err error) {
	directory := tenant.Directory{DB: v.DB}
	var tenants []tenant.Tenant
	if only.Tenant != "" {
		one, err := directory.ByName(ctx, only.Tenant)
		if err != nil {
			return nil, fmt.Errorf("tenant %q: %w", only.Tenant, err)
		}
		tenants = append(tenants, one)
	} else if !only.Control {
		if tenants, err = directory.All(ctx); err != nil {
			return nil, err
		}
	}
	if only.Tenant == "" {
		logs = append(logs, &sealed{name: "control", origin: ledger.ControlOrigin})
	}
	for _, t := range tenants {
		logs = append(logs, &sealed{name: t.Name, origin: ledger.Origin(t.HomeCommunity), schema: t.Schema()})
	}
	return logs, nil
}

// kept reads the notes that were kept elsewhere, by the log they are of.
func (v *Verify) kept(logs []*sealed, all bool) (map[string][]ledger.Head, error) {
	of := map[string][]ledger.Head{}
	for i, note := range v.Heads {
		h, err := v.Trust.Open(note)
		if err != nil {
			return nil, fmt.Errorf("head %d of those that were kept: %w", i+1, err)
		}
		of[h.Origin] = append(of[h.Origin], h)
		if all && !slices.ContainsFunc(logs, func(l *sealed) bool { return l.origin == h.Origin }) {
			v.Found(Finding{Log: h.Origin, Kind: HistoryChanged, Position: int64(h.Size), Detail: "a head was kept of a log that is not there"})
		}
	}
	return of, nil
}

// numbers looks at what all logs share.
func (v *Verify) numbers(ctx context.Context) error {
	n, err := audit.Log{DB: v.DB}.Numbers(ctx)
	if err != nil {
		return err
	}
	if n.Seals != n.Highest || n.Last != n.Highest {
		v.Found(Finding{Log: "all", Kind: SealChanged, Seal: n.Highest,
			Detail: fmt.Sprintf("there are %d seals, the highest number is %d and the last one given out %d: seals are gone or their numbers were edited", n.Seals, n.Highest, n.Last)})
	}
	for _, id := range n.Strange {
		v.Found(Finding{Log: fmt.Sprint(id), Kind: SealChanged, Detail: "seals, heads or notes of a tenant that is not there"})
	}
	return nil
}
