package document

import (
	"testing"

	"github.com/google/uuid"
)

// TestOIDOf: the example of ITU-T X.667, and the longest there is, which XDS allows.
func TestOIDOf(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"f81d4fae-7dec-11d0-a765-00a0c91e6bf6": "2.25.329800735698586629295641978511506172918",
		"ffffffff-ffff-ffff-ffff-ffffffffffff": "2.25.340282366920938463463374607431768211455",
		"00000000-0000-0000-0000-000000000000": "2.25.0",
	} {
		if got := OIDOf(uuid.MustParse(id)); got != want || !IsOID(got) {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}
