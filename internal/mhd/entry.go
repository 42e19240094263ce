package mhd

import (
	"net/http"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/submission"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// address reads {id} and homeCommunityId. An id that is no UUID cannot be one of ours, and is answered like one that is unknown.
func address(r *http.Request) (submission.Address, error) {
	id, err := uuid.Parse(chi.URLParam(r, "id"))
	if err != nil {
		return submission.Address{}, fault.New(fault.ResourceNotFound, "No resource has this id: ids are UUIDs.")
	}
	a := submission.Address{Entry: id}
	if home := r.URL.Query().Get("homeCommunityId"); home != "" {
		if a.HomeCommunity, err = document.ParseOID(home); err != nil {
			return a, fault.New(fault.BadRequest, "The home community is an OID, with or without urn:oid:.").At("homeCommunityId").By("T4")
		}
	}
	return a, nil
}

// readEntry is GET DocumentReference/{id}: a record system reads back what its organisation wrote; personnel read what the rules let
// them (C2).
func (d *Door) readEntry(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	a, err := address(r)
	if err != nil {
		return d.Submissions.RefuseUnread(r.Context(), actor, audit.Read, "read-entry", err)
	}
	// Older tokens carry writing and reading scopes together: a person reads by the rules for persons.
	person := actor.Kind == access.Personnel && (actor.Has(access.ScopeReadList) || actor.Has(access.ScopeReadListKJ))
	if actor.Has(access.ScopeCreate) && !person {
		if err := rest.CheckEventID(r).Err(); err != nil {
			return d.Submissions.RefuseUnread(r.Context(), actor, audit.Read, "read-entry", err)
		}
		e, t, err := d.Submissions.Read(r.Context(), actor, a)
		if err != nil {
			return err
		}
		return rest.Answer(w, r, http.StatusOK, d.reference(disclosure.Item{Entry: e, Tenant: t}))
	}
	reader, err := d.reader(r, actor)
	if err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "read-entry", err)
	}
	item, err := d.Disclosures.Entry(r.Context(), reader, a.Entry, a.HomeCommunity)
	if err != nil {
		return err
	}
	return rest.Answer(w, r, http.StatusOK, d.reference(item))
}

// maxPatch bounds a PATCH body in bytes.
const maxPatch = 64 << 10

// patch changes confidentiality (W5).
func (d *Door) patch(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	const operation = "set-confidentiality"
	if err := d.mayWrite(r, actor, access.ScopeCreate, audit.Update, operation); err != nil {
		return err
	}
	a, codes, err := d.parsePatch(r)
	if err != nil {
		return d.Submissions.RefuseUnread(r.Context(), actor, audit.Update, operation, err)
	}
	e, t, err := d.Submissions.SetConfidentiality(r.Context(), actor, a, codes)
	if err != nil {
		return relocate(err)
	}
	return rest.Answer(w, r, http.StatusOK, d.reference(disclosure.Item{Entry: e, Tenant: t}))
}

func (d *Door) parsePatch(r *http.Request) (a submission.Address, codes []document.Code, err error) {
	if a, err = address(r); err != nil {
		return a, nil, err
	}
	if err := rest.WantMedia(r, "application/fhir+json", "application/json", "application/json-patch+json"); err != nil {
		return a, nil, err
	}
	patch, err := fhir.ReadPatch(r.Body, maxPatch)
	if err != nil {
		return a, nil, err
	}
	if id := document.StripURN(patch.ID); id != "" && id != a.Entry.String() {
		return a, nil, fault.New(fault.Unmodifiable, "The resource's id is not the one in the address.").At("DocumentReference.id").By("W5")
	}
	for _, label := range patch.SecurityLabel {
		for _, c := range label.Coding {
			codes = append(codes, coded(c))
		}
	}
	return a, codes, nil
}

// relocate gives the one XDS location a change can have its FHIR name.
func relocate(err error) error {
	problems := fault.Of(err)
	for _, p := range problems {
		if p.Location == "confidentialityCode" {
			p.Location = "DocumentReference.securityLabel"
		}
	}
	return problems
}

// delete takes a document out of use (W3): 200 with an OperationOutcome, 404 for what is not there.
func (d *Door) delete(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if err := d.mayWrite(r, actor, access.ScopeDelete, audit.Delete, "delete"); err != nil {
		return err
	}
	a, err := address(r)
	if err != nil {
		return d.Submissions.RefuseUnread(r.Context(), actor, audit.Delete, "delete", err)
	}
	if err := d.Submissions.Delete(r.Context(), actor, a); err != nil {
		return err
	}
	return rest.Answer(w, r, http.StatusOK, fhir.Success("The document and its reference were deleted."))
}

// readPatient is GET Patient/{id}: the patient as a submission named it, at the submission's id. No register of patients stands
// behind it. It is for record systems; a person whose token may write too sees of the patient what the rules leave of the submission.
func (d *Door) readPatient(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	read := d.ownList
	if actor.Has(access.ScopeCreate) && asPerson(actor) {
		read = d.listByRules
	}
	set, err := read(r, actor)
	if err == nil && set.Kind != document.SubmissionSetKind {
		err = fault.New(fault.ResourceNotFound, "No submission set with this id named a patient here.")
	}
	if err != nil {
		return err
	}
	return rest.Answer(w, r, http.StatusOK, patientResource(set.ID.String(), withID(set.SourcePatient, set.Patient)))
}
