package mhd

import (
	"encoding/hex"
	"fmt"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/submission"

	"github.com/google/uuid"
)

// extReceipt is the extension that tells a machine what was stored (docs/profiles.md).
const extReceipt = "urn:dokumentlager:receipt"

// receiptOutcome tells a record system of one document what it may keep as a proof: what was stored, where, when, and under which audit
// event.
func receiptOutcome(r submission.Receipt, d submission.Kept) *fhir.OperationOutcome {
	published := instant(r.Published)
	facts := []fhir.Extension{
		{URL: "sha256", ValueString: hex.EncodeToString(d.SHA256)},
		{URL: "size", ValueUnsignedInt: &d.Size},
		{URL: "published", ValueInstant: published},
		{URL: "homeCommunityId", ValueURI: "urn:oid:" + r.Tenant.HomeCommunity},
		{URL: "repositoryUniqueId", ValueURI: "urn:oid:" + r.Tenant.Repository},
		{URL: "documentUniqueId", ValueURI: document.URN(d.UniqueID)},
	}
	if r.Event != uuid.Nil {
		facts = append(facts, fhir.Extension{URL: "auditEvent", ValueURI: "urn:uuid:" + r.Event.String()})
	}
	text := fmt.Sprintf("Stored %d bytes at %s.", d.Size, published)
	return fhir.Told(text, fhir.Extension{URL: extReceipt, Extension: facts})
}

// instant is a time as FHIR and our JSON write it.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
