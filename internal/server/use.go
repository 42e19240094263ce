package server

import (
	"context"
	"os"
	"sync/atomic"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
)

// lookEvery is how often what costs a question of a part is looked at for the metrics.
const lookEvery = 15 * time.Second

// looked is what was seen at the last look. It stands until the next one, so a part that does not answer leaves its last figures; that it
// does not is told by dokumentlager_check_up.
type looked struct {
	backlog atomic.Pointer[job.Backlog]
	lanes   atomic.Pointer[job.Lanes]
	at      atomic.Int64
}

// look asks what the metrics show of the parts, until ctx ends.
func (s *Service) look(ctx context.Context) {
	for ctx.Err() == nil {
		s.health.Ask(ctx)
		if b, err := s.parts.queue.Backlog(ctx); err == nil {
			s.parts.looked.backlog.Store(&b)
			s.parts.looked.at.Store(s.parts.now().UnixNano())
		}
		s.parts.lookAtAnswers(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// measure registers the gauges of what the parts have under way (the USE method: use, saturation, errors).
func (s *Service) measure() {
	s.parts.measurePools()
	s.parts.measureScanner()
	s.parts.measureJobs()
	s.parts.measureAnswers()
	s.parts.measureSpool()
	s.parts.metrics.Gauge("dokumentlager_audit_sealing", "1 in the replica that seals the audit log.", nil, func() float64 { return share(s.parts.sealer.State().Sealing) })
	for _, c := range s.health.Checks {
		s.parts.metrics.Gauge("dokumentlager_check_up", "1 while a part answers as it should, as /readyz has it; looked at every 15 s.", map[string]string{"check": c.Name},
			func() float64 { return share(s.health.Last(c.Name) != "fails") })
	}
}

func share(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (p *parts) measurePools() {
	for i, kind := range p.db.Uses() {
		at := func(value func(postgres.Use) float64) func() float64 {
			return func() float64 { return value(p.db.Uses()[i]) }
		}
		gauge := func(state string, value func(postgres.Use) float64) {
			p.metrics.Gauge("dokumentlager_postgres_connections", "Connections of a pool by what they do; max is how many there may be.",
				map[string]string{"pool": kind.Kind, "state": state}, at(value))
		}
		gauge("in_use", func(u postgres.Use) float64 { return float64(u.InUse) })
		gauge("idle", func(u postgres.Use) float64 { return float64(u.Idle) })
		gauge("max", func(u postgres.Use) float64 { return float64(u.Max) })
		pool := map[string]string{"pool": kind.Kind}
		p.metrics.Counter("dokumentlager_postgres_waits_total", "How often a connection was waited for.", pool, at(func(u postgres.Use) float64 { return float64(u.Waits) }))
		p.metrics.Counter("dokumentlager_postgres_waits_given_up_total", "How often a connection was waited for in vain.", pool, at(func(u postgres.Use) float64 { return float64(u.GivenUp) }))
		p.metrics.Counter("dokumentlager_postgres_wait_seconds_total", "Seconds that connections were waited for.", pool, at(func(u postgres.Use) float64 { return u.Waited.Seconds() }))
	}
}

func (p *parts) measureScanner() {
	const name, help = "dokumentlager_clamd_slots", "Scans of uploads by state; max is how many may run at once."
	p.metrics.Gauge(name, help, map[string]string{"state": "in_use"}, func() float64 { return float64(p.objects.Load().Scanning) })
	p.metrics.Gauge(name, help, map[string]string{"state": "waiting"}, func() float64 { return float64(p.objects.Load().Waiting) })
	p.metrics.Gauge(name, help, map[string]string{"state": "max"}, func() float64 { return float64(p.objects.Load().Slots) })
	p.metrics.Gauge("dokumentlager_clamd_signature_age_seconds", "Age of the scanner's daily database; 0 when it tells none.", nil, func() float64 {
		if known := p.signatures.Known(); known.Dated() {
			return max(0, p.now().Sub(known.Built).Seconds())
		}
		return 0
	})
}

func (p *parts) measureJobs() {
	gauge := func(name, help string, labels map[string]string, value func(job.Backlog) float64) {
		p.metrics.Gauge(name, help, labels, func() float64 {
			if b := p.looked.backlog.Load(); b != nil {
				return value(*b)
			}
			return 0
		})
	}
	const name, help = "dokumentlager_jobs", "Background jobs still to be done, of all replicas, by state."
	gauge(name, help, map[string]string{"state": "waiting"}, func(b job.Backlog) float64 { return float64(b.Waiting) })
	gauge(name, help, map[string]string{"state": "retrying"}, func(b job.Backlog) float64 { return float64(b.Retrying) })
	gauge(name, help, map[string]string{"state": "running"}, func(b job.Backlog) float64 { return float64(b.Running) })
	gauge("dokumentlager_jobs_oldest_seconds", "Age of the oldest job still to be done.", nil, func(b job.Backlog) float64 { return b.Oldest.Seconds() })
	p.metrics.Gauge("dokumentlager_looked_timestamp_seconds", "When jobs were looked at last, in Unix time; 0 before the first time.", nil,
		func() float64 { return float64(p.looked.at.Load()) / 1e9 })
}

func (p *parts) measureSpool() {
	p.metrics.Gauge("dokumentlager_spool_bytes", "Bytes of documents that are received and not yet stored or refused.", nil, func() float64 { return float64(p.objects.Load().Spooled) })
	dir := p.cfg.SpoolDir
	if dir == "" {
		dir = os.TempDir()
	}
	p.metrics.Gauge("dokumentlager_spool_free_bytes", "Bytes free where documents are spooled.", nil, func() float64 { return float64(freeBytes(dir)) })
}

// failed tells the log of background work, with the part that failed.
func (p *parts) failed(ctx context.Context, text, operation string, err error) {
	part := fault.PartOf(err)
	p.metrics.Failure(part)
	p.log.WarnContext(ctx, text, "operation", operation, "component", string(part), "error", err)
}
