package sealing

import (
	"context"
	"fmt"
	"math"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"

	"github.com/google/uuid"
)

// seals walks through the log's seals and compares each with the events it covers.
func (v *verification) seals(ctx context.Context) error {
	for after := int64(math.MinInt64); ; {
		page, err := v.evidence.Seals(ctx, after, sealPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for len(page) > 0 {
			n := together(page)
			if err := v.some(ctx, page[:n]); err != nil {
				return err
			}
			after, page = page[n-1].Seq, page[n:]
		}
		if v.Progress != nil {
			v.Progress(v.log.name, v.size, v.head.Seq)
		}
	}
}

// together is how many seals' events are read at once.
func together(page []audit.StoredSeal) int {
	bytes := 0
	for i, s := range page {
		if bytes += len(s.Rows); i > 0 && bytes > 48*audit.MaxSeal {
			return i
		}
	}
	return len(page)
}

// some compares a few seals with their events.
func (v *verification) some(ctx context.Context, seals []audit.StoredSeal) error {
	var ids []uuid.UUID
	rows := make([][]ledger.Row, len(seals))
	for i, s := range seals {
		rows[i], _ = ledger.SplitRows(s.Rows) // what is no whole number of rows does not fit, and is told of there
		for _, r := range rows[i] {
			ids = append(ids, r.ID)
		}
	}
	events, err := v.evidence.Events(ctx, ids)
	if err != nil {
		return err
	}
	of := make(map[uuid.UUID]ledger.Event, len(events))
	for _, e := range events {
		of[e.ID] = e
	}
	for i, s := range seals {
		v.one(s, rows[i], of)
	}
	return nil
}

// one compares one seal. Its link ties all that it says to the seal before it, and its root ties it to the tree: so the two tell what of it was
// changed, and mostly what it was.
func (v *verification) one(s audit.StoredSeal, rows []ledger.Row, events map[uuid.UUID]ledger.Event) {
	f := Finding{Kind: SealChanged, Seal: s.No, Position: s.Seq}
	tied := v.tie(s)
	if int64(s.N) != int64(len(rows)) || len(s.Rows) != len(rows)*rowSize || s.Seq != v.size+int64(s.N) {
		f.Detail = fmt.Sprintf("the seal of %d events up to event %d does not go on from %d sealed events: it, or one before it, was edited, added or removed",
			s.N, s.Seq, v.size)
		v.found(f)
		v.astray(s, rows, events)
		return
	}
	leaves, sure := v.leaves(s, rows, events)
	switch {
	case !tied:
		f.Detail = "the seal was edited, or the one before it removed"
		v.found(f)
	case !sure && !v.lost:
		if !v.doubt {
			f.Detail = "the seal's events do not lead to its root"
			v.found(f)
		}
		v.lost = true
	}
	v.doubt = v.doubt || !sure
	first := v.size
	v.grow(leaves)
	v.compare(s.No, first, rows, leaves, events)
}

// rowSize is that of a row in a seal, in bytes.
const rowSize = 48

// tie tells whether the seal's link is what it says together with the seal before. Where that one's own link was edited, the one it should have
// had does as well.
func (v *verification) tie(s audit.StoredSeal) bool {
	wanted := s.Batch.Link(v.link, s.Rows)
	if other := s.Batch.Link(v.linkWanted, s.Rows); other == s.Link {
		wanted = other
	}
	v.link, v.linkWanted = s.Link, wanted
	return wanted == s.Link
}

// leaves are those the seal stands for: its own when they lead to its root, otherwise those of the events as they are stored when these do.
// Sure is false when neither does.
func (v *verification) leaves(s audit.StoredSeal, rows []ledger.Row, events map[uuid.UUID]ledger.Event) (leaves []ledger.Hash, sure bool) {
	own, actual := make([]ledger.Hash, len(rows)), make([]ledger.Hash, len(rows))
	for i, r := range rows {
		own[i], actual[i] = r.Leaf, r.Leaf
		if e, there := events[r.ID]; there {
			actual[i] = e.Leaf()
		}
	}
	switch s.Root {
	case v.rootWith(own):
		return own, true
	case v.rootWith(actual):
		return actual, true
	}
	return own, false
}

// rootWith is the root of the tree with further leaves, which it does not get.
func (v *verification) rootWith(leaves []ledger.Hash) ledger.Hash {
	tree, err := ledger.GrownTree(v.tree.Size(), v.tree.Nodes())
	for _, leaf := range leaves {
		if err == nil {
			err = tree.Append(leaf)
		}
	}
	if err != nil {
		return ledger.Hash{} // a tree that we grew does not fail
	}
	return tree.Root()
}

// grow adds leaves, and compares on the way what was signed of trees of these sizes.
func (v *verification) grow(leaves []ledger.Hash) {
	for _, leaf := range leaves {
		if v.tree.Append(leaf) != nil {
			v.lost = true // a tree that we grew does not fail
		}
		v.met()
	}
	v.size += int64(len(leaves))
}

// compare looks for each event of a seal.
func (v *verification) compare(no, position int64, rows []ledger.Row, leaves []ledger.Hash, events map[uuid.UUID]ledger.Event) {
	for i, r := range rows {
		position++
		e, there := events[r.ID]
		if there {
			v.rows.accounted(r.ID)
		}
		v.report.Events++
		switch {
		case there && e.Leaf() == leaves[i]:
		case !there && position <= v.pruned:
			v.report.Pruned++
		case there:
			v.suspects.add(suspect{id: r.ID, position: position, seal: no, leaf: leaves[i], event: &e}, v.found)
		default:
			v.suspects.add(suspect{id: r.ID, position: position, seal: no, leaf: leaves[i]}, v.found)
		}
	}
}

// astray takes from a seal that does not fit what can be taken: it may be another log's. The tree is lost behind it.
func (v *verification) astray(s audit.StoredSeal, rows []ledger.Row, events map[uuid.UUID]ledger.Event) {
	v.lost, v.size = true, max(v.size, s.Seq)
	for _, r := range rows {
		if e, there := events[r.ID]; there {
			v.rows.accounted(r.ID)
			if e.Leaf() != r.Leaf {
				v.suspects.add(suspect{id: r.ID, position: s.Seq, seal: s.No, leaf: r.Leaf, event: &e}, v.found)
			}
		}
	}
}
