package postgres_test

import (
	"encoding/json"
	"testing"

	"dokumentlager/internal/postgres"
)

func TestNUL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"a": false, "a\x00b": true, `\u0000`: false, "\\\x00": true, `\\u0000`: false, "": false} {
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := postgres.HoldsNUL(encoded); got != want {
			t.Errorf("%q: holds NUL %t", text, got)
		}
		kept := postgres.WithoutNUL(encoded)
		if postgres.HoldsNUL([]byte(kept)) || !want && kept != string(encoded) || want && kept == string(encoded) {
			t.Errorf("%q became %s", text, kept)
		}
	}
}
