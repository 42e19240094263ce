package server_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"

	"github.com/google/go-cmp/cmp"
)

// TestAccessSettings: roles and purposes are data; without settings they are the default policy; a slip is refused at start, in words that say
// what is possible.
func TestAccessSettings(t *testing.T) {
	t.Parallel()
	changed := func(change func(*access.Policy)) access.Policy {
		p := access.DefaultPolicy()
		change(&p)
		return p
	}
	for _, c := range []struct {
		key, value string
		want       access.Policy
		says       string
	}{
		{"ROLES", "", access.DefaultPolicy(), ""},
		{"ROLES", "LE, SP,PS", changed(func(p *access.Policy) { p.Roles = []string{"LE", "SP", "PS"} }), ""},
		{"ROLES", "LE,LEGE", access.Policy{}, "must be a list of codes of 9060 (2.16.578.1.12.4.1.1.9060), such as LE; number 2 is none"},
		{"ROLES", "le", access.Policy{}, "number 1 is none"},
		{"ROLES", ",", access.Policy{}, "must name at least one role"},
		{"DENIED_ROLES", "XX,LE", changed(func(p *access.Policy) { p.DeniedRoles = []string{"XX", "LE"} }), ""},
		{"DENIED_ROLES", "XX,YY", access.Policy{}, "number 2 is none"},
		{"BREAK_GLASS", "", access.DefaultPolicy(), ""},
		{"BREAK_GLASS", "BTG", changed(func(p *access.Policy) { p.BreakGlass = []string{"BTG"} }), ""},
		{"BREAK_GLASS", "ETREAT, BTG", changed(func(p *access.Policy) { p.BreakGlass = []string{"ETREAT", "BTG"} }), ""},
		{"BREAK_GLASS", "TREAT", access.Policy{}, "must be a list of purposes of emergency, ETREAT and BTG, or empty"},
		{"BREAK_GLASS", "BTG,TREAT", access.Policy{}, "ETREAT and BTG"},
		{"BREAK_GLASS", "btg", access.Policy{}, "ETREAT and BTG"},
	} {
		cfg, err := server.LoadConfig("", []string{server.EnvPrefix + "ACCESS_" + c.key + "=" + c.value}, server.Purpose(0))
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "access."+strings.ToLower(c.key)) {
				t.Errorf("%s=%s: %v", c.key, c.value, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, cfg.Access.Policy()); err != nil || diff != "" {
			t.Errorf("%s=%s: %v (-want +got):\n%s", c.key, c.value, err, diff)
		}
	}
	cfg, err := server.LoadConfig(yamlFile(t, "access: {roles: [LE], break_glass: [ETREAT]}\n"), nil, server.Purpose(0))
	if err != nil || len(cfg.Access.Roles) != 1 || cfg.Access.BreakGlass[0] != "ETREAT" {
		t.Errorf("from a file: %+v, %v", cfg.Access, err)
	}
	var out bytes.Buffer
	obs.NewLogger(&out, slog.LevelInfo, nil).Info("configuration", cfg.Log())
	if !strings.Contains(out.String(), `"access.break_glass":"ETREAT"`) {
		t.Errorf("not in the log line: %s", out.String())
	}
}
