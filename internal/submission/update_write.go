package submission

import (
	"maps"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
)

// queue queues everything that the meeting with the registry decided, with the audit event.
func (u *update) queue(tx *postgres.Tx, b *postgres.Batch, s *Service, event *audit.Event) error {
	for _, old := range u.rows.oldEntries {
		registry.Supersede(b, old.ID)
	}
	for _, old := range u.rows.oldFolders {
		registry.SupersedeFolder(b, old.ID)
	}
	for _, e := range u.rows.withdrawn {
		e.Status = document.Deprecated
		if err := registry.Withdraw(b, e); err != nil {
			return err
		}
	}
	for _, c := range u.rows.statuses {
		registry.SetStatus(b, c.kind, c.id, c.from, c.to)
	}
	r := u.receipt(*event)
	receipt, err := r.encode()
	if err != nil {
		return err
	}
	if err := registry.Register(tx, b, s.Locator, registry.Submission{Set: u.set, Entries: u.rows.entries, Folders: u.rows.folders, Grown: u.rows.grown,
		Associations: slices.Concat(u.rows.members, u.rows.new), Receipt: receipt}); err != nil {
		return err
	}
	for _, a := range u.rows.carried {
		registry.QueueAssociation(b, u.set, a)
	}
	beside, err := u.confidentiality(b, event)
	if err != nil {
		return err
	}
	u.message.Once.settle(tx, r)
	return u.tell(tx, b, event, beside)
}

// confidentiality keeps each change of confidentiality as an event of its own, through whichever door it came (W5): the message's event, when it is
// about one document, else one beside it for each that changes, which it returns.
func (u *update) confidentiality(b *postgres.Batch, event *audit.Event) (beside []audit.Event, err error) {
	for i, e := range u.rows.entries {
		old := u.rows.oldEntries[i]
		if sameCodes(old.Confidentiality, e.Confidentiality) {
			continue
		}
		of := event
		if len(u.rows.entries) > 1 {
			one := *event
			one.ID, one.Entry, one.Detail.Documents, one.Detail.Folders = uuid.Must(uuid.NewV7()), e.ID, []audit.Document{audit.Of(e)}, nil
			of = &one
		}
		of.Detail.Old, of.Detail.New = values(old.Confidentiality), values(e.Confidentiality)
		if err := registry.KeepChange(b, e.LogicalID, old.Confidentiality, e.Confidentiality, registry.Change{At: u.set.Registered, Event: of.ID}); err != nil {
			return nil, err
		}
		if of != event {
			beside = append(beside, *of)
		}
	}
	return beside, nil
}

// tell writes the audit event and those beside it; of what left a patient, that one's log is told too.
func (u *update) tell(tx *postgres.Tx, b *postgres.Batch, event *audit.Event, beside []audit.Event) error {
	event.Detail.Documents = nil
	for _, e := range u.rows.entries {
		event.Detail.Documents = append(event.Detail.Documents, audit.Of(e))
	}
	for _, c := range u.rows.statuses {
		u.tellStatus(event, c)
	}
	for _, e := range append([]audit.Event{*event}, beside...) {
		if err := audit.Append(tx, b, e); err != nil {
			return err
		}
	}
	left := map[string][]audit.Document{}
	for _, e := range u.rows.withdrawn {
		left[e.Patient.CX()] = append(left[e.Patient.CX()], audit.Of(e))
	}
	for i, f := range u.rows.folders {
		if old := u.rows.oldFolders[i]; old.Patient != f.Patient && left[old.Patient.CX()] == nil {
			left[old.Patient.CX()] = []audit.Document{}
		}
	}
	for _, patient := range slices.Sorted(maps.Keys(left)) {
		gone := *event
		gone.ID, gone.Patient, gone.Detail.Documents, gone.Detail.Old, gone.Detail.New = uuid.Must(uuid.NewV7()), patient, left[patient], nil, nil
		if err := audit.Append(tx, b, gone); err != nil {
			return err
		}
	}
	return nil
}

// tellStatus names in the event what got another status.
func (u *update) tellStatus(event *audit.Event, c statusRow) {
	switch c.kind {
	case registry.EntryKind:
		for _, versions := range u.entriesOf {
			for _, e := range versions {
				if e.ID == c.id {
					event.Entry, event.Detail.Documents = e.ID, append(event.Detail.Documents, audit.Of(e))
				}
			}
		}
	case registry.FolderKind:
		event.Detail.Folders = append(event.Detail.Folders, c.id.String())
	}
}
