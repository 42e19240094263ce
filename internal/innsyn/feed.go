package innsyn

import (
	"context"
	"slices"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/tenant"
)

// Seals gives the seals of all logs above a number in their order, at most limit (audit.Log).
type Seals interface {
	Sealed(ctx context.Context, afterNo int64, limit int) ([]audit.Seal, error)
}

// Position is a place in the order of sealing: everything in seals below No, and the first Index events of No, lies behind it. It means the same
// for ever. The zero value is the beginning.
type Position struct {
	No    int64
	Index int
}

func (p Position) before(q Position) bool { return p.No < q.No || p.No == q.No && p.Index < q.Index }

// Cursor is how far somebody has come with the feed: with lookups, and with the names that follow them seven days later.
type Cursor struct{ Lookups, Names Position }

// Item is one of the feed's: a look without its name, or the name alone of a look that was told before.
type Item struct {
	Look
	// IsName says that it is the name's turn; of Look only id, patient, name and the places count then.
	IsName bool
}

// Pull is one answer of the feed.
type Pull struct {
	Items []Item
	Next  Cursor
	// More says that it is worth asking again at once.
	More bool
}

// The bounds of one pull: time, events looked at for each kind, and what is read in one round.
const (
	feedDeadline = 15 * time.Second
	feedEvents   = 5000
	feedSeals    = 20
	feedRound    = 500
)

// Feed gives what follows a cursor, in the order in which events became part of the log: each look once without the health worker's name,
// and each name when its time has come. At least half of what is asked for is kept for each kind while both have something. A pull that gives
// something is one audit event in the control log.
func (s *Service) Feed(ctx context.Context, actor audit.Actor, from Cursor, limit int) (Pull, error) {
	event := audit.New(s.Now(), actor, audit.Read, OperationFeed)
	if err := admit(actor.Caller); err != nil {
		return Pull{}, s.refuse(ctx, event, err)
	}
	reading, cancel := context.WithTimeout(ctx, feedDeadline)
	defer cancel()
	w := &walk{service: s, now: s.Now(), tenants: map[int32]*tenant.Tenant{}, next: from}
	err := w.all(reading, limit)
	items := slices.Concat(w.looks, w.names)
	// What was passed over must not be looked at again and again: a pull that came further gives what it has, unless the cursor is no cursor.
	if err != nil && (w.next == from || fault.KindOf(err) == fault.Invalid) {
		return Pull{}, s.refuse(ctx, event, err)
	}
	pull := Pull{Items: s.tell(ctx, items, w.now), Next: w.next, More: w.looksLeft || w.namesLeft || err != nil}
	if n := len(pull.Items); n > 0 {
		event.Detail.Hits = &n
		if err := s.Log.RecordControl(ctx, event); err != nil {
			return Pull{}, err
		}
	}
	return pull, nil
}

// taken is an item before it is told.
type taken struct {
	found
	isName bool
}

// tell asks about all patients of the items at once.
func (s *Service) tell(ctx context.Context, all []taken, now time.Time) []Item {
	patients := map[document.PatientID]facts{}
	for _, t := range all {
		if p, err := document.ParseCX(t.Patient); err == nil && !t.isName {
			patients[p] = facts{}
		}
	}
	s.factsOf(ctx, patients, feedFactsDeadline)
	items := make([]Item, len(all))
	for i, t := range all {
		p, _ := document.ParseCX(t.Patient)
		if t.isName {
			items[i] = Item{s.look(t.found, facts{}, now), true}
			continue
		}
		// As of the moment of the look itself: no name, however long nobody pulled.
		items[i] = Item{Look: s.look(t.found, patients[p], t.At)}
	}
	return items
}

// Valid says that a cursor can be one of ours: names never overtake looks.
func (c Cursor) Valid() bool {
	return c.Names.No >= 0 && c.Names.Index >= 0 && c.Lookups.No >= 0 && c.Lookups.Index >= 0 && !c.Lookups.before(c.Names)
}
