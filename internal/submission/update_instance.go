package submission

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

// instance is where a message of XDS belongs. tenant is zero when problem says why there is none; log may be known all the same.
type instance struct {
	tenant, log tenant.Tenant
	problem     *fault.Problem
}

// instance finds the one instance that a message is for, among those that the caller's organisation may write to and that answer its transaction
// (T2-T4): by the home community that it names, else the only one, else the one that holds what it is about.
func (s *Service) instance(ctx context.Context, actor audit.Actor, homes []string, about []uuid.UUID) (instance, error) {
	mine, err := s.Tenants.OfOrganisation(ctx, actor.Organisation)
	if err != nil {
		return instance{}, err
	}
	var found instance
	if len(mine) == 1 {
		found.log = mine[0]
	}
	if len(mine) == 0 {
		found.problem = fault.New(fault.OrganisationDenied, "The assertion's organisation may not write to any instance here.").By("T2")
		return found, nil
	}
	answering := slices.DeleteFunc(slices.Clone(mine), func(t tenant.Tenant) bool { return !t.Serves(actor.Transaction) })
	if len(answering) == 0 {
		found.problem = notServed(actor.Transaction)
		return found, nil
	}
	if len(homes) > 1 {
		found.problem = fault.New(fault.MetadataError, "Objects of two home communities stand in one message. Send one message for each.").At("set.homeCommunityId").By("T4")
		return found, nil
	}
	if len(homes) == 1 {
		i := slices.IndexFunc(answering, func(t tenant.Tenant) bool { return t.HomeCommunity == document.StripURN(homes[0]) })
		if i < 0 {
			found.problem = foreign().At("set.homeCommunityId")
			return found, nil
		}
		return instance{tenant: answering[i], log: answering[i]}, nil
	}
	return s.holding(ctx, found, answering, about)
}

// holding is the only instance, or the only one that holds what the message is about.
func (s *Service) holding(ctx context.Context, found instance, among []tenant.Tenant, about []uuid.UUID) (instance, error) {
	if len(among) == 1 {
		return instance{tenant: among[0], log: among[0]}, nil
	}
	for _, id := range about {
		holders, err := s.Tenants.OfEntry(ctx, id)
		if err != nil {
			return found, err
		}
		ids := lo.Map(holders, func(t tenant.Tenant, _ int) int32 { return t.ID })
		if ours := lo.Filter(among, func(t tenant.Tenant, _ int) bool { return slices.Contains(ids, t.ID) }); len(ours) == 1 {
			return instance{tenant: ours[0], log: ours[0]}, nil
		}
	}
	found.problem = fault.New(fault.MissingHomeCommunity, "The organisation may write to several instances, and the message does not say which it is for. Put the home community on its objects (home).").
		At("set.homeCommunityId").By("T4")
	return found, nil
}
