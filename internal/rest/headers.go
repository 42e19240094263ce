package rest

import (
	"net/http"
	"strings"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
)

// The headers that every operation has (R3): where a caller puts its own id of a request, and the name of the system that asks.
const (
	HeaderEventID      = "nhn-event-id"
	HeaderSourceSystem = "nhn-source-system"
)

// ActorOf is the verified caller with what audit events tell of its request.
func ActorOf(r *http.Request, caller access.Caller) audit.Actor {
	return audit.Actor{Caller: caller, RequestID: obs.RequestID(r.Context()), TraceID: obs.TraceID(r.Context()),
		EventID: headerText(r, HeaderEventID), SourceSystem: headerText(r, HeaderSourceSystem)}
}

// maxHeaderText bounds what of a caller's own header is kept, in bytes.
const maxHeaderText = obs.LineMost

// headerText is a header as it is kept.
func headerText(r *http.Request, name string) string { return obs.OneLine(r.Header.Get(name)) }

// EventID is the caller's own id of a request (R3), empty when there is none. It is usable when it is given once, printable ASCII and no longer
// than is kept: only such an id is echoed, because only such an id finds its request again in log and audit.
func EventID(h http.Header) (id string, usable bool) {
	values := h.Values(HeaderEventID)
	if len(values) == 0 {
		return "", true
	}
	id = strings.Trim(values[0], " \t")
	return id, len(values) == 1 && len(id) <= maxHeaderText && Visible(id, ' ')
}

// Visible says that a text is printable ASCII of no lower code than lowest.
func Visible(s string, lowest byte) bool {
	for i := range len(s) {
		if s[i] < lowest || s[i] > '~' {
			return false
		}
	}
	return true
}

// CheckEventID refuses an id that we could not give back as it came: cut or changed it would be another one.
func CheckEventID(r *http.Request) (ps fault.Problems) {
	if _, usable := EventID(r.Header); !usable {
		ps.Add(fault.New(fault.BadRequest, "The header %s must be one id of at most %d printable ASCII characters, such as a UUID, or be left out.", HeaderEventID, maxHeaderText).
			At("http." + HeaderEventID).By("R3"))
	}
	return ps
}

// CheckReading is R3 for those who read: the audit log must tell from which system somebody looked. The source that
// requires it (S1) is about reading; systems that write are taken without (docs/profiles.md).
func CheckReading(r *http.Request) fault.Problems {
	ps := CheckEventID(r)
	if headerText(r, HeaderSourceSystem) == "" {
		ps.Add(fault.New(fault.BadRequest, `The header %s is required: put the name and version of the calling system there, such as "EPJ System 1.0".`, HeaderSourceSystem).
			At("http." + HeaderSourceSystem).By("R3"))
	}
	return ps
}
