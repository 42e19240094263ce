package mhd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/rest"
)

// gated is a server whose only handler is an upload of one organisation behind a gate with one place.
type gated struct {
	*httptest.Server
	gate *admission.Gate
	door *Door
	// handled counts requests that were let in.
	handled atomic.Int64
}

func newGated(t *testing.T, h func(w http.ResponseWriter, r *http.Request) error) *gated {
	t.Helper()
	g := &gated{gate: admission.New(admission.Capacity{Requests: 100, Work: 1, Bytes: 4 << 20, Unsized: 64 << 10}, time.Now,
		func(d time.Duration) time.Duration { return d }, nil)}
	g.door = &Door{Config: Config{Front: rest.NewFront(nil, g.gate), Admission: g.gate}}
	handle := func(w http.ResponseWriter, r *http.Request, _ audit.Actor) error { g.handled.Add(1); return h(w, r) }
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := g.door.uploading(handle, nil)(w, r, audit.Actor{Caller: access.Caller{Organisation: "981275721"}}); err != nil {
			rest.Refuse(w, r, err)
		}
	}))
	g.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(g.Close)
	return g
}

func readAll(w http.ResponseWriter, r *http.Request) error {
	n, err := io.Copy(io.Discard, r.Body)
	if err == nil {
		fmt.Fprint(w, n)
	}
	return err
}

// fill takes all the bytes there are.
func (g *gated) fill(t *testing.T) *admission.Upload {
	t.Helper()
	u, err := g.gate.Upload("another", 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// awaitEmpty: nothing leaks, however a request ended.
func (g *gated) awaitEmpty(t *testing.T) {
	t.Helper()
	for range 500 {
		if g.gate.State() == (admission.State{}) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("left: %+v", g.gate.State())
}

func (g *gated) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", g.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn, bufio.NewReader(conn)
}

// TestRefusedBeforeTheBody: the answer is there before the body is sent, and also for clients that look only when they have sent it all.
func TestRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size    int
		header  string
		sends   bool // first everything, then looks
		another bool // and the connection is good for another request
	}{
		"small":                 {200, "Content-Length: 200", true, true},
		"small, not sent":       {200, "Content-Length: 200", false, false},
		"large":                 {3 << 20, "Content-Length: 3145728", true, false},
		"large, not sent":       {3 << 20, "Content-Length: 3145728", false, false},
		"waits for a go-ahead":  {3 << 20, "Content-Length: 3145728\r\nExpect: 100-continue", false, false},
		"does not say how long": {0, "Transfer-Encoding: chunked", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t, readAll)
			full := g.fill(t)
			conn, answers := g.dial(t)
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", c.header)
			if c.sends {
				if _, err := conn.Write(bytes.Repeat([]byte("x"), c.size)); err != nil {
					t.Fatalf("the sender sees a broken connection instead of its answer: %v", err)
				}
			}
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != 429 || res.Header.Get("Retry-After") == "" || !bytes.Contains(body, []byte(`"OperationOutcome"`)) {
				t.Errorf("%d %v %s, %v", res.StatusCode, res.Header, body, err)
			}
			if g.handled.Load() != 0 {
				t.Error("a refused upload was handled")
			}
			full.Done()
			if c.another {
				fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde")
				if res, err := http.ReadResponse(answers, nil); err != nil || res.StatusCode != 200 {
					t.Errorf("the next request on the connection: %v, %v", res, err)
				}
			}
			_ = conn.Close()
			g.awaitEmpty(t)
		})
	}
}

// TestNothingLeaks: whatever becomes of an upload, its place and its bytes are given back.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	hangUp := func(t *testing.T, g *gated, header, some string) {
		conn, _ := g.dial(t)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n%s", header, some)
		for g.handled.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		_ = conn.Close()
	}
	for name, c := range map[string]struct {
		handle func(http.ResponseWriter, *http.Request) error
		client func(t *testing.T, g *gated)
	}{
		"hung up in mid-body":      {readAll, func(t *testing.T, g *gated) { hangUp(t, g, "Content-Length: 1000", "abc") }},
		"hung up in a chunk":       {readAll, func(t *testing.T, g *gated) { hangUp(t, g, "Transfer-Encoding: chunked", "400\r\nabc") }},
		"answered without reading": {func(http.ResponseWriter, *http.Request) error { return nil }, post},
		"refused after half the body": {func(_ http.ResponseWriter, r *http.Request) error {
			_, _ = r.Body.Read(make([]byte, 10))
			return io.ErrNoProgress
		}, post},
		"panics before reading": {func(http.ResponseWriter, *http.Request) error { panic("x") }, post},
		"panics at its place": {func(w http.ResponseWriter, r *http.Request) error {
			if err := readAll(w, r); err != nil {
				t.Error(err)
			}
			panic("x")
		}, post},
		"hung up while it waits for its place": {readAll, func(t *testing.T, g *gated) {
			first, err := g.gate.Upload("another", 1)
			if err != nil || first.Whole(t.Context()) != nil {
				t.Fatal(err)
			}
			hangUp(t, g, "Content-Length: 3", "abc")
			for range 500 {
				if g.gate.State() == (admission.State{Working: 1, Bytes: 1}) {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if s := g.gate.State(); s != (admission.State{Working: 1, Bytes: 1}) {
				t.Errorf("still waiting: %+v", s)
			}
			first.Done()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGated(t, c.handle)
			c.client(t, g)
			if g.handled.Load() == 0 {
				t.Error("not let in")
			}
			g.awaitEmpty(t)
		})
	}
}

func post(t *testing.T, g *gated) {
	if res, err := http.Post(g.URL, "text/plain", strings.NewReader(strings.Repeat("x", 1000))); err == nil {
		_ = res.Body.Close()
	}
}

// TestOneAtATime: with one place, nobody gets the last of a body while another is worked on.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	var working, most atomic.Int64
	g := newGated(t, func(w http.ResponseWriter, r *http.Request) error {
		if err := readAll(w, r); err != nil {
			return err
		}
		most.Store(max(most.Load(), working.Add(1)))
		time.Sleep(20 * time.Millisecond)
		working.Add(-1)
		return nil
	})
	done := make(chan int)
	for n := range 5 { // of various ways to send
		go func() {
			var body io.Reader = strings.NewReader(strings.Repeat("x", 1000*n))
			if n%2 == 1 {
				body = io.MultiReader(body) // chunked
			}
			res, err := http.Post(g.URL, "text/plain", body)
			if err != nil {
				t.Error(err)
				done <- 0
				return
			}
			_ = res.Body.Close()
			done <- res.StatusCode
		}()
	}
	for range 5 {
		if status := <-done; status != 200 {
			t.Errorf("got %d", status)
		}
	}
	if most.Load() != 1 {
		t.Errorf("%d at once", most.Load())
	}
	g.awaitEmpty(t)
}

// TestKnownCallersAreRefusedUnverified: who has a token that was verified is told to come back without a look at its proof, which is
// missing here; whose token nobody knows is not told how busy anybody is.
func TestKnownCallersAreRefusedUnverified(t *testing.T) {
	t.Parallel()
	g := newGated(t, readAll)
	full := g.fill(t)
	ask := func(token string) int {
		rec := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/", strings.NewReader("abc"))
		r.Header.Set("Authorization", "DPoP "+token)
		g.door.upload(g.door.provide)(rec, r)
		return rec.Code
	}
	r := httptest.NewRequest("POST", "/", nil)
	r.Header.Set("Authorization", "DPoP known")
	g.door.seen.Remember(tokenOf(r), incoming.Sender{Organisation: "981275721", Client: "epj"})
	if known, unknown := ask("known"), ask("unknown"); known != 429 || unknown != 401 {
		t.Errorf("a known token: %d, an unknown one: %d", known, unknown)
	}
	full.Done()
	if got := ask("known"); got != 401 {
		t.Errorf("a known token without a proof is let in when there is room: %d", got)
	}
	g.awaitEmpty(t)
}
