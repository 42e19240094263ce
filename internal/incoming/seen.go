package incoming

import (
	"crypto/sha256"
	"sync"
)

// SeenMost bounds how many tokens are remembered, in two generations of at most half each.
const SeenMost = 8192

// Seen knows whose tokens have been verified, by their SHA-256. Only a verified token comes in, so a stranger's text is never taken for
// somebody. Whoever is known by it is let in or told to come back before anything of his is verified again: in a flood that work would take
// the time of those who are let in.
type Seen struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]Sender
}

// Sender is whose share a request is taken from, and what the log calls the sender.
type Sender struct{ Organisation, Client string }

// Sender is known when the token was seen before.
func (s *Seen) Sender(token [sha256.Size]byte) (who Sender, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who, known = s.young[token]; !known {
		who, known = s.old[token]
	}
	return who, known
}

// Remember is called with a verified token.
func (s *Seen) Remember(token [sha256.Size]byte, who Sender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.young[token]; known {
		return
	}
	if s.young == nil || len(s.young) >= SeenMost/2 {
		s.young, s.old = make(map[[sha256.Size]byte]Sender), s.young
	}
	s.young[token] = who
}
