package incoming

import (
	"crypto/sha256"
	"fmt"
	"testing"
)

// TestSeenIsBounded: old ones are forgotten, those of late are not.
func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	var s Seen
	token := func(n int) [sha256.Size]byte { return sha256.Sum256([]byte(fmt.Sprint(n))) }
	for n := range 2*SeenMost + 1 {
		s.Remember(token(n), Sender{"o", "c"})
		s.Remember(token(n), Sender{"o", "c"}) // again costs no room
	}
	if len(s.young)+len(s.old) > SeenMost {
		t.Errorf("%d are kept", len(s.young)+len(s.old))
	}
	_, first := s.Sender(token(0))
	_, last := s.Sender(token(2*SeenMost - 100))
	if first || !last {
		t.Errorf("the first: %v, one of the last: %v", first, last)
	}
}
