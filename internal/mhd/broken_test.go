package mhd_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
)

// relay stands between the service and a part. It lets everything through until it is told to do something else with each new
// connection; those that are open are then broken.
type relay struct {
	address, to string

	mu   sync.Mutex
	do   func(net.Conn)
	open map[net.Conn]bool
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: l.Addr().String(), to: to, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); r.set(func(net.Conn) {}) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return r
}

// set changes what becomes of connections; nil lets them through.
func (r *relay) set(do func(net.Conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.do = do
	for c := range r.open {
		c.Close()
	}
}

func (r *relay) serve(c net.Conn) {
	r.mu.Lock()
	do := r.do
	r.open[c] = true
	r.mu.Unlock()
	defer func() { c.Close(); r.mu.Lock(); delete(r.open, c); r.mu.Unlock() }()
	if do == nil {
		r.pass(c)
		return
	}
	do(c)
}

// pass copies both ways until either side ends.
func (r *relay) pass(c net.Conn) {
	there, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer there.Close()
	go func() {
		_, _ = io.Copy(there, c)
		_ = there.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(c, there)
}

// down closes each connection, silent takes it and says nothing.
func down(net.Conn)     {}
func silent(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// scanning does something with each scan and lets other commands through: a scanner that answers its health checks and fails its work.
func (r *relay) scanning(do func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		word := make([]byte, len("zINSTREAM\x00"))
		n, err := io.ReadAtLeast(c, word, 5)
		if err != nil {
			return
		}
		if bytes.HasPrefix(word, []byte("zINST")) {
			do(c)
			return
		}
		r.pass(prefixed{c, io.MultiReader(bytes.NewReader(word[:n]), c)})
	}
}

type prefixed struct {
	net.Conn
	r io.Reader
}

func (p prefixed) Read(b []byte) (int, error) { return p.r.Read(b) }

// saying takes a whole stream, to its empty last chunk, and answers with text.
func saying(text string) func(net.Conn) {
	return func(c net.Conn) {
		buf, last := make([]byte, 64<<10), []byte(nil)
		for !bytes.HasSuffix(last, make([]byte, 4)) {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			last = append(last, buf[:n]...)
			last = last[max(0, len(last)-4):]
		}
		_, _ = io.WriteString(c, text)
	}
}

// fragile is a service of a test's own whose parts can be broken while it runs.
type fragile struct {
	*servicetest.Service
	scanner, store, database *relay
	cfg                      server.Config
}

// newFragile starts it, over a database of its own, with settings over the usual ones ("CLAMD_DEADLINE", "5s").
func newFragile(t *testing.T, settings ...string) *fragile {
	t.Helper()
	return newFragileWith(t, func(*servicetest.Service) []string { return settings })
}

// newFragileWith is newFragile for settings that depend on the service's surroundings.
func newFragileWith(t *testing.T, settingsOf func(*servicetest.Service) []string) *fragile {
	t.Helper()
	parts := stacktest.Parts(t)
	ownerURL, appURL := stacktest.EmptyDatabase(t)
	f := &fragile{scanner: newRelay(t, parts.Clamd), store: newRelay(t, host(t, parts.S3.Endpoint)), database: newRelay(t, host(t, appURL))}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.Service, err = servicetest.Prepare(t.Context(), servicetest.Place{Parts: parts, OwnerURL: ownerURL, AppURL: appURL, Dir: t.TempDir(), URL: "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	settings := append(settingsOf(f.Service), "CLAMD_ADDRESS", f.scanner.address, "S3_ENDPOINT", "http://"+f.store.address,
		"DATABASE_URL", strings.Replace(appURL, f.database.to, f.database.address, 1))
	f.serve(t, listener, settings)
	return f
}

func host(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (f *fragile) serve(t *testing.T, listener net.Listener, settings []string) {
	t.Helper()
	environ := f.Environment()
	for i := 0; i+1 < len(settings); i += 2 {
		name := server.EnvPrefix + settings[i] + "="
		environ = append(slices.DeleteFunc(environ, func(s string) bool { return strings.HasPrefix(s, name) }), name+settings[i+1])
	}
	var err error
	if f.cfg, err = server.LoadConfig("", environ, server.Serving); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	built, err := server.Build(ctx, f.cfg, "test", obs.NewLogger(f.Log, slog.LevelDebug, nil))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- built.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Logf("the service ended with %v", err)
		}
		built.Close()
		f.DB.Close()
	})
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := built.AwaitReady(ready); err != nil {
		t.Fatal(err)
	}
}
