// Package person asks Persontjenesten, NHN's copy of Folkeregisteret, for what the access rules need to know of a patient: birth, death
// and address protection (C5, L4, L5); and whether he exists (P2).
//
// It promises that no answer is older than Config.Fresh while the service answers, that one which is older is flagged and never older
// than Config.Stale, and that everything else is an error: what cannot be read for certain is never taken for "not protected". A number
// leaves this package in a request's body only, and is kept nowhere: the cache goes by a keyed hash.
package person

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"

	"golang.org/x/sync/singleflight"
)

// Protection is how a person's addresses are graded in Folkeregisteret (L5).
type Protection uint8

// From the mildest on. Klientadresse is an address and no protection of one, so it counts as Unclassified.
const (
	Unclassified Protection = iota
	Confidential
	StrictlyConfidential
)

// Facts are what the register knows of one person.
type Facts struct {
	// Registered is false for a number that nobody has; the other fields are then zero.
	Registered bool
	// BirthDate and DeadSince are dates, as midnight UTC; zero when the register has none.
	BirthDate, DeadSince time.Time
	Address              Protection
}

// Answer is facts and how old they are.
type Answer struct {
	Facts
	// Age is the time since they were asked for.
	Age time.Duration
	// Stale says that the service could not be asked now, and that these are what it said last.
	Stale bool
}

// Signer puts this service's token and proof on a request, and forgets a token that was refused.
type Signer interface {
	Sign(*http.Request) error
	Forget(*http.Request)
}

// Config says whom to ask and how long to believe him. URL, Signer, Now and Log are needed.
type Config struct {
	// URL is the address of the API's version and kind of access, such as https://…/api/v3/full-access.
	URL    string
	Signer Signer
	// Deadline bounds one question, token and second try included; zero means 3 s.
	Deadline time.Duration
	// Fresh is how long an answer is given again; Stale how old it may be while the service is down. Zero is never.
	Fresh, Stale time.Duration
	// Known is how long Exists believes that somebody is registered. Zero is Fresh.
	Known time.Duration
	// Kept is how many patients are remembered, the last asked for; zero means 50,000.
	Kept int
	// Failures in a row, zero meaning 5, stop all asking for Rest, zero meaning 5 s; then one question at a time is tried.
	Failures int
	Rest     time.Duration
	HTTP     *http.Client
	Now      func() time.Time
	Log      *slog.Logger
}

// Client asks. Make it with New.
type Client struct {
	cfg     Config
	secret  [32]byte
	breaker *breaker
	cache   *cache
	flights singleflight.Group
}

// New fills in what the configuration leaves open.
func New(cfg Config) (*Client, error) {
	cfg.Deadline, cfg.Rest = or(cfg.Deadline, 3*time.Second), or(cfg.Rest, 5*time.Second)
	cfg.Kept, cfg.Failures = or(cfg.Kept, 50_000), or(cfg.Failures, 5)
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	cfg.HTTP = direct(cfg.HTTP)
	c := &Client{cfg: cfg, cache: newCache(cfg.Kept)}
	if _, err := rand.Read(c.secret[:]); err != nil {
		return nil, fmt.Errorf("make the cache's key: %w", err)
	}
	c.breaker = &breaker{after: cfg.Failures, rest: cfg.Rest, now: cfg.Now, tell: c.told}
	return c, nil
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// direct is the client without redirects: a number must go where configuration says and nowhere else.
func direct(c *http.Client) *http.Client {
	var bound http.Client
	if c != nil {
		bound = *c
	}
	bound.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &bound
}

// kind is a kind of national number that the API takes.
type kind struct {
	authority string
	digits    int
	// first are the digits that it begins with.
	first string
}

// kinds are fødselsnummer, D-nummer (40 added to the day), felles hjelpenummer and DUF-nummer.
var kinds = []kind{
	{document.AuthorityFNR, 11, "0123"}, {document.AuthorityDNR, 11, "4567"}, {"2.16.578.1.12.4.1.4.3", 11, "89"}, {"2.16.578.1.12.4.1.4.5", 12, "0123456789"},
}

func (k kind) has(number string) bool {
	return len(number) == k.digits && strings.Trim(number, "0123456789") == ""
}

// National reports whether the register can know the patient at all. Of others (P1: local, foreign) there are no facts. It goes by the
// form alone: a number that is wrong in itself is for the register to refuse.
func National(p document.PatientID) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.authority == p.Authority && k.has(p.Value) })
}

// NationalNumber is the patient whom a number alone means, and nobody when it is no national one by its form.
func NationalNumber(number string) document.PatientID {
	for _, k := range kinds {
		if k.has(number) && strings.Contains(k.first, number[:1]) {
			return document.PatientID{Value: number, Authority: k.authority}
		}
	}
	return document.PatientID{}
}

// Facts gives what is known of a National patient. The error is PartUnavailable when the service cannot be asked or understood and
// nothing young enough is remembered; it is the context's own when the caller left.
func (c *Client) Facts(ctx context.Context, p document.PatientID) (Answer, error) {
	return c.facts(ctx, c.key("patient", p.Value), p.Value)
}

// noNumber is a number of the right length that nobody has: day 0 of month 0.
const noNumber = "00000000000"

// Nobody takes as long and fails as often as Facts of a patient, and tells nothing. Whoever must not know whether there is something
// about a patient is told so after the same wait; seed is what he asked for.
func (c *Client) Nobody(ctx context.Context, seed string) error {
	a, err := c.facts(ctx, c.key("nobody", seed), noNumber)
	if err == nil && a.Stale {
		return c.unavailable(nil)
	}
	return err
}

// Ready tells whether the service answers. It asks it now and then, also while nobody else does.
func (c *Client) Ready(ctx context.Context) error {
	if err := c.breaker.resting(); err != nil {
		return err
	}
	return c.Nobody(ctx, "readiness")
}

// key hides a number. The secret lives as long as the process, as the cache does.
func (c *Client) key(kind, value string) string {
	mac := hmac.New(sha256.New, c.secret[:])
	mac.Write([]byte(kind + "\x00" + value))
	return string(mac.Sum(nil))
}

func (c *Client) facts(ctx context.Context, key, number string) (Answer, error) {
	if a, ok := c.remembered(key, c.cfg.Fresh); ok {
		return a, nil
	}
	// The flight is for all who wait: one who leaves must not fail the others.
	flight := c.flights.DoChan(key, func() (any, error) { return c.ask(context.WithoutCancel(ctx), key, number) })
	select {
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	case result := <-flight:
		if result.Err == nil {
			return result.Val.(Answer), nil
		}
		if a, ok := c.remembered(key, c.cfg.Stale); ok {
			a.Stale = true
			return a, nil
		}
		return Answer{}, c.unavailable(result.Err)
	}
}

// remembered is an answer no older than age, counted from when it was asked for. A clock that was set back makes it useless.
func (c *Client) remembered(key string, age time.Duration) (Answer, bool) {
	f, asked, ok := c.cache.get(key)
	past := c.cfg.Now().Sub(asked)
	return Answer{Facts: f, Age: past}, ok && age > 0 && past >= 0 && past <= age
}

// ask is one question of the service, remembered when it is answered.
func (c *Client) ask(ctx context.Context, key, number string) (Answer, error) {
	leave, err := c.breaker.enter()
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Deadline)
	defer cancel()
	asked := c.cfg.Now()
	f, err := c.call(ctx, number)
	leave(err)
	if err != nil {
		return Answer{}, err
	}
	c.cache.put(key, f, asked)
	return Answer{Facts: f, Age: max(0, c.cfg.Now().Sub(asked))}, nil
}

func (c *Client) unavailable(cause error) error {
	return fault.New(fault.PartUnavailable, "Persontjenesten does not answer, and without it nobody can tell whether the patient's address is protected. "+
		"Nothing is shown until then. Try again.").By("L5").From(fault.Persontjenesten).RetryIn(c.cfg.Rest).Because(cause)
}

// told logs when asking stops and when it goes on.
func (c *Client) told(open bool, cause error) {
	if open {
		c.cfg.Log.Error("Persontjenesten does not answer: personnel get nothing but what the last answers allow, and uploads go on for patients who are known already",
			"operation", "person-facts", "component", string(fault.PartOf(fault.FromPart(fault.Persontjenesten, cause))), "error", cause)
		return
	}
	c.cfg.Log.Info("Persontjenesten answers again", "operation", "person-facts", "component", string(fault.Persontjenesten))
}
