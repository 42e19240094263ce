package registry

import (
	"context"
	"errors"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// maxDocumentation is what the column of an association's documentation takes, in characters.
const maxDocumentation = 240

// CheckDocumentation refuses a code of a transformation that is longer than is kept, or would come back as another.
func CheckDocumentation(c document.Code) error {
	if strings.Contains(c.Value+c.System, "^") {
		return fault.New(fault.MetadataError, "The association's documentation has a ^ in its code or system, which separates the two.").By("W4")
	}
	if text := documentation(c); len([]rune(text)) > maxDocumentation {
		return fault.New(fault.MetadataError, "The association's documentation has %d characters as code, system and display together; at most %d.",
			len([]rune(text)), maxDocumentation).By("W4")
	}
	return nil
}

// documentation is code^system^display; a display may hold the sign, codes and systems do not.
func documentation(c document.Code) string {
	if c.IsZero() {
		return ""
	}
	return c.Token() + "^" + c.Display
}

func parseDocumentation(text string) document.Code {
	parts := strings.SplitN(text, "^", 3)
	parts = append(parts, "", "")
	return document.Code{Value: parts[0], System: parts[1], Display: parts[2]}
}

// QueueAssociation queues one association of a submission set as it is, without anything that it brings about.
func QueueAssociation(b *postgres.Batch, s document.SubmissionSet, a document.Association) {
	status, version := a.Status, a.Version
	if status == 0 {
		status = document.Approved
	}
	var logical, previous any
	if a.LogicalID != uuid.Nil && a.LogicalID != a.ID {
		logical = a.LogicalID
	}
	if a.PreviousVersion > 0 {
		previous = a.PreviousVersion
	}
	b.Queue(nil, `insert into tenant.association (id, kind, source_id, target_id, submission_id, registered_at, status, membership, previous_version, logical_id, version, documentation)
	  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		a.ID, string(a.Type), a.Source, a.Target, s.ID, s.Registered, string(status), nullText(letterOf(a.Membership)), previous, logical, max(version, 1),
		nullText(documentation(a.Documentation)))
}

func letterOf(m document.Membership) string {
	switch m {
	case document.Original:
		return "O"
	case document.Reference:
		return "R"
	default:
		return ""
	}
}

func membershipOf(letter string) document.Membership {
	switch letter {
	case "O":
		return document.Original
	case "R":
		return document.Reference
	default:
		return ""
	}
}

// selectAssociation has all of an association; scanAssociation reads it.
const selectAssociation = `select id, kind::text, source_id, target_id, submission_id, registered_at, status::text, coalesce(membership::text, ''),
  coalesce(previous_version, 0), coalesce(logical_id, id), version, coalesce(documentation, '') from tenant.association `

func scanAssociation(r pgx.CollectableRow) (document.Association, error) {
	var a document.Association
	var kind, status, membership, documentation string
	err := r.Scan(&a.ID, &kind, &a.Source, &a.Target, &a.Submission, &a.Registered, &status, &membership, &a.PreviousVersion, &a.LogicalID, &a.Version, &documentation)
	if err != nil {
		return a, err
	}
	if kind == "" || status == "" {
		return a, errors.New("registry: an association without kind or status")
	}
	a.Type, a.Status, a.Membership = document.AssociationType(kind[0]), document.Status(status[0]), membershipOf(membership)
	a.Documentation = parseDocumentation(documentation)
	return a, nil
}

func associations(ctx context.Context, tx *postgres.Tx, where string, args ...any) ([]document.Association, error) {
	rows, err := tx.Query(ctx, selectAssociation+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanAssociation)
}

// AssociationsByID finds those that there are, deprecated ones too, in no order, and locks them against change until the transaction ends.
func AssociationsByID(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.Association, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return associations(ctx, tx, `where id = any($1::text[]::uuid[]) for update`, postgres.Texts(ids))
}

// AssociationPatients tells which of the ids are registered associations, and whose: the patient of what each leads to, or of the list it begins at. None
// is removed until the transaction ends.
func AssociationPatients(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) (map[uuid.UUID]document.PatientID, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select a.id, coalesce(e.patient_id, s.patient_id, '') from tenant.association a left join tenant.document_entry e on e.id = a.target_id
	  left join tenant.submission s on s.id = a.source_id where a.id = any($1::text[]::uuid[]) for share of a`, postgres.Texts(ids))
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID]document.PatientID{}
	var id uuid.UUID
	var patient string
	_, err = pgx.ForEachRow(rows, []any{&id, &patient}, func() error {
		out[id], _ = document.ParseCX(patient) // of one whose ends are gone nobody is the patient
		return nil
	})
	return out, err
}
