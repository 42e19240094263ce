package server

import (
	"dokumentlager/internal/obs"

	"github.com/go-chi/chi/v5"
)

// operations names what is to be done at each address, in the words of the audit events, for lines of requests that ended before their door
// knew (A3). Addresses that are not here are "request"; TestOperations finds them.
var operations = map[string]string{
	"GET /ping": "ping", "GET /healthz": "health", "GET /readyz": "readiness", "GET /metrics": "metrics", "GET /docs": "docs", "GET /openapi.yaml": "docs",
	"GET /docs/soap/{name}":  "docs",
	"GET /pingauth":          "pingauth",
	"GET /R4/fhir/metadata":  "metadata",
	"POST /R4/fhir":          "provide",
	"POST /R4/fhir/Bundle":   "provide",
	"GET /mhd/document":      "open",
	"GET /R4/fhir/List":      "search-lists",
	"GET /R4/fhir/List/{id}": "read-list",

	"POST /R4/fhir/Bundle/$validate":          "validate",
	"POST /R4/fhir/DocumentReference/_search": "search",
	"GET /R4/fhir/DocumentReference":          "search",
	"GET /R4/fhir/DocumentReference/{id}":     "read-entry",
	"PATCH /R4/fhir/DocumentReference/{id}":   "set-confidentiality",
	"DELETE /R4/fhir/DocumentReference/{id}":  "delete",
	"POST /R4/fhir/List/_search":              "search-lists",
	"GET /R4/fhir/Patient/{id}":               "read-set",
	"GET /api/rest/document-status":           "document-status",

	"POST /R4/fhir/AuditEvent/_search": "audit-search",
	"GET /R4/fhir/AuditEvent":          "audit-search",
	"GET /R4/fhir/AuditEvent/{id}":     "audit-read",
	"POST /R4/fhir/AuditEvent":         "audit-write",
	"PUT /R4/fhir/AuditEvent":          "audit-write",
	"PATCH /R4/fhir/AuditEvent":        "audit-write",
	"DELETE /R4/fhir/AuditEvent":       "audit-write",
	"PUT /R4/fhir/AuditEvent/{id}":     "audit-write",
	"PATCH /R4/fhir/AuditEvent/{id}":   "audit-write",
	"DELETE /R4/fhir/AuditEvent/{id}":  "audit-write",

	"GET /audit/heads": "audit-heads", "GET /audit/heads/{day}": "audit-heads", "GET /audit/key": "audit-heads",

	"POST /helsenorge/v1/lookups/_search": "lookups",
	"GET /helsenorge/v1/feed":             "lookup-feed",

	"POST /XCA/services/RespondingGatewayService": "gateway", "POST /Registry/services/RegistryService": "registry",
	"POST /Repository/services/RepositoryService": "repository",
}

// unnamed is the operation of a request to no address, or to one that is not in the list.
const unnamed = "request"

// open are the addresses that everybody may ask.
var open = map[string]bool{"/ping": true, "/healthz": true, "/readyz": true, "/metrics": true, "/docs": true, "/openapi.yaml": true, "/R4/fhir/metadata": true,
	"/docs/soap/{name}": true,
	"/audit/heads":      true, "/audit/heads/{day}": true, "/audit/key": true}

// quiet are those that machines ask every few seconds; their lines are for debugging.
var quiet = map[string]bool{"/ping": true, "/healthz": true, "/readyz": true, "/metrics": true}

func operationOf(method, route string) string {
	if method == "HEAD" {
		method = "GET"
	}
	if operation, known := operations[method+" "+route]; known {
		return operation
	}
	return unnamed
}

// expect makes the series of open addresses, so that none comes to be by a stranger's doing.
func expect(m *obs.Metrics, r chi.Routes) {
	for _, route := range r.Routes() {
		if open[route.Pattern] {
			m.Open(route.Pattern)
		}
	}
}
