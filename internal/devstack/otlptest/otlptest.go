// Package otlptest is a collector of OpenTelemetry traces (OTLP over HTTP) for tests: it keeps every span, and the bytes that came, so that a
// test can look for what must not be in them.
package otlptest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is a span as it came; ids are in hexadecimal, a root's Parent is empty.
type Span struct {
	Trace, ID, Parent, Name string
	Attributes              map[string]string
	Failed                  bool
	// Message and Events are what ours must not have.
	Message, State string
	Events         int
}

// Collector listens on loopback until the test ends.
type Collector struct {
	// URL is its base address.
	URL string

	mu    sync.Mutex
	raw   bytes.Buffer
	spans []Span
	// resource is of the last batch.
	resource map[string]string
}

// Start begins to listen.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	srv := httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(srv.Close)
	c.URL = srv.URL
	return c
}

const longest = 16 << 20

func (c *Collector) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, longest))
	var batch collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &batch) != nil {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(body)
	for _, of := range batch.ResourceSpans {
		c.resource = texts(of.Resource.GetAttributes())
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, spanOf(s))
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func spanOf(s *trace.Span) Span {
	return Span{Trace: hexOf(s.TraceId), ID: hexOf(s.SpanId), Parent: hexOf(s.ParentSpanId), Name: s.Name, Attributes: texts(s.Attributes),
		Failed: s.Status.GetCode() == trace.Status_STATUS_CODE_ERROR, Message: s.Status.GetMessage(), State: s.TraceState, Events: len(s.Events) + len(s.Links)}
}

func texts(of []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, a := range of {
		if text, ok := a.Value.GetValue().(*common.AnyValue_StringValue); ok {
			out[a.Key] = text.StringValue
			continue
		}
		out[a.Key] = a.Value.String()
	}
	return out
}

const digits = "0123456789abcdef"

func hexOf(id []byte) string {
	var out []byte
	for _, b := range id {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// Spans are all so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Resource is what the sender says of itself.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Text is every byte that came: a text that was sent stands in it as it is.
func (c *Collector) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// Await waits until a span is there that fits, with all of its trace so far, and fails the test after half a minute.
func (c *Collector) Await(t testing.TB, what string, fits func(Span) bool) []Span {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		all := c.Spans()
		if i := slices.IndexFunc(all, fits); i >= 0 {
			return slices.DeleteFunc(all, func(s Span) bool { return s.Trace != all[i].Trace })
		}
	}
	t.Fatalf("no span: %s", what)
	return nil
}
