package incoming

import "context"

type entryKey struct{}

// WithEntry makes a context for a request whose sender stands in its body: it was let in to be read so far and no further, and enter takes the place
// that it needs for the rest. Whoever sends slowly then keeps nobody else out.
func WithEntry(ctx context.Context, enter func() (leave func(), err error)) context.Context {
	return context.WithValue(ctx, entryKey{}, enter)
}

// Enter takes that place, until leave is called. A request that has it already needs none.
func Enter(ctx context.Context) (leave func(), err error) {
	if enter, ok := ctx.Value(entryKey{}).(func() (func(), error)); ok {
		return enter()
	}
	return func() {}, nil
}
