package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// TestConfidentialityKeepsHistory (W5): the codes are the new ones with their displays, every change is kept with both sides.
func TestConfidentialityKeepsHistory(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(full(t))
	mustRegister(t, s, sub)
	want := sub.Entries[0]
	var history []string
	change := func(codes ...document.Code) error {
		e, event, at := want, uuid.New(), stored.Add(time.Duration(len(history))*time.Minute)
		err := stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			b := tx.Batch()
			return errors.Join(registry.SetConfidentiality(b, e, codes, registry.Change{At: at, Event: event}), b.Send(t.Context()))
		})
		if err == nil {
			want.Confidentiality = codes
			history = append(history, event.String()+" "+at.Format(time.RFC3339Nano))
		}
		return err
	}
	n, r := document.Code{Value: "N", System: hl7, Display: "normal"}, document.Code{Value: "R", System: hl7}
	norsperret := document.Code{Value: "NORS", System: norn, Display: "Sperret"}
	for _, codes := range [][]document.Code{{r}, {n, norsperret}, all9603()} {
		if err := change(codes...); err != nil {
			t.Fatal(err)
		}
		got, err := byID(t, s, want.ID)
		wantEntry(t, want, got, err)
	}
	var kept, texts []string
	found, err := stacktest.Migrated(t).Owner.Pool().Query(t.Context(), "select event_id, changed_at, previous || ' -> ' || codes from "+
		pgx.Identifier{s.Name, "confidentiality_change"}.Sanitize()+" where logical_id = $1 order by changed_at", want.LogicalID)
	if err != nil {
		t.Fatal(err)
	}
	var event uuid.UUID
	var at time.Time
	var text string
	if _, err := pgx.ForEachRow(found, []any{&event, &at, &text}, func() error {
		kept, texts = append(kept, event.String()+" "+at.UTC().Format(time.RFC3339Nano)), append(texts, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(history, kept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"N^" + hl7 + " NORS^" + norn + " -> R^" + hl7, "R^" + hl7 + " -> N^" + hl7 + " NORS^" + norn}, texts[:2]); diff != "" {
		t.Error(diff)
	}
}

// all9603 is as many codes as a document can sensibly have: all of 9603 and HL7's three, one of them twice.
func all9603() []document.Code {
	codes := []document.Code{{Value: "N", System: hl7}, {Value: "R", System: hl7}, {Value: "V", System: hl7}, {Value: "N", System: hl7}}
	for _, v := range strings.Fields("N NORN_ANG NORN_ALL NORN_DUP NORN_EPO NORN_FFH NORN_FFL NORN_FOR NORN_FORANS NORN_FPB NORN_KUT NORN_UNGDOM NORS NORU") {
		codes = append(codes, document.Code{Value: v, System: norn})
	}
	return codes
}

// TestTooManyCodes: new codes that cannot be kept are refused as the caller's mistake; old ones do not keep an entry open for good.
func TestTooManyCodes(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	var many []document.Code
	for i := range 80 {
		many = append(many, document.Code{Value: fmt.Sprintf("Å%d", i), System: "http://example.org/æøå"})
	}
	e := plain()
	e.Confidentiality = many
	mustRegister(t, s, submission(e))
	set := func(codes []document.Code) error {
		return stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			b := tx.Batch()
			if err := registry.SetConfidentiality(b, e, codes, registry.Change{At: stored, Event: uuid.New()}); err != nil {
				return err
			}
			return b.Send(t.Context())
		})
	}
	if err := set(many); fault.KindOf(err) != fault.Invalid {
		t.Errorf("too many: %v", err)
	}
	if err := set([]document.Code{{Value: "V", System: hl7}}); err != nil {
		t.Errorf("closing it: %v", err)
	}
}

// TestBury (W3): a tombstone says that there was an entry and whose, and holds nothing of the content.
func TestBury(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(full(t), plain())
	mustRegister(t, s, sub)
	e := sub.Entries[0]
	bury(t, s, e)
	var row string
	if err := stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(), "select d::text from "+pgx.Identifier{s.Name, "document_entry"}.Sanitize()+
		" d where id = $1", e.ID).Scan(&row); err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"Epikrise", "lines", "nb-NO", "Kari", "Ås", "9999999", "910000001", "Avdeling", "Sykehus", "Lege", "Indremedisin", "Only a name",
		"Hansen", "Per", "mrn-1", "1969", "Visning", "Hendelse", "ABC", "ref1", "1899", "2024-02-29"} {
		if strings.Contains(row, content) {
			t.Errorf("%q is left in %s", content, row)
		}
	}
	got, err := byID(t, s, e.ID)
	if err != nil || got.Status != document.Tombstone || got.Patient != e.Patient || got.UniqueID != e.UniqueID || got.ObjectKey != e.ObjectKey ||
		!got.Registered.Equal(e.Registered) {
		t.Errorf("%+v, %v", got, err)
	}
	if statusOf(t, s, sub.Entries[1].ID) != document.Approved {
		t.Error("its neighbour is gone too")
	}
	if got := setRest(t, s, sub.Set.ID); got == "{}" {
		t.Error("the set lost its words while it still has a document")
	}
	bury(t, s, sub.Entries[1])
	if got := setRest(t, s, sub.Set.ID); got != "{}" {
		t.Errorf("the set of deleted documents still says %s", got)
	}
}

// setRest is what a submission set says in words, as stored.
func setRest(t *testing.T, s postgres.Schema, id uuid.UUID) (rest string) {
	t.Helper()
	if err := stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(), "select rest::text from "+pgx.Identifier{s.Name, "submission"}.Sanitize()+
		" where id = $1", id).Scan(&rest); err != nil {
		t.Fatal(err)
	}
	return rest
}
