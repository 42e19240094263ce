package helseid

import "sync"

// seenTokens remembers verified tokens in two generations of at most half the bound each: when the young one is full it becomes
// the old one, and what was old is forgotten. Only tokens with a right signature come in, so strangers cannot push others out.
type seenTokens struct {
	half       int
	mu         sync.Mutex
	young, old map[[32]byte]verifiedToken
}

func newSeenTokens(bound int) *seenTokens {
	return &seenTokens{half: bound / 2, young: map[[32]byte]verifiedToken{}}
}

func (s *seenTokens) get(hash [32]byte) (verifiedToken, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token, ok := s.young[hash]; ok {
		return token, true
	}
	token, ok := s.old[hash]
	return token, ok
}

func (s *seenTokens) put(hash [32]byte, token verifiedToken) {
	if s.half == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.young) >= s.half {
		s.young, s.old = make(map[[32]byte]verifiedToken, s.half), s.young
	}
	s.young[hash] = token
}
