package server_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/server"

	"github.com/go-chi/chi/v5"
)

func TestRequestSize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size    int
		chunked bool
		status  int
		audited int
	}{
		"empty": {0, false, 200, 0}, "exactly full": {1000, false, 200, 0}, "one more": {1001, false, 413, 1},
		"chunked, exactly full": {1000, true, 200, 0}, "chunked, one more": {1001, true, 413, 0}, "chunked, far more": {500000, true, 413, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := surround(t, simple)
			r := httptest.NewRequest("POST", "/R4/fhir/Bundle", strings.NewReader(strings.Repeat("x", c.size)))
			if c.chunked {
				r.ContentLength = -1
			}
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			if rec.Code != c.status || len(w.refused) != c.audited {
				t.Errorf("got %d, %d refusals told", rec.Code, len(w.refused))
			}
			if c.status == 413 {
				if code, _ := outcome(t, rec.Body); code != "too-costly" {
					t.Errorf("issue code %q", code)
				}
			} else if rec.Body.String() != fmt.Sprint(c.size) {
				t.Errorf("the door read %s bytes", rec.Body)
			}
		})
	}
}

// TestDeclaredSizeIsRefusedUnread: a caller who waits for 100-continue sends nothing of a body that is too large.
func TestDeclaredSizeIsRefusedUnread(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(surround(t, simple))
	t.Cleanup(srv.Close)
	conn := dial(t, srv)
	fmt.Fprint(conn, "POST /R4/fhir/Bundle HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 413 ") {
		t.Errorf("got %q, %v", line, err)
	}
}

func dial(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// send writes a body of n bytes, one each pause, and gives the answer's first line and how long it took.
func send(t *testing.T, conn net.Conn, n int, pause time.Duration) (string, time.Duration) {
	t.Helper()
	began := time.Now()
	fmt.Fprintf(conn, "POST /R4/fhir/Bundle HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", n)
	go func() {
		for range n {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(pause)
		}
	}()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line, time.Since(began)
}

// TestSlowSenders: limits of these tests are 250 ms for a pause and 1,000 bytes per second.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(surround(t, simple))
	t.Cleanup(srv.Close)
	for name, c := range map[string]struct {
		n      int
		pause  time.Duration
		status string
	}{
		"stands still":    {2, 5 * time.Second, "400"},
		"drips":           {100, 50 * time.Millisecond, "400"},
		"slow but steady": {8, 20 * time.Millisecond, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line, took := send(t, dial(t, srv), c.n, c.pause)
			if !strings.HasPrefix(line, "HTTP/1.1 "+c.status) || took > 3*time.Second {
				t.Errorf("got %q after %s", line, took)
			}
		})
	}
}

// TestABusyDoorIsNotTheSendersFault: the door works longer than the sender may pause, before and after the body's end.
func TestABusyDoorIsNotTheSendersFault(t *testing.T) {
	t.Parallel()
	w := surround(t, func(r chi.Router) {
		r.Post("/R4/fhir/Bundle", func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(400 * time.Millisecond)
			_, err := io.Copy(io.Discard, r.Body)
			time.Sleep(400 * time.Millisecond)
			if err != nil || r.Context().Err() != nil {
				server.Answer(w, r, fmt.Errorf("%w %w", err, context.Cause(r.Context())))
			}
		})
	})
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	conn := dial(t, srv)
	for range 2 { // the second on the same connection: no deadline is left over
		if line, _ := send(t, conn, 3, 0); !strings.HasPrefix(line, "HTTP/1.1 200") {
			t.Errorf("got %q; %s", line, w.log)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// TestSlowReceiver: who does not read an answer loses it, and the service its goroutine.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	srv := httptest.NewServer(surround(t, func(r chi.Router) {
		r.Get("/endless", func(w http.ResponseWriter, _ *http.Request) {
			var err error
			for err == nil {
				_, err = w.Write(make([]byte, 1<<16))
			}
			ended <- err
		})
	}))
	t.Cleanup(srv.Close)
	fmt.Fprint(dial(t, srv), "GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the handler still waits for a receiver that does not read")
	}
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan bool, 4), make(chan bool)
	w := surround(t, func(r chi.Router) {
		r.Get("/work", func(http.ResponseWriter, *http.Request) { entered <- true; <-leave })
	})
	done := make(chan int, 2)
	for range 2 {
		go func() { done <- w.ask("GET", "/work", "").Code }()
		<-entered
	}
	full := w.ask("GET", "/work", "")
	if code, _ := outcome(t, full.Body); full.Code != 429 || code != "throttled" || !slices.Contains([]string{"2", "3", "4", "5", "6"}, full.Header().Get("Retry-After")) {
		t.Errorf("got %d %s, Retry-After %s", full.Code, code, full.Header().Get("Retry-After"))
	}
	if got := w.ask("GET", "/healthz", "").Code; got != 200 {
		t.Errorf("health must answer when all is busy: %d", got)
	}
	close(leave)
	if a, b := <-done, <-done; a != 200 || b != 200 {
		t.Errorf("got %d %d", a, b)
	}
	if got := w.ask("GET", "/work", "").Code; got != 200 {
		t.Errorf("slots are not given back: %d", got)
	}
}
