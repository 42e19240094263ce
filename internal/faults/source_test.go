package faults

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// paper is one document in the books of the record system that sent it: what the service has acknowledged of it.
type paper struct {
	// id is the entryUUID that the service answered with, unique the identifier the document is opened under.
	id, unique string
	of         tenant.Tenant
	sum        [32]byte
	code       string
	// replaced and deleted are acknowledged; patches counts acknowledged changes of the code, sent how many were asked for.
	replaced, deleted bool
	patches, sent     int
}

// source is one record system with its books. It belongs to one goroutine.
type source struct {
	t       testing.TB
	service *servicetest.Service
	of      tenant.Tenant
	writer  *servicetest.Caller
	papers  []*paper
}

func newSource(t testing.TB, s *servicetest.Service, of tenant.Tenant) *source {
	t.Helper()
	return &source{t: t, service: s, of: of, writer: s.Writer(t, of.Organisations[0])}
}

// deed is something a record system wants done, until it is: the same message each time.
type deed struct {
	name, method, path string
	body               []byte
	headers            map[string]string
	source             *source
	// tries counts the times it was sent.
	tries int
	// done takes a positive answer into the books.
	done func(reply) error
	// before is called before each try; may be nil.
	before func()
}

// send tries once.
func (d *deed) send(ctx context.Context, limit time.Duration) reply {
	d.tries++
	if d.before != nil {
		d.before()
	}
	return request(ctx, limit, d.method, d.source.service.URL+d.path, d.body, func(req *http.Request) {
		for name, value := range d.headers {
			req.Header.Set(name, value)
		}
		d.source.writer.Sign(d.source.t, req)
	})
}

// finished tells whether the answer says that the deed is done. A deletion that is sent again because nobody answered may hear that
// the document is gone.
func (d *deed) finished(r reply) bool {
	return r.kept() || d.method == http.MethodDelete && d.tries > 1 && r.err == nil && r.status == http.StatusGone
}

// upload sends new documents. With a key, the message has an Idempotency-Key.
func (s *source) upload(key string, docs ...servicetest.Doc) *deed {
	d := &deed{name: "upload", method: http.MethodPost, path: "/R4/fhir/Bundle", source: s, headers: map[string]string{"Content-Type": "application/fhir+json"}}
	if key != "" {
		d.headers["Idempotency-Key"] = `"` + key + `"`
	}
	d.body = servicetest.BundleFor(s.of, docs...).JSON(s.t)
	d.done = func(r reply) error {
		ids, err := registered(r.body)
		if err != nil || len(ids) != len(docs) {
			return fmt.Errorf("the answer to an upload of %d documents names %v: %w", len(docs), ids, err)
		}
		for i, doc := range docs {
			p := &paper{id: ids[i], unique: doc.BinaryID, of: s.of, sum: sha256.Sum256(doc.Bytes), code: "N"}
			if s.of.Profile == tenant.IHE {
				p.unique = doc.MasterID
			}
			s.papers = append(s.papers, p)
		}
		return nil
	}
	return d
}

// registered reads the DocumentReference ids of a transaction's answer, in order.
func registered(body []byte) (ids []string, err error) {
	var answer struct {
		Entry []struct {
			Response struct {
				Location string `json:"location"`
			} `json:"response"`
		} `json:"entry"`
	}
	err = json.Unmarshal(body, &answer)
	for _, e := range answer.Entry {
		if _, id, yes := strings.Cut(e.Response.Location, "/DocumentReference/"); yes {
			id, _, _ = strings.Cut(id, "?")
			ids = append(ids, id)
		}
	}
	return ids, err
}

// replace sends a new version of a document.
func (s *source) replace(key string, old *paper, doc servicetest.Doc) *deed {
	doc.Relates = map[string]string{"replaces": old.id}
	d := s.upload(key, doc)
	d.name = "replace"
	booked := d.done
	d.done = func(r reply) error {
		old.replaced = true
		return booked(r)
	}
	return d
}

const hl7Confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

// patch changes a document's confidentiality.
func (s *source) patch(p *paper, code string) *deed {
	return &deed{name: "patch", method: http.MethodPatch, path: s.reference(p), source: s, headers: map[string]string{"Content-Type": "application/json-patch+json"},
		body:   []byte(`[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"` + hl7Confidentiality + `","code":"` + code + `"}]}]}]`),
		before: func() { p.sent++ },
		done:   func(reply) error { p.code = code; p.patches++; return nil }}
}

// delete takes a document out of use.
func (s *source) delete(p *paper) *deed {
	return &deed{name: "delete", method: http.MethodDelete, path: s.reference(p), source: s, done: func(reply) error { p.deleted = true; return nil }}
}

func (s *source) reference(p *paper) string {
	return "/R4/fhir/DocumentReference/" + p.id + "?homeCommunityId=" + url.QueryEscape("urn:oid:"+s.of.HomeCommunity)
}

// newKey is a fresh Idempotency-Key.
func newKey() string { return uuid.NewString() }
