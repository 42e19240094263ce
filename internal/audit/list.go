package audit

import (
	"context"
	"encoding/json"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// row is how an actor is kept: names of the JSON lines that `dokumentlager audit list` prints.
type row struct {
	Kind            string `json:"kind"`
	Name            string `json:"name,omitempty"`
	PersonID        string `json:"person_id,omitempty"`
	HPR             string `json:"hpr,omitempty"`
	Role            string `json:"role,omitempty"`
	ClientID        string `json:"client_id,omitempty"`
	ClientName      string `json:"client_name,omitempty"`
	Organisation    string `json:"organisation,omitempty"`
	OrganisationTxt string `json:"organisation_name,omitempty"`
	PointOfCare     string `json:"point_of_care,omitempty"`
	PointOfCareTxt  string `json:"point_of_care_name,omitempty"`
	Supplier        string `json:"supplier,omitempty"`
	Purpose         string `json:"purpose,omitempty"`
	PurposeDetails  string `json:"purpose_details,omitempty"`
	Service         string `json:"healthcare_service,omitempty"`
	ServiceSystem   string `json:"healthcare_service_system,omitempty"`
	DecisionRef     string `json:"decision_ref,omitempty"`
	Selected        *bool  `json:"decision_ref_user_selected,omitempty"`
	Department      string `json:"department,omitempty"`
	DepartmentSys   string `json:"department_system,omitempty"`
	DepartmentTxt   string `json:"department_name,omitempty"`
	SourceSystem    string `json:"source_system,omitempty"`
	TokenID         string `json:"token_id,omitempty"`
	Issuer          string `json:"issuer,omitempty"`
	Transaction     string `json:"transaction,omitempty"`
	RequestID       string `json:"request_id,omitempty"`
	EventID         string `json:"nhn_event_id,omitempty"`
	TraceID         string `json:"trace_id,omitempty"`
}

func actorRow(a Actor) row {
	return row{Kind: a.Kind.String(), Name: a.Name, PersonID: citizenID(a), HPR: a.HPR, Role: a.Role, ClientID: a.ClientID, ClientName: a.ClientName,
		Organisation: a.Organisation, OrganisationTxt: a.OrganisationName, PointOfCare: a.PointOfCare, PointOfCareTxt: a.PointOfCareName,
		Supplier: a.Supplier, Purpose: a.Purpose, PurposeDetails: a.PurposeDetails, DecisionRef: a.DecisionRef,
		Service: a.Service, ServiceSystem: a.ServiceSystem, Selected: a.DecisionSelected,
		Department: a.Department, DepartmentSys: a.DepartmentSystem, DepartmentTxt: a.DepartmentName,
		SourceSystem: a.SourceSystem, TokenID: a.TokenID, Issuer: a.Issuer, Transaction: a.Transaction, RequestID: a.RequestID, EventID: a.EventID, TraceID: a.TraceID}
}

// citizenID is the national number of a citizen, or of who acts for one: nothing else says who it was. A health worker has an HPR number, and whose
// number that is, the log does not say.
func citizenID(a Actor) string {
	switch a.Kind {
	case access.Citizen, access.Guardian, access.Proxy:
		return a.PersonID
	default:
		return ""
	}
}

// Line is one event as `dokumentlager audit list --json` prints it, one object per line. The fields that every reader asks for are
// always there, empty when the event has none.
type Line struct {
	ID           uuid.UUID `json:"id"`
	Time         time.Time `json:"time"`
	Action       string    `json:"action"`
	Outcome      string    `json:"outcome"`
	Operation    string    `json:"operation"`
	Caller       row       `json:"caller"`
	Organisation string    `json:"organisation"`
	Patient      string    `json:"patient"`
	// Document is the uniqueId of the document concerned; Documents has all of them when there are several.
	Document  string `json:"document"`
	Entry     string `json:"entry_id,omitempty"`
	Rule      string `json:"rule"`
	Code      string `json:"code,omitempty"`
	Reason    string `json:"reason,omitempty"`
	RequestID string `json:"request_id"`
	EventID   string `json:"nhn_event_id"`
	Detail    Detail `json:"detail"`
}

const selectLines = `select id, at, action::text, outcome::text, operation, coalesce(patient_id, ''), entry_id, actor, detail from `

// List gives a tenant's events from the oldest to the newest, after the given id (uuid.Nil: from the start), at most limit.
func (l Log) List(ctx context.Context, s postgres.Schema, after uuid.UUID, limit int) ([]Line, error) {
	var lines []Line
	err := l.DB.InTenant(ctx, s, func(tx *postgres.Tx) error {
		rows, err := tx.Query(ctx, selectLines+`tenant.audit_event where id > $1 order by id limit $2`, after, limit)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, scanLine)
		return err
	})
	return lines, err
}

// ListControl is List for events that belong to no tenant.
func (l Log) ListControl(ctx context.Context, after uuid.UUID, limit int) ([]Line, error) {
	rows, err := l.DB.Control().Query(ctx, selectLines+`control.audit_event where id > $1 order by id limit $2`, after, limit)
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	lines, err := pgx.CollectRows(rows, scanLine)
	return lines, postgres.Unavailable(err)
}

func scanLine(r pgx.CollectableRow) (Line, error) {
	var line Line
	var entry *uuid.UUID
	var actor, detail []byte
	if err := r.Scan(&line.ID, &line.Time, &line.Action, &line.Outcome, &line.Operation, &line.Patient, &entry, &actor, &detail); err != nil {
		return line, err
	}
	if err := json.Unmarshal(actor, &line.Caller); err != nil {
		return line, err
	}
	if err := json.Unmarshal(detail, &line.Detail); err != nil {
		return line, err
	}
	if entry != nil {
		line.Entry = entry.String()
	}
	if len(line.Detail.Documents) > 0 {
		line.Document = line.Detail.Documents[0].UniqueID
	}
	line.Outcome = outcomeNames[Outcome(line.Outcome[0])]
	line.Organisation, line.RequestID, line.EventID = line.Caller.Organisation, line.Caller.RequestID, line.Caller.EventID
	line.Rule, line.Code, line.Reason = line.Detail.Rule, line.Detail.Code, line.Detail.Reason
	return line, nil
}
