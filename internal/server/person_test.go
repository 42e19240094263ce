package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/fault"
)

// aKey is made up for this test.
const aKey = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X4fCE9-E9LI"}`

// TestPersontjenestenSettings: what cannot be right is refused before the service listens, without the key.
func TestPersontjenestenSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value, says string }{
		{"PRIVATE_KEY", aKey, ""}, {"PRIVATE_KEY", strings.Replace(aKey, `"d"`, `"q"`, 1), "must be a private RSA or EC key"}, {"PRIVATE_KEY", "secret", "must be a private RSA or EC key"},
		{"FRESH", "1m", ""}, {"FRESH", "61s", "1m0s at most"}, {"FRESH", "0s", "above zero"}, {"STALE", "0", ""}, {"STALE", "168h", ""}, {"STALE", "169h", "168h0m0s at most"},
		{"DEADLINE", "0s", "above zero"}, {"URL", "person.example.no", "http or https URL"},
	} {
		_, err := LoadConfig("", []string{EnvPrefix + "PERSONTJENESTEN_" + c.key + "=" + c.value}, Purpose(0))
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "jpsQnn") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s=%s: %v", c.key, c.value, err)
		}
	}
	p := &parts{now: time.Now, cfg: Config{Persontjenesten: PersontjenestenConfig{URL: "https://person.example.no"}}}
	if _, err := p.personSigner(); len(fault.Of(err)) != 2 || fault.Of(err)[0].Code != fault.ConfigurationRefused {
		t.Errorf("without client and key: %v", err)
	}
	p.cfg.Persontjenesten.ClientID, p.cfg.Persontjenesten.PrivateKey = "dokumentlager", aKey
	if _, err := p.personSigner(); err != nil {
		t.Error(err)
	}
}

// TestPersontjenestenDecidesNothing of readiness, and says when it is not there.
func TestPersontjenestenDecidesNothing(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{"ok": nil, "fails": errors.New("down"), "not configured": errNotConfigured} {
		h := &Health{Log: slog.New(slog.DiscardHandler), Deadline: time.Second, Checks: []Check{
			{Name: "database", Ask: func(context.Context) error { return nil }}, {Name: "persontjenesten", Ask: func(context.Context) error { return err }, Aside: true}}}
		if parts, fine := h.Ask(t.Context()); !fine || parts["persontjenesten"] != want {
			t.Errorf("%v, ready %v; want %s", parts, fine, want)
		}
	}
	p := &parts{}
	if p.register() != nil || !errors.Is(p.personReady(t.Context()), errNotConfigured) {
		t.Error("a client that is not there is asked")
	}
}
