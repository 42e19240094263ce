package tenant

import "context"

// ByRepository finds the instance of a repositoryUniqueId, given without urn:oid:.
func (d Directory) ByRepository(ctx context.Context, oid string) (Tenant, error) {
	return d.one(ctx, columns+`where t.repository_unique_id = $1`, oid)
}
