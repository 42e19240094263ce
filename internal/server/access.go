package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/terminology"
)

// Policy is the configured part of who may read (C2, C3).
func (c AccessConfig) Policy() access.Policy {
	return access.Policy{Roles: c.Roles, DeniedRoles: c.DeniedRoles, BreakGlass: c.BreakGlass}
}

// policy tells once, at start, that what patients have barred can be opened here.
func (p *parts) policy(ctx context.Context) access.Policy {
	if on := p.cfg.Access.BreakGlass; len(on) > 0 {
		p.log.WarnContext(ctx, "break-glass is on: health personnel with the purpose "+strings.Join(on, " or ")+
			" open what patients have barred (NORS); each use is marked in the audit log", "operation", "configuration", "component", string(fault.Self))
	}
	return p.cfg.Access.Policy()
}

// areRoles: a slip in a list of who may read must not be found out by whoever is shut out, or let in.
func areRoles(text string) error {
	roles := splitList(text)
	if len(roles) == 0 {
		return errors.New("must name at least one role")
	}
	for i, role := range roles {
		if terminology.Display(terminology.HealthPersonnel, role) == "" {
			return fmt.Errorf("must be a list of codes of 9060 (%s), such as LE; number %d is none", terminology.HealthPersonnel, i+1)
		}
	}
	return nil
}

// areBreakGlass: everyday treatment must not be let past the bar by a slip, nor an emergency be stopped by one that nobody was told of.
func areBreakGlass(text string) error {
	possible := access.BreakGlassPurposes()
	for _, purpose := range splitList(text) {
		if !slices.Contains(possible, purpose) {
			return fmt.Errorf("must be a list of purposes of emergency, %s, or empty: nothing else opens what a patient has barred (C2)", strings.Join(possible, " and "))
		}
	}
	return nil
}
