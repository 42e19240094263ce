package sts_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/helseid"
)

// asker asks the played Persontjenesten as the service does.
func asker(t *testing.T, server *sts.Server, client sts.Client) *helseid.Machine {
	t.Helper()
	key, err := jwk.ParseKey(client.PrivateJWK)
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	return &helseid.Machine{Client: &helseid.Client{ClientID: client.ClientID, Key: key, Issuer: server.Issuer(), Proofs: proofs}, Scopes: client.Scopes}
}

const allParts = "?informationParts=Birth&informationParts=Death&informationParts=AddressProtection"

// question makes a signed question; spoil may change it afterwards.
func question(t *testing.T, server *sts.Server, m *helseid.Machine, query, nin string, spoil func(*http.Request)) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.PersonEndpoint()+query, strings.NewReader(url.Values{"nin": {nin}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := m.Sign(req); err != nil {
		t.Fatal(err)
	}
	if spoil != nil {
		spoil(req)
	}
	return send(t, req)
}

func send(t *testing.T, req *http.Request) (int, map[string]any) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	_ = json.Unmarshal(body, &got)
	return res.StatusCode, got
}

func TestPersontjenesten(t *testing.T) {
	t.Parallel()
	server := start(t, sts.Options{Persons: []sts.Person{
		{NIN: "17855599120", BirthDate: "1955-05-17", DeadSince: "2026-01-02", AddressProtection: "strengtFortrolig"},
	}})
	m := asker(t, server, server.PersonClient())
	for name, c := range map[string]struct {
		query, nin string
		status     int
		birth      string
		dead       string
		level      string
	}{
		"ordinary":           {allParts, "13116900216", 200, "1969-11-13T00:00:00", "", "Unclassified"},
		"dead and protected": {allParts, "17855599120", 200, "1955-05-17T00:00:00", "2026-01-02T00:00:00", "StrictlyConfidential"},
		"one part":           {"?informationParts=Birth", "17855599120", 200, "1955-05-17T00:00:00", "", ""},
		"unknown":            {allParts, "00000000000", 404, "", "", ""},
		"not listed":         {allParts, "01010150074", 200, "", "", "Unclassified"},
		"no parts":           {"", "13116900216", 400, "", "", ""},
		"no number":          {allParts, "", 400, "", "", ""},
		"number in address":  {allParts + "&nin=13116900216", "13116900216", 400, "", "", ""},
	} {
		status, got := question(t, server, m, c.query, c.nin, nil)
		birth, dead, level := first(got["birth"])["birthDate"], first(got["death"])["deceasedDate"], first(got["addressProtection"])["protectionLevel"]
		if status != c.status || text(birth) != c.birth || text(dead) != c.dead || text(level) != c.level {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
}

func text(v any) string { s, _ := v.(string); return s }

// first is an object, or a list's first.
func first(v any) map[string]any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		v = list[0]
	}
	object, _ := v.(map[string]any)
	return object
}

// TestPersontjenestenChecksPapers: token and proof as at the real API.
func TestPersontjenestenChecksPapers(t *testing.T) {
	t.Parallel()
	server := start(t, sts.Options{})
	m, other := asker(t, server, server.PersonClient()), asker(t, server, server.Clients()[0])
	another, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.PersonURL()+"/person/bulk-by-nin", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Sign(another); err != nil {
		t.Fatal(err)
	}
	used := ""
	for _, c := range []struct {
		name   string
		m      *helseid.Machine
		spoil  func(*http.Request)
		status int
	}{
		{"sound", m, func(r *http.Request) { used = r.Header.Get("DPoP") }, 200},
		{"a used proof", m, func(r *http.Request) { r.Header.Set("DPoP", used) }, 401},
		{"no proof", m, func(r *http.Request) { r.Header.Del("DPoP") }, 401},
		{"another address's proof", m, func(r *http.Request) { r.Header.Set("DPoP", another.Header.Get("DPoP")) }, 401},
		{"Bearer", m, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "DPoP", "Bearer", 1))
		}, 401},
		{"no token", m, func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"another API's token", other, nil, 401},
		{"another key's proof", m, func(r *http.Request) {
			if err := asker(t, server, server.PersonClient()).Client.Authorize(r, strings.TrimPrefix(r.Header.Get("Authorization"), "DPoP ")); err != nil {
				t.Error(err)
			}
		}, 401},
		{"another token of the same key", m, func(r *http.Request) {
			token, err := m.Client.Token(r.Context(), m.Scopes, "")
			if err != nil {
				t.Error(err)
			}
			r.Header.Set("Authorization", "DPoP "+token)
		}, 401},
		{"another's token", m, func(r *http.Request) {
			signed := r.Clone(r.Context())
			if err := asker(t, server, server.PersonClient()).Sign(signed); err != nil {
				t.Error(err)
			}
			r.Header.Set("Authorization", signed.Header.Get("Authorization"))
		}, 401},
	} {
		if status, got := question(t, server, c.m, allParts, "13116900216", c.spoil); status != c.status {
			t.Errorf("%s: %d %v, want %d", c.name, status, got, c.status)
		}
	}
}

func TestChangePersonAndOutage(t *testing.T) {
	t.Parallel()
	server := start(t, sts.Options{})
	m := asker(t, server, server.PersonClient())
	level := func() string {
		status, got := question(t, server, m, allParts, "13116900216", nil)
		return map[int]string{200: text(first(got["addressProtection"])["protectionLevel"]), 404: "unknown", 500: "error"}[status]
	}
	post := func(method, path, body string) (int, map[string]any) {
		req, err := http.NewRequestWithContext(t.Context(), method, server.TestPersonEndpoint()+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		return send(t, req)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "", `{"nin":"13116900216","address_protection":"fortrolig"}`, 200, "Confidential"},
		{"PUT", "", `{"nin":"13116900216","dead_since":"2026-11-01"}`, 200, "Confidential"},
		{"PUT", "", `{"nin":"13116900216","dead_since":"","address_protection":"ugradert"}`, 200, "Unclassified"},
		{"PUT", "", `{"nin":"13116900216","exists":false}`, 200, "unknown"},
		{"PUT", "", `{"nin":"13116900216","birth_date":"1969-11-13"}`, 200, "Unclassified"},
		{"PUT", "", `{"nin":"13116900216","adress_protection":"fortrolig"}`, 400, "Unclassified"},
		{"PUT", "", `{"nin":"13116900216","address_protection":"hemmelig"}`, 400, "Unclassified"},
		{"PUT", "", `{"address_protection":"fortrolig"}`, 400, "Unclassified"},
		{"PUT", "/outage", `{"mode":"error","times":1}`, 200, "error"},
		{"PUT", "/outage", `{"mode":"none"}`, 200, "Unclassified"},
		{"PUT", "/outage", `{"mode":"some"}`, 400, "Unclassified"},
	} {
		status, got := post(c.method, c.path, c.body)
		if level := level(); status != c.status || level != c.want {
			t.Errorf("%s %s: %d %v and then %s, want %d %s", c.method, c.body, status, got, level, c.status, c.want)
		}
	}
	_, got := post("POST", "", `{"nin":"13116900216"}`)
	if diff := cmp.Diff(map[string]any{"exists": true, "birth_date": "1969-11-13"}, got); diff != "" {
		t.Errorf("after all (-want +got):\n%s", diff)
	}
}
