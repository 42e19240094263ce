package inspection_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// exporting is a tenant's log with n events, and its export.
func exporting(t *testing.T, n int) (x inspection.Export, ids []uuid.UUID) {
	t.Helper()
	of := stacktest.Tenant(t)
	log := audit.Log{DB: stacktest.Migrated(t).DB}
	var all []audit.TenantEvent
	for range n {
		e := audit.New(time.Now(), audit.Operator("kari"), audit.Execute, "sweep")
		all, ids = append(all, audit.TenantEvent{Schema: of.Schema(), Event: e}), append(ids, e.ID)
	}
	if err := log.RecordAll(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	return inspection.Export{Log: log, Tenant: &of, Format: "jsonl", Operator: "kari", Now: time.Now}, ids
}

// taken runs an export and gives the ids it got; during is called at the first of them.
func taken(t *testing.T, x inspection.Export, during func()) (got []uuid.UUID) {
	t.Helper()
	n, err := x.Run(t.Context(), func(l audit.Line) error {
		if len(got) == 0 && during != nil {
			during()
		}
		got = append(got, l.ID)
		return nil
	})
	if err != nil || n != int64(len(got)) {
		t.Fatalf("%d events told, %d got: %v", n, len(got), err)
	}
	return got
}

func logged(t *testing.T, of *tenant.Tenant) (out []audit.Line) {
	t.Helper()
	lines, err := audit.Log{DB: stacktest.Migrated(t).DB}.List(t.Context(), of.Schema(), uuid.Nil, 5000)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(lines, func(l audit.Line) bool { return l.Operation != "audit-export" })
}

// TestExportIsOneMoment: while others write, all that was there at the start comes, once, in order, and the number in the log is the number that
// came. An event that is committed late with an older id comes with the next export.
func TestExportIsOneMoment(t *testing.T) {
	t.Parallel()
	x, want := exporting(t, 1201) // more than two pages
	late := audit.New(time.Now(), audit.Operator("kari"), audit.Execute, "sweep")
	late.ID = uuid.UUID(slices.Concat(want[600][:15], []byte{want[600][15] + 1})) // in the middle of what is exported, as UUIDv7 of a slow transaction
	open, commit := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- x.Log.DB.InTenant(t.Context(), x.Tenant.Schema(), func(tx *postgres.Tx) error {
			if _, err := tx.Exec(t.Context(), "select 1"); err != nil {
				return err
			}
			close(open)
			<-commit
			return audit.AppendLast(tx, late)
		})
	}()
	<-open
	got := taken(t, x, func() {
		close(commit)
		if err := errors.Join(<-done, x.Log.Record(t.Context(), x.Tenant.Schema(), audit.New(time.Now(), audit.Operator("ola"), audit.Execute, "sweep"))); err != nil {
			t.Error(err)
		}
	})
	slices.SortFunc(want, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was there at the start (-want +got):\n%.2000s", diff)
	}
	of := logged(t, x.Tenant)
	if len(of) != 1 || *of[0].Detail.Hits != 1201 || of[0].Action != "E" || of[0].Caller.Name != "kari" || of[0].Detail.HomeCommunity != x.Tenant.HomeCommunity ||
		of[0].Reason != "from=open to=open format=jsonl events=1201" {
		t.Errorf("the log says of it: %+v", of)
	}
	if again := taken(t, x, nil); len(again) != 1204 || !slices.Contains(again, late.ID) || !slices.Contains(again, of[0].ID) {
		t.Errorf("the next export has %d events, and not the late one or not that of the export", len(again))
	}
}

// TestExportIsLoggedFirst: when the first event leaves, the log knows; when not all left, it knows that too; what cannot be logged does not leave.
func TestExportIsLoggedFirst(t *testing.T) {
	t.Parallel()
	x, _ := exporting(t, 3)
	x.Span.From = time.Now().Add(-time.Hour)
	full := errors.New("the disk is full")
	n, err := x.Run(t.Context(), func(audit.Line) error {
		if all := logged(t, x.Tenant); len(all) != 1 || all[0].Outcome != "success" {
			t.Errorf("before the first event left, the log said %+v", all)
		}
		return full
	})
	if n != 0 || !errors.Is(err, full) {
		t.Errorf("%d %v", n, err)
	}
	all := logged(t, x.Tenant)
	if len(all) != 2 || all[1].Outcome != "failed" || *all[1].Detail.Hits != 0 || !strings.HasSuffix(all[1].Reason, "events=0 and was broken off") {
		t.Errorf("of a broken export the log says %+v", all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := x.Run(ctx, func(audit.Line) error { cancel(); return ctx.Err() }); err == nil || len(logged(t, x.Tenant)) != 4 {
		t.Errorf("an interrupted export: %v, %d events", err, len(logged(t, x.Tenant)))
	}
	other := *x.Tenant
	other.SchemaName = "t_not_there"
	x.Tenant = &other
	if _, err := x.Run(t.Context(), func(audit.Line) error { t.Error("something left"); return nil }); err == nil {
		t.Error("a log that is not there was exported")
	}
}

// TestExportOfSpan: from the first moment to before the last, in the tenant's log and in the control log.
func TestExportOfSpan(t *testing.T) {
	t.Parallel()
	x, _ := exporting(t, 0)
	midnight := time.Date(2026, 10, 25, 22, 0, 0, 0, time.UTC)
	var want []uuid.UUID
	who := uuid.NewString()
	for _, at := range []time.Duration{-time.Microsecond, 0, time.Hour, 24*time.Hour - time.Microsecond, 24 * time.Hour} {
		e := audit.New(midnight.Add(at), audit.Operator(who), audit.Execute, "sweep")
		if err := errors.Join(x.Log.Record(t.Context(), x.Tenant.Schema(), e), x.Log.RecordControl(t.Context(), e)); err != nil {
			t.Fatal(err)
		}
		if at >= 0 && at < 24*time.Hour {
			want = append(want, e.ID)
		}
	}
	x.Span = audit.Span{From: midnight, To: midnight.Add(24 * time.Hour)}
	if diff := cmp.Diff(want, taken(t, x, nil)); diff != "" {
		t.Errorf("tenant (-want +got):\n%s", diff)
	}
	x.Tenant = nil
	var got []uuid.UUID
	if _, err := x.Run(t.Context(), func(l audit.Line) error {
		if l.Caller.Name == who {
			got = append(got, l.ID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("control (-want +got):\n%s", diff)
	}
}

func TestSpanOf(t *testing.T) {
	t.Parallel()
	utc := func(s string) (at time.Time) {
		if s != "" {
			var err error
			if at, err = time.Parse(time.RFC3339Nano, s); err != nil {
				t.Fatal(err)
			}
		}
		return at
	}
	for _, c := range []struct{ from, to, wantFrom, wantTo, wrong string }{
		{"", "", "", "", ""},
		{"2026-11-01", "2026-11-01", "2026-10-31T23:00:00Z", "2026-11-01T23:00:00Z", ""},
		{"2026-10-25", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", ""}, // 25 hours
		{"2026-11-01T08:00", "2026-11-01T08:00", "2026-11-01T07:00:00Z", "2026-11-01T07:00:00.000001Z", ""},
		{"2026-11-01T08:00:00Z", "", "2026-11-01T08:00:00Z", "", ""},
		{"2026-11-02", "2026-11-01", "", "", "is not before"},
		{"yesterday", "2026-13-01", "", "", "neither a date"},
	} {
		got, problems := inspection.SpanOf(c.from, c.to)
		if told := fmt.Sprint(problems.Err()); (c.wrong == "") != (len(problems) == 0) || !strings.Contains(told, c.wrong) {
			t.Errorf("%s to %s: %v", c.from, c.to, problems)
		}
		if c.wrong == "" && (!got.From.Equal(utc(c.wantFrom)) || !got.To.Equal(utc(c.wantTo))) {
			t.Errorf("%s to %s is %v", c.from, c.to, got)
		}
	}
}

// TestCSV: every text of a line is in the table, in its own column, and no cell is a formula.
func TestCSV(t *testing.T) {
	t.Parallel()
	var line audit.Line
	texts := map[string]bool{}
	fill(reflect.ValueOf(&line).Elem(), texts)
	line.ID, line.Time = uuid.New(), time.Now()
	for top, same := range map[*string]string{&line.Organisation: line.Caller.Organisation, &line.RequestID: line.Caller.RequestID, &line.EventID: line.Caller.EventID,
		&line.Rule: line.Detail.Rule, &line.Code: line.Detail.Code, &line.Reason: line.Detail.Reason, &line.Document: line.Detail.Documents[0].UniqueID,
		&line.Entry: line.Detail.Documents[0].Entry} {
		delete(texts, *top) // a line has it twice
		*top = same
	}
	odd := audit.Line{ID: uuid.New(), Operation: "x"}
	odd.Caller.Name, odd.Reason, odd.Caller.ClientName, odd.Caller.Supplier = `=HYPERLINK("http://x","y")`, "a, \"b\"\r\nc", "  +1", "'quoted"
	odd.Caller.SourceSystem, odd.EventID = `x"; =HYPERLINK("y")`, "a; b = c"
	var out bytes.Buffer
	row, flush, err := inspection.CSV(&out)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(row(line), row(odd), flush()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "time,id,action,") || strings.Count(out.String(), "\r\n") != 4 {
		t.Errorf("%q", out.String())
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for text := range texts {
		if !slices.Contains(rows[1], text) {
			t.Errorf("%s is in no cell", text)
		}
	}
	cells := map[string]string{}
	for i, name := range rows[0] {
		if cells[name] = rows[2][i]; strings.IndexByte("=+-@", (rows[2][i] + " ")[0]) >= 0 {
			t.Errorf("%s begins as a formula: %q", name, rows[2][i])
		}
	}
	want := map[string]string{"name": `'=HYPERLINK("http://x","y")`, "reason": "a, \"b\"\nc", "client_name": "'  +1", "supplier": "''quoted",
		"source_system": `x"; '=HYPERLINK("y")`, "nhn_event_id": "a; b = c"}
	for name, text := range want {
		if cells[name] != text {
			t.Errorf("%s is %q, want %q", name, cells[name], text)
		}
	}
}

// TestJSONLines: as `audit list --json` prints them.
func TestJSONLines(t *testing.T) {
	t.Parallel()
	var line, back audit.Line
	fill(reflect.ValueOf(&line).Elem(), map[string]bool{})
	var out bytes.Buffer
	if err := inspection.JSONLines(&out)(line); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || !cmp.Equal(line, back) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v: %s", err, out.String())
	}
}

// fill gives every field a value of its own; lists get one.
func fill(v reflect.Value, texts map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), texts)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), texts)
	case reflect.String:
		v.SetString(fmt.Sprintf("t%d<&", len(texts)))
		texts[v.String()] = true
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1000 + len(texts)))
		texts[fmt.Sprint(v.Int())] = true
	case reflect.Bool:
		v.SetBool(true)
		texts["true"] = true
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Field(i).Type() != reflect.TypeFor[time.Time]() {
				fill(v.Field(i), texts)
			}
		}
	}
}
