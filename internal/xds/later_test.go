package xds_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
	"dokumentlager/internal/soap"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/xds"

	"github.com/google/uuid"
)

// gatewayClient is the client of the development HelseID's assertions.
const gatewayClient = "ea1b0c25-154d-483c-abeb-cdf2e09d0a45"

// mailbox is a consumer that keeps what it is sent.
func mailbox(t *testing.T) (address string, sent chan servicetest.SOAPAnswer) {
	t.Helper()
	sent = make(chan servicetest.SOAPAnswer, 10)
	box := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && int64(len(body)) != r.ContentLength {
			err = fmt.Errorf("%d bytes of %d", len(body), r.ContentLength)
		}
		sent <- servicetest.ReadSOAP(t, servicetest.Answer{Header: r.Header, Body: body, Err: err})
	}))
	t.Cleanup(box.Close)
	return box.URL + "/svar", sent
}

// withConsumer is a process beside the shared one, with a consumer configured.
func withConsumer(t *testing.T, shared *servicetest.Service, address string) *servicetest.Service {
	t.Helper()
	consumers, err := json.Marshal([]map[string]any{{"name": "gateway", "clients": []string{gatewayClient}, "addresses": []string{address}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := server.LoadConfig("", append(shared.Environment(), "DOKUMENTLAGER_ASYNC_CONSUMERS="+string(consumers)), server.Serving)
	if err != nil {
		t.Fatal(err)
	}
	built, err := server.Build(t.Context(), cfg, "test", obs.NewLogger(shared.Log, slog.LevelInfo, nil), server.WithSelfTest(func(context.Context) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- built.Serve(ctx, listener) }()
	t.Cleanup(func() { cancel(); <-ended; built.Close() })
	mine := *shared
	mine.URL = "http://" + listener.Addr().String()
	return &mine
}

// later is a request whose answer is to go to an address.
func later(action string, payload []byte, assertion, replyTo string) (envelope []byte, id string) {
	id = "urn:uuid:" + uuid.NewString()
	o := soap.Outbound{Action: action, MessageID: id, To: "https://gateway.example" + xds.Gateway, ReplyTo: replyTo, Blocks: [][]byte{servicetest.SecurityHeader(assertion)}}
	return soap.AppendEnvelope(nil, o, func(b []byte) []byte { return append(b, payload...) }), id
}

// TestAnswersToAnotherAddress (X2): 202 and nothing else at once; then the answer whole at the address that the configuration has, with the document's
// own bytes and one audit event for each transaction; and no answer, nor a trace but its event, for an address that is nobody's.
func TestAnswersToAnotherAddress(t *testing.T) {
	t.Parallel()
	shared := servicetest.Start(t)
	address, sent := mailbox(t)
	s, of, doc := withConsumer(t, shared, address), shared.Tenant(t), servicetest.NewDoc()
	if a := shared.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of, doc).JSON(t)); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	assertion := shared.Personnel(t, of.Organisations[0], servicetest.Patient)
	const query, retrieve = "urn:ihe:iti:2007:CrossGatewayQuery", "urn:ihe:iti:2007:CrossGatewayRetrieve"
	find := ebxml.AppendQuery(nil, ebxml.FindDocuments, false, of.HomeCommunity, []ebxml.Slot{
		{Name: "$XDSDocumentEntryPatientId", Values: []string{ebxml.Text(servicetest.ResourceID(servicetest.Patient))}},
		{Name: "$XDSDocumentEntryStatus", Values: []string{ebxml.List("urn:oasis:names:tc:ebxml-regrep:StatusType:Approved")}}})

	listed := answeredLater(t, s, sent, query, find, assertion, address)
	if len(listed.Objects.Entries) != 1 || listed.Objects.Entries[0].Home != of.HomeCommunity {
		t.Fatalf("%+v", listed)
	}
	entry := listed.Objects.Entries[0]
	fetch := ebxml.AppendDocumentRequests(nil, ebxml.RetrieveRequest, []ebxml.DocumentRequest{{Home: "urn:oid:" + of.HomeCommunity, Repository: entry.Repository, Document: entry.UniqueID}})
	envelope, id := later(retrieve, fetch, assertion, address)
	if a := s.PostEnvelope(t, xds.Gateway, retrieve, envelope); a.Status != http.StatusAccepted || len(a.Body) != 0 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	got := next(t, sent)
	if got.Err != nil || got.Message.Header.RelatesTo != id || len(got.Documents) != 1 || !bytes.Equal(got.Documents[0], doc.Bytes) {
		t.Errorf("%v, %d documents, %s", got.Err, len(got.Documents), got.Body)
	}
	told := toldOf(t, shared, of)
	if want := []string{"provide ", "search ITI-38", "open ITI-39"}; !slices.Equal(told, want) {
		t.Errorf("the log tells %q, want %q", told, want)
	}

	before := len(controlEvents(t, shared))
	envelope, _ = later(query, find, assertion, address+"/elsewhere")
	if a := s.PostEnvelope(t, xds.Gateway, query, envelope); a.Status != http.StatusBadRequest || !slices.Contains(a.Fault, "InvalidEPR") {
		t.Errorf("%d %v", a.Status, a.Fault)
	}
	if after := len(controlEvents(t, shared)); after == before {
		t.Error("the refusal has no event")
	}
	if len(sent) > 0 || len(toldOf(t, shared, of)) != 3 {
		t.Error("what was refused left a trace")
	}
}

// toldOf are the events of the instance's own organisation: other tests look for the same patient everywhere.
func toldOf(t *testing.T, s *servicetest.Service, of tenant.Tenant) (told []string) {
	t.Helper()
	for _, line := range s.Events(t, of) {
		if line.Organisation == of.Organisations[0] {
			told = append(told, line.Operation+" "+line.Caller.Transaction)
		}
	}
	return told
}

func controlEvents(t *testing.T, s *servicetest.Service) []audit.Line {
	t.Helper()
	all, err := audit.Log{DB: s.DB}.ListControl(t.Context(), uuid.Nil, 100000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// answeredLater sends a request, as a package, and waits for its answer in the mailbox.
func answeredLater(t *testing.T, s *servicetest.Service, sent <-chan servicetest.SOAPAnswer, action string, payload []byte, assertion, address string) *ebxml.Answer {
	t.Helper()
	envelope, id := later(action, payload, assertion, address)
	if a := s.PostEnvelope(t, xds.Gateway, action, envelope, []servicetest.Part{}...); a.Status != http.StatusAccepted || len(a.Body) != 0 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	got := next(t, sent)
	if got.Message == nil || !got.Message.MTOM || got.Message.Header.RelatesTo != id || got.Message.Header.To != address || got.Message.Header.Action != action+"Response" {
		t.Fatalf("%s", got.Body)
	}
	answer, err := ebxml.ReadAnswer(got.Message.Body)
	if err != nil || answer.Status != ebxml.Success {
		t.Fatalf("%v: %s", err, got.Body)
	}
	return answer
}

func next(t *testing.T, sent <-chan servicetest.SOAPAnswer) servicetest.SOAPAnswer {
	t.Helper()
	select {
	case a := <-sent:
		return a
	case <-time.After(time.Minute):
		t.Fatal("no answer was sent")
		return servicetest.SOAPAnswer{}
	}
}
