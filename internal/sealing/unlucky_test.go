package sealing_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/sealing"

	"github.com/jackc/pgx/v5"
)

// TestUnlucky has one database for what may befall a sealer.
func TestUnlucky(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for name, befall := range map[string]func(*testing.T, *rig){"a log always written to": roundEnds, "one log unreadable": logThatCannotBeRead, "no round succeeds": roundsThatFail} {
		t.Run(name, func(t *testing.T) { befall(t, r) })
	}
	t.Run("NULLs", func(t *testing.T) { nulls(t, r) })
}

// roundEnds: a log that is written to all the time does not keep a round from its end, where all other logs have their turn again.
func roundEnds(t *testing.T, r *rig) {
	of := r.Tenant(t)
	written := 0
	s, err := sealing.New(sealing.Config{DB: r.DB, Key: r.key, Out: slog.New(slog.DiscardHandler), Now: func() time.Time {
		if written < 40 { // an event more, every time the sealer has sealed one
			written++
			r.write(t, of, 1)
		}
		return r.clock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, of, 1)
	if err := s.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := len(r.pending(t))
	r.seal(t)
	if left == 0 || written == 40 {
		t.Errorf("the round went on as long as somebody wrote: %d events, %d left", written, left)
	}
}

// logThatCannotBeRead: a log whose table is locked, or gone, waits, and the others are sealed; it goes on when it can be read.
func logThatCannotBeRead(t *testing.T, r *rig) {
	locked, gone, other := r.Tenant(t), r.Tenant(t), r.Tenant(t)
	r.write(t, locked, 3)
	r.write(t, gone, 3)
	r.exec(t, `alter table `+pgx.Identifier{gone.SchemaName, "audit_event"}.Sanitize()+` rename to elsewhere`)
	tx, err := r.Owner.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), `lock table `+pgx.Identifier{locked.SchemaName, "audit_event"}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	s := r.sealer(t, r.secret)
	s.Patience = 500 * time.Millisecond
	r.write(t, other, 2)
	await(t, func() bool {
		r.pass(time.Minute) // whoever was busy is not held any more
		if err := s.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.State().Sealed == 2
	})
	if left, alarms := r.pending(t), s.State().Alarms; len(left) != 6 || alarms != 1 || s.State().Oldest.IsZero() {
		t.Errorf("%d wait, %d alarms (the table that is gone), oldest %s", len(left), alarms, s.State().Oldest)
	}
	if told := strings.Count(r.out.String(), "has a note and no row"); told != 0 {
		t.Errorf("told %d times of events that were not looked for", told)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.exec(t, `alter table `+pgx.Identifier{gone.SchemaName, "elsewhere"}.Sanitize()+` rename to audit_event`)
	await(t, func() bool {
		r.pass(time.Minute)
		if err := s.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s.State().Sealed == 8
	})
	if found := r.verify(t); len(found) != 0 || s.State().Alarms != 0 {
		t.Errorf("%d alarms, found: %+v", s.State().Alarms, found)
	}
}

// roundsThatFail show in the lag, however often the sealer begins again, and do not fill the log.
func roundsThatFail(t *testing.T, r *rig) {
	of := r.Tenant(t)
	r.exec(t, `revoke update on control.audit_last from dl_sealer`)
	r.write(t, of, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	s := r.sealer(t, r.secret)
	go func() { s.Run(ctx); close(ended) }()
	await(t, func() bool { return strings.Contains(r.out.String(), "cannot be sealed now") })
	r.pass(time.Hour)
	time.Sleep(300 * time.Millisecond) // some ten times that it fails
	if lag := s.Lag(); lag < time.Hour {
		t.Errorf("nothing was sealed for an hour, and the lag is %s", lag)
	}
	if told := strings.Count(r.out.String(), "cannot be sealed now"); told != 1 {
		t.Errorf("told %d times", told)
	}
	r.exec(t, `grant update on control.audit_last to dl_sealer`)
	await(t, func() bool { return s.State().Sealed == 1 })
	stop()
	<-ended
}

// nulls: a column that an owner let be NULL is an edited one, and neither stops the sealer nor verify.
func nulls(t *testing.T, r *rig) {
	of := r.Tenant(t)
	r.write(t, of, 4)
	r.seal(t)
	r.write(t, of, 1)
	events := pgx.Identifier{of.SchemaName, "audit_event"}.Sanitize()
	for i, column := range []string{"at", "action", "outcome", "operation"} {
		r.exec(t, `alter table `+events+` alter `+column+` drop not null`)
		r.exec(t, `update `+events+` set `+column+` = null where id in (select id from `+events+` order by id offset $1 limit 1)`, i)
	}
	r.exec(t, `update `+events+` set action = null where id in (select event_id from control.audit_pending)`)
	r.seal(t)
	r.exec(t, `alter table `+events+` drop constraint audit_event_pkey`)
	r.exec(t, `alter table `+events+` alter id drop not null`)
	r.exec(t, `insert into `+events+` (at, action, outcome, operation, actor) values (now(), 'R', 'S', 'nothing', '{}')`)
	found := r.verify(t)
	for _, f := range found {
		if (f.Kind == sealing.EventInserted) != (f.Event == "") || f.Event != "" && f.Kind != sealing.EventEdited {
			t.Errorf("%+v", f)
		}
	}
	if len(found) != 5 || len(r.pending(t)) != 0 {
		t.Errorf("found: %+v; %d wait", found, len(r.pending(t)))
	}
}
