package postgres

import "github.com/jackc/pgx/v5/pgxpool"

// TenantPool is the pool a tenant is hashed to: tests look at its connections outside any transaction.
func (db *DB) TenantPool(s Schema) *pgxpool.Pool { return db.tenants[int(s.ID)%len(db.tenants)] }

// JointPool is the pool of Commit.
func (db *DB) JointPool() *pgxpool.Pool { return db.joint }
