package saml

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/samlsign"
)

// TestRotation: a new certificate counts within half a minute, one that was taken away no longer, and a folder that cannot be read leaves
// what was known in force and the service not ready.
func TestRotation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	newer := r.signer(t, r.stranger.Key, "HelseID newer", 0)
	verify := func(s samlsign.Signer) error {
		_, err := r.Verify([]byte(enclosed(sign(t, s, r.doctor()))))
		return err
	}
	if verify(newer) == nil || verify(r.helseID) != nil || r.Ready(t.Context()) != nil {
		t.Fatal("wrong from the beginning", r.Ready(t.Context()))
	}
	r.write(t, "helseid/3.crt", newer)
	r.now = r.now.Add(reread - time.Second)
	if verify(newer) == nil {
		t.Error("the places are read for every message")
	}
	r.now = r.now.Add(time.Second)
	if verify(newer) != nil || verify(r.helseID) != nil {
		t.Error("a certificate that was added does not count")
	}
	if err := os.Remove(filepath.Join(r.dir, "helseid/1.pem")); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(reread)
	if verify(newer) != nil || verify(r.helseID) == nil {
		t.Error("a certificate that was taken away counts still")
	}
	if err := os.WriteFile(filepath.Join(r.dir, "helseid/4.pem"), []byte("half a certifi"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(reread)
	if verify(newer) != nil || r.Ready(t.Context()) == nil {
		t.Error("a file that cannot be read must leave the known in force and be told", r.Ready(t.Context()))
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "helseid")); err != nil {
		t.Fatal(err)
	}
	r.now = r.now.Add(reread)
	if verify(newer) == nil || r.Ready(t.Context()) == nil {
		t.Error("certificates outlive their folder")
	}
}

// TestPlacesOfCertificates: what else lies there is never taken for less than it is.
func TestPlacesOfCertificates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skip("no small keys to be had: ", err)
	}
	weak := r.signer(t, small, "weak", 0)
	good := samlsign.PEM(r.helseID.Certificate)
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	for name, c := range map[string]struct {
		content []byte
		says    string
	}{
		"a private key":     {append(good, key...), "private key"},
		"a weak key":        {samlsign.PEM(weak.Certificate), "2048"},
		"nothing":           {nil, "no certificate"},
		"something after":   {append(samlsign.PEM(r.helseID.Certificate), "-----BEGIN"...), "after it"},
		"a broken one":      {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), "x509"},
		"an enormous file":  {[]byte(strings.Repeat("x", maxFile+1)), "larger"},
		"a text before one": {append([]byte("subject=CN=HelseID\n"), good...), ""},
	} {
		path := filepath.Join(t.TempDir(), "x.pem")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := r.cfg
		cfg.Issuers = []Issuer{HelseID(path)}
		if _, err := New(cfg); c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestConfigIsChecked: a slip lets nobody in.
func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	change := func(edit func(*Issuer)) func(*Config) {
		return func(c *Config) {
			i := HelseID(filepath.Join(r.dir, "helseid"))
			edit(&i)
			c.Issuers = []Issuer{i}
		}
	}
	for name, edit := range map[string]func(*Config){
		"no issuer":                  func(c *Config) { c.Issuers = nil },
		"no clock":                   func(c *Config) { c.Now = nil },
		"a long skew":                func(c *Config) { c.Skew = time.Hour },
		"a negative skew":            func(c *Config) { c.Skew = -1 },
		"one issuer twice":           func(c *Config) { c.Issuers = append(c.Issuers[:1:1], c.Issuers[0]) },
		"an acp for operators":       func(c *Config) { c.Meanings = map[string]access.Kind{"1.2": access.Operator} },
		"an issuer of machines":      change(func(i *Issuer) { i.Kind = access.Machine }),
		"an issuer of guardians":     change(func(i *Issuer) { i.Kind = access.Guardian }),
		"an issuer of no kind":       change(func(i *Issuer) { i.Kind = access.Nobody }),
		"no name":                    change(func(i *Issuer) { i.Name = "" }),
		"no audience":                change(func(i *Issuer) { i.Audiences = nil }),
		"an empty audience":          change(func(i *Issuer) { i.Audiences = []string{"x", ""} }),
		"no lifetime":                change(func(i *Issuer) { i.Lifetime = 0 }),
		"a lifetime of days":         change(func(i *Issuer) { i.Lifetime = 48 * time.Hour }),
		"a level above all":          change(func(i *Issuer) { i.Level = 8 }),
		"no certificates":            change(func(i *Issuer) { i.Certificates = nil }),
		"certificates that are gone": change(func(i *Issuer) { i.Certificates = []string{filepath.Join(r.dir, "none")} }),
	} {
		cfg := r.cfg
		edit(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
