package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

// FuzzConfigValue holds that a value is read to what it says or refused in words that do not repeat it.
func FuzzConfigValue(f *testing.F) {
	for _, s := range []string{"256MiB", "1 KiB", "-1", "9223372036854775807GiB", "10s", "-1h", "1e9h", "true", "a=b,c=d", "a=", strings.Repeat("0", 64), strings.Repeat("f", 64), strings.Repeat("_", 43), "127.0.0.1:8080", "[::1]:x",
		"http://user:secret@host", "postgres://u:p@h/d", "info", "ERROR+4", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.InTime(t)()
		var size Size
		var life time.Duration
		var pairs map[string]string
		var key Key
		for _, field := range []any{&size, &life, &pairs, &key, new(int), new(bool), new([]string)} {
			switch err := assign(field, text); {
			case err != nil && len(text) > 12 && strings.Contains(err.Error(), text):
				t.Errorf("refused with its own text: %v", err)
			case err == nil && (size < 0 || life < 0):
				t.Errorf("%q became %d bytes, %v", text, size, life)
			}
			if life < 0 {
				life = 0 // refused
			}
		}
		if again, err := parseSize(size.String()); size > 0 && (err != nil || again != size) {
			t.Errorf("%q became %s, then %d", text, size, again)
		}
		for _, check := range []func(string) error{isHostPort, isHTTP, isPostgres, positive, between(1, 9)} {
			if err := check(text); err != nil && len(text) > 24 && strings.Contains(err.Error(), text) {
				t.Errorf("refused with its own text: %v", err)
			}
		}
	})
}

// FuzzConfigFile holds that any file and any environment are read to a configuration or to faults of configuration.
func FuzzConfigFile(f *testing.F) {
	for _, s := range []string{"", "listen: 127.0.0.1:1", "database:\n  url: postgres://a", "database: [a]", "a: &a [*a]", "a: &a x\nb: [*a,*a]", "listen: {a: b}", "\x00", "- x", "limits:\n  request: 1GiB\n  in_flight: 0", "? a\n: b",
		"a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]"} {
		f.Add([]byte(s), "DOKUMENTLAGER_LISTEN=127.0.0.1:0")
		f.Add([]byte(s), "DOKUMENTLAGER_LISTE=x")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, variable string) {
		defer fuzztest.InTime(t)()
		path := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadConfig(path, []string{variable}, Serving)
		if err == nil {
			return
		}
		for _, p := range fault.Of(err) {
			if p.Code != fault.ConfigurationRefused || strings.Contains(p.Safe, "%!") {
				t.Errorf("%+v", p)
			}
		}
	})
}

// FuzzEventID holds that what a caller's own id brings into the log is short, of harmless letters, and never a bare number.
func FuzzEventID(f *testing.F) {
	for _, s := range []string{"8e03978e-40d5-43e8-bc93-6894a57f9324", "13116900216", "x13116900216y", "a\nb", "131169-00216", "a", strings.Repeat("a", 65), "x13116900216", "æ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.InTime(t)()
		if isEventID(s) && (len(s) > 64 || strings.ContainsAny(s, " \r\n\x00\"\\=") || strings.Trim(s, "0123456789-_.:") == "" || strings.Contains(s, "13116900216")) {
			t.Errorf("%q is taken", s)
		}
		if m := knownMethod(s); m != "other" && m != s {
			t.Errorf("%q is logged as %q", s, m)
		}
	})
}
