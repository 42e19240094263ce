package disclosure

import (
	"context"
	"errors"
	"fmt"
	"io"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Wanted names a document to open (R2): all parts must fit.
type Wanted struct {
	UniqueID, HomeCommunity, Repository string
	// Patient is nhn-patient-nin: the patient's number, or the whole identifier as CX.
	Patient string
	// Range picks the bytes once the entry is known and may be opened; nil is the whole document. Its error is returned as it is.
	Range func(document.Entry) (offset, length int64, err error)
}

// Opened is a document on its way out.
type Opened struct {
	Entry          document.Entry
	Tenant         tenant.Tenant
	Offset, Length int64
	// Bytes must be closed. Reading fails instead of ending when the stored bytes are not those registered.
	Bytes io.ReadCloser
}

// Open decides, commits the audit event, and only then opens the bytes (ITI-68, ITI-43).
func (s *Service) Open(ctx context.Context, r Reader, w Wanted) (*Opened, error) {
	event := audit.New(s.Now(), r.Actor, audit.Read, "open")
	event.Detail.HomeCommunity, event.Detail.Basis = w.HomeCommunity, r.Basis.AccessBasis
	event.Detail.Documents = []audit.Document{{UniqueID: w.UniqueID}}
	if err := s.admit(r); err != nil {
		return nil, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	patient := claimed(w.Patient)
	v, err := s.look(ctx, r, patient, &event)
	if err != nil {
		event.Patient = patient.CX()
		return nil, s.refuse(ctx, s.named(ctx, w.HomeCommunity), event, err)
	}
	t, err := s.community(ctx, w.HomeCommunity)
	if err != nil {
		return nil, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	if w.Repository != t.Repository {
		return nil, s.refuse(ctx, t, event, fault.New(fault.UnknownRepository, "The home community has no repository with this repositoryUniqueId.").At("repositoryUniqueId"))
	}
	o := &Opened{Tenant: t}
	if err := s.open(ctx, v, w, o, &event); err != nil {
		return nil, s.refuse(ctx, t, event, err)
	}
	return o, nil
}

// open decides, opens the bytes, and commits the event after deciding once more. Bytes that are not there are found out before an
// event says that they were read, and no database connection waits for the store.
func (s *Service) open(ctx context.Context, v view, w Wanted, o *Opened, event *audit.Event) error {
	err := s.DB.InTenant(ctx, o.Tenant.Schema(), func(tx *postgres.Tx) error { return s.permit(ctx, tx, v, w, o, event) })
	if err != nil {
		return err
	}
	o.Bytes, err = s.Objects.Open(ctx, o.Tenant.Schema(), repository.Object{Key: o.Entry.ObjectKey, Size: o.Entry.Size, SHA256: o.Entry.SHA256}, o.Offset, o.Length)
	if err != nil {
		return s.quarantined(ctx, o, err)
	}
	opened := o.Entry.ObjectKey
	err = s.DB.InTenant(ctx, o.Tenant.Schema(), func(tx *postgres.Tx) error {
		if err := s.permit(ctx, tx, v, w, o, event); err != nil {
			return err
		}
		if o.Entry.ObjectKey != opened {
			return unknown() // deleted and registered anew in between
		}
		return audit.AppendLast(tx, *event)
	})
	if err != nil {
		_ = o.Bytes.Close()
	}
	return err
}

// quarantined tells bytes that are missing because a later scan found malware in them (F4) from damage. Who may not know of the document
// never gets here.
func (s *Service) quarantined(ctx context.Context, o *Opened, missing error) error {
	if lead := fault.Of(missing).Leading(); lead.Code != fault.StoredBytesDamaged {
		return missing
	}
	var state repository.State
	err := s.DB.InTenant(ctx, o.Tenant.Schema(), func(tx *postgres.Tx) error {
		life, err := repository.LifeOf(ctx, tx, o.Entry.ObjectKey)
		state = life.State
		return err
	})
	if err != nil || state != repository.Quarantined {
		return errors.Join(missing, err)
	}
	return fault.New(fault.InQuarantine, "The document was found to hold malware after it was published. It is held in quarantine and cannot be opened.").By("F4")
}

// permit finds the entry and asks access, and writes into the event what it is about.
func (s *Service) permit(ctx context.Context, tx *postgres.Tx, v view, w Wanted, o *Opened, event *audit.Event) error {
	e, err := registry.ByUniqueIDOf(ctx, tx, w.UniqueID, w.Patient)
	if fault.KindOf(err) == fault.NotFound {
		return unknown()
	}
	if err != nil {
		return err
	}
	event.Entry, event.Patient, event.Detail.Documents = e.ID, e.Patient.CX(), []audit.Document{audit.Of(e)}
	if w.Patient != e.Patient.Value && w.Patient != e.Patient.CX() {
		event.Detail.Rule = "R2"
		return unknown()
	}
	d, listed := s.decide(v, o.Tenant, e), s.listed(v, o.Tenant, e)
	event.Detail.BreakGlass = lifted(d)
	switch {
	case d.Open != access.Allow && !listed:
		event.Detail.Rule = first(d.Rules)
		return unknown()
	case d.Open != access.Allow:
		return fault.New(fault.AccessDenied, "The document is barred to health personnel. It stands in the list masked, and cannot be opened.").By(first(d.Rules))
	case e.Status == document.Tombstone:
		return fault.New(fault.ResourceGone, "The document was deleted.").By("W3")
	case e.Offline && e.ObjectKey != uuid.Nil: // ITI-86, or an older version of what is another patient's now
		return fault.New(fault.ResourceGone, "The document was removed. What is registered of it stays.").By("W3")
	case e.ObjectKey == uuid.Nil: // another repository keeps it, or makes it when it is asked
		return unknown()
	}
	o.Entry, o.Offset, o.Length = e, 0, e.Size
	if w.Range != nil {
		if o.Offset, o.Length, err = w.Range(e); err != nil {
			return err
		}
		if o.Length != e.Size {
			event.Detail.Range = fmt.Sprintf("%d-%d", o.Offset, o.Offset+o.Length-1)
		}
	}
	return nil
}

// listed reports whether the reader's list would hold the entry, masked or not: only then is a refusal told from absence.
func (s *Service) listed(v view, t tenant.Tenant, e document.Entry) bool {
	v.Basis = access.Basis{Scope: access.Section45}
	return s.decide(v, t, e).List != access.Omit
}
