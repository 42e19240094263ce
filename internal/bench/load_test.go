//go:build bench

package bench

import (
	"bytes"
	"crypto/sha1"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// stock is what many documents have in common: their text without its last bytes, in base64, with the state of its SHA-1. A document of
// a load is this and a tail of its own, so that a thousand different ones of a MiB need neither memory nor time in the measured part.
type stock struct {
	size    int
	encoded []byte
	sum     []byte
}

// tail is how many bytes of a document are its own; a multiple of 3, as its stock's size is, so that base64 can be joined.
const tail = 48

func (p *press) stock(t testing.TB, size int) *stock {
	t.Helper()
	size -= size % 3
	text := p.text(size - tail)
	sum := sha1.New()
	_, _ = sum.Write(text)
	state, err := sum.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return &stock{size: size, encoded: base64.StdEncoding.AppendEncode(nil, text), sum: state}
}

func (s *stock) hash(end []byte) []byte {
	sum := sha1.New()
	_ = sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.sum) // its own state
	_, _ = sum.Write(end)
	return sum.Sum(nil)
}

// sender is the record system of one organisation, with one token for a phase, as real ones have.
type sender struct {
	of    tenant.Tenant
	key   *helseid.ProofKey
	token string
	url   string
	// renew gets a token for each request, where a phase is longer than a token's life.
	renew func() (string, error)
}

func (r *rig) sender(t *testing.T, of tenant.Tenant) *sender {
	t.Helper()
	return r.holder(t, of, "/R4/fhir/Bundle", access.AudienceWrite, access.ScopeCreate)
}

// holder has a token of an organisation's machine with one scope, for one address.
func (r *rig) holder(t *testing.T, of tenant.Tenant, path, audience, scope string) *sender {
	t.Helper()
	key, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]json.RawMessage{}
	for name, value := range map[string]any{"aud": audience, "scope": []string{scope}, "client_id": "bench",
		"helseid://claims/client/claims/orgnr_parent": of.Organisations[0], "helseid://claims/client/client_name": "bench"} {
		claims[name], _ = json.Marshal(value)
	}
	token, err := r.service.STS.TestToken(sts.TestTokenRequest{Claims: claims, JKT: key.Thumbprint()})
	if err != nil {
		t.Fatal(err)
	}
	return &sender{of: of, key: key, token: token, url: r.service.URL + path}
}

// request is an upload of a fresh document, ready to be signed and sent.
func (s *sender) request(t testing.TB, from *stock) *http.Request {
	t.Helper()
	const place = "the document's bytes"
	end := []byte((uuid.NewString() + uuid.NewString())[:tail])
	b := servicetest.BundleFor(s.of)
	b.Change = func(message servicetest.Object) {
		attachment := servicetest.Attachment(message)
		attachment["size"], attachment["hash"] = from.size, base64.StdEncoding.EncodeToString(from.hash(end))
		servicetest.Resource(message, 2)["data"] = place
	}
	before, after, found := bytes.Cut(b.JSON(t), []byte(place))
	if !found {
		t.Fatal("the bundle has no place for its document")
	}
	body := func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(before), bytes.NewReader(from.encoded),
			bytes.NewReader(base64.StdEncoding.AppendEncode(nil, end)), bytes.NewReader(after))), nil
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Body, _ = body()
	req.GetBody = body
	req.ContentLength = int64(len(before) + len(from.encoded) + base64.StdEncoding.EncodedLen(tail) + len(after))
	req.Header.Set("Content-Type", "application/fhir+json")
	return req
}

// sign puts the token and a proof on a request, which is good for ten seconds.
func (s *sender) sign(req *http.Request) (err error) {
	if s.renew != nil {
		if s.token, err = s.renew(); err != nil {
			return err
		}
	}
	proof, err := s.key.Proof(req.Method, s.url, s.token, "")
	req.Header.Set("Authorization", "DPoP "+s.token)
	req.Header.Set("DPoP", proof)
	req.Header.Set("nhn-source-system", "bench 1.0")
	return err
}

// insist sends until it is answered 200, each time it is told to come back after the time it is told, and gives how often it was.
func (s *sender) insist(client *http.Client, req *http.Request) (refused int, err error) {
	for {
		if err := s.sign(req); err != nil {
			return refused, err
		}
		if req.Body, err = req.GetBody(); err != nil {
			return refused, err
		}
		res, err := client.Do(req)
		if err != nil {
			return refused, err
		}
		text, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		after, noTime := strconv.Atoi(res.Header.Get("Retry-After"))
		switch {
		case err != nil:
			return refused, err
		case res.StatusCode == http.StatusOK:
			return refused, nil
		case res.StatusCode != http.StatusTooManyRequests || noTime != nil || after < 1:
			return refused, fmt.Errorf("%s with Retry-After %d: %s", res.Status, after, text)
		}
		refused++
		time.Sleep(time.Duration(after) * time.Second)
	}
}
