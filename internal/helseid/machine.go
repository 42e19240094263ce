package helseid

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// renewBefore is how long before its end a token is not used any more: the request has to arrive, and clocks differ. A token that lives
// shorter than twice this is used for half its life.
const renewBefore = 10 * time.Second

// Machine is this service towards one API: it keeps one machine token as long as it is good, gets the next once for all who wait, and
// signs requests with it.
type Machine struct {
	Client *Client
	// Scopes are of one API. Organisation is as in Client.Token.
	Scopes       []string
	Organisation string

	group singleflight.Group
	mu    sync.Mutex
	token string
	until time.Time
}

// Sign puts a token and a fresh proof on a request; getting a token ends with the request's context at the latest.
func (m *Machine) Sign(req *http.Request) error {
	token, err := m.good(req.Context())
	if err != nil {
		return err
	}
	return m.Client.Authorize(req, token)
}

// Forget drops the token that the request was signed with, because the API refused it. A newer one stays.
func (m *Machine) Forget(req *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.token == strings.TrimPrefix(req.Header.Get("Authorization"), "DPoP ") {
		m.token = ""
	}
}

// good is a token that can be used. One that is fetched is fetched for all: a caller who leaves must not fail the others.
func (m *Machine) good(ctx context.Context) (string, error) {
	if token, ok := m.kept(); ok {
		return token, nil
	}
	fetched := m.group.DoChan("", func() (any, error) {
		if token, ok := m.kept(); ok {
			return token, nil // fetched between the look above and here
		}
		return m.fetch(context.WithoutCancel(ctx))
	})
	select {
	case result := <-fetched:
		token, _ := result.Val.(string)
		return token, result.Err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (m *Machine) kept() (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.token, m.token != "" && m.Client.now().Before(m.until)
}

func (m *Machine) fetch(ctx context.Context) (string, error) {
	asked := m.Client.now()
	reply, err := m.Client.grant(ctx, m.Scopes, m.Organisation)
	if err != nil {
		return "", err
	}
	life := time.Duration(min(max(reply.ExpiresIn, 0), 3600)) * time.Second
	m.mu.Lock()
	defer m.mu.Unlock()
	m.token, m.until = reply.AccessToken, asked.Add(life-min(renewBefore, life/2))
	return reply.AccessToken, nil
}
