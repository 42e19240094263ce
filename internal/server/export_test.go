package server

import "context"

// AskOnce is one round of Run, for tests with a clock of their own.
func (g *SignatureGate) AskOnce(ctx context.Context) { g.once(ctx) }
