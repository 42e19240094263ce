package server

import (
	"context"
	"maps"
	"slices"
)

// AskOnce is one round of Run, for tests with a clock of their own.
func (g *SignatureGate) AskOnce(ctx context.Context) { g.once(ctx) }

// OperationOf is for the test that finds addresses without one; Unnamed is what those have, and Named are all that have one.
func OperationOf(method, route string) string { return operationOf(method, route) }

// Unnamed is the operation of what has none.
const Unnamed = unnamed

// Named are the addresses with an operation, "GET /ping".
func Named() []string { return slices.Sorted(maps.Keys(operations)) }

// Untold is for the test of a collector that is away.
var Untold = untold
