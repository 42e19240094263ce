package helseid

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/singleflight"

	"dokumentlager/internal/fault"
)

// How keys are fetched. An unknown kid may be a stranger's invention, so it cannot make us ask oftener than everyAsk.
const (
	fetchTimeout = 5 * time.Second
	maxDocument  = 256 << 10
	maxKeyAge    = time.Hour
	everyAsk     = 10 * time.Second
	everyRetry   = time.Second // while there are no keys at all, everything is refused anyway
)

// equaler is what every public key of the standard library can do.
type equaler interface{ Equal(crypto.PublicKey) bool }

// issuerKey is one key of the JWKS; alg is empty when the issuer leaves it open.
type issuerKey struct {
	alg string
	key equaler
}

// keySet holds the issuer's public keys. Once it has some it always has some: a refresh that fails changes nothing.
type keySet struct {
	issuer, jwksURL string
	client          *http.Client
	now             func() time.Time
	group           singleflight.Group

	mu             sync.RWMutex
	keys           map[string][]issuerKey
	fetched, asked time.Time
	failure        error
}

func newKeySet(cfg Config) *keySet {
	return &keySet{issuer: cfg.Issuer, jwksURL: cfg.JWKSURL, client: direct(cfg.HTTPClient), now: cfg.Now}
}

// direct is the same client without redirects: keys come from where configuration says and from nowhere else.
func direct(c *http.Client) *http.Client {
	bound := *c
	bound.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &bound
}

// holds reports whether the issuer still publishes this very key under that id, and sees to it that the answer stays young.
func (k *keySet) holds(ctx context.Context, kid string, key crypto.PublicKey) bool {
	found, stale, _ := k.state(kid)
	if stale {
		k.refresh(ctx)
	}
	return slices.ContainsFunc(found, func(have issuerKey) bool { return have.key.Equal(key) })
}

func (k *keySet) state(kid string) (found []issuerKey, stale bool, failure error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.keys[kid], k.now().Sub(k.fetched) > maxKeyAge, k.failure
}

// find gives the keys with that id. Old keys are used while they are renewed behind the request; an unknown id waits for one
// refresh. It fails as "unavailable" only when the issuer could not be asked.
func (k *keySet) find(ctx context.Context, kid string) ([]issuerKey, error) {
	found, stale, _ := k.state(kid)
	if len(found) > 0 {
		if stale {
			k.refresh(ctx)
		}
		return found, nil
	}
	select {
	case <-k.refresh(ctx):
	case <-ctx.Done():
		return nil, unavailable("HelseID's keys could not be fetched.", ctx.Err()).From(fault.HelseID)
	}
	found, _, failure := k.state(kid)
	if len(found) == 0 && failure != nil {
		return nil, unavailable("HelseID's keys could not be fetched.", failure).From(fault.HelseID)
	}
	return found, nil
}

// ready waits for a first set of keys.
func (k *keySet) ready(ctx context.Context) error {
	k.mu.RLock()
	have := len(k.keys) > 0
	k.mu.RUnlock()
	if have {
		return nil
	}
	_, err := k.find(ctx, "")
	return err
}

// refresh fetches the keys, once for all who wait and with a deadline of its own: a caller who leaves must not fail the others.
func (k *keySet) refresh(ctx context.Context) <-chan singleflight.Result {
	return k.group.DoChan("", func() (any, error) {
		if !k.mayAsk() {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		keys, err := k.fetch(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.failure = err
		if err == nil {
			k.keys, k.fetched = keys, k.now()
		}
		return nil, nil
	})
}

// mayAsk keeps the rate. A clock that was set back must not silence it.
func (k *keySet) mayAsk() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	pause := everyAsk
	if len(k.keys) == 0 {
		pause = everyRetry
	}
	now := k.now()
	if since := now.Sub(k.asked); since >= 0 && since < pause {
		return false
	}
	k.asked = now
	return true
}

func (k *keySet) fetch(ctx context.Context) (map[string][]issuerKey, error) {
	address := k.jwksURL
	if address == "" {
		d, err := discover(ctx, k.client, k.issuer)
		if err != nil {
			return nil, err
		}
		address = d.JWKSURI
	}
	body, err := get(ctx, k.client, address)
	if err != nil {
		return nil, err
	}
	return parseJWKS(body)
}

// parseJWKS takes the keys that can verify a signature and leaves out the rest: symmetric and private keys, keys for
// encryption, weak ones and those without an id. A set without any usable key is an error.
func parseJWKS(body []byte) (map[string][]issuerKey, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("read JWKS: %w", err)
	}
	keys := map[string][]issuerKey{}
	for _, raw := range set.Keys {
		members := readObject(fault.PartUnavailable, "A key", raw)
		kid, alg, use := members.text("kid"), members.text("alg"), members.text("use")
		key, _, err := publicKey(members, raw)
		if err != nil || members.err() != nil || kid == "" || (use != "" && use != "sig") {
			continue
		}
		keys[kid] = append(keys[kid], issuerKey{alg, key})
	}
	if len(keys) == 0 {
		return nil, errors.New("read JWKS: no usable key")
	}
	return keys, nil
}
