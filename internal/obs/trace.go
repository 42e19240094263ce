package obs

import (
	"context"

	"go.opentelemetry.io/otel/trace"
)

// TraceID is the W3C trace id that a request belongs to, ours or its caller's: 32 hexadecimal digits, or empty.
func TraceID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}
