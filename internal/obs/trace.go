package obs

import (
	"context"
	"net/http"

	"dokumentlager/internal/fault"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of whoever made a span of ours.
const scope = "dokumentlager"

// TraceID is the W3C trace id that a request belongs to, ours or its caller's: 32 hexadecimal digits, or empty.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// WithCallersTrace lets the request go on the trace that its traceparent names (W3C Trace Context). Its tracestate, where a caller may
// write anything, is left, and so is an id that refuse knows for something else. What the caller says of sampling is carried on and not
// obeyed: see draw.
func WithCallersTrace(ctx context.Context, h http.Header, refuse func(id string) bool) context.Context {
	given := h.Values("Traceparent")
	if len(given) != 1 {
		return ctx
	}
	caller := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": given[0]}))
	if !caller.IsValid() || refuse(caller.TraceID().String()) || refuse(caller.SpanID().String()) {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, caller)
}

type tracerKey struct{}

// withTracer lets Span begin traces of their own.
func withTracer(ctx context.Context, t trace.Tracer) context.Context {
	return context.WithValue(ctx, tracerKey{}, t)
}

// Span begins a span of the trace that ctx belongs to, or a trace of its own where ctx is of background work (Tracing.Background). The
// name is a constant or a route's pattern. End ends it: an error marks it as failed and tells code and part, never the error's text. Without
// a trace that is recorded both cost next to nothing.
func Span(ctx context.Context, name string, attrs ...attribute.KeyValue) (_ context.Context, end func(error)) {
	parent := trace.SpanFromContext(ctx)
	var tracer trace.Tracer
	switch own, _ := ctx.Value(tracerKey{}).(trace.Tracer); {
	case parent.IsRecording():
		tracer = parent.TracerProvider().Tracer(scope)
	case own != nil && !parent.SpanContext().IsValid():
		tracer = own
	default:
		return ctx, func(error) {}
	}
	ctx, span := tracer.Start(ctx, name, trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(attrComponent.String(string(fault.PartOf(err))), attrCode.String(string(fault.Of(err).Leading().Code)))
		}
		span.End()
	}
}

// Mark adds to the span that ctx is in.
func Mark(ctx context.Context, attrs ...attribute.KeyValue) {
	trace.SpanFromContext(ctx).SetAttributes(attrs...)
}
