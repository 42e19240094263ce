package server

import (
	"context"
	"maps"
	"slices"
	"time"

	"dokumentlager/internal/audit"
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

// StrangersMost is for tests.
const StrangersMost = strangersMost

// NewThinnedEvents is add of what keeps strangers' events few.
func NewThinnedEvents(most int, window time.Duration, write func(context.Context, audit.Event)) func(context.Context, audit.Event) {
	return (&thinnedEvents{most: most, window: window, write: write}).add
}
