// Package migrations carries the numbered SQL of the control schema and of a tenant's schema inside the binary.
//
// Rules: a file is never changed once released; expand first, contract in a later release (H4: upgrades keep the service
// available), so that the code of the release before and of this one both run before, during and after each file.
// Tenant files write "tenant." where the tenant's own schema name goes, and "tenant_role" for its role.
package migrations

import "embed"

// FS holds control/NNNN_name.sql and tenant/NNNN_name.sql.
//
//go:embed control/*.sql tenant/*.sql
var FS embed.FS
