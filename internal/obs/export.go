package obs

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// The attributes of our own spans.
const (
	attrMethod    = attribute.Key("http.request.method")
	attrRoute     = attribute.Key("http.route")
	attrStatus    = attribute.Key("http.response.status_code")
	attrOperation = attribute.Key("dokumentlager.operation")
	attrComponent = attribute.Key("dokumentlager.component")
	attrCode      = attribute.Key("dokumentlager.code")
	attrTenant    = attribute.Key("dokumentlager.tenant")
	attrRequest   = attribute.Key("dokumentlager.request_id")
	attrOutcome   = attribute.Key("dokumentlager.outcome")
)

// Outcome is how a scan ended.
func Outcome(text string) attribute.KeyValue { return attrOutcome.String(text) }

// SpanAttributes are all names that leave this process; docs/operations.md has the list. The last four are otelpgx's.
var SpanAttributes = []attribute.Key{attrMethod, attrRoute, attrStatus, attrOperation, attrComponent, attrCode, attrTenant, attrRequest, attrOutcome,
	"db.system.name", "db.operation.batch.size", "pgx.rows_affected", "pgx.sql_state"}

// guarded sends of each span its name, times, ids, success, and the attributes of the list: no events, links or texts of errors, which
// may quote a statement's values. What a library adds tomorrow does not get out either.
type guarded struct {
	sdk.SpanExporter
	failed func(error)
}

// ExportSpans implements sdk.SpanExporter. Its errors go to our log; the SDK would print them.
func (g guarded) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	out := make([]sdk.ReadOnlySpan, len(spans))
	for i, span := range spans {
		out[i] = plain{span}
	}
	if err := g.SpanExporter.ExportSpans(ctx, out); err != nil {
		g.failed(err)
	}
	return nil
}

type plain struct{ sdk.ReadOnlySpan }

// nameBytes are what names of spans are made of: words, and routes such as "POST /R4/fhir/Bundle/$validate".
const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 /{}$_.-"

// Name is the span's, unless it looks like something else than a name.
func (p plain) Name() string {
	name := p.ReadOnlySpan.Name()
	if len(name) > longestText || strings.Trim(name, nameBytes) != "" {
		return "other"
	}
	return safeText(name)
}

// Attributes are those of the list.
func (p plain) Attributes() []attribute.KeyValue {
	var out []attribute.KeyValue
	for _, a := range p.ReadOnlySpan.Attributes() {
		if !slices.Contains(SpanAttributes, a.Key) {
			continue
		}
		if a.Value.Type() == attribute.STRING {
			a.Value = attribute.StringValue(safeText(a.Value.AsString()))
		}
		out = append(out, a)
	}
	return out
}

// Events are none.
func (plain) Events() []sdk.Event { return nil }

// Links are none.
func (plain) Links() []sdk.Link { return nil }

// Status has no text.
func (p plain) Status() sdk.Status { return sdk.Status{Code: p.ReadOnlySpan.Status().Code} }
