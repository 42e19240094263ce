package obs

import (
	"context"
	"fmt"
	"time"

	"dokumentlager/internal/fault"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TracingConfig says where traces go.
type TracingConfig struct {
	// Endpoint is the collector's address for OTLP over HTTP, such as http://collector:4318; /v1/traces is added. Empty is off.
	Endpoint string
	// Ratio is the share of requests that is traced, 0 to 1.
	Ratio float64
	// Service is service.name; Version and Instance are this program's and this process's.
	Service, Version, Instance string
	// Random draws from [0, 1).
	Random func() float64
	// Failed hears of spans that could not be delivered.
	Failed func(error)
}

// Tracing makes and sends spans. The zero value and nil are off: they make none, and cost nothing.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// The bounds of what waits to be sent, in spans: what is above is dropped, and nothing ever waits for the collector.
const (
	queueSpans = 4096
	batchSpans = 512
	batchPause = 2 * time.Second
	// longestText is the longest value of an attribute, in characters.
	longestText = 200
)

// NewTracing makes it; it connects when there is something to send.
func NewTracing(ctx context.Context, c TracingConfig) (*Tracing, error) {
	if c.Endpoint == "" {
		return &Tracing{}, nil
	}
	sender, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(tracesURL(c.Endpoint)), otlptracehttp.WithTimeout(5*time.Second),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 15 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	limits := sdk.NewSpanLimits()
	limits.AttributeValueLengthLimit, limits.EventCountLimit, limits.LinkCountLimit = longestText, 1, 1
	drawn := draw{c.Ratio, c.Random}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(guarded{sender, c.Failed}, sdk.WithMaxQueueSize(queueSpans), sdk.WithMaxExportBatchSize(batchSpans), sdk.WithBatchTimeout(batchPause)),
		sdk.WithSampler(sdk.ParentBased(drawn, sdk.WithRemoteParentSampled(drawn), sdk.WithRemoteParentNotSampled(drawn))),
		sdk.WithRawSpanLimits(limits), sdk.WithoutPanicRecording(),
		// Nothing of the machine: the SDK's own detectors would add its name, and whatever stands in the environment.
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", c.Service), attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", c.Instance))))
	return &Tracing{provider, provider.Tracer(scope)}, nil
}

// tracesURL adds the path of OTLP over HTTP, where the address has none.
func tracesURL(endpoint string) string {
	for len(endpoint) > 0 && endpoint[len(endpoint)-1] == '/' {
		endpoint = endpoint[:len(endpoint)-1]
	}
	return endpoint + "/v1/traces"
}

// draw samples by its own lot. Both what a caller's traceparent says of sampling and the bits of its trace id, which the SDK's sampler goes by,
// are the caller's to choose: a stranger could have everything traced.
type draw struct {
	ratio  float64
	random func() float64
}

// ShouldSample implements sdk.Sampler.
func (d draw) ShouldSample(sdk.SamplingParameters) sdk.SamplingResult {
	if d.random() < d.ratio {
		return sdk.SamplingResult{Decision: sdk.RecordAndSample}
	}
	return sdk.SamplingResult{Decision: sdk.Drop}
}

// Description implements sdk.Sampler.
func (d draw) Description() string { return fmt.Sprintf("draw{%g}", d.ratio) }

// On tells whether spans are made at all.
func (t *Tracing) On() bool { return t != nil && t.provider != nil }

// Provider is for libraries that make spans of their own; nil when tracing is off.
func (t *Tracing) Provider() trace.TracerProvider {
	if !t.On() {
		return nil
	}
	return t.provider
}

// Background is a context in which Span begins traces: for work that no request asked for.
func (t *Tracing) Background(ctx context.Context) context.Context {
	if !t.On() {
		return ctx
	}
	return withTracer(ctx, t.tracer)
}

// Close sends what waits. Its time is ctx's.
func (t *Tracing) Close(ctx context.Context) error {
	if !t.On() {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Served is a request's span.
type Served struct{ span trace.Span }

// Request begins the span of a request, under its caller's if there is one. End must be called.
func (t *Tracing) Request(ctx context.Context) (context.Context, Served) {
	if !t.On() {
		return ctx, Served{}
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	return ctx, Served{span}
}

// Answered is what is known of a request when it is over; Route is the router's pattern.
type Answered struct {
	Method, Route, Operation string
	Status                   int
	Failed                   bool
}

// End names the span by method and pattern, never by what was asked for, and adds what the log line has.
func (s Served) End(ctx context.Context, a Answered) {
	if s.span == nil {
		return
	}
	if s.span.IsRecording() {
		s.span.SetName(a.Method + " " + a.Route)
		s.span.SetAttributes(attrMethod.String(a.Method), attrRoute.String(a.Route), attrStatus.Int(a.Status), attrOperation.String(a.Operation),
			attrRequest.String(RequestID(ctx)))
		for _, note := range Notes(ctx) {
			if key, ok := noted[note.Key]; ok {
				s.span.SetAttributes(key.String(note.Value.String()))
			}
		}
		if a.Failed {
			s.span.SetStatus(codes.Error, "")
		}
	}
	s.span.End()
}

// noted are the notes of a request that its span has too.
var noted = map[string]attribute.Key{"tenant": attrTenant, "code": attrCode, "component": attrComponent}

// PartCall begins the span of a call of one of our parts.
func PartCall(ctx context.Context, part fault.Part, call string) (context.Context, func(error)) {
	if !trace.SpanFromContext(ctx).IsRecording() && ctx.Value(tracerKey{}) == nil {
		return ctx, func(error) {}
	}
	return Span(ctx, string(part)+" "+call, attrComponent.String(string(part)))
}
