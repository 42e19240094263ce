package sts

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Outage is how the person endpoint misbehaves.
type Outage struct {
	// Mode is one of outageModes; empty is none.
	Mode string `json:"mode"`
	// DelayMS is how long "slow" waits before it answers rightly, in milliseconds.
	DelayMS int `json:"delay_ms,omitempty"`
	// Times is how many questions are hit before all is well again; 0 means until it is changed.
	Times int `json:"times,omitempty"`
}

// outageModes: no answer while the asker waits (15 s at most); status 500; a late answer; half a JSON; 1 MiB; 401, and the token is refused
// from then on; and the 404 of a wrong address, which does not say that a person is unknown.
var outageModes = []string{"", "none", "hang", "error", "slow", "malformed", "too-large", "unauthorized", "wrong-address"}

// ChangePerson changes the named facts of a person, who comes into being if need be: fields as in Person's JSON, an empty text takes one
// away, `"exists":false` the person. It returns what is known then.
func (s *Server) ChangePerson(change json.RawMessage) (Person, error) {
	var who Person
	if err := strictly(change, &who); err != nil {
		return Person{}, err
	}
	r := s.register
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.persons[who.NIN]
	p.Exists = true
	if err := json.Unmarshal(change, &p); err != nil {
		return Person{}, err
	}
	if err := p.check(); err != nil {
		return Person{}, err
	}
	if !p.Exists {
		p = Person{NIN: p.NIN}
	}
	r.persons[p.NIN] = p
	p.NIN = ""
	return p, nil
}

// strictly refuses a misspelt field, which would change nothing.
func strictly(raw json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// PlayOutage breaks the person endpoint, or mends it.
func (s *Server) PlayOutage(o Outage) {
	s.register.mu.Lock()
	defer s.register.mu.Unlock()
	s.register.outage = o
}

// begin counts a question and takes what happens to it.
func (r *register) begin(token string) Outage {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	o := r.outage
	if o.Mode == "unauthorized" {
		r.revoked = append(r.revoked, token)
	}
	if o.Times == 1 {
		r.outage = Outage{}
	} else if o.Times > 1 {
		r.outage.Times--
	}
	return o
}

// play reports whether it has answered.
func (o Outage) play(w http.ResponseWriter, r *http.Request) bool {
	switch o.Mode {
	case "hang":
		_, _ = io.Copy(io.Discard, r.Body) // or we would not notice that the asker has left
		wait(r, 15*time.Second)
	case "slow":
		wait(r, time.Duration(o.DelayMS)*time.Millisecond)
		return false
	case "error":
		w.WriteHeader(http.StatusInternalServerError)
	case "wrong-address":
		w.WriteHeader(http.StatusNotFound)
	case "malformed":
		_, _ = w.Write([]byte(`{"id":"x","birth":[`))
	case "too-large":
		_, _ = w.Write([]byte(`{"id":"x"}` + strings.Repeat(" ", 1<<20)))
	default:
		return false
	}
	return true
}

func wait(r *http.Request, d time.Duration) {
	select {
	case <-r.Context().Done():
	case <-time.After(d):
	}
}

// testPerson is /test/person: POST or PUT {"nin":"…", facts to change}, answered with all facts.
func (s *Server) testPerson(w http.ResponseWriter, r *http.Request) {
	var change json.RawMessage
	var p Person
	err := readJSON(w, r, &change)
	if err == nil {
		p, err = s.ChangePerson(change)
	}
	if err != nil {
		s.refuse(w, r, refuse("invalid_request", `the body must be {"nin":"…","birth_date":"…","dead_since":"…","address_protection":"…","exists":true}, with what is to change: %v`, err))
		return
	}
	answer(w, http.StatusOK, p)
}

// testOutage is /test/person/outage: POST or PUT {"mode":"…","delay_ms":0,"times":0}.
func (s *Server) testOutage(w http.ResponseWriter, r *http.Request) {
	var o Outage
	if err := readJSON(w, r, &o); err != nil || !slices.Contains(outageModes, o.Mode) {
		s.refuse(w, r, refuse("invalid_request", `the body must be {"mode":"…","delay_ms":0,"times":0} with a mode of %v`, outageModes[1:]))
		return
	}
	s.PlayOutage(o)
	answer(w, http.StatusOK, o)
}
