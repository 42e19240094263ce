package audit

import (
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"

	"github.com/google/uuid"
)

// Action is the letter of CRUDE.
type Action byte

// Execute is administration and what only checks, such as $validate.
const (
	Create  Action = 'C'
	Read    Action = 'R'
	Update  Action = 'U'
	Delete  Action = 'D'
	Execute Action = 'E'
)

// Outcome tells how it ended.
type Outcome byte

// Denied is a rule's no; Failed is bad input or a part that did not work.
const (
	Success Outcome = 'S'
	Denied  Outcome = 'N'
	Failed  Outcome = 'F'
)

var outcomeNames = map[Outcome]string{Success: "success", Denied: "denied", Failed: "failed"}

// Actor is who did it and by which request.
type Actor struct {
	access.Caller
	// RequestID is ours; EventID is the caller's nhn-event-id and SourceSystem its nhn-source-system (R3).
	RequestID, EventID, SourceSystem string
	// Transaction is IHE's of a SOAP door, "ITI-38", and Issuer who issued the assertion (XUA); both are empty at the REST doors.
	Transaction, Issuer string
	// TraceID is that of the W3C trace context, ours or the caller's: 32 hexadecimal digits, or empty (A3).
	TraceID string
}

// Operator is the actor of an administrative command: no token and no request, an account on a machine.
func Operator(account string) Actor {
	return Actor{Caller: access.Caller{Kind: access.Operator, Name: account}}
}

// Event is one operation. Zero fields were not part of it.
type Event struct {
	ID        uuid.UUID
	At        time.Time
	Action    Action
	Outcome   Outcome
	Operation string
	Actor     Actor
	// Patient is the identifier in CX form.
	Patient string
	Entry   uuid.UUID
	Detail  Detail
}

// Detail is what only some events have.
type Detail struct {
	Documents []Document `json:"documents,omitempty"`
	// Set is the submission set's id.
	Set string `json:"submission_set,omitempty"`
	// Folders are the ids of the folders that were made or got documents.
	Folders []string `json:"folders,omitempty"`
	// Removed are the ids of the submission sets, folders and associations that were removed (ITI-62); the entries are Documents.
	Removed []string `json:"removed,omitempty"`
	// HomeCommunity is the one asked for, which on a refusal may be none of ours.
	HomeCommunity string `json:"home_community_id,omitempty"`
	// Rule and Code say what refused (business-rules.md id; fault code); Reason is the text the caller got.
	Rule   string `json:"rule,omitempty"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Query is a search's parameters, Hits the number of entries it listed and Masked how many of them were masked (C8).
	Query  string `json:"query,omitempty"`
	Hits   *int   `json:"hits,omitempty"`
	Masked int    `json:"masked,omitempty"`
	// BreakGlass is how many entries were listed, read or opened although NORS bars them, because the purpose is an emergency (C2).
	BreakGlass int `json:"break_glass,omitempty"`
	// Old and New are confidentiality codes of an update (W5).
	Old     []string `json:"old_confidentiality,omitempty"`
	New     []string `json:"new_confidentiality,omitempty"`
	Finding string   `json:"finding,omitempty"`
	Basis   string   `json:"access_basis,omitempty"`
	// Range is a partial opening's byte range.
	Range string `json:"range,omitempty"`
	// Facts is what a reading knew of the patient's death and address protection (L4, L5), and FactsAge how old that was, in whole seconds.
	Facts    string `json:"facts,omitempty"`
	FactsAge int    `json:"facts_age_s,omitempty"`
	// Count is how many refusals the event stands for, of strangers who can cause any number; 0 is this one.
	Count int `json:"count,omitempty"`
}

// What Detail.Facts says. Nothing is said where the patient's identifier is not a national one, or nobody is asked (P1).
const (
	// FactsFresh are no older than persontjenesten.fresh.
	FactsFresh = "fresh"
	// FactsStale are older, and were used because Persontjenesten was down.
	FactsStale = "stale"
	// FactsUnavailable is why it was refused.
	FactsUnavailable = "unavailable"
)

// Document is what an event says of a document.
type Document struct {
	Entry    string   `json:"entry_id,omitempty"`
	UniqueID string   `json:"unique_id,omitempty"`
	Title    string   `json:"title,omitempty"`
	Type     string   `json:"type,omitempty"`
	Class    string   `json:"class,omitempty"`
	Conf     []string `json:"confidentiality,omitempty"`
	Size     int64    `json:"size,omitempty"`
}

// Name says which submission set or folder an event is about.
func (d *Detail) Name(l document.List) {
	if l.Kind == document.FolderKind {
		d.Folders = []string{l.ID.String()}
		return
	}
	d.Set = l.ID.String()
}

// Of is what an event says of an entry.
func Of(e document.Entry) Document {
	d := Document{Entry: e.ID.String(), UniqueID: e.UniqueID, Title: e.Title, Type: e.Type.Value, Class: e.Class.Value, Size: e.Size}
	for _, c := range e.Confidentiality {
		d.Conf = append(d.Conf, c.Value)
	}
	return d
}

// New begins an event with an id that sorts by time (UUIDv7).
func New(now time.Time, actor Actor, action Action, operation string) Event {
	return Event{ID: uuid.Must(uuid.NewV7()), At: now.UTC(), Action: action, Outcome: Success, Operation: operation, Actor: actor}
}

// Refused turns the event into that of a refusal: the outcome from the leading problem's kind, its code and rule. A rule that the
// event has already stays: it is one that the answer must not name, and it denied.
func (e Event) Refused(err error) Event {
	lead := fault.Of(err).Leading()
	if lead == nil {
		return e
	}
	e.Outcome = Failed
	if lead.Kind() == fault.Denied || lead.Kind() == fault.Unauthenticated || e.Detail.Rule != "" {
		e.Outcome = Denied
	}
	if e.Detail.Rule == "" {
		e.Detail.Rule = lead.Rule
	}
	e.Detail.Code, e.Detail.Reason = string(lead.Code), lead.Safe
	return e
}
