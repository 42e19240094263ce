package submission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// verdict is what became of a request: the instance it is for, the rows it would make, and everything that is wrong with it.
type verdict struct {
	request Request
	// tenant is zero until the home community is known and the organisation admitted.
	tenant tenant.Tenant
	// log is where the audit event belongs: tenant, or the organisation's only instance when the message does not say.
	log     tenant.Tenant
	set     document.SubmissionSet
	entries []document.Entry
	folders []document.Folder
	// links are the message's associations as it names them; associations what becomes of them.
	links        []linked
	associations []document.Association
	// grown are the registered folders that get members.
	grown    []uuid.UUID
	problems fault.Problems
	// noticed is what the registry warned of when the message was registered.
	noticed fault.Problems
	// first is the answer that the same message got when it was registered before; nil for a new one.
	first    *Receipt
	infected []int
	findings string
	// unverified says that the register could not be asked about the patient.
	unverified bool
}

// at writes a location in XDS terms; doors translate it.
func at(i int, field string) string { return fmt.Sprintf("documents[%d].%s", i, field) }

// judge runs every rule that needs no registry. prepare, when given, runs once the tenant is known and nothing but the documents' own
// bytes and the register of persons can still refuse the message.
func (s *Service) judge(ctx context.Context, actor audit.Actor, r Request, prepare func(*verdict)) *verdict {
	v := &verdict{request: r, problems: slices.Clone(r.Problems)}
	if err := errors.Join(s.findTenant(ctx, v, actor.Organisation), s.Fail.Reach(ctx, failpoint.TenantFound)); err != nil {
		v.problems.Add(fault.Of(err)...)
	}
	if v.tenant.ID != 0 && !v.tenant.Serves(actor.Transaction) {
		v.problems.Add(notServed(actor.Transaction).At(v.homePlace(0)))
	}
	s.assemble(v)
	v.checkClaim()
	v.checkSet(s.Synthetic)
	tellPatient := s.lookUp(ctx, v)
	for i := range v.entries {
		v.checkEntry(i)
		v.checkCodes(i)
	}
	v.checkMessage()
	v.checkFolders(s.Synthetic)
	v.checkLinks()
	if prepare != nil && !v.problems.Refuses() {
		prepare(v)
	}
	for i := range v.entries {
		s.checkBytes(ctx, v, i)
	}
	tellPatient()
	v.tellOnce()
	return v
}

// tellOnce takes out what a rule says of a place of which the reader of an XDS message has said the same.
func (v *verdict) tellOnce() {
	if !v.request.Form.xds() {
		return
	}
	told := map[string]bool{}
	for _, p := range v.request.Problems {
		told[string(p.Code)+" "+p.Location] = true
	}
	first := len(v.request.Problems)
	v.problems = append(v.problems[:first:first], slices.DeleteFunc(slices.Clone(v.problems[first:]), func(p *fault.Problem) bool {
		return p.Location != "" && told[string(p.Code)+" "+p.Location]
	})...)
	v.problems = v.bounded(v.problems)
}

// maxTold is how many problems of an XDS message are told: it may have 20,000 objects. What refuses comes first.
const maxTold = 500

func (v *verdict) bounded(ps fault.Problems) fault.Problems {
	if !v.request.Form.xds() || len(ps) <= maxTold {
		return ps
	}
	slices.SortStableFunc(ps, func(a, b *fault.Problem) int { return cmp.Compare(weight(a), weight(b)) })
	return ps[:maxTold]
}

func weight(p *fault.Problem) int {
	if p.Severity == fault.Error {
		return 0
	}
	return 1
}

// stage lets the documents go into the store while the scanner looks at them.
func stage(v *verdict) {
	for _, d := range v.request.Documents {
		if d.Bytes != nil {
			d.Bytes.Stage(v.tenant.Schema())
		}
	}
}

// unstage takes back what was staged and is not kept, before anything is answered: a refusal leaves no trace. What stays for want of
// a store, the sweeper removes.
func (v *verdict) unstage(ctx context.Context) {
	for _, d := range v.request.Documents {
		if d.Bytes != nil {
			_ = d.Bytes.Unstage(ctx)
		}
	}
}

// findTenant: one home community for the whole message, known here, active, and one the organisation may write to (T2-T4).
func (s *Service) findTenant(ctx context.Context, v *verdict, organisation string) error {
	mine, err := s.Tenants.OfOrganisation(ctx, organisation)
	if err != nil {
		return err
	}
	if len(mine) == 1 {
		v.log = mine[0]
	}
	home, ok := v.homeCommunity(mine)
	if !ok {
		return nil
	}
	i := slices.IndexFunc(mine, func(t tenant.Tenant) bool { return t.HomeCommunity == home })
	if i < 0 {
		v.problems.Add(foreign().At(v.homePlace(0)))
		return nil
	}
	v.tenant, v.log = mine[i], mine[i]
	obs.Note(ctx, slog.String("tenant", v.tenant.Name))
	return nil
}

// notServed says that the instance has a transaction switched off (T6).
func notServed(transaction string) *fault.Problem {
	return fault.New(fault.TransactionOff, "This instance does not take %s. Its owner can have it switched on.", transaction).By("T6")
}

// foreign says the same of an unknown home community and of somebody else's: which exist is not told (T2).
func foreign() *fault.Problem {
	return fault.New(fault.UnknownCommunity, "The token's organisation has no instance with this homeCommunityId. Check the OID, "+
		"or ask the instance's owner to add the organisation to its list.").By("T2")
}

// homePlace is where the home community of document i stands; the set's stands for a message without documents, and for one of XDS.
func (v *verdict) homePlace(i int) string {
	if len(v.request.Documents) == 0 || v.request.Form.xds() {
		return "set.homeCommunityId"
	}
	return at(i, "homeCommunityId")
}

// homeCommunity reads the one home community of all documents. Profile ihe has no such element: a message without it goes to the
// organisation's only instance when that has profile ihe, and so does, whatever the profile, a message that has no document to say it and
// says it nowhere else (docs/profiles.md).
func (v *verdict) homeCommunity(mine []tenant.Tenant) (string, bool) {
	if v.request.Form.xds() {
		return v.xdsHome(mine)
	}
	home, ok := "", true
	documents := v.request.Documents
	if len(documents) == 0 && len(v.request.Folders) > 0 {
		documents = []Document{{HomeCommunity: v.request.HomeCommunity}}
		if v.request.HomeCommunity == "" && len(mine) == 1 {
			return mine[0].HomeCommunity, true
		}
	}
	for i, d := range documents {
		switch {
		case d.HomeCommunity == "" && len(mine) == 1 && mine[0].Profile == tenant.IHE:
			d.HomeCommunity = mine[0].HomeCommunity
		case d.HomeCommunity == "":
			v.problems.Add(fault.New(fault.MissingHomeCommunity, "The document names no homeCommunityId, so no instance can receive it. "+
				"Put the OID of your instance on the document's attachment.").At(v.homePlace(i)).By("T4"))
			ok = false
			continue
		case !document.IsOID(d.HomeCommunity):
			v.problems.Add(fault.New(fault.MissingHomeCommunity, "The homeCommunityId is not an OID (urn:oid: and digits with dots).").
				At(v.homePlace(i)).By("T4"))
			ok = false
			continue
		}
		if home == "" {
			home = d.HomeCommunity
		}
		if d.HomeCommunity != home {
			v.problems.Add(fault.New(fault.MetadataError, "Documents for two home communities stand in one message. Send one message for each.").
				At(at(i, "homeCommunityId")).By("T4"))
			ok = false
		}
	}
	return home, ok && home != ""
}

// assemble makes the rows: identifiers by profile, ids and times of ours.
func (s *Service) assemble(v *verdict) {
	now := s.Now().UTC().Truncate(1000)
	v.set = v.request.Set
	v.set.Registered = now
	if v.set.ID == uuid.Nil || !v.request.Form.xds() {
		v.set.ID = uuid.Must(uuid.NewV7())
	}
	if v.set.UniqueID == "" || !v.keepsUniqueIDs() {
		v.set.UniqueID = document.OIDOf(v.set.ID)
	}
	if v.set.Time.IsZero() {
		v.set.Time = document.Time{At: now, Precision: document.Second}
	}
	if v.request.Claim == Minimal {
		v.sharePatient()
	}
	for _, d := range v.request.Documents {
		e := d.Entry
		profile := v.tenant.Profile
		if v.request.Form.xds() {
			profile = tenant.IHE // whose choice is XDS's
		}
		e.ID, e.UniqueID, e.AliasID = d.Identifiers.choose(profile)
		e.LogicalID, e.Version = e.ID, 1
		if e.Status == 0 || v.request.Form.xds() {
			e.Status = document.Approved
		}
		if v.request.Form == Provide {
			e.Repository, e.Offline = "", false // whatever the message says: it comes to ours, and is to be had
		}
		e.SubmissionID, e.Registered = v.set.ID, now
		if v.tenant.Profile == tenant.IHE && v.request.Claim == Minimal {
			fillMinimal(&e)
		}
		v.entries = append(v.entries, e)
	}
	v.assembleFolders()
	v.assembleLinks()
}

// sharePatient: Minimal metadata may name the patient on the set alone or on the documents alone.
func (v *verdict) sharePatient() {
	for i := range v.request.Documents {
		e := &v.request.Documents[i].Entry
		if v.set.Patient.IsZero() {
			v.set.Patient = e.Patient
		}
		if e.Patient.IsZero() {
			e.Patient = v.set.Patient
		}
	}
}

// choose picks entryUUID, uniqueId and the second identifier (docs/profiles.md, nhn.md (b)).
func (n Identifiers) choose(profile tenant.Profile) (entry uuid.UUID, unique, alias string) {
	candidates := []string{n.Resource, n.EntryUUID}
	unique, alias = n.Binary, n.Master
	if profile == tenant.IHE {
		// An ihe client's urn:uuid names are symbolic and may come again; only a stated entryUUID is kept.
		candidates = []string{n.EntryUUID}
		unique, alias = n.Master, n.Binary
	}
	for _, c := range candidates {
		if id, err := uuid.Parse(c); err == nil {
			entry = id
			break
		}
	}
	if entry == uuid.Nil {
		entry = uuid.Must(uuid.NewV7())
	}
	if unique == "" && profile != tenant.IHE {
		unique = entry.String()
	}
	if alias == unique {
		alias = ""
	}
	return entry, unique, alias
}

// fillMinimal gives what Minimal metadata leaves out and the registry needs: the time of registration, and R, because a document
// whose confidentiality nobody stated is not shown to citizens by our guess (C1, docs/profiles.md).
func fillMinimal(e *document.Entry) {
	if e.Creation.IsZero() {
		e.Creation = document.Time{At: e.Registered, Precision: document.Second}
	}
	if len(e.Confidentiality) == 0 {
		e.Confidentiality = []document.Code{{Value: "R", System: hl7Confidentiality}}
	}
}

// note fills in what the event says of the message.
func (v *verdict) note(e *audit.Event) {
	if !v.set.Patient.IsZero() {
		e.Patient = v.set.Patient.CX()
	}
	for _, entry := range v.entries {
		e.Detail.Documents = append(e.Detail.Documents, audit.Of(entry))
	}
	if len(v.entries) == 1 {
		e.Entry = v.entries[0].ID
	}
	for _, f := range v.folders {
		e.Detail.Folders = append(e.Detail.Folders, f.ID.String())
	}
	e.Detail.Set, e.Detail.HomeCommunity = v.set.ID.String(), v.tenant.HomeCommunity
	if e.Detail.HomeCommunity == "" && len(v.request.Documents) > 0 && document.IsOID(v.request.Documents[0].HomeCommunity) {
		e.Detail.HomeCommunity = v.request.Documents[0].HomeCommunity
	}
	e.Detail.Finding = v.findings
	if v.unverified {
		e.Detail.Facts = audit.FactsUnavailable
	}
}

// RefuseUnread audits a message that could not be read at all: nothing of it is known but who sent it.
func (s *Service) RefuseUnread(ctx context.Context, actor audit.Actor, action audit.Action, operation string, cause error) error {
	v := &verdict{}
	if err := s.findTenant(ctx, v, actor.Organisation); err != nil {
		return errors.Join(cause, err)
	}
	event := audit.New(s.Now(), actor, action, operation).Refused(cause)
	if err := s.record(ctx, v, event); err != nil {
		return fault.Of(err)
	}
	return cause
}
