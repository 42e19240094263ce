package person

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
)

// record is the part of the API's Person that we ask for. Names and nesting are Persontjenesten's, version 3. With includeHistory=false
// there is what is valid now; IsValid is looked at all the same.
type record struct {
	ID                *string      `json:"id"`
	Birth             []birth      `json:"birth"`
	Death             *death       `json:"death"`
	AddressProtection []protection `json:"addressProtection"`
}

type birth struct {
	IsValid   *bool  `json:"isValid"`
	BirthDate string `json:"birthDate"`
}

type death struct {
	IsValid      *bool  `json:"isValid"`
	DeceasedDate string `json:"deceasedDate"`
	RegisteredAt string `json:"registeredAt"`
}

type protection struct {
	IsValid *bool  `json:"isValid"`
	Level   string `json:"protectionLevel"`
}

// levels are the API's words (AddressConfidentiality).
var levels = map[string]Protection{
	"Unclassified": Unclassified, "ClientAddress": Unclassified, "Confidential": Confidential, "StrictlyConfidential": StrictlyConfidential,
}

// valid: what does not say that it is history counts.
func valid(flag *bool) bool { return flag == nil || *flag }

// read takes an answer, or says why it cannot be understood; never with a word of it. Folkeregisteret keeps no address protection for
// persons who never had one, so a person without that part is Unclassified, and something that is no person is an error.
func read(body []byte) (Facts, error) {
	var r record
	if err := json.Unmarshal(body, &r); err != nil {
		return Facts{}, errors.New("the answer of Persontjenesten is not the JSON of a person")
	}
	if r.ID == nil && r.Birth == nil && r.Death == nil && r.AddressProtection == nil {
		return Facts{}, errors.New("the answer of Persontjenesten has nothing of a person")
	}
	f := Facts{Registered: true}
	return f, errors.Join(f.readBirth(r.Birth), f.readDeath(r.Death), f.readProtection(r.AddressProtection))
}

// readBirth takes the latest of several dates: who is younger is let see less (C5).
func (f *Facts) readBirth(all []birth) error {
	for _, b := range all {
		if !valid(b.IsValid) || b.BirthDate == "" {
			continue // the year alone is known
		}
		date, err := day("birthDate", b.BirthDate)
		if err != nil {
			return err
		}
		if date.After(f.BirthDate) || f.BirthDate.IsZero() {
			f.BirthDate = date
		}
	}
	return nil
}

// readDeath: a death without a date counts from the day it was registered (L4).
func (f *Facts) readDeath(d *death) (err error) {
	if d == nil || !valid(d.IsValid) {
		return nil
	}
	f.DeadSince, err = day("deceasedDate", or(d.DeceasedDate, d.RegisteredAt))
	return err
}

// readProtection takes the strictest of several.
func (f *Facts) readProtection(all []protection) error {
	for _, p := range all {
		level, known := levels[p.Level]
		if valid(p.IsValid) && !known {
			return errors.New("the answer of Persontjenesten has an unknown protectionLevel")
		}
		if valid(p.IsValid) {
			f.Address = max(f.Address, level)
		}
	}
	return nil
}

// day reads the date of a timestamp. The API says that its time and zone are unknown and must be ignored.
func day(field, text string) (time.Time, error) {
	if len(text) > len(time.DateOnly) && text[len(time.DateOnly)] == 'T' {
		text = text[:len(time.DateOnly)]
	}
	date, err := time.Parse(time.DateOnly, text)
	if err != nil || date.IsZero() {
		return time.Time{}, fmt.Errorf("the answer of Persontjenesten has a %s that is no date", field)
	}
	return date, nil
}

// isProblem reports whether a body is the API's own word that it has no such person (ProblemDetails of RFC 9457).
func isProblem(body []byte) bool {
	var p struct {
		Status int `json:"status"`
	}
	return json.Unmarshal(body, &p) == nil && p.Status == http.StatusNotFound
}
