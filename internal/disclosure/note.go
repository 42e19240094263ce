package disclosure

import (
	"context"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// tally is what one tenant's event tells of a page.
type tally struct{ hits, masked, lifted int }

func tallies[T listed](items []T) map[int32]tally {
	all := map[int32]tally{}
	for _, i := range items {
		of := i.of().ID
		n := all[of]
		masked, lifted := i.marks()
		n.hits++
		if masked {
			n.masked++
		}
		if lifted {
			n.lifted++
		}
		all[of] = n
	}
	return all
}

// searched is one tenant's event of a search that listed so much of it.
func (sp *spread[T]) searched(t tenant.Tenant, of map[int32]tally) audit.Event {
	event := sp.q.event
	event.ID = uuid.Must(uuid.NewV7())
	own := of[t.ID]
	event.Detail.HomeCommunity, event.Detail.Hits, event.Detail.Masked, event.Detail.BreakGlass = t.HomeCommunity, &own.hits, own.masked, own.lifted
	return event
}

// note commits one event in each tenant that answered, or one in the control log when no tenant holds the patient. It gives back the
// tenants in which none could be committed: what is theirs must not leave (A1). Of those that give this reader nothing none is among them,
// since nobody may know that they hold something: their events go to the control log then.
func (sp *spread[T]) note(ctx context.Context, sources []*source[T], items []T) (mute []tenant.Tenant, err error) {
	if len(sources) == 0 {
		sp.q.event.Detail.Hits = new(int)
		return nil, sp.service.Log.RecordControl(ctx, sp.q.event)
	}
	of := tallies(items)
	events := lo.Map(sources, func(src *source[T], _ int) audit.TenantEvent {
		return audit.TenantEvent{Schema: src.tenant.Schema(), Event: sp.searched(src.tenant, of)}
	})
	for i, failed := range sp.service.Log.RecordWhatCan(ctx, events) {
		switch t := sources[i].tenant; {
		case !failed:
		case !sp.service.closed(sp.view, t):
			mute = append(mute, t)
		case err == nil:
			err = sp.service.Log.RecordControl(ctx, events[i].Event)
		}
	}
	return mute, err
}

// without takes out of a page what is of tenants that did not answer, and says who they are.
func (p *Page[T]) without(silent []tenant.Tenant) {
	slices.SortFunc(silent, func(a, b tenant.Tenant) int { return int(a.ID - b.ID) })
	for _, t := range silent {
		p.Items = lo.Reject(p.Items, func(i T, _ int) bool { return i.of().ID == t.ID })
		p.Warnings.Add(fault.New(fault.SearchIncomplete, "Home community %s did not answer; its documents are not in this list. Try again.",
			document.URN(t.HomeCommunity)).AsWarning())
		p.Total = nil
	}
	p.NORS = masked(p.Items)
}
