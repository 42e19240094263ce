package sealing_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/sealing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// sabotagesEnv is how many rows TestSabotage changes by direct SQL; design/trust.md test 23 wants 1000.
const sabotagesEnv, seedEnv = "DOKUMENTLAGER_TEST_SABOTAGES", "DOKUMENTLAGER_TEST_SEED"

func fromEnv(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	n, err := strconv.ParseInt(os.Getenv(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// victim is a log to sabotage.
type victim struct {
	name, table string
	id          int32
	sealed      []uuid.UUID
	waiting     []uuid.UUID
	seals       []int64
}

// scene is a database with three logs over some days, of which the last events wait for their seal.
type scene struct {
	*rig
	logs    []victim
	random  *rand.Rand
	tables  []string
	earlier map[int32]string
	// heads are what others kept.
	heads []string
}

func newScene(t *testing.T, seed int64) *scene {
	t.Helper()
	s := &scene{rig: newRig(t), random: rand.New(rand.NewPCG(uint64(seed), 0)), earlier: map[int32]string{}}
	a, b := s.Tenant(t), s.Tenant(t)
	s.logs = []victim{{name: a.Name, table: pgx.Identifier{a.SchemaName, "audit_event"}.Sanitize(), id: a.ID},
		{name: b.Name, table: pgx.Identifier{b.SchemaName, "audit_event"}.Sanitize(), id: b.ID}, {name: "control", table: "control.audit_event"}}
	for day := range 4 {
		for range 3 {
			s.write(t, a, 1+s.random.IntN(6))
			s.write(t, b, 1+s.random.IntN(3))
			s.control(t, 1+s.random.IntN(3))
			s.seal(t)
		}
		if day == 1 {
			for id, note := range s.notes(t, `select tenant_id, note from control.audit_head`) {
				s.earlier[id] = note
			}
		}
		s.pass(24 * time.Hour)
	}
	s.seal(t)
	for _, note := range s.notes(t, `select tenant_id, note from control.audit_head`) {
		s.heads = append(s.heads, note)
	}
	s.write(t, a, 3)
	s.write(t, b, 3)
	s.control(t, 3)
	s.tables = []string{"control.audit_pending", "control.audit_seal", "control.audit_head", "control.audit_day", "control.audit_prune", "control.audit_last"}
	for i := range s.logs {
		s.know(t, &s.logs[i])
		s.tables = append(s.tables, s.logs[i].table)
	}
	s.exec(t, `create schema kept`)
	for i, table := range s.tables {
		s.exec(t, fmt.Sprintf("create table kept.t%d as select * from %s", i, table))
	}
	return s
}

func (s *scene) notes(t *testing.T, sql string) map[int32]string {
	t.Helper()
	rows, err := s.Owner.Pool().Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	of := map[int32]string{}
	var id int32
	var note string
	if _, err := pgx.ForEachRow(rows, []any{&id, &note}, func() error { of[id] = note; return nil }); err != nil {
		t.Fatal(err)
	}
	return of
}

func (s *scene) know(t *testing.T, v *victim) {
	t.Helper()
	seals, err := s.log.Sealed(t.Context(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, seal := range seals {
		if seal.TenantID == v.id {
			v.sealed, v.seals = append(v.sealed, seal.IDs...), append(v.seals, seal.No)
		}
	}
	rows, _ := s.Owner.Pool().Query(t.Context(), `select event_id from control.audit_pending where tenant_id = $1`, v.id)
	if v.waiting, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		t.Fatal(err)
	}
}

// restore undoes whatever was done.
func (s *scene) restore(t *testing.T) {
	t.Helper()
	var all strings.Builder
	for i, table := range s.tables {
		fmt.Fprintf(&all, "delete from %s; insert into %s select * from kept.t%d;", table, table, i)
	}
	s.exec(t, all.String())
}

// verify gives all findings.
func (s *rig) verify(t *testing.T, heads ...string) (found []sealing.Finding) {
	t.Helper()
	trust, err := ledger.Trusting(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	v := &sealing.Verify{DB: s.DB, Trust: trust, Heads: heads, Found: func(f sealing.Finding) { found = append(found, f) }}
	if _, err := v.Run(t.Context(), sealing.Selection{}); err != nil {
		t.Errorf("could not verify: %v", err)
	}
	return found
}

// wanted is a finding that a sabotage must lead to, and the kinds that may stand beside it because they follow from it.
type wanted struct {
	sealing.Kind
	log    string
	events []uuid.UUID
	beside []sealing.Kind
}

// sabotages each do one thing by direct SQL, as the owner, to a log.
var sabotages = map[string]func(context.Context, *testing.T, *scene, victim) wanted{
	"event's time":        edit("at", "at + interval '1 microsecond'"),
	"event's time is not": edit("at", "'infinity'"),
	"event's action":      edit("action", "case action when 'D' then 'R' else 'D' end"),
	"event's outcome":     edit("outcome", "case outcome when 'N' then 'S' else 'N' end"),
	"event's operation":   edit("operation", "operation || ' '"),
	"event's patient":     edit("patient_id", "'14019800513^^^&2.16.578.1.12.4.1.4.1&ISO'"),
	"event's no patient":  edit("patient_id", "case when patient_id is null then '' end"),
	"event's entry":       edit("entry_id", "gen_random_uuid()"),
	"event's actor":       edit("actor", "jsonb_set(actor, '{name}', '\"somebody else\"')"),
	"event's detail":      edit("detail", "detail || '{\"reason\": \"another\"}'"),
	"event's no detail":   edit("detail", "null"),
	"event deleted": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := pick(s, v.sealed)
		s.exec(t, `delete from `+v.table+` where id = $1`, id)
		return wanted{sealing.EventDeleted, v.name, []uuid.UUID{id}, nil}
	},
	"event inserted": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := uuid.Must(uuid.NewV7())
		s.exec(t, `insert into `+v.table+` select $1, at, action, outcome, operation, patient_id, entry_id, actor, detail from `+v.table+` where id = $2`, id, pick(s, v.sealed))
		return wanted{sealing.EventInserted, v.name, []uuid.UUID{id}, nil}
	},
	"two events' ids": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		a, b, tmp := pick(s, v.sealed), pick(s, v.sealed), uuid.New()
		for b == a {
			b = pick(s, v.sealed)
		}
		for _, move := range [][2]uuid.UUID{{a, tmp}, {b, a}, {tmp, b}} {
			s.exec(t, `update `+v.table+` set id = $2 where id = $1`, move[0], move[1])
		}
		return wanted{sealing.EventMoved, v.name, []uuid.UUID{a, b}, nil}
	},
	"event's id": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := pick(s, v.sealed)
		s.exec(t, `update `+v.table+` set id = gen_random_uuid() where id = $1`, id)
		return wanted{sealing.EventMoved, v.name, []uuid.UUID{id}, nil}
	},
	"note removed": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := pick(s, v.waiting)
		s.exec(t, `delete from control.audit_pending where tenant_id = $1 and event_id = $2`, v.id, id)
		return wanted{sealing.EventInserted, v.name, []uuid.UUID{id}, nil}
	},
	"note of a sealed event": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := pick(s, v.sealed)
		s.exec(t, `insert into control.audit_pending values ($1, $2)`, v.id, id)
		return wanted{sealing.EventTwice, v.name, []uuid.UUID{id}, nil}
	},
	"waiting event deleted": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := pick(s, v.waiting)
		s.exec(t, `delete from `+v.table+` where id = $1`, id)
		return wanted{sealing.NoteWithoutEvent, v.name, []uuid.UUID{id}, nil}
	},
	"seal's number":       editSeal("no = no + 1000000"),
	"seal's place":        editSeal("seq = seq + 1000000"),
	"seal's count":        editSeal("n = n + 1"),
	"seal's time":         editSeal("at = at + interval '1 microsecond'"),
	"seal's time is not":  editSeal("at = 'infinity'"),
	"seal's root":         editSeal("root = sha256(root)"),
	"seal's link":         editSeal("link = sha256(link)"),
	"seal's event id":     editSeal("rows = set_byte(rows, 3, get_byte(rows, 3) # 1)"),
	"seal's leaf":         editSeal("rows = set_byte(rows, 20, get_byte(rows, 20) # 1)"),
	"seal's rows shorter": editSeal("rows = substr(rows, 1, length(rows) - 48)"),
	"seal's rows ragged":  editSeal("rows = rows || '\\x00'"),
	"seal removed":        onSeal("delete from control.audit_seal where no = $1"),
	"seal moved to another log": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		s.exec(t, `update control.audit_seal set tenant_id = 4711 where no = $1`, pick(s, v.seals))
		return wanted{sealing.SealChanged, v.name, nil, consequences}
	},
	"last number":    onHead("update control.audit_last set no = no + 1 where $1::int is not null", sealing.SealChanged, true),
	"head's size":    onHead("update control.audit_head set seq = seq - 1 where tenant_id = $1", sealing.HeadChanged, false),
	"head's nodes":   onHead("update control.audit_head set nodes = set_byte(nodes, 0, get_byte(nodes, 0) # 1) where tenant_id = $1", sealing.HeadChanged, false),
	"head's link":    onHead("update control.audit_head set link = sha256(link) where tenant_id = $1", sealing.HeadChanged, false),
	"head's day":     onHead("update control.audit_head set day_note = sha256(day_note) where tenant_id = $1", sealing.HeadChanged, false),
	"head's note":    onHead("update control.audit_head set note = replace(note, 'time 2', 'time 1') where tenant_id = $1", sealing.HeadChanged, false),
	"head gone":      onHead("delete from control.audit_head where tenant_id = $1", sealing.HeadChanged, false),
	"another's head": onHead("update control.audit_head set note = (select note from control.audit_head where tenant_id <> $1 limit 1) where tenant_id = $1", sealing.HeadChanged, false),
	"earlier head": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		s.exec(t, `update control.audit_head set note = $2 where tenant_id = $1`, v.id, s.earlier[v.id])
		return wanted{sealing.HeadChanged, v.name, nil, nil}
	},
	"day's note":        onDay("update control.audit_day set note = replace(note, 'time 2', 'time 1') where tenant_id = $1 and day = $2::text::date"),
	"day removed":       onDay("delete from control.audit_day where tenant_id = $1 and day = $2::text::date"),
	"first day removed": onDay("delete from control.audit_day where tenant_id = $1 and day = '2026-11-21' and $2::text is not null"),
	"day's date":        onDay("update control.audit_day set day = day - 100 where tenant_id = $1 and day = $2::text::date"),
	"day's neighbour": onDay(`update control.audit_day d set note = (select note from control.audit_day x where x.tenant_id = d.tenant_id and x.day <> d.day limit 1)
	  where tenant_id = $1 and day = $2::text::date`),
	"pruned by nobody": func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := v.sealed[0]
		s.exec(t, `insert into control.audit_prune values ($1, 1, now(), $2)`, v.id, s.earlier[v.id])
		s.exec(t, `delete from `+v.table+` where id = $1`, id)
		return wanted{sealing.EventDeleted, v.name, []uuid.UUID{id}, []sealing.Kind{sealing.PruneChanged}}
	},
}

var consequences = []sealing.Kind{sealing.SealChanged, sealing.EventInserted}

func pick[T any](s *scene, from []T) T { return from[s.random.IntN(len(from))] }

func edit(column, value string) func(context.Context, *testing.T, *scene, victim) wanted {
	return func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		id := pick(s, v.sealed)
		s.exec(t, `update `+v.table+` set `+column+` = `+value+` where id = $1`, id)
		return wanted{sealing.EventEdited, v.name, []uuid.UUID{id}, nil}
	}
}

func editSeal(change string) func(context.Context, *testing.T, *scene, victim) wanted {
	return onSeal("update control.audit_seal set " + change + " where no = $1")
}

func onSeal(sql string) func(context.Context, *testing.T, *scene, victim) wanted {
	return func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		s.exec(t, sql, pick(s, v.seals))
		return wanted{sealing.SealChanged, v.name, nil, consequences}
	}
}

func onHead(sql string, kind sealing.Kind, all bool) func(context.Context, *testing.T, *scene, victim) wanted {
	return func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		s.exec(t, sql, v.id)
		if all {
			v.name = "all"
		}
		return wanted{kind, v.name, nil, []sealing.Kind{sealing.DayChanged}}
	}
}

func onDay(sql string) func(context.Context, *testing.T, *scene, victim) wanted {
	return func(_ context.Context, t *testing.T, s *scene, v victim) wanted {
		s.exec(t, sql, v.id, []string{"2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24"}[s.random.IntN(4)])
		return wanted{sealing.DayChanged, v.name, nil, []sealing.Kind{sealing.DayChanged}}
	}
}

// judge compares what was found with what had to be.
func judge(t *testing.T, what string, want wanted, found []sealing.Finding) {
	t.Helper()
	missing := slices.Clone(want.events)
	hit := false
	for _, f := range found {
		if f.Kind == want.Kind && f.Log == want.log {
			hit = true
			missing = slices.DeleteFunc(missing, func(id uuid.UUID) bool { return id.String() == f.Event })
			if want.events == nil || slices.ContainsFunc(want.events, func(id uuid.UUID) bool { return id.String() == f.Event }) {
				continue
			}
		}
		if !slices.Contains(want.beside, f.Kind) {
			t.Errorf("%s: a false finding: %+v", what, f)
		}
	}
	if !hit || len(missing) > 0 {
		t.Errorf("%s: not found: %s in %s %v; found %+v", what, want.Kind, want.log, missing, found)
	}
}

// TestSabotage (design/trust.md test 23): whatever is changed by direct SQL is found, under its name; and nothing is found in a log that is
// as it was written.
func TestSabotage(t *testing.T) {
	t.Parallel()
	seed := fromEnv(t, seedEnv, time.Now().UnixNano())
	names := slices.Sorted(maps.Keys(sabotages))
	n := int(fromEnv(t, sabotagesEnv, int64(len(names))))
	t.Logf("%d sabotages; %s=%d", n, seedEnv, seed)
	s := newScene(t, seed)
	if found := s.verify(t, s.heads...); len(found) > 0 {
		t.Fatalf("found in clean logs: %+v", found)
	}
	for i := range n {
		what := names[i%len(names)]
		v := pick(s, s.logs)
		want := sabotages[what](t.Context(), t, s, v)
		judge(t, fmt.Sprintf("%d %s of %s", i, what, v.name), want, s.verify(t))
		s.restore(t)
		if i%50 == 0 || t.Failed() {
			if found := s.verify(t, s.heads...); len(found) > 0 {
				t.Fatalf("found in logs that were restored: %+v", found)
			}
		}
		if t.Failed() {
			break
		}
	}
}
