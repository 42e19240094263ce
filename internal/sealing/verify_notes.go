package sealing

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
)

// notes reads what was signed beside the newest head.
func (v *verification) notes(ctx context.Context) error {
	days, err := v.evidence.Days(ctx)
	if err != nil {
		return err
	}
	v.days(days)
	prunes, err := v.evidence.Prunes(ctx)
	if err != nil {
		return err
	}
	for _, p := range prunes {
		f := Finding{Kind: PruneChanged, Position: p.Seq}
		said, err := v.Trust.Open(p.Note)
		switch {
		case err != nil:
			f.Detail = "the note of pruned events is not signed by a key that is trusted: " + err.Error()
		case said.Origin != ledger.Pruned(v.log.origin) || said.Before.IsZero() || !said.Before.Equal(p.Before) || int64(said.Size) != p.Seq:
			f.Detail = "the note of pruned events is of another log, time or number of events"
		default:
			v.pruned = max(v.pruned, p.Seq)
			f.Detail = "the log that was pruned was another one"
			v.claims = append(v.claims, claim{p.Seq, said.Root, f})
			continue
		}
		v.found(f)
	}
	for _, h := range v.kept {
		v.claims = append(v.claims, claim{int64(h.Size), h.Root, Finding{Kind: HistoryChanged, Position: int64(h.Size), Day: h.Day,
			Detail: "the log does not go on from the head that was kept elsewhere"}})
	}
	slices.SortStableFunc(v.claims, func(a, b claim) int { return cmp.Compare(a.size, b.size) })
	return nil
}

// days checks the chain of the heads of days; the newest head names its end.
func (v *verification) days(days []audit.StoredDay) {
	var before ledger.Hash
	sound := true // what before is of
	for _, d := range days {
		f := Finding{Kind: DayChanged, Day: d.Day}
		said, err := v.Trust.Open(d.Note)
		switch {
		case err != nil:
			f.Detail = "the day's head is not signed by a key that is trusted: " + err.Error()
		case said.Origin != v.log.origin || said.Day != d.Day:
			f.Detail = "the day's head is of another log or another day"
		case sound && said.DayNote != before:
			f.Detail = "the head of a day before this one is gone or was edited"
			f.Position = int64(said.Size)
		}
		if f.Detail != "" {
			v.found(f)
		}
		if sound = err == nil && said.Day == d.Day; sound {
			v.daily = max(v.daily, int64(said.Size))
			f.Detail, f.Position = "the log is not the one whose head was signed for this day", int64(said.Size)
			v.claims = append(v.claims, claim{int64(said.Size), said.Root, f})
		}
		before = ledger.HashNote(d.Note)
	}
	if sound && v.hasHead && v.head.DayNote != before {
		v.found(Finding{Kind: DayChanged, Position: v.head.Seq, Detail: "the head of the last day is gone or was edited"})
	}
}

// met compares what was signed of a tree of this size.
func (v *verification) met() {
	for len(v.claims) > 0 && v.claims[0].size <= int64(v.tree.Size()) {
		c := v.claims[0]
		v.claims = v.claims[1:]
		switch {
		case v.lost:
		case c.root == v.tree.Root() || c.size < int64(v.tree.Size()):
			v.agreed = c.size
		default:
			c.finding.Detail = fmt.Sprintf("%s; it was up to event %d", c.finding.Detail, v.agreed)
			v.found(c.finding)
		}
	}
}

// unmet are notes of a longer log than there is.
func (v *verification) unmet() {
	for _, c := range v.claims {
		if !v.lost {
			c.finding.Detail = fmt.Sprintf("%s: it had %d events, and %d are sealed now", c.finding.Detail, c.size, v.size)
			v.found(c.finding)
		}
	}
}

// newest checks the stored head against its note and against the seals.
func (v *verification) newest() {
	f := Finding{Kind: HeadChanged, Position: v.head.Seq}
	switch {
	case !v.hasHead && v.size == 0:
		return
	case !v.hasHead:
		f.Detail = "the log's head is gone"
	default:
		f.Kind, f.Detail = v.against()
	}
	if f.Detail != "" {
		v.found(f)
	}
}

// against tells what is wrong with the head, or that seals behind the last one are gone.
func (v *verification) against() (Kind, string) {
	tree, err := ledger.GrownTree(uint64(v.head.Seq), v.head.Nodes)
	if err == nil {
		err = agrees(v.Trust, v.log.origin, v.head, tree)
	}
	switch {
	case err != nil:
		return HeadChanged, err.Error()
	case v.lost:
		return "", "" // told of
	case v.head.Seq > v.size:
		v.lost = true // what follows from it is told with it
		return SealChanged, fmt.Sprintf("seals of events from %d to %d are gone", v.size+1, v.head.Seq)
	case v.head.Seq != v.size:
		return HeadChanged, fmt.Sprintf("the head is of %d events, and %d are sealed", v.head.Seq, v.size)
	case tree.Root() != v.tree.Root() || v.head.Link != v.link && v.head.Link != v.linkWanted:
		return HeadChanged, fmt.Sprintf("the seals do not lead to the head that was signed; they agree with what was signed up to event %d", v.agreed)
	}
	return "", ""
}
