package sts

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"dokumentlager/internal/document"
)

// The Persontjenesten played here is the API's version 3: addresses, scope and form of the answer are NHN's. It knows three information
// parts; the real one knows thirty.
const (
	personBase = "/persontjenesten/api/v3/full-access"
	personPath = personBase + "/person/get-by-nin"
	// PersonScope is what its tokens must have; the part before the slash is their audience.
	PersonScope = "nhn:hgd-persontjenesten-api/full-access"
)

// Person is what this Persontjenesten knows of a synthetic person: the facts that the access rules need (rules P2, C5, L4, L5), in
// Folkeregisteret's words.
type Person struct {
	// NIN is the national identity number or D-number; it is never sent back.
	NIN string `json:"nin,omitempty"`
	// BirthDate is YYYY-MM-DD.
	BirthDate string `json:"birth_date,omitempty"`
	// DeadSince is YYYY-MM-DD, empty for the living.
	DeadSince string `json:"dead_since,omitempty"`
	// AddressProtection is "ugradert", "fortrolig" or "strengtFortrolig"; empty counts as "ugradert".
	AddressProtection string `json:"address_protection,omitempty"`
	// Exists is false for numbers nobody has; the other fields are then empty.
	Exists bool `json:"exists"`
}

// levels are Folkeregisteret's words and the API's.
var levels = map[string]string{"": "Unclassified", "ugradert": "Unclassified", "fortrolig": "Confidential", "strengtFortrolig": "StrictlyConfidential"}

//go:embed persons.json
var personsJSON []byte

// register is who there is, and what of the service is broken for a test.
type register struct {
	mu      sync.Mutex
	persons map[string]Person
	outage  Outage
	asked   int
	// revoked are tokens that an outage refused.
	revoked []string
}

func newRegister(more []Person) (*register, error) {
	var listed []Person
	if err := json.Unmarshal(personsJSON, &listed); err != nil {
		return nil, fmt.Errorf("sts: persons.json: %w", err)
	}
	r := &register{persons: map[string]Person{}}
	for _, p := range append(listed, more...) {
		p.Exists = true
		if err := p.check(); err != nil {
			return nil, fmt.Errorf("sts: %w", err)
		}
		r.persons[p.NIN] = p
	}
	return r, nil
}

// check never repeats the number.
func (p Person) check() error {
	if len(p.NIN) != 11 && len(p.NIN) != 12 || strings.Trim(p.NIN, "0123456789") != "" {
		return fmt.Errorf("nin must be 11 or 12 digits")
	}
	for name, date := range map[string]string{"birth_date": p.BirthDate, "dead_since": p.DeadSince} {
		if _, err := time.Parse(time.DateOnly, date); date != "" && err != nil {
			return fmt.Errorf("%s must be YYYY-MM-DD, or empty", name)
		}
	}
	if _, known := levels[p.AddressProtection]; !known {
		return fmt.Errorf("address_protection must be one of %v", slices.Sorted(maps.Keys(levels))[1:])
	}
	return nil
}

// find knows who is listed, and everybody else with a valid number until a test says that he does not exist: a stack for development is
// there for any synthetic patient, and uploads are taken for those alone who exist (P2).
func (r *register) find(nin string) Person {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, listed := r.persons[nin]
	if !listed {
		return Person{NIN: nin, Exists: isNational(nin)}
	}
	return p
}

func isNational(nin string) bool {
	return slices.ContainsFunc([]string{document.AuthorityFNR, document.AuthorityDNR}, func(authority string) bool {
		return document.CheckNorwegian(document.PatientID{Value: nin, Authority: authority}, true) == nil
	})
}

// PersonAsked is how many questions have come, refused ones and those in an outage too.
func (s *Server) PersonAsked() int {
	s.register.mu.Lock()
	defer s.register.mu.Unlock()
	return s.register.asked
}

// person is the operation get-by-nin. The number comes in the body because addresses end up in logs.
func (s *Server) person(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "DPoP ")
	if s.register.begin(token).play(w, r) {
		return
	}
	if status, why := s.personCaller(r, token); why != "" {
		s.log.InfoContext(r.Context(), "refused", "path", r.Pattern, "status", status, "error", why)
		w.Header().Set("WWW-Authenticate", `DPoP error="invalid_token"`)
		w.WriteHeader(status)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	parts := r.URL.Query()["informationParts"]
	nin := ""
	if err := r.ParseForm(); err == nil && len(r.PostForm["nin"]) == 1 {
		nin = r.PostForm.Get("nin")
	}
	if (Person{NIN: nin}).check() != nil || len(parts) == 0 || r.URL.Query().Has("nin") {
		problem(w, http.StatusBadRequest, "Bad Request")
		return
	}
	found := s.register.find(nin)
	if !found.Exists {
		problem(w, http.StatusNotFound, "Not Found")
		return
	}
	answer(w, http.StatusOK, found.document(parts))
}

// problem is ASP.NET's ProblemDetails.
func problem(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "https://tools.ietf.org/html/rfc9110#section-15.5", "title": title, "status": status})
}

// document is the person as the API shows him, with the parts asked for. Dates have a time that means nothing, as there.
func (p Person) document(parts []string) map[string]any {
	id := sha256.Sum256([]byte("person " + p.NIN))
	doc := map[string]any{"id": hex.EncodeToString(id[:]), "sequenceNumber": 1}
	meta := func(more map[string]any) map[string]any {
		maps.Copy(more, map[string]any{"isValid": true, "registeredAt": "2020-01-01T12:00:00+01:00", "source": "KILDE_DSF", "reason": nil, "validFrom": nil, "validTo": nil})
		return more
	}
	if slices.Contains(parts, "Birth") && p.BirthDate != "" {
		doc["birth"] = []any{meta(map[string]any{"birthDate": p.BirthDate + "T00:00:00", "birthYear": p.BirthDate[:4]})}
	}
	if slices.Contains(parts, "Death") && p.DeadSince != "" {
		doc["death"] = meta(map[string]any{"deceasedDate": p.DeadSince + "T00:00:00"})
	}
	if slices.Contains(parts, "AddressProtection") {
		doc["addressProtection"] = []any{meta(map[string]any{"protectionLevel": levels[p.AddressProtection]})}
	}
	return doc
}
