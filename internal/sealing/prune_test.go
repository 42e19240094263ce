package sealing_test

import (
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/sealing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func (r *rig) prune(t *testing.T, before time.Time, dry bool) (told []sealing.Pruned, err error) {
	t.Helper()
	trust, _ := ledger.Trusting(r.key.Public())
	p := &sealing.Prune{DB: r.DB, Owner: r.Owner, Key: r.key, Trust: trust, Before: before, Actor: audit.Operator("somebody"), DryRun: dry, Now: r.clock,
		Told: func(p sealing.Pruned) { told = append(told, p) }}
	err = p.Run(t.Context(), sealing.Selection{})
	return told, err
}

// TestPrune: what is older than it is kept goes when it is sealed and the head of a day covers it, with an event of it; the rest can be verified
// as before, and nobody else can make events go that way.
func TestPrune(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.Tenant(t)
	old := r.write(t, of, 5)
	r.control(t, 2)
	r.seal(t)
	before := r.clock().Add(time.Hour)
	if told, err := r.prune(t, before, false); err != nil || len(told) != 0 {
		t.Errorf("pruned before the day's head: %+v %v", told, err)
	}
	r.pass(24 * time.Hour)
	young := r.write(t, of, 3)
	r.seal(t)
	want := []sealing.Pruned{{Log: "control", DryRun: true, Events: 2, UpTo: 2, Before: before}, {Log: of.Name, DryRun: true, Events: 5, UpTo: 5, Before: before}}
	for _, dry := range []bool{true, false} {
		told, err := r.prune(t, before, dry)
		for i := range want {
			want[i].DryRun = dry
		}
		if diff := cmp.Diff(want, told); diff != "" || err != nil {
			t.Errorf("dry run %t: %v %s", dry, err, diff)
		}
	}
	lines, err := r.log.List(t.Context(), of.Schema(), uuid.Nil, 100)
	if err != nil || len(lines) != 4 {
		t.Fatalf("%d events are left: %v", len(lines), err)
	}
	if last := lines[3]; last.Operation != "audit-prune" || last.Action != "E" || last.Caller.Name != "somebody" || !strings.Contains(last.Reason, "removed=5") {
		t.Errorf("the event of it: %+v", last)
	}
	if told, err := r.prune(t, before, false); err != nil || len(told) != 0 {
		t.Errorf("again: %+v %v", told, err)
	}
	r.seal(t)
	if found := r.verify(t); len(found) != 0 {
		t.Errorf("found in pruned logs: %+v", found)
	}
	if at, err := r.log.PrunedBefore(t.Context(), of.ID); err != nil || !at.Equal(before) {
		t.Errorf("pruned before %s: %v", at, err)
	}
	r.exec(t, `update control.audit_prune set before = before + interval '1 day' where tenant_id = $1`, of.ID)
	if found := r.verify(t); len(found) != 6 || found[0].Kind != sealing.PruneChanged {
		t.Errorf("with another time: %+v", found)
	}
	r.exec(t, `update control.audit_prune set before = before - interval '1 day' where tenant_id = $1`, of.ID)
	events := pgx.Identifier{of.SchemaName, "audit_event"}.Sanitize()
	r.exec(t, `delete from `+events+` where id = $1`, young[1].ID)
	if found := r.verify(t); len(found) != 1 || found[0].Kind != sealing.EventDeleted || found[0].Position != 7 {
		t.Errorf("one more than was pruned: %+v", found)
	}
	if _, err := r.prune(t, before.AddDate(1, 0, 0), false); err == nil {
		t.Error("pruned a log in which something was changed")
	}
	r.exec(t, `delete from control.audit_prune where tenant_id = $1`, of.ID)
	if found := r.verify(t); len(found) != len(old)+1 {
		t.Errorf("without the note: %+v", found)
	}
}
