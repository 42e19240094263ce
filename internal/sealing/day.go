package sealing

import (
	"context"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
)

// daysAtOnce is how many logs get their day's head in one transaction.
const daysAtOnce = 500

// days signs the heads of yesterday, in Norway, that are not there. Days on which no sealer ran have none.
func (s *Sealer) days(ctx context.Context, left *remainder) error {
	now := s.Now().In(access.Oslo())
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, access.Oslo())
	day := midnight.AddDate(0, 0, -1).Format(time.DateOnly)
	for after, done := int32(-1), s.dayDone == day; !done; {
		var signed []audit.StoredHead
		err := s.log.Sealing(ctx, func(w *audit.Sealing) (err error) {
			heads, err := w.WithoutDay(ctx, day, midnight, after, daysAtOnce)
			if done = len(heads) == 0; err != nil || done {
				return err
			}
			after = heads[len(heads)-1].TenantID
			if err := s.know(ctx, logsOf(heads)); err != nil {
				return err
			}
			days, renewed, err := s.signDay(ctx, day, heads, left)
			if err != nil {
				return err
			}
			signed = renewed
			return w.WriteDays(ctx, days, renewed)
		})
		if err != nil {
			return err
		}
		s.remember(signed)
	}
	s.dayDone = day
	return nil
}

func logsOf(heads []audit.StoredHead) (notes []audit.Note) {
	for _, h := range heads {
		notes = append(notes, audit.Note{TenantID: h.TenantID})
	}
	return notes
}

// signDay makes the heads of the day, and the newest heads anew, which name them: so no head of a day can be taken away unseen.
func (s *Sealer) signDay(ctx context.Context, day string, heads []audit.StoredHead, left *remainder) (days []audit.StoredDay, renewed []audit.StoredHead, err error) {
	for _, h := range heads {
		if s.logs[h.TenantID] == nil {
			continue // a head of no tenant; verify tells
		}
		tree := s.trusted(ctx, h, left)
		if tree == nil {
			continue
		}
		said := s.head(h, tree)
		said.Day = day
		note, err := s.Key.Sign(said)
		if err != nil {
			return nil, nil, err
		}
		h.DayNote = ledger.HashNote(note)
		if h.Note, err = s.Key.Sign(s.head(h, tree)); err != nil {
			return nil, nil, err
		}
		days, renewed = append(days, audit.StoredDay{TenantID: h.TenantID, Day: day, Note: note}), append(renewed, h)
	}
	return days, renewed, nil
}
