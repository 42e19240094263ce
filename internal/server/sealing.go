package server

import (
	"errors"
	"time"

	"dokumentlager/internal/atna"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/sealing"
)

// isSignerKey never repeats what it looked at.
func isSignerKey(text string) error {
	if _, err := ledger.ParseKey(text); err != nil {
		return errors.New("must be a signer key, as `dokumentlager audit key` prints one")
	}
	return nil
}

func areVerifierKeys(text string) error {
	if _, err := ledger.Trusting(splitList(text)...); err != nil {
		return errors.New("must be verifier keys, name+hash+base64 each, as `dokumentlager audit key` prints one")
	}
	return nil
}

// makeSealer makes what seals the audit log, and its metrics.
func (p *parts) makeSealer() error {
	key, err := ledger.ParseKey(p.cfg.Audit.SigningKey)
	if err != nil {
		return err
	}
	if p.sealer, err = sealing.New(sealing.Config{DB: p.db, Key: key, Former: p.cfg.Audit.VerifierKeys, Now: p.now, Out: p.log.With("operation", "seal")}); err != nil {
		return err
	}
	p.metrics.Gauge("dokumentlager_audit_unsealed_seconds",
		"Seconds that the audit log has not been sealed, or that its oldest unsealed event has waited; 0 in replicas that do not seal.", nil,
		func() float64 { return p.sealer.Lag().Round(time.Millisecond).Seconds() })
	p.metrics.Gauge("dokumentlager_audit_alarms", "Notes without event and logs that cannot be sealed because they were changed: run `dokumentlager audit verify`.", nil,
		func() float64 { return float64(p.sealer.State().Alarms) })
	p.metrics.Counter("dokumentlager_audit_sealed_total", "Audit events sealed by this replica.", nil,
		func() float64 { return float64(p.sealer.State().Sealed) })
	return nil
}

// heads publishes what the sealer signs.
func (p *parts) heads() Door {
	return &atna.Heads{Source: p.audit, Keys: append([]string{p.sealer.Key.Public()}, p.cfg.Audit.VerifierKeys...), Now: p.now}
}
