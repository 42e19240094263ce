package sealing

import (
	"bytes"
	"context"
	"fmt"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
)

// seal gives events their places, in one transaction for all logs of the batch.
func (s *Sealer) seal(ctx context.Context, notes []audit.Note, leaves audit.Leaves, left *remainder) error {
	var heads []audit.StoredHead
	count := 0
	err := s.log.Sealing(ctx, func(w *audit.Sealing) error {
		trees, err := s.trees(ctx, w, notes, left)
		if err != nil {
			return err
		}
		taken, err := w.Take(ctx, ofLogs(notes, trees, left))
		if err != nil || len(taken) == 0 {
			return err
		}
		var seals []audit.StoredSeal
		for begin, end := 0, 0; begin < len(taken); begin = end {
			for end < len(taken) && taken[end].TenantID == taken[begin].TenantID {
				end++
			}
			seal, head, err := s.grow(trees[taken[begin].TenantID], taken[begin:end], leaves, w.Next())
			if err != nil {
				return err
			}
			seals, heads = append(seals, seal), append(heads, head)
		}
		count = len(taken)
		return w.Write(ctx, seals, heads)
	})
	if err != nil {
		return err
	}
	s.remember(heads)
	s.change(func(st *State) { st.Sealed += uint64(count) })
	return nil
}

// ofLogs are the notes of logs that can be gone on with.
func ofLogs(notes []audit.Note, trees map[int32]*growing, left *remainder) (good []audit.Note) {
	for _, n := range notes {
		if trees[n.TenantID] == nil {
			left.note(n)
			left.wait(n.TenantID)
			continue
		}
		good = append(good, n)
	}
	return good
}

// growing is a log's tree and the head it stands on.
type growing struct {
	tree *ledger.Tree
	head audit.StoredHead
}

// trees are those of the notes' logs; a log whose head cannot be trusted has none.
func (s *Sealer) trees(ctx context.Context, w *audit.Sealing, notes []audit.Note, left *remainder) (map[int32]*growing, error) {
	var ids, headless []int32
	for i, n := range notes {
		if i == 0 || notes[i-1].TenantID != n.TenantID {
			ids = append(ids, n.TenantID)
		}
	}
	heads, err := w.Heads(ctx, ids)
	if err != nil {
		return nil, err
	}
	trees := map[int32]*growing{}
	for _, id := range ids {
		head, found := heads[id]
		if !found {
			headless = append(headless, id)
		} else if tree := s.trusted(ctx, head, left); tree != nil {
			trees[id] = &growing{tree, head}
		}
	}
	return trees, s.first(ctx, w, headless, trees, left)
}

// first begins logs that have never been sealed.
func (s *Sealer) first(ctx context.Context, w *audit.Sealing, ids []int32, trees map[int32]*growing, left *remainder) error {
	if len(ids) == 0 {
		return nil
	}
	began, err := w.Began(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if began[id] || s.logs[id].head.Seq > 0 {
			s.alarm(ctx, left, s.logs[id].name, "the log has been sealed before and its head is gone")
			continue
		}
		trees[id] = &growing{ledger.NewTree(), audit.StoredHead{TenantID: id}}
	}
	return nil
}

// trusted is the tree of a stored head, nil when the head is not one that this sealer or a trusted key signed: what was changed must not
// get a signature of today.
func (s *Sealer) trusted(ctx context.Context, h audit.StoredHead, left *remainder) *ledger.Tree {
	log := s.logs[h.TenantID]
	tree, err := s.check(log, h)
	if err != nil {
		s.alarm(ctx, left, log.name, err.Error())
		return nil
	}
	return tree
}

func (s *Sealer) check(log *sealed, h audit.StoredHead) (*ledger.Tree, error) {
	tree, err := ledger.GrownTree(uint64(h.Seq), h.Nodes)
	if err != nil {
		return nil, fmt.Errorf("the head's nodes do not fit: %w", err)
	}
	if h.Sealed != h.Seq {
		return nil, fmt.Errorf("the head is of %d events, and %d are sealed", h.Seq, h.Sealed)
	}
	last := log.head
	if h.Note == last.Note && h.Seq == last.Seq && bytes.Equal(h.Nodes, last.Nodes) && h.Link == last.Link && h.DayNote == last.DayNote {
		return tree, nil // as it was signed here
	}
	if err := agrees(s.trust, log.origin, h, tree); err != nil {
		return nil, err
	}
	switch {
	case h.Seq < last.Seq:
		return nil, fmt.Errorf("the log went back from %d events to %d", last.Seq, h.Seq)
	case h.Seq == last.Seq && !bytes.Equal(h.Nodes, last.Nodes):
		return nil, fmt.Errorf("another head of %d events than was signed", h.Seq)
	}
	return tree, nil
}

// agrees tells whether a head's columns are what its note, signed by a trusted key, says of this log.
func agrees(trust ledger.Trust, origin string, h audit.StoredHead, tree *ledger.Tree) error {
	said, err := trust.Open(h.Note)
	switch {
	case err != nil:
		return fmt.Errorf("the head's note is not signed by a key that is trusted (audit.verifier_keys): %w", err)
	case said.Origin != origin || said.Day != "" || !said.Before.IsZero():
		return fmt.Errorf("the head's note is not one of %s", origin)
	case said.Size != tree.Size() || said.Root != tree.Root() || said.Link != h.Link || said.DayNote != h.DayNote:
		return fmt.Errorf("the head of %d events is not what its note says", h.Seq)
	}
	return nil
}

// grow adds one batch to a log: its seal, and the new head.
func (s *Sealer) grow(g *growing, notes []audit.Note, leaves audit.Leaves, no int64) (audit.StoredSeal, audit.StoredHead, error) {
	rows := make([]ledger.Row, len(notes))
	for i, n := range notes {
		rows[i] = ledger.Row{ID: n.Event, Leaf: leaves[n]}
		if err := g.tree.Append(rows[i].Leaf); err != nil {
			return audit.StoredSeal{}, audit.StoredHead{}, err
		}
	}
	seal := audit.StoredSeal{Rows: ledger.JoinRows(rows), Batch: ledger.Batch{No: no, TenantID: g.head.TenantID, Seq: int64(g.tree.Size()), N: int32(len(rows)),
		At: s.Now().UTC(), Root: g.tree.Root()}}
	seal.Link = seal.Batch.Link(g.head.Link, seal.Rows)
	head := audit.StoredHead{TenantID: g.head.TenantID, Seq: seal.Seq, Nodes: g.tree.Nodes(), Link: seal.Link, DayNote: g.head.DayNote}
	var err error
	head.Note, err = s.Key.Sign(s.head(head, g.tree))
	return seal, head, err
}

// head is what is signed of a stored head.
func (s *Sealer) head(h audit.StoredHead, tree *ledger.Tree) ledger.Head {
	return ledger.Head{Origin: s.logs[h.TenantID].origin, Size: tree.Size(), Root: tree.Root(), At: s.Now().UTC(), Link: h.Link, DayNote: h.DayNote}
}

// remember keeps what was signed and committed.
func (s *Sealer) remember(heads []audit.StoredHead) {
	for _, h := range heads {
		s.logs[h.TenantID].head = h
	}
}
