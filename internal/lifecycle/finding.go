package lifecycle

import "github.com/google/uuid"

// Kind names what is wrong; docs/operations.md says of each what it means and what to do.
type Kind string

// Bytes against rows.
const (
	ObjectMissing   Kind = "object-missing"
	ObjectMisplaced Kind = "object-misplaced"
	ObjectSize      Kind = "object-size"
	ObjectBytes     Kind = "object-bytes"
	ObjectOrphan    Kind = "object-orphan"
	ObjectStrange   Kind = "object-strange"
	PrefixUnknown   Kind = "prefix-unknown"
)

// Rows against rows.
const (
	ObjectWithoutEntry Kind = "object-without-entry"
	EntryWithoutObject Kind = "entry-without-object"
	EntryDiffers       Kind = "entry-differs"
	EntryOutsideSet    Kind = "entry-outside-set"
	EntryUnreadable    Kind = "entry-unreadable"
	DeletedButKept     Kind = "deleted-but-kept"
	SetWithoutMembers  Kind = "set-without-members"
	FolderUnbrought    Kind = "folder-without-set"
	AssociationBroken  Kind = "association-broken"
	SeveralCurrent     Kind = "several-current"
	ReplacedButCurrent Kind = "replaced-but-current"
	AuditMissing       Kind = "audit-missing"
	LocatorMissing     Kind = "locator-missing"
	RemovalLost        Kind = "removal-lost"
	MessageLeft        Kind = "message-left"
	MessageMissing     Kind = "message-missing"
)

// Severity tells a broken promise from what a sweep or the store's owner can tidy.
type Severity string

// Error and Warning.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// warnings are the kinds that lose and show nothing.
var warnings = map[Kind]bool{ObjectOrphan: true, ObjectStrange: true, PrefixUnknown: true, RemovalLost: true, MessageMissing: true}

// Severity of a kind is always the same.
func (k Kind) Severity() Severity {
	if warnings[k] {
		return Warning
	}
	return Error
}

// Finding is one thing that is wrong. It holds ids that we made or that a record system gave a document, and no patient.
type Finding struct {
	// Tenant is the short name; empty when the finding is of no tenant.
	Tenant   string   `json:"tenant"`
	Kind     Kind     `json:"kind"`
	Severity Severity `json:"severity"`
	// Object is the key in the store, Entry the entryUUID. Record is the id of another row: a set, an association, an audit event.
	Object string `json:"object,omitempty"`
	Entry  string `json:"entry,omitempty"`
	Record string `json:"record,omitempty"`
	Detail string `json:"detail"`
}

// ids are a finding's; Nil ones are left out.
type ids struct{ object, entry, record uuid.UUID }

func finding(tenant string, kind Kind, of ids, detail string) Finding {
	text := func(id uuid.UUID) string {
		if id == uuid.Nil {
			return ""
		}
		return id.String()
	}
	return Finding{Tenant: tenant, Kind: kind, Severity: kind.Severity(), Object: text(of.object), Entry: text(of.entry),
		Record: text(of.record), Detail: detail}
}
