package endpoint_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"

	"github.com/google/go-cmp/cmp"
)

const simple = "application/soap+xml; charset=UTF-8"

// TestFaults: what is refused before a transaction runs, with its HTTP status, its codes, what the log says, and what audit events there are.
func TestFaults(t *testing.T) {
	t.Parallel()
	with := func(change func(*message)) string {
		m := good()
		change(&m)
		return m.String()
	}
	for name, c := range map[string]struct {
		contentType, body string
		status            int
		codes             []string
		logged            fault.Code
		known, stranger   bool
	}{
		"no XML":                   {body: "{}", status: 400, codes: []string{"Sender"}, logged: fault.MalformedBody},
		"cut off":                  {body: good().String()[:300], status: 400, codes: []string{"Sender"}, logged: fault.MalformedBody},
		"a FHIR client":            {contentType: "application/fhir+json", body: "{}", status: 415, codes: []string{"Sender"}, logged: fault.WrongMediaType},
		"SOAP 1.1":                 {contentType: "text/xml", body: strings.ReplaceAll(good().String(), soap.Namespace, "http://schemas.xmlsoap.org/soap/envelope/"), status: 500, logged: fault.BadRequest},
		"a DOCTYPE":                {body: `<!DOCTYPE a>` + good().String(), status: 400, codes: []string{"Sender"}, logged: fault.MalformedBody},
		"no action":                {body: with(func(m *message) { m.action = "" }), status: 400, codes: []string{"Sender", "MessageAddressingHeaderRequired"}, logged: fault.BadRequest},
		"an unknown action":        {body: with(func(m *message) { m.action = "urn:ihe:iti:2007:CrossGatewayRetrieve" }), status: 400, codes: []string{"Sender", "ActionNotSupported"}, logged: fault.BadRequest},
		"two actions":              {body: with(func(m *message) { m.more = `<a:Action>` + queryAction + `</a:Action>` }), status: 400, codes: []string{"Sender", "InvalidAddressingHeader", "InvalidCardinality"}, logged: fault.BadRequest},
		"two message ids":          {body: with(func(m *message) { m.more = `<a:MessageID>2</a:MessageID>` }), status: 400, codes: []string{"Sender", "InvalidAddressingHeader", "InvalidCardinality"}, logged: fault.BadRequest},
		"a strange header":         {body: with(func(m *message) { m.more = `<b:Must xmlns:b="urn:b" s:mustUnderstand="1"/>` }), status: 500, codes: []string{"MustUnderstand"}, logged: fault.BadRequest},
		"the action of another":    {body: with(func(m *message) { m.payload = providePayload }), status: 400, codes: []string{"Sender", "InvalidAddressingHeader", "ActionMismatch"}, logged: fault.BadRequest, known: true},
		"nobody":                   {body: with(func(m *message) { m.security = "" }), status: 400, codes: []string{"Sender", "SecurityTokenUnavailable"}, logged: fault.AssertionRefused, stranger: true},
		"two security headers":     {body: with(func(m *message) { m.security += m.security }), status: 400, codes: []string{"Sender", "InvalidSecurity"}, logged: fault.AssertionRefused, stranger: true},
		"no assertion":             {body: with(func(m *message) { m.security = security("missing") }), status: 400, codes: []string{"Sender", "SecurityTokenUnavailable"}, logged: fault.AssertionRefused, stranger: true},
		"another shape":            {body: with(func(m *message) { m.security = security("shape") }), status: 400, codes: []string{"Sender", "InvalidSecurityToken"}, logged: fault.AssertionRefused, stranger: true},
		"not signed":               {body: with(func(m *message) { m.security = security("signature") }), status: 400, codes: []string{"Sender", "FailedAuthentication"}, logged: fault.AssertionRefused, stranger: true},
		"not for us":               {body: with(func(m *message) { m.security = security("conditions") }), status: 400, codes: []string{"Sender", "InvalidSecurityToken"}, logged: fault.AssertionRefused, stranger: true},
		"too old":                  {body: with(func(m *message) { m.security = security("expired") }), status: 400, codes: []string{"Sender", "MessageExpired"}, logged: fault.AssertionRefused, stranger: true},
		"contradicting":            {body: with(func(m *message) { m.security = security("content") }), status: 400, codes: []string{"Sender", "InvalidSecurityToken"}, logged: fault.AssertionRefused, stranger: true},
		"an answer elsewhere":      {body: with(func(m *message) { m.more = `<a:ReplyTo><a:Address>http://a.example/</a:Address></a:ReplyTo>` }), status: 400, codes: []string{"Sender", "InvalidAddressingHeader", "InvalidEPR"}, logged: fault.BadRequest, known: true},
		"an answer to nobody":      {body: with(func(m *message) { m.more = `<a:ReplyTo><a:Address>` + soap.None + `</a:Address></a:ReplyTo>` }), status: 400, codes: []string{"Sender", "InvalidAddressingHeader", "InvalidEPR"}, logged: fault.BadRequest, known: true},
		"too large":                {body: with(func(m *message) { m.payload = queryPayload + strings.Repeat(" ", 9<<20) }), status: 413, codes: []string{"Sender"}, logged: fault.RequestTooLarge, known: true},
		"a package without root":   {contentType: `multipart/related; type="application/xop+xml"; boundary=b; start="<x>"`, body: "--b\r\nContent-ID: <y>\r\n\r\n\r\n--b--", status: 400, codes: []string{"Sender"}, logged: fault.MalformedBody},
		"documents in a query":     {contentType: packageType, body: packed(good().String(), "a"), status: 400, codes: []string{"Sender"}, logged: fault.MalformedBody, known: true},
		"documents before a query": {contentType: packageType, body: packedLast(good().String(), "a"), status: 400, codes: []string{"Sender"}, logged: fault.MalformedBody, known: true},
		"bad base64": {body: with(func(m *message) {
			m.action, m.payload = provideAction, strings.Replace(provideInline, "QmzD", "Qm!D", 1)
		}), status: 200, logged: fault.InvalidContent, known: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if c.contentType == "" {
				c.contentType = simple
			}
			a := r.post(t, c.contentType, c.body)
			if a.status != c.status || !slices.Equal(a.codes, c.codes) {
				t.Errorf("%d %v, want %d %v: %s", a.status, a.codes, c.status, c.codes, a.body)
			}
			refused, strangers := r.log.all()
			if (len(refused) == 1) != c.known || (len(strangers) == 1) != c.stranger || len(refused)+len(strangers) > 1 {
				t.Errorf("events of known callers: %v, of strangers: %v", refused, strangers)
			}
			if r.ran() != 0 {
				t.Error("the transaction ran")
			}
			if got := r.logged(); !slices.Equal(got, []string{string(c.logged)}) {
				t.Errorf("logged as %v, want %s", got, c.logged)
			}
			if strings.Contains(string(a.body), "elsewhere") || c.status != 200 && strings.Contains(string(a.body), "AdhocQuery") {
				t.Errorf("the fault quotes the message: %s", a.body)
			}
		})
	}
}

const packageType = `multipart/related; type="application/xop+xml"; boundary="b"; start="<root>"; start-info="application/soap+xml"`

func root(envelope string) string {
	return "--b\r\nContent-Type: application/xop+xml; charset=UTF-8\r\nContent-ID: <root>\r\n\r\n" + envelope + "\r\n"
}

func attached(content string) string {
	return "--b\r\nContent-Type: text/plain\r\nContent-ID: <a@b>\r\n\r\n" + content + "\r\n"
}

func packed(envelope, content string) string { return root(envelope) + attached(content) + "--b--\r\n" }
func packedLast(envelope, content string) string {
	return attached(content) + root(envelope) + "--b--\r\n"
}

// TestAnswers: a transaction runs for a message that is whole, and is answered in its message's form, with what WS-Addressing wants.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contentType, body string
		mtom              bool
	}{
		"simple":        {simple, good().String(), false},
		"a package":     {packageType, root(good().String()) + "--b--", true},
		"an epilogue":   {packageType, root(good().String()) + "--b--\r\n" + strings.Repeat("more", 100<<10), true},
		"unquoted type": {"application/soap+xml; action=" + queryAction, good().String(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			a := r.post(t, c.contentType, c.body)
			if a.status != 200 || a.message == nil || a.message.MTOM != c.mtom || a.message.Header.Action != queryAction+"Response" {
				t.Fatalf("%d: %s", a.status, a.body)
			}
			if got := a.message.Header.RelatesTo; got != "not a URI <1>" {
				t.Errorf("RelatesTo %q", got)
			}
			if a.message.Header.MessageID == "" || a.header.Get("Content-Length") != fmt.Sprint(len(a.body)) {
				t.Errorf("MessageID %q, Content-Length %s of %d", a.message.Header.MessageID, a.header.Get("Content-Length"), len(a.body))
			}
			q := r.last()
			if sum := sha256.Sum256([]byte(c.body)); !bytes.Equal(q.Digest, sum[:]) {
				t.Error("the digest is not the request's")
			}
			if q.Actor.Transaction != "ITI-18" || q.Actor.Issuer != "issuer" || q.Actor.Organisation != "981275721" || q.Actor.RequestID != "request" || q.Actor.EventID != "not a URI <1>" {
				t.Errorf("actor: %+v", q.Actor)
			}
		})
	}
}

// TestRefusals: what a transaction refuses is told in its own answer; what says that its sender is not to be believed, or that nobody knows what
// happened, is told as the profiles have it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		action, payload string
		err             error
		status          int
		codes, errors   []string
		retry           string
		events          []string
	}{
		"a rule":         {queryAction, queryPayload, fault.New(fault.AccessDenied, "No."), 200, nil, []string{"XDSRegistryError"}, "", []string{}},
		"two problems":   {queryAction, queryPayload, fault.Problems{fault.New(fault.MissingQueryParam, "a"), fault.New(fault.BadQueryParam, "b")}, 200, nil, []string{"XDSStoredQueryMissingParam", "XDSStoredQueryParamNumber"}, "", []string{}},
		"busy":           {queryAction, queryPayload, fault.New(fault.TooBusy, "Later.").RetryIn(7e9), 200, nil, []string{"XDSRegistryBusy"}, "7", []string{}},
		"a part is away": {provideAction, providePayload, fault.New(fault.PartUnavailable, "Later.").RetryIn(5e9), 200, nil, []string{"XDSRegistryNotAvailable"}, "5", []string{}},
		"unknown":        {queryAction, queryPayload, errBroken, 200, nil, []string{"XDSRegistryError"}, "", []string{}},
		"another's":      {queryAction, queryPayload, errAnother, 400, []string{"Sender", "InvalidSecurityToken"}, nil, "", []string{}},
		"unseen":         {queryAction, queryPayload, endpoint.Unseen(fault.New(fault.MissingQueryParam, "a")), 200, nil, []string{"XDSStoredQueryMissingParam"}, "", []string{"R search ITI-18 981275721 XDSStoredQueryMissingParam"}},
		"a fault":        {queryAction, queryPayload, soap.NewFault(soap.Denied, errBroken), 400, []string{"Sender"}, nil, "", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.handles(func(context.Context, *endpoint.Request) (*endpoint.Answer, error) { return nil, c.err })
			a := r.post(t, simple, message{c.action, security("good 981275721"), c.payload, ""}.String())
			if a.status != c.status || !slices.Equal(a.codes, c.codes) || a.header.Get("Retry-After") != c.retry {
				t.Fatalf("%d %v, Retry-After %q: %s", a.status, a.codes, a.header.Get("Retry-After"), a.body)
			}
			if c.codes == nil {
				if diff := cmp.Diff(c.errors, a.errors(t)); diff != "" || a.message.Header.Action != c.action+"Response" {
					t.Errorf("%s %s", a.message.Header.Action, diff)
				}
			}
			if strings.Contains(string(a.body), "broken") {
				t.Errorf("the cause is told: %s", a.body)
			}
			refused, _ := r.log.all()
			if diff := cmp.Diff(c.events, refused); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestErrors: each transaction has the codes of its profile; one that it has not becomes the nearest.
func TestErrors(t *testing.T) {
	t.Parallel()
	for code, want := range map[fault.Code]map[string]string{
		fault.TooBusy:            {"ITI-18": "XDSRegistryBusy", "ITI-39": "XDSRepositoryBusy", "ITI-41": "XDSRepositoryBusy", "ITI-62": "XDSRegistryBusy", "ITI-86": "XDSRepositoryBusy"},
		fault.PartUnavailable:    {"ITI-38": "XDSRegistryBusy", "ITI-43": "XDSRepositoryBusy", "ITI-41": "XDSRegistryNotAvailable", "ITI-57": "XDSRegistryBusy"},
		fault.InternalError:      {"ITI-51": "XDSRegistryError", "ITI-43": "XDSRepositoryError", "ITI-92": "XDSRegistryError"},
		fault.VirusFound:         {"ITI-41": "XDSRepositoryError", "ITI-42": "XDSRegistryError"},
		fault.AccessDenied:       {"ITI-18": "XDSRegistryError", "ITI-39": "XDSDocumentUniqueIdError", "ITI-41": "XDSRepositoryError"},
		fault.UnknownCommunity:   {"ITI-38": "XDSUnknownCommunity", "ITI-39": "XDSUnknownCommunity", "ITI-41": "XDSRegistryMetadataError", "ITI-42": "XDSRegistryMetadataError"},
		fault.UnknownRepository:  {"ITI-43": "XDSUnknownRepositoryId", "ITI-42": "XDSRegistryMetadataError", "ITI-86": "XDSUnknownRepositoryId"},
		fault.MetadataError:      {"ITI-41": "XDSRegistryMetadataError", "ITI-18": "XDSRegistryError"},
		fault.BadPatientID:       {"ITI-41": "XDSUnknownPatientId", "ITI-38": "XDSUnknownPatientId", "ITI-18": "XDSRegistryError"},
		fault.InvalidContent:     {"ITI-41": "InvalidDocumentContent", "ITI-42": "XDSRegistryError"},
		fault.SearchIncomplete:   {"ITI-38": "XDSUnavailableCommunity", "ITI-43": "XDSUnavailableCommunity"},
		fault.UpdateOperation:    {"ITI-57": "XDSMetadataUpdateOperationError", "ITI-92": "XDSMetadataUpdateOperationError"},
		fault.UnknownStoredQuery: {"ITI-51": "XDSUnknownStoredQuery"},
	} {
		for transaction, want := range want {
			told := endpoint.Errors(transaction, fault.Problems{fault.New(code, "Safe.").At("here"), fault.New(code, "Safe.").AsWarning()}, "1.2")
			if told[0].Code != want || told[0].Location != "here" || told[1].Location != "urn:oid:1.2" || told[0].Warning || !told[1].Warning {
				t.Errorf("%s of %s: %+v, want %s", code, transaction, told, want)
			}
		}
	}
}

// TestEventsComeFirst: a refusal whose event cannot be written is not told as if it had been.
func TestEventsComeFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.log.fail = fault.New(fault.PartUnavailable, "The log does not answer.").RetryIn(5e9)
	m := good()
	m.payload = providePayload
	if a := r.post(t, simple, m.String()); a.status != 200 || !slices.Equal(a.errors(t), []string{"XDSRegistryBusy"}) {
		t.Errorf("%d: %s", a.status, a.body)
	}
}

// TestParts: documents go out whole, with the length that was told; one that fails takes the connection with it.
func TestParts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	part := func(id, content string, size int, err error) endpoint.Part {
		return endpoint.Part{Outgoing: soap.Outgoing{ContentID: id, MediaType: "text/plain", Size: int64(size)}, Open: func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(content)), err
		}}
	}
	for name, c := range map[string]struct {
		parts []endpoint.Part
		whole bool
	}{
		"whole":      {[]endpoint.Part{part("1@a", "blåbær", 8, nil), part("2@a", "", 0, nil)}, true},
		"not opened": {[]endpoint.Part{part("1@a", "blåbær", 8, nil), part("2@a", "x", 1, errBroken)}, false},
		"too short":  {[]endpoint.Part{part("1@a", "blåbær", 9, nil)}, false},
		"too long":   {[]endpoint.Part{part("1@a", "blåbær", 7, nil)}, false},
	} {
		r.handles(func(context.Context, *endpoint.Request) (*endpoint.Answer, error) {
			a := registryAnswer()
			a.Parts = c.parts
			return a, nil
		})
		a := r.post(t, simple, good().String())
		switch {
		case !c.whole && a.err == nil:
			t.Errorf("%s: the answer looks whole: %s", name, a.body)
		case c.whole && (a.err != nil || len(a.documents) != 2 || a.documents[0].String() != "blåbær" || a.header.Get("Content-Length") != fmt.Sprint(len(a.body))):
			t.Errorf("%s: %v, Content-Length %s: %s", name, a.err, a.header.Get("Content-Length"), a.body)
		}
	}
}

// TestOnlyPost: the address speaks SOAP to those who ask in another way too.
func TestOnlyPost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL, strings.NewReader(good().String()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", simple)
	req.Header.Set("Content-Encoding", "gzip")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 415 || r.ran() != 0 {
		t.Errorf("a packed body: %d", res.StatusCode)
	}
}
