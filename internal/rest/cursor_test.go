package rest

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"

	"github.com/google/go-cmp/cmp"
)

// page is a state such as a door seals.
type page struct {
	Patient string
	Limit   int
}

func sealing(t testing.TB, purpose string, now func() time.Time) Cursors[page] {
	t.Helper()
	c, err := NewCursors[page](bytes.Repeat([]byte{7}, 32), purpose, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzCursor holds that nothing opens but as what was sealed, for the caller it was sealed for.
func FuzzCursor(f *testing.F) {
	now := func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }
	c, sealed := sealing(f, "x", now), page{"1", 5}
	good, err := c.Seal(sealed, "c", "o") // another one in each process, for its nonce
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{good, good[:20], "", "=", good + "A", "AAAA", strings.Repeat("A", maxCursor+1), strings.ToLower(good), base64.StdEncoding.EncodeToString([]byte(good))} {
		f.Add(s, "c", "o")
	}
	f.Add(good, "c\x00o", "")
	f.Add(good, "", "c\x00o")
	f.Add(good, `c","o`, "")
	f.Fuzz(func(t *testing.T, text, client, organisation string) {
		defer fuzztest.InTime(t)()
		q, err := c.Open(text, client, organisation)
		if err == nil && (client != "c" || organisation != "o") {
			t.Errorf("%q opened for another", text)
		}
		if err == nil && !cmp.Equal(q, sealed) {
			t.Errorf("%q opened as %+v", text, q)
		}
	})
}

// TestCursorRoundTrip keeps FuzzCursor honest: what was sealed does open; not for another purpose, nor when its time is over.
func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	c, want := sealing(t, "x", now), page{"1", 5}
	text, err := c.Seal(want, "c", "o")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Open(text, "c", "o"); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	late := sealing(t, "x", func() time.Time { return at.Add(cursorLife + time.Second) })
	for name, open := range map[string]func() (page, error){
		"another purpose": func() (page, error) { return sealing(t, "y", now).Open(text, "c", "o") },
		"another owner":   func() (page, error) { return c.Open(text, "c") },
		"too late":        func() (page, error) { return late.Open(text, "c", "o") },
	} {
		if got, err := open(); fault.Of(err).Leading().Code != fault.BadQueryParam || got != (page{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := NewCursors[page](make([]byte, 31), "x", now); err == nil {
		t.Error("a short key is taken")
	}
}
