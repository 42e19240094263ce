package disclosure

import (
	"context"
	"errors"
	"io"
	"slices"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// Sought names a document of a retrieval (ITI-39, 43). The ids are without urn: prefixes.
type Sought struct{ HomeCommunity, Repository, UniqueID string }

// Delivery is what becomes of one document that was sought: Open gives its bytes, once, or Problem says why nobody gets them.
type Delivery struct {
	Sought
	Entry  document.Entry
	Tenant tenant.Tenant
	// Open may be called once what was promised of the document has left. Reading fails instead of ending when the bytes are not those registered.
	Open    func(context.Context) (io.ReadCloser, error)
	Problem *fault.Problem

	event audit.Event
	// small are a document's bytes that were read and compared already.
	small []byte
}

// Retrieve decides on several documents, finds out what can be found out of their bytes, decides once more and commits an audit event for each, and
// only then gives them out. Documents that are unknown, barred, deleted or another patient's are the same; what a gateway is asked for needs a
// home. The error is for a request of which nothing is told.
func (s *Service) Retrieve(ctx context.Context, r Reader, gateway bool, wanted []Sought) ([]Delivery, error) {
	all := lo.Map(lo.Uniq(wanted), func(w Sought, _ int) Delivery { return Delivery{Sought: w, event: s.opening(r, w)} })
	if err := s.admit(r); err != nil {
		return nil, s.refuseAll(ctx, all, err)
	}
	if len(all) > mostNamed && r.About.IsZero() { // they may be of as many patients, of each of whom the register is asked
		return nil, s.refuseAll(ctx, all, fault.New(fault.TooManyResults,
			"The request names more than %d documents, and the assertion no patient. Ask for fewer at a time.", mostNamed))
	}
	groups := s.places(ctx, r, gateway, all)
	v, err := s.lookOf(ctx, r, groups, all)
	if err != nil {
		return nil, s.refuseAll(ctx, all, err)
	}
	for _, g := range groups {
		s.permitAll(ctx, v, g)
	}
	s.sizeUp(ctx, all)
	for _, g := range groups {
		s.commitAll(ctx, v, g)
	}
	return all, s.tellStrays(ctx, all)
}

// opening begins a document's event.
func (s *Service) opening(r Reader, w Sought) audit.Event {
	event := audit.New(s.Now(), r.Actor, audit.Read, "open")
	event.Detail.HomeCommunity, event.Detail.Basis = w.HomeCommunity, r.Basis.AccessBasis
	event.Detail.Documents = []audit.Document{{UniqueID: w.UniqueID}}
	event.Patient = orNone(r.About)
	return event
}

// orNone is a patient as events have him.
func orNone(p document.PatientID) string {
	if p.IsZero() {
		return ""
	}
	return p.CX()
}

// refuseAll audits the refusal of a whole retrieval, as one event.
func (s *Service) refuseAll(ctx context.Context, all []Delivery, err error) error {
	event := all[0].event
	event.Detail.Documents = lo.Map(all, func(d Delivery, _ int) audit.Document { return audit.Document{UniqueID: d.UniqueID} })
	return s.refuse(ctx, tenant.Tenant{}, event, err)
}

// place is one instance and the documents sought in it.
type place struct {
	tenant tenant.Tenant
	of     []*Delivery
}

// places finds each document's instance, and gives those a problem that have none.
func (s *Service) places(ctx context.Context, r Reader, gateway bool, all []Delivery) []place {
	type answer struct {
		tenant  tenant.Tenant
		problem *fault.Problem
	}
	known, groups := map[Sought]answer{}, []place{}
	for i := range all {
		d := &all[i]
		where := Sought{HomeCommunity: d.HomeCommunity, Repository: d.Repository}
		a, asked := known[where]
		if !asked {
			a.tenant, a.problem = s.placeOf(ctx, r, gateway, where)
			known[where] = a
		}
		if d.Problem = a.problem; d.Problem != nil {
			continue
		}
		d.Tenant, d.event.Detail.HomeCommunity = a.tenant, a.tenant.HomeCommunity
		n := slices.IndexFunc(groups, func(g place) bool { return g.tenant.ID == a.tenant.ID })
		if n < 0 {
			n, groups = len(groups), append(groups, place{tenant: a.tenant})
		}
		groups[n].of = append(groups[n].of, d)
	}
	return groups
}

// placeOf is the instance of a home community whose repository it is, or, without a home, of the repository. One that is closed, or does not serve the
// transaction, is as if it were not there.
func (s *Service) placeOf(ctx context.Context, r Reader, gateway bool, w Sought) (tenant.Tenant, *fault.Problem) {
	var t tenant.Tenant
	var err error
	switch {
	case w.HomeCommunity != "":
		t, err = s.Tenants.ByHome(ctx, w.HomeCommunity)
	case gateway:
		return t, fault.New(fault.MissingHomeCommunity, "Each document that a gateway is asked for needs its HomeCommunityId.")
	default:
		t, err = s.Tenants.ByRepository(ctx, w.Repository)
	}
	closed := errors.Is(err, tenant.ErrUnknown) || err == nil && (t.State != tenant.Active || !t.Serves(r.Transaction))
	switch {
	case closed && w.HomeCommunity != "":
		return tenant.Tenant{}, noCommunity()
	case err != nil && !closed:
		return tenant.Tenant{}, fault.Of(err).Leading()
	case closed || w.Repository != t.Repository:
		return tenant.Tenant{}, fault.New(fault.UnknownRepository, "No repository of this repositoryUniqueId answers here.")
	default:
		return t, nil
	}
}

// lookOf asks about the patient whom the reader's assertion names, or, where it names none, about those of the documents: what is decided on their
// documents needs their facts. views are by patient.
func (s *Service) lookOf(ctx context.Context, r Reader, groups []place, all []Delivery) (views, error) {
	v := views{reader: r, of: map[document.PatientID]view{}, facts: &audit.Event{}}
	patients := []document.PatientID{r.About}
	if r.About.IsZero() {
		patients = s.patientsIn(ctx, groups)
	}
	for _, p := range patients {
		found, err := s.look(ctx, r, p, v.facts)
		if err != nil {
			for i := range all {
				all[i].event.Detail.Facts = v.facts.Detail.Facts
			}
			return v, err
		}
		v.of[p] = found
	}
	if len(patients) == 0 && s.Register != nil {
		return v, s.Register.Nobody(ctx, all[0].UniqueID)
	}
	return v, nil
}

// views are a reader with what is known of each patient.
type views struct {
	reader Reader
	of     map[document.PatientID]view
	// facts has how old the facts are, as the last look said.
	facts *audit.Event
}

func (v views) about(p document.PatientID) view {
	if known, ok := v.of[p]; ok {
		return known
	}
	return view{Reader: v.reader, patient: unasked}
}

// patientsIn are whom the documents are about.
func (s *Service) patientsIn(ctx context.Context, groups []place) (patients []document.PatientID) {
	for _, g := range groups {
		ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
		err := s.DB.Reading(ctx, g.tenant.Schema(), func(tx *postgres.Tx) error {
			named, err := registry.Named(ctx, tx, g.uniqueIDs(), document.PatientID{})
			for _, e := range named {
				patients = append(patients, e.Patient)
			}
			return err
		})
		if cancel(); err != nil {
			g.fail(err)
		}
	}
	slices.SortFunc(patients, func(a, b document.PatientID) int { return slices.Compare([]string{a.CX()}, []string{b.CX()}) })
	return slices.Compact(patients)
}

func (g place) uniqueIDs() []string {
	return lo.Map(g.of, func(d *Delivery, _ int) string { return d.UniqueID })
}

// permitAll decides on the documents of one instance.
func (s *Service) permitAll(ctx context.Context, v views, g place) {
	ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
	defer cancel()
	if g.undecided() {
		if err := s.DB.Reading(ctx, g.tenant.Schema(), func(tx *postgres.Tx) error { return s.decideAll(ctx, tx, v, g) }); err != nil {
			g.fail(err)
		}
	}
}

// undecided reports whether there is a document that nothing speaks against so far.
func (g place) undecided() bool {
	return slices.ContainsFunc(g.of, func(d *Delivery) bool { return d.Problem == nil })
}

// fail is for an instance that does not answer.
func (g place) fail(err error) {
	for _, d := range g.of {
		d.Problem = fault.Of(err).Leading()
	}
}

// decideAll finds the entries that are meant and asks access about each.
func (s *Service) decideAll(ctx context.Context, tx *postgres.Tx, v views, g place) error {
	named, err := registry.Named(ctx, tx, g.uniqueIDs(), v.reader.About)
	if err != nil {
		return err
	}
	for _, d := range g.of {
		e, there := named[d.UniqueID]
		if d.Problem == nil {
			d.Problem = s.permitOne(v.about(e.Patient), d, e, there)
		}
	}
	return nil
}

// permitOne decides on one document and writes into its event what it is about.
func (s *Service) permitOne(v view, d *Delivery, e document.Entry, there bool) *fault.Problem {
	if !there {
		return unknown()
	}
	d.event.Entry, d.event.Patient, d.event.Detail.Documents = e.ID, e.Patient.CX(), []audit.Document{audit.Of(e)}
	decision := s.decide(v, d.Tenant, e)
	d.event.Detail.BreakGlass = lifted(decision)
	before := d.Entry.ObjectKey
	switch {
	case decision.Open != access.Allow:
		d.event.Detail.Rule = first(decision.Rules)
		return unknown()
	case e.Status == document.Tombstone, e.Offline: // ITI-86 leaves what is registered
		d.event.Detail.Rule = "W3"
		return unknown()
	case e.OnDemand, e.Repository != "" && e.Repository != d.Tenant.Repository:
		return unknown() // nothing of it is kept here
	case d.Entry.ID == e.ID && before != e.ObjectKey:
		return unknown() // deleted and registered anew in between
	}
	d.Entry = e
	return nil
}

// commitAll decides once more and commits the events of one instance, refusals among them: after that what is given out is given.
func (s *Service) commitAll(ctx context.Context, v views, g place) {
	ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
	defer cancel()
	err := s.soughtInVain(ctx, v, g)
	if err == nil {
		err = s.commitIn(ctx, v, g)
	}
	if err != nil {
		g.fail(s.refuse(ctx, g.tenant, g.of[0].event, err))
	}
	for _, d := range g.of {
		if d.Problem == nil {
			d.Open = s.opener(d)
		}
	}
}

// soughtInVain: the citizen must find the events also where nothing of what was sought is, and perhaps nothing is of him (A2).
func (s *Service) soughtInVain(ctx context.Context, v views, g place) error {
	if !slices.ContainsFunc(g.of, func(d *Delivery) bool { return d.event.Entry == uuid.Nil }) {
		return nil
	}
	return s.visited(ctx, g.tenant, v.reader.About)
}

func (s *Service) commitIn(ctx context.Context, v views, g place) error {
	return s.DB.InTenant(ctx, g.tenant.Schema(), func(tx *postgres.Tx) error {
		if g.undecided() {
			if err := s.decideAll(ctx, tx, v, g); err != nil {
				return err
			}
		}
		for _, d := range g.of {
			event := d.event
			event.Detail.Facts, event.Detail.FactsAge = v.facts.Detail.Facts, v.facts.Detail.FactsAge
			if d.Problem != nil {
				event = event.Refused(d.Problem)
			}
			if err := audit.AppendLast(tx, event); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellStrays commits one event of the documents that belong to no instance.
func (s *Service) tellStrays(ctx context.Context, all []Delivery) error {
	strays := lo.Filter(all, func(d Delivery, _ int) bool { return d.Tenant.ID == 0 })
	if len(strays) == 0 {
		return nil
	}
	event := strays[0].event
	event.Detail.Documents = lo.Map(strays, func(d Delivery, _ int) audit.Document { return audit.Document{UniqueID: d.UniqueID} })
	if err := s.Log.RecordControl(ctx, event.Refused(strays[0].Problem)); err != nil {
		return fault.Of(err)
	}
	return nil
}
