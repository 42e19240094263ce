package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/sealing"
	"dokumentlager/internal/server"
)

type auditKey struct {
	Name string `required:"" help:"Name of the signer, such as the service's host name; it stands in every signature."`
}

// Run makes a key pair. The secret goes to standard output, for a file; the public key to standard error, for readers.
func (c auditKey) Run(s *surroundings) error {
	secret, public, err := ledger.NewKey(rand.Reader, c.Name)
	if err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	fmt.Fprintln(s.stdout, secret)
	fmt.Fprintf(s.stderr, "The line above is audit.signing_key: keep it secret. Readers verify heads with this key, which /audit/key gives too:\n%s\n", public)
	return nil
}

// logs says which logs a command is about.
type logs struct {
	Tenant  string `help:"Short name of the one tenant whose log it is; all logs when neither this nor --control is given." xor:"log"`
	Control bool   `help:"Only the log of events that belong to no tenant." xor:"log"`
}

func (l logs) selection() sealing.Selection {
	return sealing.Selection{Tenant: l.Tenant, Control: l.Control}
}

type auditVerify struct {
	where  `embed:""`
	output `embed:""`
	logs   `embed:""`

	Heads string   `help:"File of signed heads that were kept elsewhere, as /audit/heads gives them; the logs must go on from them." type:"existingfile"`
	Key   []string `help:"Public key whose signatures count, beside those of the configuration; may be given several times." sep:"none" placeholder:"NAME+HASH+KEY"`
}

// maxHeads bounds the file of heads, in bytes.
const maxHeads = 256 << 20

// Run verifies. Findings are written as they are found.
func (c auditVerify) Run(s *surroundings) error {
	signing, err := c.signing(s, server.Reading, c.Key)
	if err != nil {
		return unchecked(err)
	}
	heads, err := c.kept()
	if err != nil {
		return unchecked(err)
	}
	db, err := signing.open(s)
	if err != nil {
		return unchecked(err)
	}
	defer db.Close()
	bar, findings := newBar(s.stderr, "findings"), 0
	verify := &sealing.Verify{DB: db, Trust: signing.trust, Heads: heads,
		Found: func(f sealing.Finding) { findings++; bar.clear(); printLine(s, c.JSON, f, auditFindingLine(f)) },
		Progress: func(log string, done, of int64) {
			bar.draw(func() string {
				return shareLine(float64(done)/float64(max(1, of)), fmt.Sprintf("%s: %d events, %d findings", log, done, findings))
			})
		}}
	report, err := verify.Run(s.ctx, c.selection())
	bar.clear()
	fmt.Fprintf(s.stderr, "%d logs, %d sealed events, %d waiting for their seal, %d pruned, %d findings\n",
		report.Logs, report.Events, report.Pending, report.Pruned, report.Finding)
	switch {
	case err != nil:
		return unchecked(err)
	case report.Finding > 0:
		return errors.New("the audit log was changed by other means than the service; docs/audit-seal.md says what each finding means")
	}
	return nil
}

func (c auditVerify) kept() ([]string, error) {
	if c.Heads == "" {
		return nil, nil
	}
	info, err := os.Stat(c.Heads)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxHeads {
		return nil, fmt.Errorf("--heads: the file has %d bytes; %d are read at most", info.Size(), maxHeads)
	}
	text, err := os.ReadFile(c.Heads)
	if err != nil {
		return nil, err
	}
	notes := ledger.SplitNotes(string(text))
	if len(notes) == 0 {
		return nil, errors.New("--heads: there is no signed head in the file")
	}
	return notes, nil
}

// auditFindingLine is a finding for people.
func auditFindingLine(f sealing.Finding) string {
	line := fmt.Sprintf("%-18s  %-12s", f.Kind, oneLine(f.Log))
	for _, part := range []struct {
		name  string
		there bool
		value any
	}{{"position", f.Position != 0, f.Position}, {"event", f.Event != "", f.Event}, {"seal", f.Seal != 0, f.Seal}, {"day", f.Day != "", f.Day}} {
		if part.there {
			line += fmt.Sprintf("  %s=%v", part.name, part.value)
		}
	}
	return line + "  " + oneLine(f.Detail)
}

// signing is an installation's configuration of its audit log, and whose signatures count.
type signing struct {
	cfg   server.Config
	trust ledger.Trust
	// secret is the signing key, empty where the configuration has none.
	secret string
}

// signing reads the configuration, of a dev stack its own key.
func (w where) signing(s *surroundings, purpose server.Purpose, further []string) (out signing, err error) {
	if out.cfg, err = w.load(s, purpose); err != nil {
		return out, err
	}
	out.secret = out.cfg.Audit.SigningKey
	if w.Dir != "" {
		keys, err := readKeys(w.Dir)
		if err != nil {
			return out, fmt.Errorf("the dev stack's keys: %w", err)
		}
		out.secret = keys.Audit
	}
	known := append(further, out.cfg.Audit.VerifierKeys...)
	if out.secret != "" {
		key, err := ledger.ParseKey(out.secret)
		if err != nil {
			return out, fmt.Errorf("audit.signing_key: %w", err)
		}
		known = append(known, key.Public())
	}
	if len(known) == 0 {
		return out, errors.New("no key is known to verify signatures with: give --key, audit.verifier_keys or audit.signing_key")
	}
	out.trust, err = ledger.Trusting(known...)
	return out, err
}

// open connects as the service's role, for a few long questions.
func (g signing) open(s *surroundings) (*postgres.DB, error) {
	return postgres.Open(s.ctx, postgres.Config{URL: g.cfg.Database.URL, Pools: 1, ConnsPerPool: 2, ControlConns: 2, AcquireTimeout: time.Minute,
		StatementTimeout: 10 * time.Minute})
}
