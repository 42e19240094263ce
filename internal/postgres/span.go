package postgres

import (
	"context"

	"dokumentlager/internal/fault"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// spanned begins a span of a transaction in the trace that ctx belongs to; where none is recorded it does nothing. Nothing of a statement stands
// in it: which values it had is for nobody to see (A3).
func spanned(ctx context.Context, name string) (context.Context, func(error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(error) {}
	}
	ctx, span := parent.TracerProvider().Tracer("dokumentlager").Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(attribute.String("dokumentlager.component", string(fault.Postgres))))
	return ctx, func(err error) {
		if err != nil && fault.KindOf(err) >= fault.Unavailable && fault.PartOf(err) == fault.Postgres {
			span.SetStatus(codes.Error, "") // what a function decided against is no failure of the database
		}
		span.End()
	}
}

// under puts a statement under its transaction's span: the context it comes with is of whoever asked for the transaction.
func (t *Tx) under(ctx context.Context) context.Context {
	if t.span == nil || !t.span.IsRecording() {
		return ctx
	}
	return trace.ContextWithSpan(ctx, t.span)
}
