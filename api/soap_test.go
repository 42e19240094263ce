package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dokumentlager/api"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/xds"

	"github.com/beevik/etree"
)

// TestWSDL holds the three descriptions to the door's table: each address has one, which names every transaction's action, answer and element, and
// nothing else.
func TestWSDL(t *testing.T) {
	t.Parallel()
	for address, transactions := range (&xds.Door{}).Transactions() {
		name := address[strings.LastIndex(address, "/")+1:] + ".wsdl"
		rec := httptest.NewRecorder()
		api.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/docs/soap/"+name, nil))
		body, _ := io.ReadAll(rec.Result().Body)
		doc := etree.NewDocument()
		if err := doc.ReadFromBytes(body); err != nil || rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "application/wsdl+xml; charset=utf-8" {
			t.Errorf("%s: %d %v %v", name, rec.Code, rec.Header(), err)
			continue
		}
		if at := doc.FindElement("//port/address").SelectAttrValue("location", ""); !strings.HasSuffix(at, address) {
			t.Errorf("%s is at %s", name, at)
		}
		operations := doc.FindElements("//portType/operation")
		if len(operations) != len(transactions) || len(doc.FindElements("//binding/operation")) != len(transactions) {
			t.Errorf("%s has %d operations, want the door's %d", name, len(operations), len(transactions))
		}
		for _, of := range transactions {
			described(t, name, doc, of)
		}
	}
}

// described: one operation has the transaction's actions, and its messages the elements.
func described(t *testing.T, name string, doc *etree.Document, of endpoint.Transaction) {
	t.Helper()
	for _, o := range doc.FindElements("//portType/operation") {
		in, out := o.SelectElement("input"), o.SelectElement("output")
		if in.SelectAttrValue("wsam:Action", "") != of.Action || out.SelectAttrValue("wsam:Action", "") != of.Answer {
			continue
		}
		message := doc.FindElement("//message[@name='" + strings.TrimPrefix(in.SelectAttrValue("message", ""), "tns:") + "']/part")
		prefix, element, _ := strings.Cut(message.SelectAttrValue("element", ""), ":")
		if uri := doc.Root().SelectAttrValue("xmlns:"+prefix, ""); uri != of.Payloads[0].Space || element != of.Payloads[0].Local {
			t.Errorf("%s: %s takes {%s}%s, the door %v", name, of.ID, uri, element, of.Payloads[0])
		}
		return
	}
	t.Errorf("%s has no operation for %s (%s)", name, of.ID, of.Action)
}

// TestWSDLUnknown: other names are nowhere.
func TestWSDLUnknown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"README.md", "..%2fopenapi.yaml", "x.wsdl"} {
		rec := httptest.NewRecorder()
		api.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/docs/soap/"+name, nil))
		if rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
}
