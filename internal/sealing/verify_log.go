package sealing

import (
	"context"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"

	"github.com/google/uuid"
)

// verification is that of one log.
type verification struct {
	*Verify
	log      *sealed
	evidence *audit.Evidence
	report   *Report
	// kept are heads from elsewhere.
	kept []ledger.Head

	head    audit.StoredHead
	hasHead bool
	// pruned is how many of the first events may be gone.
	pruned int64
	// daily is the size of the largest day's head.
	daily int64
	// claims are the roots that signed notes say the tree has at some sizes, in their order.
	claims []claim

	// size is that of the log as the seals count it, agreed the last size at which the tree was what a signed note says.
	size, agreed int64
	tree         *ledger.Tree
	// lost says that the tree is not the log's any more, because what it is made of was changed: roots tell nothing from there on.
	lost bool
	// doubt says that an edited seal left it open which leaves are the log's.
	doubt bool
	// link is the last seal's, as it is stored and as it should be: the next one stands on one of them.
	link, linkWanted ledger.Hash
	rows             census
	suspects         suspects
}

// claim is what a signed note says of the tree.
type claim struct {
	size    int64
	root    ledger.Hash
	finding Finding
}

func (v *verification) found(f Finding) {
	f.Log = v.log.name
	v.Found(f)
}

func (v *verification) run(ctx context.Context) (err error) {
	if v.head, v.hasHead, err = v.evidence.Head(ctx); err != nil {
		return err
	}
	if err := v.notes(ctx); err != nil {
		return err
	}
	v.rows = newCensus()
	if err := v.seals(ctx); err != nil {
		return err
	}
	v.newest()
	v.unmet()
	if err := v.pending(ctx); err != nil {
		return err
	}
	if err := v.count(ctx); err != nil {
		return err
	}
	v.suspects.tell(v.found)
	return nil
}

const (
	// sealPage and idPage are how many seals and ids are read at once.
	sealPage = 50
	idPage   = 5000
)

// pending counts events that wait for their seal, and finds notes of none.
func (v *verification) pending(ctx context.Context) error {
	return v.eachNote(ctx, func(ids []uuid.UUID) error {
		events, err := v.evidence.Events(ctx, ids)
		if err != nil {
			return err
		}
		there := map[uuid.UUID]bool{}
		for _, e := range events {
			there[e.ID] = true
			v.rows.accounted(e.ID)
		}
		v.report.Pending += int64(len(events))
		for _, id := range ids {
			if !there[id] {
				v.found(Finding{Kind: NoteWithoutEvent, Event: id.String(), Detail: "a note says that the event waits for its seal, and it is not there"})
			}
		}
		return nil
	})
}

func (v *verification) eachNote(ctx context.Context, fn func([]uuid.UUID) error) error {
	return each(func(after uuid.UUID, first bool) ([]uuid.UUID, error) {
		return v.evidence.Notes(ctx, after, first, audit.MaxSeal)
	}, fn)
}

// each reads ids page by page.
func each(page func(after uuid.UUID, first bool) ([]uuid.UUID, error), fn func([]uuid.UUID) error) error {
	for after, first := uuid.Nil, true; ; first = false {
		ids, err := page(after, first)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := fn(ids); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}
