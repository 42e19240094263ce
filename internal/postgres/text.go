package postgres

import (
	"bytes"
	"strings"

	"github.com/google/uuid"
)

// HoldsNUL reports whether JSON text has the one character, U+0000, that neither text nor jsonb of PostgreSQL can hold: the database would
// refuse the whole statement. Escaped backslashes are skipped in pairs, so that a text which only looks like the escape has none.
func HoldsNUL(json []byte) bool {
	return bytes.Contains(bytes.ReplaceAll(json, []byte(`\\`), nil), []byte(`\u0000`))
}

// WithoutNUL is JSON text with U+FFFD in place of that character, for what must be kept whatever it says. It is a string because exec
// mode would send []byte as bytea (spec/go.md §4).
func WithoutNUL(json []byte) string {
	return strings.NewReplacer(`\\`, `\\`, `\u0000`, `\ufffd`).Replace(string(json))
}

// Texts are ids for any($1::text[]::uuid[]): exec mode knows no array of UUIDs.
func Texts(ids []uuid.UUID) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return out
}
