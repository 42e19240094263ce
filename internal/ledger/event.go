// Package ledger is the arithmetic of a log that shows when it was changed: what bytes an event is, what tree they make, what is
// signed. It is pure: no clock, no store, no network.
//
// It promises that two events that differ in any column have different bytes; that the root of a tree commits to every event and its
// place; and that a text that is not a head of the named log, signed by one of the given keys, is refused. Specifications: leaves
// and tree are those of RFC 6962 §2.1 (SHA-256), heads are checkpoints of C2SP tlog-checkpoint v1.0 with extension lines, signed as
// notes of C2SP signed-note v1.0 (Ed25519). docs/audit-seal.md says what a reader can check with them.
package ledger

import (
	"encoding/binary"

	"github.com/google/uuid"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is SHA-256.
type Hash [32]byte

// Event is one stored row, each column as the database keeps it. A nil column is NULL.
type Event struct {
	ID uuid.UUID
	// At is in microseconds since 2000-01-01T00:00:00Z, as PostgreSQL sends a timestamptz.
	At int64
	// Action and Outcome are one byte each.
	Action, Outcome byte
	Operation       string
	PatientID       *string
	EntryID         *uuid.UUID
	// Actor and Detail are jsonb as PostgreSQL writes it as text.
	Actor, Detail *string
}

// version is the first byte of an event: another layout gets another one, so that old leaves can be told from new ones.
const version = 1

// Bytes is the event's one form: the version, then each column in the order of Event as one byte 0 (NULL) or 1, and where it is 1 the
// length in four bytes and the value; numbers with the highest byte first.
func (e Event) Bytes() []byte {
	b := append(make([]byte, 0, 512), version)
	b = column(b, e.ID[:])
	b = column(b, binary.BigEndian.AppendUint64(nil, uint64(e.At)))
	b = column(b, []byte{e.Action})
	b = column(b, []byte{e.Outcome})
	b = column(b, []byte(e.Operation))
	b = text(b, e.PatientID)
	if e.EntryID == nil {
		b = append(b, 0)
	} else {
		b = column(b, e.EntryID[:])
	}
	return text(text(b, e.Actor), e.Detail)
}

func column(b, value []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, 1), uint32(len(value)))
	return append(b, value...)
}

func text(b []byte, value *string) []byte {
	if value == nil {
		return append(b, 0)
	}
	return column(b, []byte(*value))
}

// Leaf is the event's leaf hash (RFC 6962 §2.1).
func (e Event) Leaf() Hash { return Hash(rfc6962.DefaultHasher.HashLeaf(e.Bytes())) }
