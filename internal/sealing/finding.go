package sealing

// Kind is what is wrong with a log.
type Kind string

// What Verify finds; docs/audit-seal.md says what each means.
const (
	// EventEdited is a row that is not what was sealed, EventMoved one that was sealed under another id, EventDeleted one that is gone.
	EventEdited  Kind = "event-edited"
	EventMoved   Kind = "event-moved"
	EventDeleted Kind = "event-deleted"
	// EventInserted has neither seal nor note, EventTwice more than one place or a note beside its seal.
	EventInserted Kind = "event-inserted"
	EventTwice    Kind = "event-twice"
	// NoteWithoutEvent is a note of an event that is not there.
	NoteWithoutEvent Kind = "note-without-event"
	// These were edited, added or removed, or are signed by nobody who is trusted.
	SealChanged  Kind = "seal-changed"
	HeadChanged  Kind = "head-changed"
	DayChanged   Kind = "day-changed"
	PruneChanged Kind = "prune-changed"
	// HistoryChanged is a log that does not go on from a head that was kept elsewhere.
	HistoryChanged Kind = "history-changed"
)

// Finding is one thing that is wrong.
type Finding struct {
	// Log is the instance's short name, or control.
	Log  string `json:"log"`
	Kind Kind   `json:"kind"`
	// Position counts a log's events from 1; of a seal or head it is the log's size with it. Zero where there is none.
	Position int64  `json:"position,omitempty"`
	Event    string `json:"event,omitempty"`
	// Seal is the number of the seal concerned.
	Seal   int64  `json:"seal,omitempty"`
	Day    string `json:"day,omitempty"`
	Detail string `json:"detail"`
}
