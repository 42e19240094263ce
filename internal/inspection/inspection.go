// Package inspection is innsyn in the audit log for those who answer for it: a tenant's own people, inspectors, and the operator who exports
// (A4). The citizen's view of who has looked is package innsyn.
//
// It promises that nobody is told of an event in a log that access does not let him read, or that such a log exists; that every reading is
// itself an event in each log that was read, committed before anything leaves; and that what one page ends with the next goes on from, however much
// is written meanwhile. It changes nothing in a log but by adding those events.
package inspection

import (
	"context"
	"errors"
	"slices"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/samber/lo"
)

// Control is how the log of what belongs to no instance is named among the sources.
const Control = "control"

// The operations, as the log names them. Writing is refused to everybody.
const (
	Searching = "audit-search"
	Reading   = "audit-read"
	Writing   = "audit-write"
)

// Service needs all its fields.
type Service struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	Log     audit.Log
	// Deadline bounds how long a search waits for one log.
	Deadline time.Duration
	Now      func() time.Time
}

// Log is one audit log: an instance's, or with the zero Tenant the one of what belongs to none.
type Log struct{ tenant.Tenant }

// Control reports whether it is no instance's.
func (l Log) Control() bool { return l.ID == 0 }

// source is how it is asked for.
func (l Log) source() string {
	if l.Control() {
		return Control
	}
	return l.HomeCommunity
}

// Item is one event and the log that it stands in.
type Item struct {
	audit.Line
	Log Log
}

// Papers is everything that a caller lacks for reading the log (A4), for a door that refuses the request for something else and tells all at
// once (W6).
func (s *Service) Papers(c access.Caller) fault.Problems {
	_, problems := access.ReachOfLog(c)
	return problems
}

// Refuse audits a request that got no further than its door, and returns the refusal.
func (s *Service) Refuse(ctx context.Context, actor audit.Actor, action audit.Action, operation string, cause error) error {
	return s.refuse(ctx, audit.New(s.Now(), actor, action, operation), cause)
}

// refuse audits a refusal in the log of no instance: none was read.
func (s *Service) refuse(ctx context.Context, event audit.Event, cause error) error {
	problems := fault.Of(cause)
	if err := s.Log.RecordControl(ctx, event.Refused(problems)); err != nil {
		problems.Add(fault.Of(err)...)
	}
	return problems
}

// logs are those that the caller may read of the sources asked for, all of them for none. The second says that one was asked for which is there
// and not for this caller: to him it is as if it were not.
func (s *Service) logs(ctx context.Context, c access.Caller, sources []string) (found []Log, hidden bool, err error) {
	reach, problems := access.ReachOfLog(c)
	if problems.Refuses() {
		return nil, false, problems
	}
	var tenants []tenant.Tenant
	if reach.Everything {
		found = append(found, Log{})
		tenants, err = s.Tenants.All(ctx)
	} else {
		tenants, err = s.Tenants.OfOrganisation(ctx, reach.Organisation)
	}
	if err != nil {
		return nil, false, err
	}
	for _, t := range tenants {
		if reach.Covers(t.Organisations) {
			found = append(found, Log{t})
		}
	}
	if len(found) == 0 {
		return nil, false, fault.New(fault.OrganisationDenied, "The token's organisation owns no instance whose log it could read.").By("A4")
	}
	if len(sources) == 0 {
		return found, false, nil
	}
	found = slices.DeleteFunc(found, func(l Log) bool { return !slices.Contains(sources, l.source()) })
	if len(found) < len(lo.Uniq(sources)) {
		hidden, err = s.exists(ctx, sources, found)
	}
	return found, hidden, err
}

// exists reports whether one of the sources is a log that was not found for the caller.
func (s *Service) exists(ctx context.Context, sources []string, found []Log) (bool, error) {
	for _, source := range sources {
		if slices.ContainsFunc(found, func(l Log) bool { return l.source() == source }) {
			continue
		}
		if source == Control {
			return true, nil
		}
		if _, err := document.ParseOID(source); err != nil {
			continue // no instance has such a name, and the database may not even hold it
		}
		switch _, err := s.Tenants.ByHome(ctx, source); {
		case err == nil:
			return true, nil
		case !errors.Is(err, tenant.ErrUnknown):
			return false, err
		}
	}
	return false, nil
}
