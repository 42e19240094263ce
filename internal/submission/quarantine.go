package submission

import (
	"context"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
)

// quarantine puts the bytes of infected documents away and commits their rows with the refusal's event (F4). On failure nothing of
// it is committed, and the event still has to be written.
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
			s.Objects.Record(b, kept[n], repository.Row{State: repository.Quarantined, MimeType: short(v.entries[i].MimeType), Finding: v.findings, Event: event.ID}, s.Now())
		}
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
		return b.Send(ctx)
	})
	if err != nil {
		s.undo(ctx, v, kept, err)
	}
	return err
}
