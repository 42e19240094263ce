package sealing_test

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// places reads all seals as a feed does, one at a time, and counts how often each event of each log has a place.
func (r *rig) places(t *testing.T) map[int32]map[uuid.UUID]int {
	t.Helper()
	of := map[int32]map[uuid.UUID]int{}
	for after := int64(0); ; after++ {
		seals, err := r.log.Sealed(t.Context(), after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(seals) == 0 {
			return of
		}
		if seals[0].No != after+1 {
			t.Fatalf("behind seal %d comes %d", after, seals[0].No)
		}
		for _, id := range seals[0].IDs {
			if of[seals[0].TenantID] == nil {
				of[seals[0].TenantID] = map[uuid.UUID]int{}
			}
			of[seals[0].TenantID][id]++
		}
	}
}

func (r *rig) pending(t *testing.T) []audit.Note {
	t.Helper()
	notes, err := r.log.Pending(t.Context(), audit.Note{}, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

// TestEveryEventOnce: while events are written and two sealers work at once, every event gets one place, also one whose transaction was open
// while younger ones were sealed; and whoever reads by number misses none.
func TestEveryEventOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tenants := []tenant.Tenant{r.Tenant(t), r.Tenant(t), r.Tenant(t)}
	late := r.lateEvent(t, tenants[0])
	var writers, sealers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		s := r.sealer(t, r.secret)
		sealers.Go(func() {
			for {
				if err := s.Round(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	const each = 60
	for _, of := range tenants {
		writers.Go(func() { r.write(t, of, each) })
	}
	r.control(t, each)
	writers.Wait()
	late()
	close(stop)
	sealers.Wait()
	r.seal(t)
	want := map[int32]int{tenants[0].ID: each + 1, tenants[1].ID: each, tenants[2].ID: each, audit.ControlLog: each}
	for id, places := range r.places(t) {
		if len(places) != want[id] {
			t.Errorf("log %d: %d events have a place, want %d", id, len(places), want[id])
		}
		for event, n := range places {
			if n != 1 {
				t.Errorf("log %d: %s has %d places", id, event, n)
			}
		}
		delete(want, id)
	}
	if left := r.pending(t); len(left)+len(want) > 0 {
		t.Errorf("left: %v; not sealed at all: %v", left, want)
	}
	if found := r.verify(t); len(found) > 0 {
		t.Errorf("found in clean logs: %+v", found)
	}
}

// lateEvent begins the transaction of an event and commits it when it is told to.
func (r *rig) lateEvent(t *testing.T, of tenant.Tenant) (commit func()) {
	t.Helper()
	written, told, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- r.DB.InTenant(context.WithoutCancel(t.Context()), of.Schema(), func(tx *postgres.Tx) error {
			b := tx.Batch()
			if err := audit.Append(tx, b, audit.New(r.clock(), audit.Actor{}, audit.Read, "read")); err != nil {
				return err
			}
			err := b.Send(context.WithoutCancel(t.Context()))
			close(written)
			<-told
			return err
		})
	}()
	<-written
	return func() {
		close(told)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestChangedLogWaits: what was changed gets no signature of today. The log waits with one line of log, others go on, and it goes on itself
// when it is as it was.
func TestChangedLogWaits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.Tenant(t), r.Tenant(t)
	r.write(t, a, 5)
	r.seal(t)
	r.exec(t, `create table old as select * from control.audit_head; create table good as select * from control.audit_head`)
	r.write(t, a, 2)
	r.seal(t)
	const replace = `delete from control.audit_head where tenant_id = $1; insert into control.audit_head select * from `
	for name, change := range map[string]string{
		"nodes":  `update control.audit_head set nodes = set_byte(nodes, 0, get_byte(nodes, 0) # 1) where tenant_id = $1`,
		"size":   `update control.audit_head set seq = seq + 1 where tenant_id = $1`,
		"link":   `update control.audit_head set link = sha256(link) where tenant_id = $1`,
		"note":   `update control.audit_head set note = replace(note, 'time 2', 'time 1') where tenant_id = $1`,
		"gone":   `delete from control.audit_head where tenant_id = $1`,
		"old":    replace + `old where tenant_id = $1`,
		"orphan": `insert into control.audit_pending values ($1, gen_random_uuid())`,
	} {
		r.exec(t, `truncate good; insert into good select * from control.audit_head`)
		before := strings.Count(r.out.String(), "audit verify")
		r.write(t, b, 1)
		if name != "orphan" {
			r.write(t, a, 1)
		}
		r.each(t, change, a.ID)
		r.seal(t)
		r.seal(t)
		if left := r.pending(t); len(left) != 1 || left[0].TenantID != a.ID {
			t.Errorf("%s: what waits is %v", name, left)
		}
		if told := strings.Count(r.out.String(), "audit verify") - before; told != 1 || r.State().Alarms != 1 || !strings.Contains(r.out.String(), a.Name) {
			t.Errorf("%s: told %d times, %d alarms", name, told, r.State().Alarms)
		}
		again := r.sealer(t, r.secret) // one that was started anew has signed nothing itself
		if err := again.Round(t.Context()); err != nil || len(r.pending(t)) != 1 {
			t.Errorf("%s: another sealer leaves %v: %v", name, r.pending(t), err)
		}
		if name == "orphan" {
			r.exec(t, `delete from control.audit_pending`)
		} else {
			r.each(t, replace+`good where tenant_id = $1`, a.ID)
		}
		r.seal(t)
		if len(r.pending(t)) != 0 || r.State().Alarms != 0 {
			t.Errorf("%s: restored, and %d wait with %d alarms", name, len(r.pending(t)), r.State().Alarms)
		}
	}
	if found := r.verify(t); len(found) > 0 {
		t.Errorf("found: %+v", found)
	}
}

// each runs statements one by one, each with the tenant's number.
func (r *rig) each(t *testing.T, sql string, tenant int32) {
	t.Helper()
	for one := range strings.SplitSeq(sql, "; ") {
		r.exec(t, one, tenant)
	}
}

// TestOneSealsAndAnotherTakesOver, and a lag is seen where none does.
func TestOneSealsAndAnotherTakesOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.Tenant(t)
	first, second := r.sealer(t, r.secret), r.sealer(t, r.secret)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { first.Run(ctx); close(ended) }()
	r.write(t, of, 1)
	await(t, func() bool { return len(r.pending(t)) == 0 && first.State().Sealed == 1 })
	other, stopOther := context.WithCancel(t.Context())
	otherEnded := make(chan struct{})
	go func() { second.Run(other); close(otherEnded) }()
	r.write(t, of, 1)
	await(t, func() bool { return len(r.pending(t)) == 0 && first.State().Sealed == 2 })
	stop()
	<-ended
	r.write(t, of, 1)
	await(t, func() bool { return second.State().Sealed == 1 })
	if second.Lag() != 0 {
		t.Errorf("lag %s", second.Lag())
	}
	stopOther()
	<-otherEnded
	r.pass(time.Minute)
	if lag := second.Lag(); lag != time.Minute {
		t.Errorf("nobody has sealed for a minute, and the lag is %s", lag)
	}
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to be in 30 s")
		}
	}
}

// TestDays: each log gets one head of each day, in Norway, when the day has passed and a sealer runs.
func TestDays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.Tenant(t), r.Tenant(t)
	r.now = time.Date(2026, 11, 21, 22, 59, 59, 0, time.UTC) // 23:59:59 in Norway
	r.write(t, a, 2)
	r.seal(t)
	if got := r.dayHeads(t, "2026-11-21"); len(got) != 0 {
		t.Errorf("heads of a day that is not over: %v", got)
	}
	r.pass(time.Second)
	r.write(t, b, 1) // begun on the next day
	r.seal(t)
	r.seal(t)
	if got := r.dayHeads(t, "2026-11-21"); len(got) != 1 || got[a.ID].Size != 2 || got[a.ID].Day != "2026-11-21" || got[a.ID].Origin != ledger.Origin(a.HomeCommunity) {
		t.Errorf("heads of the first day: %+v", got)
	}
	r.pass(3 * 24 * time.Hour) // nobody sealed for some days
	again := r.sealer(t, r.secret)
	if err := again.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.dayHeads(t, "2026-11-24"); len(got) != 2 || got[a.ID].Size != 2 || got[b.ID].Size != 1 {
		t.Errorf("heads of yesterday: %+v", got)
	}
	if got := r.dayHeads(t, "2026-11-23"); len(got) != 0 {
		t.Errorf("heads of a day on which nobody sealed: %+v", got)
	}
	if found := r.verify(t); len(found) > 0 {
		t.Errorf("found: %+v", found)
	}
}

func (r *rig) dayHeads(t *testing.T, day string) map[int32]ledger.Head {
	t.Helper()
	heads, err := r.log.DayHeads(t.Context(), day, -1, 100)
	if err != nil {
		t.Fatal(err)
	}
	trust, _ := ledger.Trusting(r.key.Public())
	of := map[int32]ledger.Head{}
	for _, h := range heads {
		if of[h.TenantID], err = trust.Open(h.Note); err != nil {
			t.Error(err)
		}
	}
	return of
}

// TestKeys: another key's heads count only where it is named, for the sealer and for verify.
func TestKeys(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.Tenant(t)
	r.write(t, of, 1)
	r.seal(t)
	old := r.key
	secret, _, err := ledger.NewKey(rand.Reader, "sealing.test")
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, of, 1)
	if stranger := r.sealer(t, secret); stranger.Round(t.Context()) != nil || len(r.pending(t)) != 1 || stranger.State().Alarms != 1 {
		t.Errorf("a sealer with another key went on; %d wait", len(r.pending(t)))
	}
	next := r.sealer(t, secret, old.Public())
	if err := next.Round(t.Context()); err != nil || len(r.pending(t)) != 0 {
		t.Errorf("the new key did not go on: %v", err)
	}
	if found := r.verify(t); len(found) != 1 || found[0].Kind != "head-changed" {
		t.Errorf("with the old key alone: %+v", found)
	}
	r.key = next.Config.Key
	if found := r.verify(t); len(found) != 0 {
		t.Errorf("with the new key: %+v", found)
	}
}

// TestHistoryThatOthersKept: whoever has the key can sign another past. Whoever kept heads sees it.
func TestHistoryThatOthersKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.Tenant(t)
	r.write(t, of, 3)
	r.seal(t)
	heads, err := r.log.SignedHeads(t.Context(), -1, 10)
	if err != nil || len(heads) != 1 {
		t.Fatalf("%v %v", heads, err)
	}
	if found := r.verify(t, heads[0].Note); len(found) != 0 {
		t.Errorf("found: %+v", found)
	}
	for _, table := range []string{"audit_seal", "audit_head", "audit_day", "audit_pending"} {
		r.exec(t, `delete from control.`+table)
	}
	events := pgx.Identifier{of.SchemaName, "audit_event"}.Sanitize()
	r.exec(t, `update `+events+` set operation = 'nothing'`)
	r.exec(t, `update control.audit_last set no = 0`)
	r.exec(t, `insert into control.audit_pending select $1::int, id from `+events, of.ID)
	if err := r.sealer(t, r.secret).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if found := r.verify(t); len(found) != 0 {
		t.Errorf("a past that was signed anew is told from its heads alone: %+v", found)
	}
	if found := r.verify(t, heads[0].Note); len(found) != 1 || found[0].Kind != "history-changed" || found[0].Log != of.Name || found[0].Position != 3 {
		t.Errorf("found: %+v", found)
	}
}

// TestOnlyTheSealerWritesSeals: not the tenant's role, not the service's own, and the sealer's can neither change nor remove one.
func TestOnlyTheSealerWritesSeals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.Tenant(t)
	r.write(t, of, 1)
	r.seal(t)
	r.write(t, of, 1)
	events := pgx.Identifier{of.SchemaName, "audit_event"}.Sanitize()
	tables := map[string]string{"control.audit_seal": "n = 1", "control.audit_head": "seq = 1", "control.audit_day": "note = ''", "control.audit_prune": "note = ''",
		"control.audit_last": "no = 1", "control.audit_event": "operation = ''", events: "operation = ''"}
	conn, err := pgx.Connect(t.Context(), r.appURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	may := map[string][]string{"dl_sealer": {"update control.audit_head", "update control.audit_last", "delete from control.audit_pending"}}
	for _, role := range []string{"none", "dl_sealer", pgx.Identifier{of.SchemaName}.Sanitize()} {
		statements := []string{"delete from control.audit_pending", "truncate control.audit_pending"}
		for table, change := range tables {
			statements = append(statements, "update "+table+" set "+change, "delete from "+table, "truncate "+table)
			if role != "dl_sealer" && table != events && table != "control.audit_event" {
				statements = append(statements, "insert into "+table+" select * from "+table)
			}
		}
		for _, sql := range statements {
			allowed := slices.ContainsFunc(may[role], func(prefix string) bool { return strings.HasPrefix(sql, prefix) })
			if err := try(t, conn, role, sql); (err == nil) != allowed {
				t.Errorf("as %s: %s: %v", role, sql, err)
			} else if err != nil && postgres.Refused(err).Code != "42501" {
				t.Errorf("as %s: %s: %v, want it to lack the right", role, sql, err)
			}
		}
	}
}

// try runs a statement as the service does and takes it back.
func try(t *testing.T, conn *pgx.Conn, role, sql string) error {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "set local role "+role); err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec(t.Context(), sql)
	return err
}
