package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/soap"
)

// errAnother is how disclosure refuses a question about another patient than the assertion's.
var errAnother = fault.New(fault.AssertionRefused, "The assertion is not about the patient that the request asks for (resource-id).").By("X2")

func providing(payload string) message {
	return message{provideAction, security("good 981275721"), payload, ""}
}

// TestDocumentsAreReceived: whichever way they come, their bytes are the same, and they are judged as their sender's.
func TestDocumentsAreReceived(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ contentType, body string }{
		"in the envelope": {simple, providing(provideInline).String()},
		"as a part":       {packageType, packed(providing(provideByCID).String(), "Blåbær")},
		"before the root": {packageType, packedLast(providing(provideByCID).String(), "Blåbær")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			var size atomic.Int64
			r.handles(func(ctx context.Context, q *endpoint.Request) (*endpoint.Answer, error) {
				facts, err := q.Received[0].Facts(ctx)
				size.Store(facts.Size)
				return registryAnswer(), err
			})
			a := r.post(t, c.contentType, c.body)
			if a.status != 200 || len(a.errors(t)) > 0 || size.Load() != 8 {
				t.Errorf("%d, %d bytes: %s", a.status, size.Load(), a.body)
			}
			if got := r.scans.organisations(); !slices.Equal(got, []string{"981275721"}) {
				t.Errorf("scanned for %q", got)
			}
		})
	}
}

// TestStrangersDocuments: of somebody who is not believed no document is judged, wherever it stands.
func TestStrangersDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := providing(provideByCID)
	m.security = security("signature")
	for _, body := range []string{packed(m.String(), "a"), packedLast(m.String(), "a")} {
		if a := r.post(t, packageType, body); a.status != 400 || !slices.Contains(a.codes, "FailedAuthentication") {
			t.Errorf("%d %v", a.status, a.codes)
		}
	}
	if got := r.scans.organisations(); len(got) > 0 {
		t.Errorf("scanned for %q", got)
	}
}

// TestTooLarge: F5 in the registry's words, as soon as it is known whose document it is; before that, a fault.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	large := strings.Repeat("x", 1<<20+1)
	a := r.post(t, packageType, packed(providing(provideByCID).String(), large))
	if a.status != 200 || !slices.Equal(a.errors(t), []string{"XDSRepositoryError"}) || !strings.Contains(string(a.body), "larger than 1 MiB") {
		t.Errorf("%d: %s", a.status, a.body)
	}
	if refused, _ := r.log.all(); !slices.Equal(refused, []string{"C provide ITI-41 981275721 DLDocumentTooLarge"}) {
		t.Errorf("events: %v", refused)
	}
	if a := r.post(t, packageType, packedLast(providing(provideByCID).String(), large)); a.status != 413 || !slices.Equal(a.codes, []string{"Sender"}) {
		t.Errorf("before the root: %d %v", a.status, a.codes)
	}
	if r.ran() > 0 {
		t.Error("the transaction ran")
	}
}

// TestEarlyPlaces: so many messages may have their documents before the envelope, and no more; whose envelope comes first is not held up.
func TestEarlyPlaces(t *testing.T) {
	t.Parallel()
	received := &counting{}
	r := newRig(t, func(c *endpoint.Config) { received.Receiver, c.Objects = c.Objects, received })
	var open []*io.PipeWriter
	var done sync.WaitGroup
	for range 8 {
		body, w := io.Pipe()
		open = append(open, w)
		done.Go(func() { r.send(t, packageType, body) })
		if _, err := io.WriteString(w, strings.TrimSuffix(attached(strings.Repeat("x", 100<<10)), "\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until) && received.n.Load() < 8; {
		time.Sleep(5 * time.Millisecond)
	}
	early := packedLast(providing(provideByCID).String(), "a")
	a := r.post(t, packageType, early)
	if a.status != 503 || !slices.Contains(a.codes, "EndpointUnavailable") {
		t.Errorf("a ninth: %d %v", a.status, a.codes)
	}
	if a := r.post(t, packageType, packed(providing(provideByCID).String(), "a")); a.status != 200 || len(a.errors(t)) > 0 {
		t.Errorf("the envelope first: %d", a.status)
	}
	for _, w := range open {
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
	}
	done.Wait()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until) && a.status != 200; time.Sleep(5 * time.Millisecond) {
		a = r.post(t, packageType, early)
	}
	if a.status != 200 {
		t.Errorf("when they have gone: %d %v", a.status, a.codes)
	}
}

// counting counts the documents that are received.
type counting struct {
	endpoint.Receiver
	n atomic.Int64
}

// Receive implements endpoint.Receiver.
func (c *counting) Receive(ctx context.Context) *repository.Reception {
	c.n.Add(1)
	return c.Receiver.Receive(ctx)
}

// gate refuses everybody but those whom it is told to let in.
type gate struct {
	mu              sync.Mutex
	requests, loads int
}

var errFull = fault.New(fault.TooBusy, "Later.").RetryIn(3e9)

// Request implements endpoint.Admission.
func (g *gate) Request(string) (func(), error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests++
	return nil, errFull
}

// Upload implements endpoint.Admission.
func (g *gate) Upload(string, int64) (*admission.Upload, error) {
	g.loads++
	return nil, errFull
}

// TestBusy: who is told to come back is told so by HTTP, before the body is read, and leaves no event; a second time without a look at the signature.
func TestBusy(t *testing.T) {
	t.Parallel()
	g := &gate{}
	counting := &countingVerifier{}
	r := newRig(t, func(c *endpoint.Config) { c.Admission, c.Verifier = g, counting })
	for range 3 {
		body, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, root(providing(provideByCID).String()))
			<-t.Context().Done() // the rest never comes
			_ = w.CloseWithError(errors.New("over"))
		}()
		a := r.send(t, packageType, body)
		if a.status != 503 || !slices.Equal(a.codes, []string{"Receiver", "EndpointUnavailable"}) || a.header.Get("Retry-After") != "3" {
			t.Errorf("%d %v %q: %s", a.status, a.codes, a.header.Get("Retry-After"), a.body)
		}
	}
	if refused, strangers := r.log.all(); len(refused)+len(strangers) > 0 {
		t.Errorf("events: %v %v", refused, strangers)
	}
	if counting.n != 1 {
		t.Errorf("%d signatures were checked", counting.n)
	}
}

type countingVerifier struct {
	verifier
	n int
}

// Verify implements endpoint.Verifier.
func (c *countingVerifier) Verify(header []byte) (saml.Assertion, error) {
	c.n++
	return c.verifier.Verify(header)
}

// TestSlowStrangers: who does not say in time who he is is not waited for; whose documents come first, and who was in time, may take longer.
func TestSlowStrangers(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *endpoint.Config) { c.HeaderTimeout = 1500 * time.Millisecond })
	slowly := func(contentType, first, rest string) answered {
		body, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, first)
			time.Sleep(2 * time.Second)
			_, _ = io.WriteString(w, rest)
			_ = w.Close()
		}()
		return r.send(t, contentType, body)
	}
	cut := func(text, before string) (string, string) {
		i := strings.Index(text, before)
		return text[:i], text[i:]
	}
	first, rest := cut(good().String(), "<s:Body>")
	if a := slowly(simple, first+"<s:Body>", rest[len("<s:Body>"):]); a.status != 200 {
		t.Errorf("in time: %d: %s", a.status, a.body)
	}
	first, rest = cut(good().String(), "<a:To>")
	if a := slowly(simple, first, rest); a.status != 400 || r.logged()[1] != string(fault.BadRequest) {
		t.Errorf("too late: %d: %s", a.status, a.body)
	}
}

// TestSlowEarlyDocuments: a document that comes before the envelope takes its time.
func TestSlowEarlyDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *endpoint.Config) { c.HeaderTimeout = 1500 * time.Millisecond })
	body, w := io.Pipe()
	go func() {
		message := packedLast(providing(provideByCID).String(), strings.Repeat("x", 200<<10))
		_, _ = io.WriteString(w, message[:150<<10])
		time.Sleep(2 * time.Second)
		_, _ = io.WriteString(w, message[150<<10:])
		_ = w.Close()
	}()
	if a := r.send(t, packageType, body); a.status != 200 || len(a.errors(t)) > 0 {
		t.Errorf("%d: %s", a.status, a.body)
	}
}

// deferred remembers whose answer is to go where.
type deferred struct {
	to  []string
	err error
}

// Accept implements endpoint.Deferred.
func (d *deferred) Accept(_ context.Context, r *endpoint.Request, replyTo string) error {
	d.to = append(d.to, r.Actor.Transaction+" "+replyTo)
	return d.err
}

// TestDeferred: an answer that goes elsewhere is left to those who send it, if the transaction allows it and they do.
func TestDeferred(t *testing.T) {
	t.Parallel()
	elsewhere := good()
	elsewhere.action, elsewhere.more = gatewayAction, `<a:ReplyTo><a:Address>https://a.example/answers</a:Address></a:ReplyTo>`
	registry, nowhere := elsewhere, elsewhere
	nowhere.more = `<a:ReplyTo><a:Address>` + soap.None + `</a:Address></a:ReplyTo>`
	registry.action = queryAction
	for name, c := range map[string]struct {
		body   message
		refuse error
		status int
		codes  []string
		asked  int
		events []string
	}{
		"accepted":      {elsewhere, nil, 202, nil, 1, []string{}},
		"not allowed":   {elsewhere, soap.NewFault(soap.BadReplyTo, nil), 400, []string{"Sender", "InvalidAddressingHeader", "InvalidEPR"}, 1, []string{"R search ITI-38 981275721 DLBadRequest"}},
		"not this one":  {registry, nil, 400, []string{"Sender", "InvalidAddressingHeader", "InvalidEPR"}, 0, []string{"R search ITI-18 981275721 DLBadRequest"}},
		"to nobody":     {nowhere, nil, 400, []string{"Sender", "InvalidAddressingHeader", "InvalidEPR"}, 0, []string{"R search ITI-38 981275721 DLBadRequest"}},
		"no room":       {elsewhere, soap.FaultOf(errFull), 503, []string{"Receiver", "EndpointUnavailable"}, 1, []string{}},
		"anonymous too": {message{gatewayAction, security("good 981275721"), queryPayload, `<a:ReplyTo><a:Address>` + soap.Anonymous + `</a:Address></a:ReplyTo>`}, nil, 200, nil, 0, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &deferred{err: c.refuse}
			r := newRig(t, func(e *endpoint.Config) { e.Deferred = d })
			a := r.post(t, simple, c.body.String())
			if a.status != c.status || !slices.Equal(a.codes, c.codes) || c.status == 202 && len(a.body) > 0 {
				t.Errorf("%d %v: %s", a.status, a.codes, a.body)
			}
			refused, _ := r.log.all()
			if len(d.to) != c.asked || !slices.Equal(refused, c.events) || r.ran() > 0 != (c.status == 200) {
				t.Errorf("asked %v, events %v, ran %d times", d.to, refused, r.ran())
			}
		})
	}
}

// TestAnswerLater: an answer that is sent elsewhere says where, and what it is the answer to.
func TestAnswerLater(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	request := &endpoint.Request{Message: &soap.Message{Header: soap.Header{MessageID: "urn:uuid:1", ReplyTo: "https://a.example/answers"}}}
	transaction := endpoint.Transaction{ID: "ITI-38", Answer: gatewayAction + "Response", Shape: endpoint.Query, Handle: r.do}
	for _, err := range []error{nil, fault.New(fault.UnknownCommunity, "No."), errAnother} {
		r.handles(func(context.Context, *endpoint.Request) (*endpoint.Answer, error) { return registryAnswer(), err })
		reply := r.front.Answer(t.Context(), transaction, request)
		var out strings.Builder
		if failed := reply.Write(t.Context(), &out); failed != nil || int64(out.Len()) != reply.Length() || (reply.Err == nil) != (err == nil) {
			t.Fatalf("%v, %d of %d bytes, refuses with %v", failed, out.Len(), reply.Length(), reply.Err)
		}
		m, failed := soap.Read(reply.ContentType(), strings.NewReader(out.String()), soap.Options{})
		if failed != nil || m.Header.RelatesTo != "urn:uuid:1" || m.Header.To != "https://a.example/answers" {
			t.Errorf("%v: %s", failed, out.String())
		}
	}
}

// TestBrokenConnections: a sender who goes away in the middle is no failure of ours, whoever he is.
func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	contentType := map[string]string{"in the header": simple, "in a document": packageType}
	for name, begun := range map[string]string{"in the header": good().String()[:200], "in a document": packed(providing(provideByCID).String(), strings.Repeat("x", 300<<10))[:200<<10]} {
		r := newRig(t)
		conn, err := net.Dial("tcp", r.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: 500000\r\n\r\n%s", contentType[name], begun)
		if closed := conn.Close(); err != nil || closed != nil {
			t.Fatal(err, closed)
		}
		for until := time.Now().Add(20 * time.Second); time.Now().Before(until) && r.noted() == 0; {
			time.Sleep(5 * time.Millisecond)
		}
		if got := r.logged(); !slices.Equal(got, []string{string(fault.BadRequest)}) || r.ran() > 0 {
			t.Errorf("%s: logged as %v", name, got)
		}
	}
}

// TestMessageIDs: of a caller's ids the log keeps UUIDs, but none that a patient could stand in.
func TestMessageIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for id, want := range map[string]string{"urn:uuid:0f8fad5b-d9cb-469f-a165-70867728ae0e": "0f8fad5b-d9cb-469f-a165-70867728ae0e", "urn:uuid:0f8fad5b-d9cb-469f-a165-a13116900216": "", "13116900216": ""} {
		req := httptest.NewRequest("POST", "/", strings.NewReader(strings.Replace(good().String(), "not a URI &lt;1&gt;", id, 1)))
		req.Header.Set("Content-Type", simple)
		ctx := obs.WithRequest(t.Context(), "request")
		r.Config.Handler.ServeHTTP(httptest.NewRecorder(), req.WithContext(ctx))
		if got := r.last().Actor.EventID; got != id || r.eventNoted() != want {
			t.Errorf("%s: event id %q, noted %q", id, got, r.eventNoted())
		}
	}
}
