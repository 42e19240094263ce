// Package obs is what operations see of the service: structured log lines, metrics and traces (A3).
//
// It promises that a line of log holds only the keys of the list below, and a span only the names of that in export.go, whatever a
// library adds; that no key is made for patient data, URLs or queries, and a number of a national identity number's length is blotted out
// wherever it stands; and that the number of metric series, and of lines that strangers can cause, is bounded, however many knock (routes
// and status classes only, never a caller's text). It decides nothing: audit events, which do hold patients, are package audit's.
package obs

// Keys is every key a log line may have, and what stands there. docs/operations.md has the list; NewLogger drops others.
var Keys = map[string]string{
	"request_id":    "our id of the request (UUIDv7), also in the answer's X-Request-Id",
	"nhn_event_id":  "the caller's nhn-event-id (R3), when it has the form of an id",
	"trace_id":      "the W3C trace the request belongs to, its caller's or ours",
	"operation":     "what was to be done, as in the audit event; of background work its name",
	"component":     "where it failed: postgres, s3, clamd, helseid, persontjenesten; self is the service, and stands where nothing failed",
	"transaction":   "IHE's transaction of a request to a SOAP address, such as ITI-38",
	"tenant":        "the instance's short name",
	"code":          "the code of the leading problem, as [errors.md](errors.md) has it",
	"status":        "HTTP status of the answer",
	"duration_ms":   "how long it took, in milliseconds",
	"error":         "the cause, for operations only",
	"path":          "the route's pattern, never the path that was asked for",
	"method":        "HTTP method",
	"client_id":     "the HelseID client",
	"version":       "version of this program",
	"bytes":         "bytes of the body received",
	"bytes_out":     "bytes of the answer's body",
	"address":       "address this service listens on",
	"config":        "effective configuration without secrets, once at start",
	"count":         "how many things it is about",
	"job_kind":      "kind of a background job",
	"job_id":        "number of a background job",
	"attempt":       "which attempt of a background job it was",
	"stack":         "where a panic happened: functions and lines of ours, no values",
	"pid":           "process id of a part that a dev stack started",
	"schema_done":   "tenant schemas migrated so far",
	"schema_total":  "tenant schemas to migrate",
	"shutdown_left": "requests still open when the time for a graceful stop was over",
}

// spelling maps what libraries write to our key.
var spelling = map[string]string{"err": "error"}
