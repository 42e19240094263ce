package tenant

import (
	"context"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// Visited notes that somebody looks for a patient in this instance, whether or not it holds something: its log is where the citizen is told of
// it (A2). It comes before the event, so that no event is missed.
func (d Directory) Visited(ctx context.Context, key uuid.UUID, id int32) error {
	ctx, cancel := context.WithTimeout(ctx, lookupDeadline)
	defer cancel()
	_, err := d.DB.Control().Exec(ctx, `insert into control.log_locator (patient_key, tenant_id) select $1, $2
	  where not exists (select from control.patient_locator where patient_key = $1 and tenant_id = $2)
	    and not exists (select from control.log_locator where patient_key = $1 and tenant_id = $2) on conflict do nothing`, key, id)
	return postgres.Unavailable(err)
}

// Logging lists the instances whose log may tell of the patient, by the locator's key: those that hold or held something, and those where
// somebody looked for it. Suspended and closed ones too: what was done stays told.
func (d Directory) Logging(ctx context.Context, key uuid.UUID) ([]Tenant, error) {
	return d.many(ctx, columns+`where t.id in (select tenant_id from control.patient_locator where patient_key = $1
	  union select tenant_id from control.log_locator where patient_key = $1) order by t.id`, key)
}

// OfIDs finds instances by their numbers, closed ones too; what is not there is left out.
func (d Directory) OfIDs(ctx context.Context, ids []int32) (map[int32]Tenant, error) {
	found, err := d.many(ctx, columns+`where t.id = any($1)`, ids)
	all := make(map[int32]Tenant, len(found))
	for _, t := range found {
		all[t.ID] = t
	}
	return all, err
}
