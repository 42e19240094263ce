package submission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// heldMessage is the message of a quarantined document as it was judged: what Publish needs. It is kept as JSON for as long as the
// document is held, over upgrades of this program; a test keeps one of the first release readable.
type heldMessage struct {
	Profile   tenant.Profile         `json:"profile"`
	Set       document.SubmissionSet `json:"set"`
	Entry     document.Entry         `json:"entry"`
	Relations []heldRelation         `json:"relations,omitempty"`
}

// heldRelation is a relation to a registered document: the type by its letter in the registry.
type heldRelation struct {
	Type          string        `json:"type"`
	Entry         uuid.UUID     `json:"entry,omitzero"`
	UniqueID      string        `json:"uniqueId,omitempty"`
	Documentation document.Code `json:"documentation,omitzero"`
}

// quarantine puts the bytes of infected documents away and commits their rows, each with its message, with the refusal's event (F4). On
// failure nothing of it is committed, and the event still has to be written.
func (s *Service) quarantine(ctx context.Context, v *verdict, event audit.Event) error {
	if v.tenant.ID == 0 || len(v.infected) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // the uploader may have gone; each call has its deadline
	var kept []repository.Object
	for _, i := range v.infected {
		o, err := s.Objects.Quarantine(ctx, v.tenant.Schema(), v.request.Documents[i].Bytes)
		if err != nil {
			s.forget(ctx, v, kept)
			return err
		}
		kept = append(kept, o)
	}
	err := s.DB.InTenant(ctx, v.tenant.Schema(), func(tx *postgres.Tx) error {
		b := tx.Batch()
		for n, i := range v.infected {
			row, err := v.held(ctx, i, event)
			if err != nil {
				return err
			}
			s.Objects.Record(b, kept[n], row, s.Now())
		}
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
		if err := b.Send(ctx); err != nil {
			return err
		}
		return s.Fail.Reach(ctx, failpoint.QuarantineSent)
	})
	if err == nil {
		err = postgres.Unconfirmed(s.Fail.Reach(ctx, failpoint.QuarantineCommitLost))
	}
	if err != nil {
		s.undo(ctx, v, kept, err)
		return err
	}
	return s.Fail.Reach(ctx, failpoint.QuarantineCommitted)
}

// held is the row of an infected document.
func (v *verdict) held(ctx context.Context, i int, event audit.Event) (repository.Row, error) {
	e := v.entries[i]
	facts, err := v.request.Documents[i].Bytes.Facts(ctx)
	if err != nil {
		return repository.Row{}, err
	}
	c := repository.Custody{Entry: e.ID, Organisation: event.Actor.Organisation, Client: event.Actor.ClientID, Obstacles: v.obstacles(i)}
	for _, id := range []string{e.UniqueID, e.AliasID} {
		if id != "" {
			c.UniqueIDs = append(c.UniqueIDs, id)
		}
	}
	if !e.Patient.IsZero() {
		c.Patient = e.Patient.CX()
	}
	if c.Message, err = v.message(i); err != nil {
		return repository.Row{}, err
	}
	if postgres.HoldsNUL(c.Message) {
		c.Obstacles = append(c.Obstacles, string(fault.MetadataError)+": a NUL character")
	}
	text, err := c.Text()
	return repository.Row{State: repository.Quarantined, MimeType: short(e.MimeType), Finding: facts.Finding, Event: event.ID, Held: text}, err
}

// message is one document of the verdict as it is kept.
func (v *verdict) message(i int) (json.RawMessage, error) {
	m := heldMessage{Profile: v.tenant.Profile, Set: v.set, Entry: v.entries[i]}
	for _, l := range v.links {
		if a := l.Association; l.From.Place == ADocument && l.From.Number == i && l.To.Place == Registered && a.Type != document.HasMember && a.Type != 0 {
			m.Relations = append(m.Relations, heldRelation{string(rune(a.Type)), l.To.Target.Entry, l.To.Target.UniqueID, a.Documentation})
		}
	}
	return json.Marshal(m)
}

// obstacles are the problems, other than malware, that refuse document i or the message as a whole. What is wrong with another document
// of the message only is not this one's.
func (v *verdict) obstacles(i int) (out []string) {
	for _, p := range v.problems {
		if p.Severity != fault.Error || p.Code == fault.VirusFound || anothers(p.Location, i) {
			continue
		}
		text := string(p.Code)
		if p.Location != "" {
			text += " at " + p.Location
		}
		out = append(out, text)
	}
	return out
}

// anothers reports whether a location stands in a document other than i.
func anothers(location string, i int) bool {
	return strings.HasPrefix(location, "documents[") && !strings.HasPrefix(location, fmt.Sprintf("documents[%d]", i))
}
