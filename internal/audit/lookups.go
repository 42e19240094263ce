package audit

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// NameAfter is how long a health worker's name is kept from the citizen whose record was read (A2): seven days of 24 hours each.
const NameAfter = 7 * 24 * time.Hour

// Lookup is one reading by health personnel as the citizen may be told of it (A2). What he is never told is not in it: HPR number, identity
// number, client, token. The name comes out by Name alone, and so not before its time.
type Lookup struct {
	ID uuid.UUID
	At time.Time
	// Denied readings showed nothing.
	Denied    bool
	Operation string
	// Patient is the identifier in CX form.
	Patient                        string
	Entry                          uuid.UUID
	Organisation, OrganisationName string
	PointOfCare, PointOfCareName   string
	Role, Purpose, PurposeDetails  string
	RequestID                      string
	Basis                          string
	BreakGlass, Masked             bool
	// Rule is the one that denied, masked, or left a whole list empty.
	Rule string
	// Document is the one concerned; the zero value for lists.
	Document Document
	name     string
}

// NameDue is the first moment at which the name may be told.
func (l Lookup) NameDue() time.Time { return l.At.Add(NameAfter) }

// Name is the health worker's, empty before its time; due says whether the time has come.
func (l Lookup) Name(now time.Time) (name string, due bool) {
	if now.Before(l.NameDue()) {
		return "", false
	}
	return l.name, true
}

// Tells reports whether a text holds a word of the health worker's name, as an organisation's name may: it must wait with the name.
func (l Lookup) Tells(text string) bool {
	words := map[string]bool{}
	for _, w := range wordsOf(text) {
		words[strings.TrimSuffix(w, "s")] = true
	}
	for _, w := range wordsOf(l.name) {
		if words[strings.TrimSuffix(w, "s")] {
			return true
		}
	}
	return false
}

// wordsOf is a text's words in small letters; single letters are initials of anybody.
func wordsOf(text string) (words []string) {
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if len([]rune(w)) > 1 {
			words = append(words, w)
		}
	}
	return words
}

// looked picks the readings of health personnel that were carried out or denied: machines and operators are nobody who looked, and what failed
// showed nothing. Nor is who reads the audit log itself, with a person's token too (A4): no documents were looked at, and no health worker did.
const looked = ` action = 'R' and outcome in ('S', 'N') and actor->>'kind' = 'personnel' and patient_id is not null
	and operation not in ('audit-search', 'audit-read')`

const selectLookups = `select id, at, outcome = 'N', operation, patient_id, entry_id, actor, detail from `

// Lookups gives a patient's lookups in one tenant, newest first, those before an event (uuid.Max: from the newest on), at most limit.
func Lookups(ctx context.Context, tx *postgres.Tx, patient string, before uuid.UUID, limit int) ([]Lookup, error) {
	rows, err := tx.Query(ctx, selectLookups+`tenant.audit_event where patient_id = $1 and id < $2 and`+looked+` order by id desc limit $3`, patient, before, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanLookup)
}

// LookupsOf gives those of the events that are lookups of somebody, in no order.
func LookupsOf(ctx context.Context, tx *postgres.Tx, events []uuid.UUID) ([]Lookup, error) {
	rows, err := tx.Query(ctx, selectLookups+`tenant.audit_event where id = any($1::text[]::uuid[]) and`+looked, postgres.Texts(events))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanLookup)
}

// ControlLookups is Lookups for what belongs to no tenant: searches that found the patient nowhere, and what was refused before an instance
// was found.
func (l Log) ControlLookups(ctx context.Context, patient string, before uuid.UUID, limit int) ([]Lookup, error) {
	return l.control(ctx, selectLookups+`control.audit_event where patient_id = $1 and id < $2 and`+looked+` order by id desc limit $3`, patient, before, limit)
}

// ControlLookupsOf is LookupsOf for what belongs to no tenant.
func (l Log) ControlLookupsOf(ctx context.Context, events []uuid.UUID) ([]Lookup, error) {
	return l.control(ctx, selectLookups+`control.audit_event where id = any($1::text[]::uuid[]) and`+looked, postgres.Texts(events))
}

func (l Log) control(ctx context.Context, sql string, args ...any) ([]Lookup, error) {
	rows, err := l.DB.Control().Query(ctx, sql, args...)
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	found, err := pgx.CollectRows(rows, scanLookup)
	return found, postgres.Unavailable(err)
}

// looker is what of an actor's row a citizen may be told, the name in its time.
type looker struct {
	Name            string `json:"name"`
	Role            string `json:"role"`
	Organisation    string `json:"organisation"`
	OrganisationTxt string `json:"organisation_name"`
	PointOfCare     string `json:"point_of_care"`
	PointOfCareTxt  string `json:"point_of_care_name"`
	Purpose         string `json:"purpose"`
	PurposeDetails  string `json:"purpose_details"`
	RequestID       string `json:"request_id"`
}

func scanLookup(r pgx.CollectableRow) (Lookup, error) {
	var l Lookup
	var entry *uuid.UUID
	var actor, detail []byte
	if err := r.Scan(&l.ID, &l.At, &l.Denied, &l.Operation, &l.Patient, &entry, &actor, &detail); err != nil {
		return l, err
	}
	var who looker
	if err := json.Unmarshal(actor, &who); err != nil {
		return l, err
	}
	var d Detail
	if err := json.Unmarshal(detail, &d); err != nil {
		return l, err
	}
	if entry != nil {
		l.Entry = *entry
	}
	if len(d.Documents) > 0 {
		l.Document = d.Documents[0]
	}
	l.name, l.Role, l.RequestID = who.Name, who.Role, who.RequestID
	l.Organisation, l.OrganisationName, l.PointOfCare, l.PointOfCareName = who.Organisation, who.OrganisationTxt, who.PointOfCare, who.PointOfCareTxt
	l.Purpose, l.PurposeDetails, l.Basis, l.BreakGlass, l.Masked, l.Rule = who.Purpose, who.PurposeDetails, d.Basis, d.BreakGlass > 0, d.Masked > 0, d.Rule
	return l, nil
}
