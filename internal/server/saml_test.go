package server_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/server"

	"github.com/google/go-cmp/cmp"
)

// oneIssuer is an issuer as the environment has it.
const oneIssuer = `{"name":"sikkerhet.helsenorge.no","kind":"citizen","certificates":["/etc/x.pem"],"audiences":["https://a/"],"lifetime":"20m","level":4,"scopes":{"innsyn":["nhn:phr/mhd/read-document"]}}`

// TestIssuersAreReadFromFileAndEnvironmentAlike: what decides about trust means the same wherever it stands.
func TestIssuersAreReadFromFileAndEnvironmentAlike(t *testing.T) {
	t.Parallel()
	want := server.Issuers{saml.Issuer{Name: "sikkerhet.helsenorge.no", Kind: access.Citizen, Certificates: []string{"/etc/x.pem"}, Audiences: []string{"https://a/"},
		Lifetime: 20 * time.Minute, Level: 4, Scopes: map[string][]string{"innsyn": {access.ScopeReadDocument}}}}
	inEnvironment := complete()
	maps.Copy(inEnvironment, map[string]string{"SAML_ISSUERS": "[" + oneIssuer + "]", "SAML_ACP_MEANINGS": "urn:oid:1.2.3=guardian"})
	file := yamlFile(t, "saml:\n  acp_meanings: ['urn:oid:1.2.3=guardian']\n  issuers:\n    - name: sikkerhet.helsenorge.no\n      kind: citizen\n      certificates: [/etc/x.pem]\n      audiences: ['https://a/']\n      lifetime: 20m\n      level: 4\n      scopes: {innsyn: ['nhn:phr/mhd/read-document']}\n")
	for name, load := range map[string]func() (server.Config, error){
		"environment": func() (server.Config, error) { return server.LoadConfig("", environ(inEnvironment), server.Serving) },
		"file":        func() (server.Config, error) { return server.LoadConfig(file, environ(complete()), server.Serving) },
	} {
		cfg, err := load()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, cfg.SAML.Issuers); diff != "" || cfg.SAML.Skew != 10*time.Second || cfg.SAML.Meanings["urn:oid:1.2.3"] != "guardian" {
			t.Errorf("%s: %+v %s", name, cfg.SAML, diff)
		}
		if shown := cfg.Log().String(); !strings.Contains(shown, "saml.issuers=sikkerhet.helsenorge.no (citizen)") {
			t.Errorf("%s: logged as %s", name, shown)
		}
	}
}

// TestIssuersThatAreRefused: a mistake in who is trusted stops the service, and says where.
func TestIssuersThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ change, to, want string }{
		{`"level":4`, `"levels":4`, `unknown field "levels"`},
		{`"level":4`, `"level":"4"`, "level is of the wrong kind"},
		{`"level":4`, `"level":8`, "security level must be between 0 and 7"},
		{`"citizen"`, `"operator"`, "of issuer 1: kind must be personnel or citizen"},
		{`"citizen"`, `"guardian"`, "its kind must be citizen or personnel"},
		{`"20m"`, `"20"`, "of issuer 1: lifetime must be a duration"},
		{`"20m"`, `"25h"`, "longest lifetime must be above zero and at most 24 hours"},
		{`["/etc/x.pem"]`, `[]`, "no place of certificates is named"},
		{`["https://a/"]`, `[""]`, "it has no audience, or an empty one"},
		{`mhd/read-document"`, `mhd/read-dokument"`, `scopes: what "innsyn" stands for must be of`},
		{oneIssuer, oneIssuer + "," + oneIssuer, "stands twice"},
		{oneIssuer, oneIssuer + "] [", "there is more after its end"},
		{oneIssuer, "x", "must be a list of objects"},
	} {
		values := complete()
		values["SAML_ISSUERS"] = strings.Replace("["+oneIssuer+"]", c.change, c.to, 1)
		_, err := server.LoadConfig("", environ(values), server.Serving)
		if got := told(err); len(got) != 1 || !strings.HasPrefix(got[0], "saml.issuers: The value ") || !strings.Contains(got[0], c.want) {
			t.Errorf("%s: %q, want %q", c.to, got, c.want)
		}
	}
	values := complete()
	values["SAML_ACP_MEANINGS"] = "1.2.3=machine"
	if _, err := server.LoadConfig("", environ(values), server.Serving); len(told(err)) != 1 || !strings.HasPrefix(told(err)[0], "saml.acp_meanings: ") {
		t.Errorf("%v", told(err))
	}
}
