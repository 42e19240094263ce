package registry

import (
	"encoding/json"
	"strings"
	"time"

	"dokumentlager/internal/document"

	fast "github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/samber/lo"
)

// Change is when and by which audit event something was changed.
type Change struct {
	At    time.Time
	Event uuid.UUID
}

// entryRest is what of an entry nobody searches by, in one jsonb column: codes' displays and times' precisions go here too.
type entryRest struct {
	Title         string                        `json:"title,omitempty"`
	Comments      string                        `json:"comments,omitempty"`
	Language      string                        `json:"language,omitempty"`
	Authors       []document.Author             `json:"authors,omitempty"`
	SourcePatient document.SourcePatient        `json:"sourcePatient,omitzero"`
	Displays      map[string]string             `json:"displays,omitempty"`
	Precisions    map[string]document.Precision `json:"precisions,omitempty"`
	// Repository and Offline are of entries whose bytes are elsewhere, or away.
	Repository string `json:"repository,omitempty"`
	Offline    bool   `json:"offline,omitempty"`
}

// setRest is entryRest of a submission set; of a folder it has title, comments and displays.
type setRest struct {
	Title         string                 `json:"title,omitempty"`
	Comments      string                 `json:"comments,omitempty"`
	Display       string                 `json:"display,omitempty"`
	Displays      map[string]string      `json:"displays,omitempty"`
	Precision     document.Precision     `json:"precision,omitempty"`
	Authors       []document.Author      `json:"authors,omitempty"`
	SourcePatient document.SourcePatient `json:"sourcePatient,omitzero"`
}

// codesOf are all of an entry's codes, so that displays are kept and given back in one place.
func codesOf(e *document.Entry) []*document.Code {
	codes := []*document.Code{&e.Class, &e.Type, &e.Format, &e.Facility, &e.Practice}
	for i := range e.Events {
		codes = append(codes, &e.Events[i])
	}
	for i := range e.Confidentiality {
		codes = append(codes, &e.Confidentiality[i])
	}
	return codes
}

// encodeEntry gives text: exec mode would send []byte as bytea (spec/go.md §4).
func encodeEntry(e document.Entry) (string, error) {
	rest := entryRest{Title: e.Title, Comments: e.Comments, Language: e.Language, Authors: e.Authors, SourcePatient: e.SourcePatient,
		Displays: map[string]string{}, Precisions: map[string]document.Precision{}, Repository: e.Repository, Offline: e.Offline}
	for _, c := range codesOf(&e) {
		if c.Display != "" {
			rest.Displays[c.Token()] = c.Display
		}
	}
	for name, t := range timesOf(&e) {
		if !t.IsZero() && t.Precision != document.Second {
			rest.Precisions[name] = t.Precision
		}
	}
	text, err := json.Marshal(rest)
	return string(text), err
}

func timesOf(e *document.Entry) map[string]*document.Time {
	return map[string]*document.Time{"creation": &e.Creation, "start": &e.ServiceStart, "stop": &e.ServiceStop}
}

// unmarshal reads a rest column. It is half of what reading an entry costs, and this decoder takes half of encoding/json's time.
func unmarshal(text []byte, rest any) error { return fast.Unmarshal(text, rest) }

func decodeEntry(e *document.Entry, text []byte) error {
	var rest entryRest
	if err := unmarshal(text, &rest); err != nil {
		return err
	}
	e.Title, e.Comments, e.Language, e.Authors, e.SourcePatient = rest.Title, rest.Comments, rest.Language, rest.Authors, rest.SourcePatient
	e.Repository, e.Offline = rest.Repository, rest.Offline
	for _, c := range codesOf(e) {
		c.Display = rest.Displays[c.Token()]
	}
	for name, t := range timesOf(e) {
		if !t.IsZero() {
			t.Precision = lo.CoalesceOrEmpty(rest.Precisions[name], document.Second)
		}
	}
	return nil
}

// What object_type holds. An On-Demand entry has no time of creation: its column has the time of its registration, by which it stands in lists.
const stable, onDemand = "S", "O"

func objectType(e document.Entry) string {
	if e.OnDemand {
		return onDemand
	}
	return stable
}

// listedAt is when a list has the entry: what the column creation_time holds.
func listedAt(e document.Entry) time.Time {
	if e.OnDemand {
		return e.Registered
	}
	return e.Creation.At
}

// laterCodes are the confidentiality codes of the newest version of a deprecated entry, null where it is the newest itself: who may see an older
// version is decided by both (C2), and nobody where the newest is of another patient. Of a deleted one a deleted version counts too. A version that
// another took the place of is deprecated always (spec/ihe.md 1.6).
const laterCodes = `case when document_entry.status <> 'A' then (select case when n.patient_id = document_entry.patient_id then n.confidentiality else '{""}'::text[] end
  from tenant.document_entry n where n.logical_id = document_entry.logical_id and n.version > document_entry.version
  and (n.status <> 'T' or document_entry.status = 'T') order by n.version desc limit 1) end`

const selectEntry = `select id, logical_id, version, unique_id, coalesce(alias_id, ''), patient_id, status::text, submission_id, object_key,
  class_code, type_code, format_code, facility_code, practice_code, event_codes, confidentiality, reference_ids,
  creation_time, service_start, service_stop, mime_type, size, sha1, sha256, registered_at, rest, object_type::text, ` + laterCodes + ` from tenant.document_entry `

func scanEntry(r pgx.CollectableRow) (document.Entry, error) {
	var e document.Entry
	var patient, status, class, kind, format, facility, practice, object string
	var events, confidentiality, later []string
	var start, stop *time.Time
	var rest []byte
	err := r.Scan(&e.ID, &e.LogicalID, &e.Version, &e.UniqueID, &e.AliasID, &patient, &status, &e.SubmissionID, &e.ObjectKey,
		&class, &kind, &format, &facility, &practice, &events, &confidentiality, &e.References,
		&e.Creation.At, &start, &stop, &e.MimeType, &e.Size, &e.SHA1, &e.SHA256, &e.Registered, &rest, &object, &later)
	if err != nil {
		return e, err
	}
	if e.Patient, err = document.ParseCX(patient); err != nil {
		return e, err
	}
	e.Status = document.Status(status[0])
	e.Class, e.Type, e.Format = document.ParseToken(class), document.ParseToken(kind), document.ParseToken(format)
	e.Facility, e.Practice = document.ParseToken(facility), document.ParseToken(practice)
	e.Events, e.Confidentiality = parsed(events), parsed(confidentiality)
	if later != nil {
		e.Later = parsed(later)
	}
	e.ServiceStart.At, e.ServiceStop.At = lo.FromPtr(start), lo.FromPtr(stop)
	if e.OnDemand = object == onDemand; e.OnDemand {
		e.Creation = document.Time{}
	}
	return e, decodeEntry(&e, rest)
}

func encodeSet(s document.SubmissionSet) (string, error) {
	text, err := json.Marshal(setRest{Title: s.Title, Comments: s.Comments, Display: s.ContentType.Display, Precision: s.Time.Precision,
		Authors: s.Authors, SourcePatient: s.SourcePatient})
	return string(text), err
}

func scanSet(r pgx.Rows) (document.SubmissionSet, []uuid.UUID, error) {
	var s document.SubmissionSet
	var patient, content string
	var rest []byte
	var members []string
	err := r.Scan(&s.ID, &s.UniqueID, &patient, &s.SourceID, &content, &s.Time.At, &s.Registered, &rest, &members)
	if err != nil {
		return s, nil, err
	}
	var more setRest
	if err := unmarshal(rest, &more); err != nil {
		return s, nil, err
	}
	s.ContentType = document.ParseToken(content)
	s.ContentType.Display, s.Time.Precision = more.Display, more.Precision
	s.Title, s.Comments, s.Authors, s.SourcePatient = more.Title, more.Comments, more.Authors, more.SourcePatient
	s.Patient, err = document.ParseCX(patient)
	return s, idsOf(members), err
}

func tokens(codes []document.Code) []string {
	return lo.Map(codes, func(c document.Code, _ int) string { return c.Token() })
}

func parsed(texts []string) []document.Code {
	return lo.Map(texts, func(s string, _ int) document.Code { return document.ParseToken(s) })
}

// maxCodes bounds the columns of confidentiality_change: wider ones would cost each tenant a TOAST table (spec/postgres.md §1).
// All codes of 9603 and HL7's together take 171 bytes.
const maxCodes = 240

// joined writes codes for the history, each once and each system once: "N,R^2.16.840.1.113883.5.25 NORS^2.16.578.1.12.4.1.1.9603".
func joined(codes []document.Code) string {
	var systems []string
	values := map[string][]string{}
	for _, c := range lo.UniqBy(codes, document.Code.Token) {
		if values[c.System] == nil {
			systems = append(systems, c.System)
		}
		values[c.System] = append(values[c.System], c.Value)
	}
	return strings.Join(lo.Map(systems, func(s string, _ int) string { return strings.Join(values[s], ",") + "^" + s }), " ")
}

// clipped shortens what an entry was registered with: too many codes once must not keep it open for good. The audit event of the
// change has all of them.
func clipped(text string) string {
	if len(text) <= maxCodes {
		return text
	}
	return strings.ToValidUTF8(text[:maxCodes-3], "") + "…"
}

func nullText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullTime(t document.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.At
}
