package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// where says which service is meant.
type where struct {
	Stack   string `help:"The dev.json of a running dev stack." xor:"where" type:"path" placeholder:"FILE"`
	Dir     string `help:"Folder of a running dev stack." xor:"where" type:"path" placeholder:"DIR"`
	Profile string `help:"Profile of a real environment (YAML): base_url, issuer, client_id, private_jwk, scopes, organisation." xor:"where" type:"path" placeholder:"FILE"`
}

// client is a HelseID client with its private key.
type client struct {
	ClientID     string          `json:"client_id"`
	PrivateJWK   json.RawMessage `json:"private_jwk"`
	Organisation string          `json:"organisation"`
	Scopes       []string        `json:"scopes"`
}

type stackTenant struct {
	Name          string   `json:"name"`
	HomeCommunity string   `json:"home_community_id"`
	Organisations []string `json:"organisations"`
}

// site is a service with the ways to its tokens. A real environment has one client, no tenants that we know of, and no
// TestTokenEndpoint: personal tokens come from a login there.
type site struct {
	BaseURL           string        `json:"base_url"`
	Issuer            string        `json:"issuer"`
	TokenEndpoint     string        `json:"token_endpoint"`
	TestTokenEndpoint string        `json:"test_token_endpoint"`
	TestSAMLEndpoint  string        `json:"test_saml_endpoint"`
	Tenants           []stackTenant `json:"tenants"`
	Clients           []client      `json:"clients"`

	// dir is the dev stack's folder, empty for a real environment.
	dir string
}

// profile is the file of a real environment. A stack's facts that a real one does not have cannot be written in it.
type profile struct {
	BaseURL       string `yaml:"base_url"`
	Issuer        string `yaml:"issuer"`
	TokenEndpoint string `yaml:"token_endpoint"`
	ClientID      string `yaml:"client_id"`
	// PrivateJWK is a file, beside the profile unless its path is absolute: a key should not stand in a file that gets passed around.
	PrivateJWK string `yaml:"private_jwk"`
	// Organisation is "parent" or "parent:child" for a multi-tenant client, and empty otherwise.
	Organisation string   `yaml:"organisation"`
	Scopes       []string `yaml:"scopes"`
}

// errNoSite is what somebody sees who has not said which service is meant.
var errNoSite = errors.New("no service is named: start one with `make demo`, or name one with --dir DIR, --stack FILE or --profile FILE")

// site finds the service: a flag, else the environment, else the stack of `make demo`.
func (w where) site(s *surroundings) (*site, error) {
	stack, prof := w.Stack, w.Profile
	if w.Dir != "" {
		stack = filepath.Join(w.Dir, "dev.json")
	}
	if stack == "" && prof == "" {
		stack, prof = s.getenv("DLCTL_STACK"), s.getenv("DLCTL_PROFILE")
	}
	if stack == "" && prof == "" {
		stack = demoStack(s.bin)
	}
	switch {
	case stack != "" && prof != "":
		return nil, errors.New("DLCTL_STACK and DLCTL_PROFILE are both set; unset one, or name the service with a flag")
	case prof != "":
		return readProfile(prof)
	case stack != "":
		return readStack(stack)
	default:
		return nil, errNoSite
	}
}

// ownFolder is the folder of the running program.
func ownFolder() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Dir(self)
}

// demoStack is the stack of `make demo` in the current checkout, or else in the one whose bin folder this program stands in.
func demoStack(bin string) string {
	for _, root := range []string{".", filepath.Join(bin, "..")} {
		candidate := filepath.Join(root, "build", "demo", "dev.json")
		if _, err := os.Stat(candidate); err == nil {
			return candidate
		}
	}
	return ""
}

func readStack(path string) (*site, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no dev stack runs there: %s is missing, which a stack writes when it is ready and removes when it stops", path)
	}
	if err != nil {
		return nil, err
	}
	s := &site{dir: filepath.Dir(path)}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return s, nil
}

func readProfile(path string) (*site, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true) // a misspelt field would be a puzzling refusal later
	var p profile
	if err := decoder.Decode(&p); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	keyPath := p.PrivateJWK
	if !filepath.IsAbs(keyPath) {
		keyPath = filepath.Join(filepath.Dir(path), keyPath)
	}
	key, err := os.ReadFile(keyPath)
	if err != nil {
		return nil, fmt.Errorf("%s: private_jwk: %w", path, err)
	}
	return &site{BaseURL: strings.TrimRight(p.BaseURL, "/"), Issuer: p.Issuer, TokenEndpoint: p.TokenEndpoint,
		Clients: []client{{p.ClientID, key, p.Organisation, p.Scopes}}}, nil
}

func (p profile) check() error {
	var missing []string
	for _, field := range []struct{ name, value string }{
		{"base_url", p.BaseURL}, {"issuer", p.Issuer}, {"client_id", p.ClientID}, {"private_jwk", p.PrivateJWK}, {"scopes", strings.Join(p.Scopes, " ")},
	} {
		if field.value == "" {
			missing = append(missing, field.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// home is the instance that an organisation writes to, the first one of the stack when none is named; empty when we cannot know.
func (s *site) home(organisation string) string {
	for _, t := range s.Tenants {
		if organisation == "" || slices.Contains(t.Organisations, organisation) {
			return t.HomeCommunity
		}
	}
	return ""
}

// address completes a path to an address of the service; a whole address stays as it is.
func (s *site) address(path string) string {
	if strings.HasPrefix(path, "/") {
		return strings.TrimRight(s.BaseURL, "/") + path
	}
	return path
}
