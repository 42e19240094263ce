package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// auditCommand shows the audit log so that a person can read it (ITI-81): as much of it as the client may read (A4).
type auditCommand struct {
	where        `embed:""`
	Patient      string    `help:"Only what concerns this patient: 11 digits, or OID|value." placeholder:"ID"`
	Tenant       string    `help:"Only this instance: short name (dev stacks) or home community OID; \"control\" for what belongs to none." placeholder:"NAME"`
	Since        time.Time `help:"From this time on (RFC 3339); a day before --until when not given." placeholder:"TIME"`
	Until        time.Time `help:"Up to this time (RFC 3339); now when not given." placeholder:"TIME"`
	Last         int       `default:"30" help:"How many events, counted from the newest; 0 for all."`
	As           string    `help:"A client id; otherwise an inspector's, or the first that may read a log." placeholder:"WHO"`
	Organisation string    `help:"Whom the client acts for." placeholder:"NUMBER"`
	Raw          bool      `help:"Print the answers as they came."`
}

// Run fetches pages, newest first, until there are enough, and prints the oldest first.
func (c auditCommand) Run(s *surroundings) error {
	x, err := c.reader(s)
	if err != nil {
		return err
	}
	form, err := c.form(s.now(), x.site)
	if err != nil {
		return err
	}
	var log eventLog
	err = x.pages(s.ctx, "/R4/fhir/AuditEvent/_search", form, func(page *fhir.Bundle, _ *http.Response) (more bool, err error) {
		log.add(page)
		if c.Raw {
			err = printRaw(s.stdout, page)
		}
		return c.Last == 0 || len(log.events) < c.Last, err
	})
	if err != nil || c.Raw {
		return err
	}
	if c.Last > 0 && len(log.events) > c.Last {
		log.events = log.events[:c.Last]
	}
	return log.print(s.stdout)
}

// reader is who was named, or who may read the most: an inspector, where there is one.
func (c auditCommand) reader(s *surroundings) (*exchange, error) {
	at, err := c.site(s)
	if err != nil {
		return nil, err
	}
	as := c.As
	if i := slices.IndexFunc(at.Clients, func(k client) bool { return slices.Contains(k.Scopes, access.ScopeLogInspect) }); as == "" && i >= 0 {
		as = at.Clients[i].ClientID
	}
	who, err := at.identity(as, c.Organisation, auditing)
	return &exchange{at, who}, err
}

// aDay is how far back the log is read when nobody says: everyday questions are about today.
const aDay = 24 * time.Hour

func (c auditCommand) form(now time.Time, at *site) (url.Values, error) {
	until, since := c.Until, c.Since
	if until.IsZero() {
		until = now.Add(time.Minute) // the service's clock may be ahead of this one
	}
	if since.IsZero() {
		since = until.Add(-aDay)
	}
	form := url.Values{"date": {"ge" + since.UTC().Format(time.RFC3339Nano), "le" + until.UTC().Format(time.RFC3339Nano)}}
	if c.Patient != "" {
		id, err := patientID(c.Patient)
		if err != nil {
			return nil, err
		}
		form.Set("patient.identifier", document.URN(id.Authority)+"|"+id.Value)
	}
	if c.Tenant != "" {
		form.Set("source", at.logOf(c.Tenant))
	}
	return form, nil
}

// logOf is a log as the service names it: by the instance's home community.
func (s *site) logOf(tenant string) string {
	for _, t := range s.Tenants {
		if t.Name == tenant {
			return t.HomeCommunity
		}
	}
	return tenant
}

// eventLog is what was found, newest first.
type eventLog struct {
	events   []*fhir.AuditEvent
	outcomes []*fhir.OperationOutcome
}

func (l *eventLog) add(page *fhir.Bundle) {
	for _, e := range page.Entry {
		if event, ok := fhir.As[fhir.AuditEvent](e.Resource); ok {
			l.events = append(l.events, event)
		}
		if outcome, ok := fhir.As[fhir.OperationOutcome](e.Resource); ok {
			l.outcomes = append(l.outcomes, outcome)
		}
	}
}

func (l *eventLog) print(out io.Writer) error {
	if len(l.events) == 0 {
		fmt.Fprintln(out, "No events.")
	} else if err := l.table(out); err != nil {
		return err
	}
	for _, outcome := range l.outcomes {
		fmt.Fprintln(out, strings.Join(issueLines(outcome), "\n"))
	}
	return nil
}

func (l *eventLog) table(out io.Writer) error {
	var rows [][]string
	layout := time.TimeOnly
	if day(l.events[0]) != day(l.events[len(l.events)-1]) {
		layout = time.DateTime
	}
	for _, e := range slices.Backward(l.events) {
		rows = append(rows, eventRow(e, layout))
	}
	return printTable(out, []string{"TIME", "ACTION", "WHAT", "OUTCOME", "WHO", "ORGANISATION", "PATIENT", "DOCUMENT", "WHY"}, rows)
}

// recorded is the event's time on the reader's clock; zero when it is none.
func recorded(e *fhir.AuditEvent) time.Time {
	t, err := time.Parse(time.RFC3339, e.Recorded)
	if err != nil {
		return time.Time{}
	}
	return t.Local()
}

func day(e *fhir.AuditEvent) string { return recorded(e).Format(time.DateOnly) }

// outcomeWords are the words for FHIR's numbers.
var outcomeWords = map[string]string{"0": "success", "4": "denied", "8": "failed", "12": "failed"}

func eventRow(e *fhir.AuditEvent, layout string) []string {
	outcome := outcomeWords[e.Outcome]
	if outcome == "" {
		outcome = e.Outcome
	}
	if n := detailOf(e, "break-glass"); n != "" {
		outcome += ",break-glass"
	}
	return []string{recorded(e).Format(layout), e.Action, shorten(whatOf(e), 44), outcome, shorten(whoOf(e), 24), shorten(employerOf(e), 24),
		entityOf(e, "Patient").id, shorten(documentOf(e), 24), whyOf(e)}
}

// whatOf is the service's own words for the operation, which stand last among the subtypes.
func whatOf(e *fhir.AuditEvent) string {
	if len(e.Subtype) == 0 {
		return ""
	}
	last := e.Subtype[len(e.Subtype)-1]
	if last.Display != "" {
		return last.Display
	}
	return last.Code
}

// whoOf is the one who asked.
func whoOf(e *fhir.AuditEvent) string {
	for _, a := range e.Agent {
		if a.Requestor {
			return agentName(a)
		}
	}
	return ""
}

// employerOf is the caller's legal entity.
func employerOf(e *fhir.AuditEvent) string {
	for _, a := range e.Agent {
		for _, role := range a.Role {
			if slices.ContainsFunc(role.Coding, func(c fhir.Coding) bool { return c.Code == "legal-entity" }) {
				return agentName(a)
			}
		}
	}
	return ""
}

func agentName(a fhir.AuditEventAgent) string {
	switch {
	case a.Name != "":
		return a.Name
	case a.Who == nil:
		return ""
	case a.Who.Display != "":
		return a.Who.Display
	case a.Who.Identifier != nil:
		return a.Who.Identifier.Value
	}
	return ""
}

// entity is what a table says of something that an event was about.
type entity struct{ id, name string }

// entityOf is the first of a type.
func entityOf(e *fhir.AuditEvent, kind string) (found entity) {
	for _, x := range e.Entity {
		if x.What != nil && x.What.Type == kind {
			if x.What.Identifier != nil {
				found.id = x.What.Identifier.Value
			}
			found.name = x.Name
			return found
		}
	}
	return found
}

func documentOf(e *fhir.AuditEvent) string {
	d := entityOf(e, "DocumentReference")
	if d.name != "" {
		return d.name
	}
	return d.id
}

// whyOf is the rule that said no, or else why somebody looked.
func whyOf(e *fhir.AuditEvent) string {
	if why := strings.TrimSpace(detailOf(e, "rule") + " " + detailOf(e, "code")); why != "" {
		return why
	}
	var codes []string
	for _, p := range e.PurposeOfEvent {
		for _, c := range p.Coding {
			codes = append(codes, c.Code)
		}
	}
	return strings.Join(codes, " ")
}

func detailOf(e *fhir.AuditEvent, kind string) string {
	for _, x := range e.Entity {
		for _, d := range x.Detail {
			if d.Type == kind {
				return d.ValueString
			}
		}
	}
	return ""
}
