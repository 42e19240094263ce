package disclosure

import (
	"context"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// Stored is a stored query of ITI-18, 38 or 51. Which of them it is stands in the reader's Actor.Transaction: an instance that does not serve it is
// as if it were not there.
type Stored struct {
	*ebxml.Query
	// Gateway tells ITI-38: where no home is named, all instances that hold the patient are asked. Otherwise it is those of the reader's own
	// organisation.
	Gateway bool
	// Limit is the most objects that the answer may hold; beyond it is fault.TooManyResults.
	Limit int
}

// Object is one that a stored query found, as the reader may see it: one of Entry, List and Link is set. A masked one has lost its content.
type Object struct {
	Entry              *document.Entry
	List               *document.List
	Link               *document.Association
	Tenant             tenant.Tenant
	Masked, BreakGlass bool
}

func (o Object) position(order registry.Order) registry.Position {
	switch {
	case o.Entry != nil:
		return order.Of(*o.Entry)
	case o.List != nil:
		return order.OfList(*o.List)
	default:
		return registry.Position{At: o.Link.Registered, ID: o.Link.ID}
	}
}
func (o Object) of() tenant.Tenant            { return o.Tenant }
func (o Object) marks() (masked, lifted bool) { return o.Masked, o.BreakGlass }

// Found is the answer to a stored query, in an order that the same query has again.
type Found struct {
	Objects []Object
	// Warnings name the communities that did not answer.
	Warnings fault.Problems
}

// mostNamed is how many objects a query by ids may name whose reader is held to no patient: whom each of them is about must be found out, and the
// register asked.
const mostNamed = 50

// Stored answers a stored query. Each instance that answered gets one audit event for each patient, committed before anything leaves. The database
// is asked by patient, status and ids alone; all else is compared with what the reader sees.
func (s *Service) Stored(ctx context.Context, r Reader, q Stored) (Found, error) {
	event := s.queried(r, q)
	if err := s.admit(r); err != nil {
		return Found{}, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	patients, err := s.patients(ctx, r, q)
	if err != nil {
		return Found{}, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	if len(patients) == 0 {
		return Found{}, s.nobody(ctx, event, q)
	}
	var found Found
	told := 0
	for _, p := range patients {
		page, err := s.storedOf(ctx, r, q, p, q.Limit-len(found.Objects))
		if err != nil {
			return Found{}, err
		}
		found.Objects = append(found.Objects, page.Items...)
		found.Warnings = append(found.Warnings, page.Warnings...)
		if len(page.Items) > 0 {
			told++
		}
	}
	if len(found.Objects) > q.Limit {
		return Found{}, s.refuse(ctx, tenant.Tenant{}, event, tooMany(q))
	}
	if told > 1 && !q.References && !q.Query.Query.MultiPatient() {
		return Found{}, s.refuse(ctx, tenant.Tenant{}, event, fault.New(fault.SeveralPatients,
			"The query finds objects of more than one patient. Ask for them as references, or patient by patient."))
	}
	return found, nil
}

// queried begins a stored query's event: a list of documents, or of what they are sorted in, as at the REST door.
func (s *Service) queried(r Reader, q Stored) audit.Event {
	operation := "search"
	switch q.Query.Query {
	case ebxml.FindSubmissionSets, ebxml.FindFolders, ebxml.GetFolders, ebxml.GetAssociations, ebxml.GetSubmissionSets, ebxml.GetFoldersForDocument,
		ebxml.FindFoldersForMultiplePatients:
		operation = "search-lists"
	}
	event := audit.New(s.Now(), r.Actor, audit.Read, operation)
	event.Detail.Query, event.Detail.HomeCommunity, event.Detail.Basis = q.Text, q.Home, r.Basis.AccessBasis
	event.Patient = orNone(lo.FirstOr(q.Patients, r.About))
	return event
}

// storedOf is what one patient gives.
func (s *Service) storedOf(ctx context.Context, r Reader, q Stored, p document.PatientID, room int) (Page[Object], error) {
	l := listing{patient: p, home: q.Home, Paging: Paging{Limit: max(room, 1), Uncounted: true}, event: s.queried(r, q),
		among: func(ctx context.Context) ([]tenant.Tenant, error) { return s.reached(ctx, r, q, p) }, whole: func() error { return tooMany(q) }}
	return list(ctx, s, r, l, func(v view) reader[Object] {
		return func(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, after *registry.Position, n int) (chunk[Object], error) {
			switch q.Query.Query {
			case ebxml.FindDocuments, ebxml.FindDocumentsByReferenceID, ebxml.FindDocumentsByTitle, ebxml.FindDocumentsForMultiplePatients,
				ebxml.FindDocumentsByReferenceIDForMultiplePatients:
				return s.storedEntries(ctx, tx, v, t, q, p, after, n)
			case ebxml.FindSubmissionSets, ebxml.FindFolders, ebxml.FindFoldersForMultiplePatients:
				return s.storedLists(ctx, tx, v, t, q, p, after, n)
			default:
				return s.circle(ctx, tx, v, t, q, p)
			}
		}
	})
}

func tooMany(q Stored) error {
	if q.References {
		return fault.New(fault.TooManyResults, "The query finds more than %d objects. Narrow it.", q.Limit)
	}
	return fault.New(fault.TooManyResults, "The query finds more than %d objects. Narrow it, or ask for references (ObjectRef).", q.Limit)
}

// patients are those whom the query is about: named in it, or, where the reader is held to one, that one. Of a query by ids whose reader is held to
// none they are found out first, so that the register can be asked before anything is decided.
func (s *Service) patients(ctx context.Context, r Reader, q Stored) ([]document.PatientID, error) {
	for _, p := range q.Patients {
		if err := r.about(p); err != nil {
			return nil, err
		}
	}
	named := namedIn(q)
	switch {
	case len(q.Patients) > mostNamed, len(named) > mostNamed && r.About.IsZero():
		return nil, fault.New(fault.TooManyResults, "The query names more than %d. Ask for fewer at a time.", mostNamed)
	case len(q.Patients) > 0:
		return lo.Uniq(q.Patients), nil
	case q.Gateway && q.Home == "":
		return nil, fault.New(fault.MissingHomeCommunity, "A query that names no patient needs the home attribute of AdhocQuery.").At("AdhocQuery.home")
	case !r.About.IsZero():
		return []document.PatientID{r.About}, nil
	case q.Query.Query.MultiPatient():
		return nil, fault.New(fault.MissingQueryParam, "Name the patients: what is read is read of somebody, and of everybody at once nothing is told.").
			At("$XDSDocumentEntryPatientId").By("C3")
	default:
		return s.whose(ctx, r, q)
	}
}

// namedIn are the ids of a query by ids.
func namedIn(q Stored) []string {
	return slices.Concat(q.EntryUUIDs, q.EntryUniqueIDs, q.EntryLogicalIDs, q.SetUUIDs, q.SetUniqueIDs, q.FolderUUIDs, q.FolderUniqueIDs,
		q.FolderLogicalIDs, q.UUIDs)
}

// whose are the patients of what a query by ids names, in an order of its own. It tells nobody anything: what may be seen of it is decided later.
func (s *Service) whose(ctx context.Context, r Reader, q Stored) ([]document.PatientID, error) {
	tenants, err := s.reached(ctx, r, q, document.PatientID{})
	if err != nil {
		return nil, err
	}
	var all []document.PatientID
	ctx, cancel := context.WithTimeout(ctx, patience*s.TenantDeadline)
	defer cancel()
	for _, t := range tenants {
		err := s.DB.Reading(ctx, t.Schema(), func(tx *postgres.Tx) error {
			g, err := gather(ctx, tx, q, document.PatientID{})
			all = append(all, g.patients()...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b document.PatientID) int { return slices.Compare([]string{a.CX()}, []string{b.CX()}) })
	return slices.Compact(all), nil
}

// nobody answers a query by ids that names nothing that is there: empty, after as long, and failing as often, as for what is there and kept from the
// reader.
func (s *Service) nobody(ctx context.Context, event audit.Event, q Stored) error {
	if s.Register != nil {
		if err := s.Register.Nobody(ctx, lo.CoalesceOrEmpty(namedIn(q)...)); err != nil {
			return s.refuse(ctx, tenant.Tenant{}, event, err)
		}
	}
	event.Detail.Hits = new(int)
	if err := s.Log.RecordControl(ctx, event); err != nil {
		return fault.Of(err)
	}
	return nil
}

// reached are the instances that a query goes to: of the home that it names, of the patient (ITI-38), or of the reader's organisation. An unknown
// home, a closed one and one that does not serve the transaction are the same.
func (s *Service) reached(ctx context.Context, r Reader, q Stored, p document.PatientID) (tenants []tenant.Tenant, err error) {
	switch {
	case q.Home != "":
		return s.homed(ctx, r, q.Home, p)
	case q.Gateway:
		tenants, err = s.Tenants.OfPatient(ctx, s.Locator.Key(p))
	default:
		tenants, err = s.Tenants.OfOrganisation(ctx, r.Caller.Organisation)
	}
	tenants = lo.Filter(tenants, func(t tenant.Tenant, _ int) bool { return t.Serves(r.Transaction) })
	for _, t := range tenants {
		if err == nil && !q.Gateway {
			err = s.visited(ctx, t, p)
		}
	}
	return tenants, err
}

// visited: nothing may be held in an instance that is asked, and the citizen must find the event all the same (A2).
func (s *Service) visited(ctx context.Context, t tenant.Tenant, p document.PatientID) error {
	if p.IsZero() {
		return nil
	}
	return s.Tenants.Visited(ctx, s.Locator.Key(p), t.ID)
}

func (s *Service) homed(ctx context.Context, r Reader, home string, p document.PatientID) ([]tenant.Tenant, error) {
	t, err := s.community(ctx, home)
	if fault.KindOf(err) == fault.NotFound || err == nil && !t.Serves(r.Transaction) {
		return nil, noCommunity()
	}
	if err == nil {
		err = s.visited(ctx, t, p)
	}
	return []tenant.Tenant{t}, err
}

// noCommunity is the answer for a home that is not ours, that is closed, and that does not serve the transaction.
func noCommunity() *fault.Problem {
	return fault.New(fault.UnknownCommunity, "No home community of this name answers this transaction here.")
}

// uuids are those of the texts that are UUIDs.
func uuids(texts []string) (ids []uuid.UUID) {
	for _, t := range texts {
		if id, err := uuid.Parse(t); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
