package innsyn

import (
	"context"
	"errors"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// walk is one pull on its way through the seals.
type walk struct {
	service *Service
	now     time.Time
	// budget is how many more events may be looked at on the way that is gone now.
	budget  int
	tenants map[int32]*tenant.Tenant
	looks   []taken
	names   []taken
	next    Cursor
	// looksLeft and namesLeft say that more could be told now.
	looksLeft, namesLeft bool
}

// all takes looks, then names, which never overtake their looks, then more looks where names left room. A log that cannot be read holds up the
// one that comes to it, not the other.
func (w *walk) all(ctx context.Context, limit int) error {
	err := w.takeLooks(ctx, limit-limit/2)
	err = errors.Join(err, w.takeNames(ctx, limit-len(w.looks)))
	if err != nil || !w.looksLeft {
		return err
	}
	return w.takeLooks(ctx, limit-len(w.names))
}

// takeLooks goes on with looks until there are most.
func (w *walk) takeLooks(ctx context.Context, most int) (err error) {
	w.next.Lookups, w.looksLeft, err = w.on(ctx, w.next.Lookups, nil, func(f found) verdict {
		if len(w.looks) >= most {
			return full
		}
		w.looks = append(w.looks, taken{found: f})
		return done
	})
	return err
}

// takeNames goes on with names as far as looks have been told, to the first whose time has not come.
func (w *walk) takeNames(ctx context.Context, most int) (err error) {
	w.next.Names, w.namesLeft, err = w.on(ctx, w.next.Names, &w.next.Lookups, func(f found) verdict {
		switch _, due := f.Name(w.now); {
		case !due:
			return early
		case len(w.names) >= most:
			return full
		}
		w.names = append(w.names, taken{found: f, isName: true})
		return done
	})
	return err
}

// verdict is what becomes of one lookup.
type verdict uint8

const (
	done verdict = iota
	// full leaves it for the next pull, early for its time.
	full
	early
)

// on walks from a position to another (nil: to the last seal), hands each lookup over, and says where it stopped and whether something
// that could be told now is left.
func (w *walk) on(ctx context.Context, at Position, to *Position, take func(found) verdict) (_ Position, left bool, err error) {
	w.budget = feedEvents
	for to == nil || at.before(*to) {
		seals, err := w.service.Seals.Sealed(ctx, at.No-1, feedSeals)
		if err == nil && !reaches(seals, at) {
			err = foreignCursor()
		}
		if err != nil || ended(seals, at) {
			return at, err != nil, err
		}
		if w.budget <= 0 || ctx.Err() != nil {
			return at, true, nil
		}
		cut := w.cut(seals, at, to)
		if len(cut) == 0 { // what was left up to there is gone with the log's old end
			return *to, false, nil
		}
		pieces, err := w.read(ctx, cut)
		if err != nil {
			return at, true, err
		}
		for _, p := range pieces {
			stopped, why, err := p.hand(take)
			if at = stopped; err != nil || why != done {
				return at, why != early, err
			}
		}
	}
	return at, false, nil
}

// piece is a part of a seal that is read at once.
type piece struct {
	from    Position
	tenant  int32
	ids     []uuid.UUID
	lookups map[uuid.UUID]found
	err     error
}

// cut takes the next events of some seals, no more than are read in one round.
func (w *walk) cut(seals []audit.Seal, at Position, to *Position) (pieces []*piece) {
	room := min(feedRound, w.budget)
	for _, seal := range seals {
		if to != nil && seal.No > to.No || room == 0 {
			break
		}
		if seal.No > at.No {
			at = Position{No: seal.No}
		}
		ids := until(seal, at, to)
		ids = ids[:min(len(ids), room)]
		room -= len(ids)
		w.budget -= len(ids)
		pieces = append(pieces, &piece{from: at, tenant: seal.TenantID, ids: ids})
	}
	return pieces
}

// hand gives the piece's lookups away in their order, and says behind which event it stopped.
func (p *piece) hand(take func(found) verdict) (at Position, why verdict, err error) {
	if at = p.from; p.err != nil {
		return at, full, p.err
	}
	for _, id := range p.ids {
		if f, is := p.lookups[id]; is {
			if why := take(f); why != done {
				return at, why, nil
			}
		}
		at.Index++
	}
	return at, done, nil
}

// reaches says that a position is one of this log: it names a seal that is there, or lies below one, which a log is that was cut at its old end.
func reaches(seals []audit.Seal, at Position) bool {
	if len(seals) == 0 {
		return at == Position{}
	}
	return at.No >= 0 && at.Index >= 0 && (seals[0].No > at.No || at.Index <= len(seals[0].IDs))
}

// foreignCursor is a cursor of what this log is not: made up, or given before the database was put back to an older state.
func foreignCursor() *fault.Problem {
	return fault.New(fault.BadQueryParam, "The cursor is ahead of the log, or not of this log. Go on from an older cursor, or from the start; nothing is lost, and some of it comes twice.").
		At("after").By("A2")
}

// ended says that nothing is sealed behind a position.
func ended(seals []audit.Seal, at Position) bool {
	if len(seals) == 0 {
		return true
	}
	last := seals[len(seals)-1]
	return !at.before(Position{last.No, len(last.IDs)})
}

// until are the events of a seal from a position on, as far as another reaches.
func until(seal audit.Seal, at Position, to *Position) []uuid.UUID {
	end := len(seal.IDs)
	if to != nil && to.No <= seal.No {
		end = 0
		if to.No == seal.No {
			end = min(to.Index, len(seal.IDs))
		}
	}
	return seal.IDs[min(at.Index, end):end]
}

// read gets those of the pieces' events that are lookups. Of a tenant that is no more there are none.
func (w *walk) read(ctx context.Context, pieces []*piece) ([]*piece, error) {
	if err := w.meet(ctx, pieces); err != nil {
		return nil, err
	}
	var group errgroup.Group
	group.SetLimit(tenantsAtOnce)
	for _, p := range pieces {
		if t := w.tenants[p.tenant]; len(p.ids) > 0 && (t != nil || p.tenant == audit.ControlLog) {
			group.Go(func() error {
				p.read(ctx, w.service, t)
				return nil
			})
		}
	}
	_ = group.Wait() // failures are kept
	return pieces, nil
}

func (p *piece) read(ctx context.Context, s *Service, t *tenant.Tenant) {
	ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
	defer cancel()
	var all []found
	all, p.err = s.read(ctx, t, func(tx *postgres.Tx) ([]audit.Lookup, error) {
		if tx == nil {
			return s.Log.ControlLookupsOf(ctx, p.ids)
		}
		return audit.LookupsOf(ctx, tx, p.ids)
	})
	p.lookups = make(map[uuid.UUID]found, len(all))
	for _, f := range all {
		p.lookups[f.ID] = f
	}
}

// meet looks up the tenants of the pieces that are not known yet.
func (w *walk) meet(ctx context.Context, pieces []*piece) error {
	var unknown []int32
	for _, p := range pieces {
		if _, known := w.tenants[p.tenant]; !known && p.tenant != audit.ControlLog {
			w.tenants[p.tenant] = nil
			unknown = append(unknown, p.tenant)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	all, err := w.service.Tenants.OfIDs(ctx, unknown)
	for number, t := range all {
		w.tenants[number] = &t
	}
	return err
}
