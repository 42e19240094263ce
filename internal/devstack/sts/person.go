package sts

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
)

// Person is what this Persontjenesten knows of a synthetic person. The real one's answer is larger and shaped otherwise; these
// are the facts that the access rules need (rules P2 and C4 and the registry events of S2 §3.8).
type Person struct {
	// NIN is the national identity number or D-number; it is never sent back.
	NIN string `json:"nin,omitempty"`
	// BirthDate is YYYY-MM-DD.
	BirthDate string `json:"birth_date,omitempty"`
	// DeadSince is YYYY-MM-DD, empty for the living.
	DeadSince string `json:"dead_since,omitempty"`
	// AddressProtection is "ugradert", "fortrolig" or "strengtFortrolig", as Folkeregisteret says it.
	AddressProtection string `json:"address_protection,omitempty"`
	// Exists is false for numbers nobody has; the other fields are then empty.
	Exists bool `json:"exists"`
}

//go:embed persons.json
var personsJSON []byte

func knownPersons(more []Person) (map[string]Person, error) {
	var listed []Person
	if err := json.Unmarshal(personsJSON, &listed); err != nil {
		return nil, fmt.Errorf("sts: persons.json: %w", err)
	}
	persons := make(map[string]Person, len(listed)+len(more))
	for _, person := range append(listed, more...) {
		person.Exists = true
		persons[person.NIN] = person
	}
	return persons, nil
}

// person is the person endpoint: POST {"nin":"…"}. The number goes in the body because addresses end up in logs.
func (s *Server) person(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		NIN string `json:"nin"`
	}
	if err := readJSON(w, r, &asked); err != nil || asked.NIN == "" {
		s.refuse(w, r, refuse("invalid_request", `the body must be {"nin":"…"}`))
		return
	}
	found := s.persons[asked.NIN]
	found.NIN = ""
	answer(w, http.StatusOK, found)
}
