package sealing

import (
	"context"
	"log/slog"
	"maps"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// heldFor is how long a log whose events could not be read is left alone.
const heldFor = 10 * time.Second

// rows are events by the log that they are in.
type rows map[postgres.Schema][]uuid.UUID

// leaves reads the rows of all logs together, and log by log when that fails: one that cannot be read, because its table is locked or
// is not what it was, must not keep the others waiting.
func (s *Sealer) leaves(ctx context.Context, notes []audit.Note, left *remainder) (audit.Leaves, error) {
	together, alone := s.split(ctx, notes, left)
	all, err := s.read(ctx, together)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		all = audit.Leaves{}
		maps.Copy(alone, together)
	}
	for schema, ids := range alone {
		some, err := s.read(ctx, rows{schema: ids})
		if err == nil {
			s.logs[schema.ID].held, s.logs[schema.ID].wrong = time.Time{}, ""
			maps.Copy(all, some)
			continue
		}
		if dead := within(ctx, s.Patience, s.log.DB.Control().Ping); dead != nil || ctx.Err() != nil {
			return nil, err // not this log's trouble
		}
		s.hold(ctx, s.logs[schema.ID], err, left)
	}
	return all, nil
}

// split leaves out logs that are held; those that were are tried by themselves.
func (s *Sealer) split(ctx context.Context, notes []audit.Note, left *remainder) (together, alone rows) {
	together, alone = rows{}, rows{}
	for _, n := range notes {
		switch log := s.logs[n.TenantID]; {
		case log == nil:
		case log.held.IsZero():
			together[log.schema] = append(together[log.schema], n.Event)
		case !s.Now().Before(log.held):
			alone[log.schema] = append(alone[log.schema], n.Event)
		default:
			s.waits(ctx, log, left)
		}
	}
	return together, alone
}

func (s *Sealer) read(ctx context.Context, of rows) (all audit.Leaves, err error) {
	err = within(ctx, s.Patience, func(ctx context.Context) error {
		all, err = s.log.Leaves(ctx, of)
		return err
	})
	return all, err
}

// hold leaves a log for a while. What only takes time is for operations to look at; what else there may be was changed by somebody.
func (s *Sealer) hold(ctx context.Context, log *sealed, err error, left *remainder) {
	if lead := fault.Of(err).Leading(); lead != nil && lead.Code == fault.PartUnavailable {
		if log.held.IsZero() {
			s.Out.WarnContext(ctx, "the events of one log cannot be read now; they wait, and the others are sealed", slog.String("component", "postgres"),
				slog.String("tenant", log.name), slog.Any("error", err))
		}
		log.wrong = ""
	} else {
		log.wrong = "its events cannot be read: " + err.Error()
	}
	log.held = s.Now().Add(heldFor)
	s.waits(ctx, log, left)
}

func (s *Sealer) waits(ctx context.Context, log *sealed, left *remainder) {
	left.wait(log.schema.ID)
	if log.wrong != "" {
		s.alarm(ctx, left, log.name, log.wrong)
	}
}
