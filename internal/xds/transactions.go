package xds

import "dokumentlager/internal/endpoint"

// Transactions are those of each address, for descriptions that must name them all.
func (d *Door) Transactions() map[string][]endpoint.Transaction {
	return map[string][]endpoint.Transaction{Gateway: d.gateway(), Registry: d.registry(), Repository: d.repository()}
}
