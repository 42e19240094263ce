package administration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// maxReason bounds a reason, in bytes.
const maxReason = 500

// reason demands a text that tells later readers why.
func reason(why string) *fault.Problem {
	switch {
	case strings.TrimSpace(why) == "":
		return refusal("A reason is needed: it stands in the audit log.").At("reason")
	case len(why) > maxReason || !utf8.ValidString(why) || strings.Contains(why, "\x00"):
		return refusal("The reason must be text of at most %d bytes.", maxReason).At("reason")
	}
	return nil
}

// named demands an operator whose account is known: two unknown ones could be one.
func (d *Desk) named() *fault.Problem {
	if d.Operator == "" || d.Operator == "unknown" {
		return refusal("The account that gives this command is not known, and a release needs two known ones.").At("operator").By("F4")
	}
	return nil
}

// Approve is the first administrator's word for a release. It lapses after ApprovalLife; given again by the same administrator it begins
// anew, and another one's word stands until it lapses.
func (d *Desk) Approve(ctx context.Context, t tenant.Tenant, key uuid.UUID, why string) (Infected, error) {
	event := d.event(t, "quarantine-approve")
	event.Detail.Reason = why
	var after Infected
	err := d.step(ctx, t, key, event, func(_ *postgres.Tx, b *postgres.Batch, row repository.QuarantineRow, event *audit.Event) error {
		var problems fault.Problems
		problems.Add(reason(why), d.named(), releasable(row), d.another(row))
		if err := problems.Err(); err != nil {
			return err
		}
		row.Custody.Approval = &repository.Approval{By: d.Operator, At: d.Now().UTC(), Why: strings.TrimSpace(why)}
		after = infected(row)
		return repository.SetCustody(b, key, row.Custody, d.Now())
	})
	return after, err
}

// another refuses a second approval: the second administrator's word is the release.
func (d *Desk) another(row repository.QuarantineRow) *fault.Problem {
	if a := row.Custody.Approval; a != nil && a.By != d.Operator && !lapsed(*a, d.Now()) {
		return refusal("%s has approved it already: release it, or let the approval lapse.", a.By).By("F4")
	}
	return nil
}

// releasable refuses what no release can publish, before anybody approves it.
func releasable(row repository.QuarantineRow) *fault.Problem {
	c := row.Custody
	switch {
	case !c.Late && len(c.Message) == 0:
		return refusal("The document was put into quarantine by a version that kept no metadata, so it cannot be released. Ask the sender to send it again.").By("F4")
	case len(c.Obstacles) > 0:
		return refusal("The document would have been refused without malware too (%s), so it cannot be released. Ask the sender to send it again.",
			strings.Join(c.Obstacles, "; ")).By("F4")
	}
	return nil
}

func lapsed(a repository.Approval, now time.Time) bool { return now.Sub(a.At) >= ApprovalLife }

// mayRelease is the rule of two: somebody else approved it, and not too long ago.
func (d *Desk) mayRelease(row repository.QuarantineRow) error {
	var problems fault.Problems
	problems.Add(d.named(), releasable(row), d.approved(row.Custody.Approval))
	return problems.Err()
}

func (d *Desk) approved(a *repository.Approval) *fault.Problem {
	switch {
	case a == nil:
		return refusal("Nobody has approved the release. A first administrator approves it, a second one releases it.").By("F4")
	case lapsed(*a, d.Now()):
		return refusal("The approval of %s has lapsed: it stands for %s. It must be approved anew.", a.By, ApprovalLife).By("F4")
	case a.By == d.Operator:
		return refusal("%s approved it, so another administrator must release it.", a.By).By("F4")
	}
	return nil
}

// Release publishes a document that another administrator approved: its bytes are copied to the documents, and one transaction registers
// it and decides that those in quarantine go. What fails leaves the document in quarantine, and at most an object that no row names,
// which the sweeper removes.
func (d *Desk) Release(ctx context.Context, t tenant.Tenant, key uuid.UUID) error {
	event := d.event(t, "quarantine-release")
	row, err := d.look(ctx, t, key, &event, d.mayRelease)
	if err != nil {
		return d.told(ctx, t, event, err)
	}
	kept, err := d.Objects.Carry(ctx, t.Schema(), repository.Quarantine, row.Object)
	if err != nil {
		return d.told(ctx, t, event, err)
	}
	err = d.step(ctx, t, key, event, func(tx *postgres.Tx, b *postgres.Batch, row repository.QuarantineRow, event *audit.Event) error {
		if err := d.mayRelease(row); err != nil {
			return err
		}
		a := row.Custody.Approval
		event.Detail.Reason = fmt.Sprintf("approved by %s at %s: %s; sent by organisation %s, client %s, refused as event %s", a.By,
			a.At.UTC().Format(time.RFC3339), a.Why, row.Custody.Organisation, row.Custody.Client, row.EventID)
		if err := d.Publisher.Publish(ctx, tx, b, t, row, kept, event); err != nil {
			return err
		}
		return d.remove(ctx, tx, b, key, event)
	})
	d.undo(ctx, t, kept, err)
	return err
}

// look reads a document and asks whether a step may be taken, before the work that goes before its transaction.
func (d *Desk) look(ctx context.Context, t tenant.Tenant, key uuid.UUID, event *audit.Event, may func(repository.QuarantineRow) error) (row repository.QuarantineRow, err error) {
	err = d.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
		if row, err = d.held(ctx, tx, key); err != nil {
			return err
		}
		about(event, row)
		return may(row)
	})
	return row, err
}

// remove decides that the bytes in quarantine go, and lets a job do it.
func (d *Desk) remove(ctx context.Context, tx *postgres.Tx, b *postgres.Batch, key uuid.UUID, event *audit.Event) error {
	d.Objects.MarkRemoval(b, key, event.ID, event.At)
	return d.Queue.InsertRemove(ctx, tx, key)
}

// undo removes the copy of a release that certainly failed. When the commit's answer was lost it may stand: then the sweeper decides.
func (d *Desk) undo(ctx context.Context, t tenant.Tenant, kept repository.Object, err error) {
	if err != nil && !errors.Is(err, postgres.ErrUnconfirmed) {
		_ = d.Objects.Forget(ctx, t.Schema(), kept.Key) // what stays for want of a store, the sweeper removes
	}
}

// Destroy decides that a document's bytes go for good, and forgets its message. One administrator is enough: nothing of it was ever
// acknowledged. A document that was published first is its owner's to delete (W3), not the desk's.
func (d *Desk) Destroy(ctx context.Context, t tenant.Tenant, key uuid.UUID, why string) error {
	event := d.event(t, "quarantine-destroy")
	event.Detail.Reason = why
	return d.step(ctx, t, key, event, func(tx *postgres.Tx, b *postgres.Batch, row repository.QuarantineRow, event *audit.Event) error {
		if p := reason(why); p != nil {
			return p
		}
		if row.Custody.Late {
			return refusal("The document was acknowledged and published before it was found infected, so only its owner deletes it. Ask organisations %s to "+
				"delete or replace it.", strings.Join(t.Organisations, ", ")).By("F4")
		}
		return d.remove(ctx, tx, b, key, event)
	})
}

// Rescan scans a document again with the signatures of today and notes the verdict. It never releases.
func (d *Desk) Rescan(ctx context.Context, t tenant.Tenant, key uuid.UUID) (Infected, error) {
	event := d.event(t, "quarantine-rescan")
	row, err := d.look(ctx, t, key, &event, func(repository.QuarantineRow) error { return nil })
	var note repository.Rescan
	if err == nil {
		note, err = d.scan(ctx, t, row.Object)
	}
	if err != nil {
		return Infected{}, d.told(ctx, t, event, err)
	}
	var after Infected
	err = d.step(ctx, t, key, event, func(_ *postgres.Tx, b *postgres.Batch, row repository.QuarantineRow, event *audit.Event) error {
		event.Detail.Finding, event.Detail.Reason = note.Finding, fmt.Sprintf("%s with signatures %s", note.Verdict, note.Signatures)
		row.Custody.Scans = append(row.Custody.Scans, note)
		after = infected(row)
		return repository.SetCustody(b, key, row.Custody, d.Now())
	})
	return after, err
}

func (d *Desk) scan(ctx context.Context, t tenant.Tenant, o repository.Object) (repository.Rescan, error) {
	signatures, err := d.Signatures(ctx)
	if err != nil {
		return repository.Rescan{}, err
	}
	facts, err := d.Objects.Examine(ctx, t.Schema(), repository.Quarantine, o)
	if err != nil {
		return repository.Rescan{}, err
	}
	note := repository.Rescan{At: d.Now().UTC(), By: d.Operator, Verdict: scan.Clean.String(), Signatures: signatures.String()}
	if facts.Infected {
		note.Verdict, note.Finding = scan.Infected.String(), facts.Finding
	}
	return note, nil
}
