package sealing

import (
	"fmt"

	"dokumentlager/internal/ledger"

	"github.com/google/uuid"
)

// suspect is an event that is not what was sealed under its id, or is gone.
type suspect struct {
	id             uuid.UUID
	position, seal int64
	// leaf is what was sealed; event what is there now, nil for nothing.
	leaf  ledger.Hash
	event *ledger.Event
	done  bool
}

// suspects of one log are held until all are known: an event that stands under another's id can only be told from an edited one by
// looking at the others.
type suspects struct {
	sealed []suspect
	extras []ledger.Event
}

// maxSuspects bounds what is held of each kind; of more it is told as they come what they are by themselves.
const maxSuspects = 1000

func (s *suspects) add(one suspect, found func(Finding)) {
	if len(s.sealed) == maxSuspects {
		found(one.alone())
		return
	}
	s.sealed = append(s.sealed, one)
}

func (s *suspects) extra(e ledger.Event, found func(Finding)) {
	if len(s.extras) == maxSuspects {
		found(inserted(e))
		return
	}
	s.extras = append(s.extras, e)
}

// alone is what a suspect is when nothing else explains it.
func (o suspect) alone() Finding {
	f := Finding{Kind: EventDeleted, Position: o.position, Event: o.id.String(), Seal: o.seal, Detail: "the event was sealed and is gone"}
	if o.event != nil {
		f.Kind, f.Detail = EventEdited, "the event is not what was sealed: a column of its row was edited"
	}
	return f
}

func inserted(e ledger.Event) Finding {
	return Finding{Kind: EventInserted, Event: e.ID.String(), Detail: "the event has neither seal nor note: its row was inserted past the service, or its seal or note was removed"}
}

// tell tells what they are.
func (s *suspects) tell(found func(Finding)) {
	for i := range s.sealed {
		if e := s.sealed[i].event; e != nil {
			if s.moved(*e, i, found) {
				s.sealed[i].event = nil // it is not this one's; that is gone unless it is found elsewhere
			}
		}
	}
	for _, e := range s.extras {
		if !s.moved(e, -1, found) {
			found(inserted(e))
		}
	}
	for _, one := range s.sealed {
		if !one.done {
			found(one.alone())
		}
	}
}

// moved tells whether the row is one that was sealed under another id. Where a seal names another id for a leaf than its event has, the seal
// was edited, and has been told of.
func (s *suspects) moved(e ledger.Event, self int, found func(Finding)) bool {
	now := e.ID
	own := e.Leaf()
	for i := range s.sealed {
		was := &s.sealed[i]
		if i == self {
			continue
		}
		e.ID = was.id
		sealEdited := was.leaf == own
		if !sealEdited && was.leaf != e.Leaf() {
			continue
		}
		if !sealEdited {
			found(Finding{Kind: EventMoved, Position: was.position, Event: was.id.String(), Seal: was.seal,
				Detail: fmt.Sprintf("the event stands under the id %s now", now)})
		}
		was.done = true
		return true
	}
	return false
}
