package atna

import "dokumentlager/internal/fhir"

// The names in entity.detail.type (DetailSystem).
const (
	detailType       = "document-type"
	detailClass      = "document-class"
	detailSize       = "size"
	detailHome       = "home-community"
	detailOld        = "old-confidentiality"
	detailNew        = "new-confidentiality"
	detailEventID    = "nhn-event-id"
	detailTrace      = "trace-id"
	detailSystem     = "source-system"
	detailRule       = "rule"
	detailCode       = "code"
	detailReason     = "reason"
	detailHits       = "hits"
	detailMasked     = "masked"
	detailBreakGlass = "break-glass"
	detailFinding    = "finding"
	detailRange      = "range"
	detailFacts      = "facts"
	detailFactsAge   = "facts-age-s"
	detailIssuer     = "issuer"
	detailRemoved    = "removed"
	detailCount      = "count"
)

// Details are the codes of DetailSystem, each with its meaning.
func Details() []fhir.Coding {
	var all []fhir.Coding
	for _, d := range []pair{
		{detailType, "Type of the document, a code of 9602"},
		{detailClass, "Class of the document, a code of 9602"},
		{detailSize, "Size of the document in bytes"},
		{detailHome, "Home community that was asked for, an OID"},
		{detailOld, "A confidentiality code before the change (W5)"},
		{detailNew, "A confidentiality code after the change (W5)"},
		{detailEventID, "The caller's own nhn-event-id (R3)"},
		{detailTrace, "Trace of the request (W3C trace context)"},
		{detailSystem, "The caller's nhn-source-system"},
		{detailRule, "Rule that refused, masked or kept a list empty (docs/rules.md)"},
		{detailCode, "Error code of the refusal (docs/errors.md)"},
		{detailReason, "What an administrator gave as reason, or settings before and after"},
		{detailHits, "How many entries, sets or folders the answer listed"},
		{detailMasked, "How many of them were masked (C8)"},
		{detailBreakGlass, "How many were let through because of an emergency (C2)"},
		{detailFinding, "What the virus scanner found (F4)"},
		{detailRange, "Bytes of a partial opening, first and last"},
		{detailFacts, "What was known of the patient's death and address protection (L4, L5)"},
		{detailFactsAge, "How old that was, in seconds"},
		{detailIssuer, "Who issued the SAML assertion (XUA)"},
		{detailRemoved, "Id of a submission set, folder or association that was removed (ITI-62)"},
		{detailCount, "How many refused assertions of strangers the event stands for"},
	} {
		all = append(all, fhir.Coding{System: DetailSystem, Code: d.name, Display: d.value})
	}
	return all
}

type pair struct{ name, value string }

// details leaves out what is empty.
func details(all ...pair) (out []fhir.AuditEventDetail) {
	for _, p := range all {
		if value := told(p.value); value != "" {
			out = append(out, fhir.AuditEventDetail{Type: p.name, ValueString: value})
		}
	}
	return out
}
