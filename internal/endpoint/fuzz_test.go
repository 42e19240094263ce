package endpoint_test

import (
	"context"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/soap"
)

// FuzzMessage is the whole way in: whatever comes, the answer is a SOAP message with a status that is told in docs/soap.md, nothing of it is ours to
// mend, and no transaction runs for a message whose sender was not verified.
func FuzzMessage(f *testing.F) {
	m := good()
	provided, byCID := providing(provideInline).String(), providing(provideByCID).String()
	for contentType, bodies := range map[string][]string{
		simple:      {m.String(), provided, strings.Replace(m.String(), "good", "signature", 1), strings.Replace(provided, "QmzD", "<a/>", 1)},
		packageType: {packed(byCID, "a"), packedLast(byCID, "a"), root(m.String()) + "--b--"},
		"text/xml":  {`<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>`},
	} {
		for _, body := range bodies {
			f.Add(contentType, body)
		}
	}
	r := newRig(f)
	f.Fuzz(func(t *testing.T, contentType, body string) {
		defer fuzztest.InTime(t)()
		r.handles(func(_ context.Context, q *endpoint.Request) (*endpoint.Answer, error) {
			if q.Actor.Issuer == "" || !strings.Contains(body, "good ") {
				t.Error("a transaction ran for nobody")
			}
			if len(q.Received) != q.Message.Documents || len(q.Digest) != 32 {
				t.Errorf("%d documents of %d, a digest of %d bytes", len(q.Received), q.Message.Documents, len(q.Digest))
			}
			return registryAnswer(), nil
		})
		req := httptest.NewRequest("POST", "/", strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		rec := httptest.NewRecorder()
		r.Config.Handler.ServeHTTP(rec, req.WithContext(obs.WithRequest(t.Context(), "request")))
		if !slices.Contains([]int{200, 400, 413, 415, 500, 503}, rec.Code) {
			t.Errorf("%d", rec.Code)
		}
		told, err := soap.Read(rec.Header().Get("Content-Type"), rec.Body, soap.Options{})
		if err != nil && !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/xml") {
			t.Fatalf("the answer is no SOAP message: %v", err)
		}
		if err == nil {
			if codes, _ := soap.FaultIn(told); slices.Contains(codes, "Receiver") {
				t.Errorf("%v: %q", codes, body)
			}
		}
	})
}
