package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func log(t *testing.T) audit.Log {
	t.Helper()
	return audit.Log{DB: stacktest.Migrated(t).DB}
}

var at = time.Date(2026, 11, 21, 12, 0, 0, 123_456_000, time.UTC)

// full is an event with every field filled, each with a text of its own.
func full(t *testing.T) audit.Event {
	t.Helper()
	hits, chosen := 0, false
	e := audit.New(at, audit.Actor{
		Caller: access.Caller{Kind: access.Personnel, ClientID: "client", ClientName: "client name", Organisation: "910000001",
			OrganisationName: "organisation name", PointOfCare: "910000002", PointOfCareName: "unit", Supplier: "910000003", Name: "Åse Ærø",
			HPR: "9999999", PersonID: "13116900216", Role: "LE", SecurityLevel: 4, Attest: true, Purpose: "TREAT", PurposeDetails: "BEHANDLER",
			Service: "S03", ServiceSystem: "services", DecisionRef: "decision", DecisionSelected: &chosen, Department: "910000004",
			DepartmentSystem: "departments", DepartmentName: "ward", Audience: "audience", Scopes: []string{"scope"}, TokenID: "jti"},
		RequestID: "request", EventID: "event", TraceID: "trace", SourceSystem: "system", Transaction: "ITI-57", Issuer: "issuer"}, audit.Update, "set-confidentiality")
	e.Patient, e.Entry, e.Outcome = "13116900216^^^&2.16.578.1.12.4.1.4.1&ISO", uuid.New(), audit.Denied
	e.Detail = audit.Detail{Documents: []audit.Document{
		{Entry: "e1", UniqueID: "u1", Title: "title", Type: "ty", Class: "cl", Conf: []string{"N", "NORS"}, Size: 7}, {Entry: "e2", UniqueID: "u2"}},
		Set: "set", Folders: []string{"folder"}, Removed: []string{"removed"}, HomeCommunity: "1.2", Rule: "C7", Code: "DLAccessDenied", Reason: "reason", Query: "query", Hits: &hits, Masked: 3,
		Old: []string{"N"}, New: []string{"R", "V"}, Finding: "finding", Basis: "basis", Range: "0-9", Facts: audit.FactsStale, BreakGlass: 2, FactsAge: 61, Count: 3}
	for _, part := range []any{e, e.Actor, e.Actor.Caller, e.Detail} {
		wantFilled(t, part)
	}
	return e
}

// wantFilled keeps the round trip honest: a field added later is not forgotten here.
func wantFilled(t *testing.T, part any) {
	t.Helper()
	v := reflect.ValueOf(part)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%T.%s is not filled", part, v.Type().Field(i).Name)
		}
	}
}

// lineOf is what a full event must come out as. A health worker's PersonID, scopes and security level are not kept.
func lineOf(e audit.Event) audit.Line {
	l := audit.Line{ID: e.ID, Time: e.At, Action: "U", Outcome: "denied", Operation: e.Operation, Organisation: "910000001", Patient: e.Patient,
		Document: "u1", Entry: e.Entry.String(), Rule: "C7", Code: "DLAccessDenied", Reason: "reason", RequestID: "request", EventID: "event", Detail: e.Detail}
	c := &l.Caller
	c.Kind, c.Name, c.HPR, c.Role, c.ClientID, c.ClientName = "personnel", "Åse Ærø", "9999999", "LE", "client", "client name"
	c.Organisation, c.OrganisationTxt, c.PointOfCare, c.PointOfCareTxt = "910000001", "organisation name", "910000002", "unit"
	c.Supplier, c.Purpose, c.PurposeDetails, c.DecisionRef = "910000003", "TREAT", "BEHANDLER", "decision"
	c.Service, c.ServiceSystem, c.Selected = "S03", "services", e.Actor.DecisionSelected
	c.Department, c.DepartmentSys, c.DepartmentTxt = "910000004", "departments", "ward"
	c.SourceSystem, c.TokenID, c.RequestID, c.EventID, c.TraceID = "system", "jti", "request", "event", "trace"
	c.Issuer, c.Transaction = "issuer", "ITI-57"
	return l
}

// pending counts the notes for the sealer.
func pending(t *testing.T, s postgres.Schema, id uuid.UUID) (n int) {
	t.Helper()
	err := stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(),
		`select count(*) from control.audit_pending where tenant_id = $1 and event_id = $2`, s.ID, id).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func lines(t *testing.T, s postgres.Schema) []audit.Line {
	t.Helper()
	got, err := log(t).List(t.Context(), s, uuid.Nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestEventComesBack (A1): whole, by each way of writing one, with one note for the sealer in a tenant's case.
func TestEventComesBack(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(postgres.Schema, audit.Event) error{
		"Append":     func(s postgres.Schema, e audit.Event) error { return appended(t, s, e, nil) },
		"AppendLast": func(s postgres.Schema, e audit.Event) error { return appendedLast(t, s, e, nil) },
		"AppendAsOwner": func(s postgres.Schema, e audit.Event) error {
			return pgx.BeginFunc(t.Context(), stacktest.Migrated(t).Owner.Pool(), func(tx pgx.Tx) error {
				return audit.AppendAsOwner(t.Context(), tx, s, e)
			})
		},
		"Record": func(s postgres.Schema, e audit.Event) error { return log(t).Record(t.Context(), s, e) },
		"Record for a client that has gone": func(s postgres.Schema, e audit.Event) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return log(t).Record(ctx, s, e)
		},
		"RecordAll for a client that has gone": func(s postgres.Schema, e audit.Event) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return log(t).RecordAll(ctx, []audit.TenantEvent{{Schema: stacktest.Tenant(t).Schema(), Event: full(t)}, {Schema: s, Event: e}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, e := stacktest.Tenant(t).Schema(), full(t)
			if err := write(s, e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]audit.Line{lineOf(e)}, lines(t, s)); diff != "" {
				t.Error(diff)
			}
			if n := pending(t, s, e.ID); n != 1 {
				t.Errorf("%d notes for the sealer", n)
			}
		})
	}
	t.Run("RecordControl", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e := full(t)
		if err := log(t).RecordControl(ctx, e); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(lineOf(e), controlLine(t, e.ID)); diff != "" {
			t.Error(diff)
		}
	})
}

// controlLine finds one event among those of no tenant, which all tests share.
func controlLine(t *testing.T, id uuid.UUID) (found audit.Line) {
	t.Helper()
	for after := uuid.Nil; ; {
		page, err := log(t).ListControl(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			if l.ID == id {
				found = l
			}
			after = l.ID
		}
		if len(page) < 3 {
			return found
		}
	}
}

func appended(t *testing.T, s postgres.Schema, e audit.Event, end error) error {
	t.Helper()
	return stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		if err := audit.Append(tx, b, e); err != nil {
			return err
		}
		return errors.Join(b.Send(t.Context()), end)
	})
}

func appendedLast(t *testing.T, s postgres.Schema, e audit.Event, end error) error {
	t.Helper()
	return stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		return errors.Join(audit.AppendLast(tx, e), end)
	})
}

// TestEventOfNothing: an event whose operation was rolled back is not there, and the sealer is not told of it.
func TestEventOfNothing(t *testing.T) {
	t.Parallel()
	s, e, changed := stacktest.Tenant(t).Schema(), full(t), errors.New("changed my mind")
	for _, write := range []func(*testing.T, postgres.Schema, audit.Event, error) error{appended, appendedLast} {
		if err := write(t, s, e, changed); !errors.Is(err, changed) {
			t.Fatal(err)
		}
	}
	if got := lines(t, s); len(got) != 0 || pending(t, s, e.ID) != 0 {
		t.Errorf("%+v", got)
	}
	// And one without its note cannot be.
	if err := appended(t, s, e, nil); err != nil {
		t.Fatal(err)
	}
	again := full(t)
	if _, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), `insert into control.audit_pending values ($1, $2)`, s.ID, again.ID); err != nil {
		t.Fatal(err)
	}
	for _, write := range []func(*testing.T, postgres.Schema, audit.Event, error) error{appended, appendedLast} {
		if err := write(t, s, again, nil); err == nil {
			t.Error("an event was written whose note was refused")
		}
	}
	if got := lines(t, s); len(got) != 1 {
		t.Errorf("%d events", len(got))
	}
}

// TestAllOrNone: events of several tenants are there together, each in its own log alone; one that cannot be written leaves none.
func TestAllOrNone(t *testing.T) {
	t.Parallel()
	var tenants []postgres.Schema
	for range 3 {
		tenants = append(tenants, stacktest.Tenant(t).Schema())
	}
	events := func() (out []audit.TenantEvent) {
		for _, s := range tenants {
			out = append(out, audit.TenantEvent{Schema: s, Event: full(t)})
		}
		return out
	}
	lost := events()
	if _, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), `insert into control.audit_pending values ($1, $2)`, tenants[2].ID, lost[2].Event.ID); err != nil {
		t.Fatal(err)
	}
	if err := log(t).RecordAll(t.Context(), lost); err == nil || errors.Is(err, postgres.ErrUnconfirmed) {
		t.Errorf("the third event's note was refused: %v", err)
	}
	kept := events()
	if err := errors.Join(log(t).RecordAll(t.Context(), kept), log(t).RecordAll(t.Context(), nil)); err != nil {
		t.Fatal(err)
	}
	for i, s := range tenants {
		if diff := cmp.Diff([]audit.Line{lineOf(kept[i].Event)}, lines(t, s)); diff != "" {
			t.Errorf("tenant %d: %s", i, diff)
		}
		if n := pending(t, s, kept[i].Event.ID); n != 1 {
			t.Errorf("tenant %d: %d notes for the sealer", i, n)
		}
	}
}

// TestEmptyEvent: what was not part of the operation is absent, not empty or zero.
func TestEmptyEvent(t *testing.T) {
	t.Parallel()
	s := stacktest.Tenant(t).Schema()
	e := audit.New(at.In(time.FixedZone("", 3600)), audit.Actor{}, audit.Execute, "validate")
	if err := log(t).Record(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	want := audit.Line{ID: e.ID, Time: at, Action: "E", Outcome: "success", Operation: "validate"}
	want.Caller.Kind = "nobody"
	got := lines(t, s)
	if diff := cmp.Diff([]audit.Line{want}, got); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(got[0])
	if err != nil || !strings.HasSuffix(string(text), `"caller":{"kind":"nobody"},"organisation":"","patient":"","document":"","rule":"","request_id":"",`+
		`"nhn_event_id":"","detail":{}}`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestHostileTexts: an event of a request with texts that the database cannot hold is kept all the same, and what it can hold is
// not changed.
func TestHostileTexts(t *testing.T) {
	t.Parallel()
	s := stacktest.Tenant(t).Schema()
	for in, want := range map[string]string{
		"a\x00b":                     "a\ufffdb",
		"\x00\x00":                   "\ufffd\ufffd",
		"a\xff\xfeb":                 "a\ufffd\ufffdb",
		"\xed\xa0\x80":               "\ufffd\ufffd\ufffd",
		`C:\u0000`:                   `C:\u0000`,
		`\\u0000`:                    `\\u0000`,
		"\\\x00":                     "\\\ufffd",
		`'; drop table tenant; "`:    `'; drop table tenant; "`,
		"<script>&\u2028\U0001f600":  "<script>&\u2028\U0001f600",
		strings.Repeat("x", 100_000): strings.Repeat("x", 100_000),
	} {
		e := full(t)
		e.Patient = clip(in)
		e.Actor.Name, e.Actor.EventID, e.Detail.Reason, e.Detail.Documents[0].UniqueID, e.Detail.Old[0] = in, in, in, in, in
		if err := log(t).Record(t.Context(), s, e); err != nil {
			t.Errorf("%q: %v", clip(in), err)
			continue
		}
		if err := log(t).RecordControl(t.Context(), e); err != nil {
			t.Errorf("%q: %v", clip(in), err)
		}
		all := lines(t, s)
		for _, l := range []audit.Line{all[len(all)-1], controlLine(t, e.ID)} {
			if l.Caller.Name != want || l.EventID != want || l.Reason != want || l.Document != want || l.Detail.Old[0] != want {
				t.Errorf("%q became %q, %q, %q, %q, %q", clip(in), clip(l.Caller.Name), clip(l.EventID), clip(l.Reason), clip(l.Document), clip(l.Detail.Old[0]))
			}
			// In the column of its own a run of bytes that are no UTF-8 becomes one mark.
			if patient := strings.ToValidUTF8(clip(strings.ReplaceAll(in, "\x00", "\ufffd")), "\ufffd"); l.Patient != patient {
				t.Errorf("patient %q became %q, want %q", clip(in), l.Patient, patient)
			}
		}
	}
}

func clip(s string) string { return s[:min(len(s), 40)] }

func TestRefused(t *testing.T) {
	t.Parallel()
	problem := func(code fault.Code) *fault.Problem {
		return fault.New(code, "safe %s", code).By("X1").Because(errors.New("cause"))
	}
	for _, c := range []struct {
		err     error
		outcome audit.Outcome
		code    fault.Code
	}{
		{problem(fault.AccessDenied), audit.Denied, fault.AccessDenied},
		{problem(fault.ScopeMissing), audit.Denied, fault.ScopeMissing},
		{problem(fault.TokenRefused), audit.Denied, fault.TokenRefused},
		{problem(fault.MetadataError), audit.Failed, fault.MetadataError},
		{problem(fault.UnknownDocument), audit.Failed, fault.UnknownDocument},
		{problem(fault.PartUnavailable), audit.Failed, fault.PartUnavailable},
		{fmt.Errorf("x: %w", problem(fault.VirusFound)), audit.Failed, fault.VirusFound},
		{fault.Problems{problem(fault.MetadataError), problem(fault.AccessDenied)}, audit.Denied, fault.AccessDenied},
		{fault.Problems{problem(fault.ExtraMetadata).AsWarning(), problem(fault.UnknownCode)}, audit.Failed, fault.UnknownCode},
		{errors.New("x"), audit.Failed, fault.InternalError},
	} {
		before := full(t)
		before.Outcome, before.Detail.Rule = audit.Success, ""
		got := before.Refused(c.err)
		if got.Outcome != c.outcome || got.Detail.Code != string(c.code) {
			t.Errorf("%v: %c %s", c.err, got.Outcome, got.Detail.Code)
		}
		if c.code != fault.InternalError && (got.Detail.Rule != "X1" || got.Detail.Reason != "safe "+string(c.code)) {
			t.Errorf("%v: %+v", c.err, got.Detail)
		}
		if strings.Contains(got.Detail.Reason, "cause") {
			t.Errorf("the cause is in the reason: %q", got.Detail.Reason)
		}
		if before.Outcome != audit.Success || got.ID != before.ID || got.Patient != before.Patient || len(got.Detail.Documents) != 2 {
			t.Errorf("%v changed more than the outcome", c.err)
		}
	}
	// A rule that hid the document decided, whatever the caller is told (C1, C7).
	hidden := full(t)
	hidden.Outcome = audit.Success
	if got := hidden.Refused(problem(fault.UnknownDocument)); got.Outcome != audit.Denied || got.Detail.Rule != "C7" || got.Detail.Code != string(fault.UnknownDocument) {
		t.Errorf("%c %+v", got.Outcome, got.Detail)
	}
	if got := full(t).Refused(nil); got.Outcome != audit.Denied || got.Detail.Code != "DLAccessDenied" {
		t.Errorf("no error changed the event: %+v", got)
	}
}

// TestWhoseNumberIsKept: of citizens and those who act for them nothing else says who it was; of health workers the HPR number does.
func TestWhoseNumberIsKept(t *testing.T) {
	t.Parallel()
	s := stacktest.Tenant(t).Schema()
	for kind, kept := range map[access.Kind]bool{access.Citizen: true, access.Guardian: true, access.Proxy: true, access.Personnel: false, access.Machine: false, access.Nobody: false} {
		e := full(t)
		e.Actor.Kind = kind
		if err := log(t).Record(t.Context(), s, e); err != nil {
			t.Fatal(err)
		}
		all := lines(t, s)
		if got := all[len(all)-1].Caller; (got.PersonID == e.Actor.PersonID) != kept || got.Kind != kind.String() {
			t.Errorf("%s: %q", got.Kind, got.PersonID)
		}
	}
}

// TestListPages: pages of any size give each event once, oldest first, of this tenant alone.
func TestListPages(t *testing.T) {
	t.Parallel()
	s, other := stacktest.Tenant(t).Schema(), stacktest.Tenant(t).Schema()
	var want []uuid.UUID
	for range 23 {
		e := full(t)
		want = append(want, e.ID)
		if err := errors.Join(log(t).Record(t.Context(), s, e), log(t).Record(t.Context(), other, full(t))); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{1, 5, 23, 24} {
		var got []uuid.UUID
		for after := uuid.Nil; ; after = got[len(got)-1] {
			page, err := log(t).List(t.Context(), s, after, size)
			if err != nil || len(page) > size || len(got) > len(want) {
				t.Fatalf("%d lines after %d: %v", len(page), len(got), err)
			}
			for _, l := range page {
				got = append(got, l.ID)
			}
			if len(page) == 0 {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d: %s", size, diff)
		}
	}
}

// TestUnavailable: a log that cannot be written says so; the caller must not answer as if it had been.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	s := stacktest.Tenant(t).Schema()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: stacktest.Parts(t).AppURL, Pools: 1, ConnsPerPool: 1, StatementTimeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	owner := stacktest.Migrated(t).Owner.Pool()
	tx, err := owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "lock table "+s.Name+".audit_event in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	l := audit.Log{DB: db}
	if err := l.Record(t.Context(), s, full(t)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Record: %v", err)
	}
	free := stacktest.Tenant(t).Schema()
	if err := l.RecordAll(t.Context(), []audit.TenantEvent{{Schema: free, Event: full(t)}, {Schema: s, Event: full(t)}}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("RecordAll: %v", err)
	}
	if got := lines(t, free); len(got) != 0 {
		t.Errorf("%d events of a refused RecordAll", len(got))
	}
	if _, err := l.List(t.Context(), s, uuid.Nil, 1); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("List: %v", err)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	got := audit.Of(document.Entry{ID: id, UniqueID: "u", Type: document.Code{Value: "t", System: "s"}, Class: document.Code{Value: "c"}, Size: 9,
		Title: "secret", Confidentiality: []document.Code{{Value: "N"}, {Value: "NORS", System: "x"}}})
	if diff := cmp.Diff(audit.Document{Entry: id.String(), UniqueID: "u", Title: "secret", Type: "t", Class: "c", Conf: []string{"N", "NORS"}, Size: 9}, got); diff != "" {
		t.Error(diff)
	}
}
