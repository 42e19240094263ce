package helseid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// grants is how often HelseID was asked with a nonce, which is once for each token.
func (e *tokenEndpoint) grants() (n int) {
	for _, proof := range e.proofs {
		if _, claims := opened(proof); claims["nonce"] != nil {
			n++
		}
	}
	return n
}

func signedBy(t *testing.T, m *Machine) (*http.Request, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://person.example.no/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Sign(req); err != nil {
		t.Fatal(err)
	}
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "DPoP ")
	if _, proof := opened(req.Header.Get("DPoP")); !ok || proof["htu"] != "https://person.example.no/api" || proof["ath"] == nil {
		t.Errorf("signed with %q and %v", req.Header.Get("Authorization"), proof)
	}
	return req, token
}

// TestMachineKeepsItsToken until ten seconds before its end, and not a token that was refused.
func TestMachineKeepsItsToken(t *testing.T) {
	t.Parallel()
	e := withTokenEndpoint(t)
	m := &Machine{Client: e.client(t), Scopes: []string{"nhn:x/y"}}
	first, token := signedBy(t, m)
	e.pass(50*time.Second - 1)
	if _, again := signedBy(t, m); again != token || e.grants() != 1 {
		t.Errorf("another token after 49 s, %d grants", e.grants())
	}
	e.pass(1)
	second, _ := signedBy(t, m)
	if e.grants() != 2 {
		t.Errorf("%d grants after 50 s, want 2", e.grants())
	}
	m.Forget(second)
	if signedBy(t, m); e.grants() != 3 {
		t.Errorf("%d grants after one was refused, want 3", e.grants())
	}
	first.Header.Set("Authorization", "DPoP an older one")
	m.Forget(first)
	if signedBy(t, m); e.grants() != 3 {
		t.Error("an old token's refusal drops the new one")
	}
}

// TestMachineAsksOnce for all who wait, lets one leave, and tells why there is no token.
func TestMachineAsksOnce(t *testing.T) {
	t.Parallel()
	e := withTokenEndpoint(t)
	m := &Machine{Client: e.client(t), Scopes: []string{"nhn:x/y"}}
	gone, leave := context.WithCancel(t.Context())
	leave()
	left, err := http.NewRequestWithContext(gone, http.MethodPost, "https://person.example.no/api", nil)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { signedBy(t, m) })
		group.Go(func() {
			if err := m.Sign(left.Clone(gone)); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if e.grants() != 1 {
		t.Errorf("%d grants, want 1", e.grants())
	}
	e.pass(time.Minute)
	e.reply = func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_scope","error_description":"no"}`)
	}
	if err := m.Sign(left.Clone(t.Context())); err == nil || !strings.Contains(err.Error(), "invalid_scope") {
		t.Errorf("without a token: %v", err)
	}
}
