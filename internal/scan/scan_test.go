package scan_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/scan"
)

// fake listens and plays a scanner; it serves each connection with play and closes it.
func fake(t *testing.T, play func(conn net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); play(conn) }()
		}
	}()
	return listener.Addr().String()
}

// swallow reads a whole INSTREAM request and returns its data.
func swallow(conn net.Conn) ([]byte, error) {
	command := make([]byte, len("zINSTREAM\x00"))
	if _, err := io.ReadFull(conn, command); err != nil || string(command) != "zINSTREAM\x00" {
		return nil, errors.New("not INSTREAM")
	}
	var data []byte
	for {
		var size uint32
		if err := binary.Read(conn, binary.BigEndian, &size); err != nil {
			return data, err
		}
		if size == 0 {
			return data, nil
		}
		chunk := make([]byte, size)
		if _, err := io.ReadFull(conn, chunk); err != nil {
			return data, err
		}
		data = append(data, chunk...)
	}
}

// replying is a scanner that reads everything and says one thing.
func replying(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		if _, err := swallow(conn); err == nil {
			_, _ = io.WriteString(conn, reply)
		}
	}
}

func scanBytes(ctx context.Context, address string, deadline time.Duration, size int) (scan.Verdict, error) {
	stream, err := scan.New(scan.Config{Address: address, Deadline: deadline}).Open(ctx)
	if err != nil {
		return scan.Verdict{}, err
	}
	defer stream.Abort()
	_, _ = stream.Write(bytes.Repeat([]byte("x"), size))
	return stream.Verdict()
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	hang := func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }
	for _, c := range []struct {
		name    string
		play    func(net.Conn)
		want    scan.State
		finding string
		reason  error
	}{
		{"clean", replying("stream: OK\x00"), scan.Clean, "", nil},
		{"infected", replying("stream: Local.Eicar.Test.UNOFFICIAL FOUND\x00"), scan.Infected, "Local.Eicar.Test.UNOFFICIAL", nil},
		{"a finding with odd bytes", replying("stream: A\r\nB\xff FOUND\x00"), scan.Infected, "A??B?", nil},
		{"a finding without end", replying("stream: " + strings.Repeat("A", 1000) + " FOUND\x00"), scan.Infected, strings.Repeat("A", 200), nil},
		{"limits are no virus", replying("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\x00"), scan.NotScanned, "", scan.ErrLimits},
		{"limits, other name", replying("stream: Heuristics.Limits.Exceeded FOUND\x00"), scan.NotScanned, "", scan.ErrLimits},
		{"size limit", replying("INSTREAM size limit exceeded. ERROR\x00"), scan.NotScanned, "", scan.ErrLimits},
		{"error", replying("stream: Can't allocate memory ERROR\x00"), scan.NotScanned, "", scan.ErrReply},
		{"OK of another file", replying("file: OK\x00"), scan.NotScanned, "", scan.ErrReply},
		{"OK and more", replying("stream: OK \x00"), scan.NotScanned, "", scan.ErrReply},
		{"OK in small letters", replying("stream: ok\x00"), scan.NotScanned, "", scan.ErrReply},
		{"OK with an error", replying("stream: OK ERROR\x00"), scan.NotScanned, "", scan.ErrReply},
		{"nothing found", replying("stream:  FOUND\x00"), scan.NotScanned, "", scan.ErrReply},
		{"empty answer", replying("\x00"), scan.NotScanned, "", scan.ErrReply},
		{"two answers", replying("stream: OK\x00stream: X FOUND\x00"), scan.NotScanned, "", scan.ErrReply},
		{"HTTP", replying("HTTP/1.1 200 OK\r\n\r\n\x00"), scan.NotScanned, "", scan.ErrReply},
		{"half an OK", replying("stream: O"), scan.NotScanned, "", scan.ErrCutOff},
		{"OK without its end", replying("stream: OK"), scan.NotScanned, "", scan.ErrCutOff},
		{"an answer for ever", replying(strings.Repeat("A", 1<<20)), scan.NotScanned, "", scan.ErrReply},
		{"close without answer", replying(""), scan.NotScanned, "", scan.ErrCutOff},
		{"close at once", func(net.Conn) {}, scan.NotScanned, "", scan.ErrCutOff},
		{"hang after reading", hang, scan.NotScanned, "", scan.ErrTimeout},
		{"hang without reading", func(net.Conn) { time.Sleep(2 * time.Second) }, scan.NotScanned, "", scan.ErrTimeout},
		{"half an answer, then hang", func(conn net.Conn) { _, _ = io.WriteString(conn, "stream: "); hang(conn) }, scan.NotScanned, "", scan.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			deadline := 30 * time.Second
			if errors.Is(c.reason, scan.ErrTimeout) {
				deadline = 500 * time.Millisecond
			}
			// Larger than the kernel's buffers, so that a scanner that does not read is felt.
			got, err := scanBytes(t.Context(), fake(t, c.play), deadline, 8<<20)
			if got.State != c.want || got.Finding != c.finding {
				t.Errorf("verdict %s %q, want %s %q", got.State, got.Finding, c.want, c.finding)
			}
			if (err == nil) != (c.reason == nil) || !errors.Is(err, c.reason) {
				t.Fatalf("error %v, want %v", err, c.reason)
			}
			var problem *fault.Problem
			if err != nil && (!errors.As(err, &problem) || problem.Code != fault.NotScanned || problem.RetryAfter == 0) {
				t.Errorf("the error is not a NotScanned problem: %v", err)
			}
		})
	}
}

// early is a scanner that answers while bytes are still coming, and closes; clamd does so at its StreamMaxLength.
func early(reply string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.CopyN(io.Discard, conn, 1<<20)
		_, _ = io.WriteString(conn, reply)
		_ = conn.(*net.TCPConn).CloseWrite()
	}
}

func TestAnswerBeforeTheEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reply string
		reason      error
	}{
		{"limit", "INSTREAM size limit exceeded. ERROR\x00", scan.ErrLimits},
		{"OK", "stream: OK\x00", scan.ErrReply},
		{"found", "stream: X FOUND\x00", scan.ErrReply},
		{"nothing", "", scan.ErrCutOff},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := scanBytes(t.Context(), fake(t, early(c.reply)), 20*time.Second, 16<<20)
			if got.State != scan.NotScanned || !errors.Is(err, c.reason) {
				t.Errorf("verdict %v, error %v; want %v", got, err, c.reason)
			}
		})
	}
}

func TestBytesArriveWhole(t *testing.T) {
	t.Parallel()
	arrived := make(chan []byte, 1)
	address := fake(t, func(conn net.Conn) {
		data, _ := swallow(conn)
		arrived <- data
		_, _ = io.WriteString(conn, "stream: OK\x00")
	})
	sent := make([]byte, 700<<10)
	for i := range sent {
		sent[i] = byte(i * 7)
	}
	stream, err := scan.New(scan.Config{Address: address}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	// Pieces that fit into chunks in no way.
	for rest, size := sent, 1; len(rest) > 0; size = size*3 + 1 {
		n := min(size, len(rest))
		if written, err := stream.Write(rest[:n]); written != n || err != nil {
			t.Fatal(written, err)
		}
		rest = rest[n:]
	}
	verdict, err := stream.Verdict()
	if err != nil || verdict.State != scan.Clean || !bytes.Equal(<-arrived, sent) {
		t.Errorf("verdict %v, %v, or the bytes differ", verdict, err)
	}
	again, err := stream.Verdict()
	if err != nil || again != verdict {
		t.Errorf("second Verdict %v, %v", again, err)
	}
	if _, err := stream.Write([]byte("more")); err == nil {
		t.Error("bytes are taken after the verdict")
	}
}

func TestEmptyStream(t *testing.T) {
	t.Parallel()
	if got, err := scanBytes(t.Context(), fake(t, replying("stream: OK\x00")), time.Second, 0); err != nil || got.State != scan.Clean {
		t.Errorf("verdict %v, %v", got, err)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	// This scanner would call anything clean, a cut-off stream too.
	address := fake(t, func(conn net.Conn) {
		_, _ = swallow(conn)
		_, _ = io.WriteString(conn, "stream: OK\x00")
	})
	stream, err := scan.New(scan.Config{Address: address}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	stream.Abort()
	stream.Abort()
	if got, err := stream.Verdict(); got.State != scan.NotScanned || !errors.Is(err, scan.ErrAborted) {
		t.Errorf("verdict %v, %v", got, err)
	}
	var none scan.Verdict
	if none.State != scan.NotScanned || none.State.String() != "not scanned" {
		t.Error("the zero verdict is not NotScanned")
	}
}

func TestAbortWakesABlockedVerdict(t *testing.T) {
	t.Parallel()
	address := fake(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	stream, err := scan.New(scan.Config{Address: address}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, stream.Abort)
	if got, err := stream.Verdict(); got.State != scan.NotScanned || !errors.Is(err, scan.ErrAborted) {
		t.Errorf("verdict %v, %v", got, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(net.Conn){
		"while it answers": func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) },
		"while it reads":   func(net.Conn) { time.Sleep(3 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cause := errors.New("the client went away")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
			began := time.Now()
			got, err := scanBytes(ctx, fake(t, play), 20*time.Second, 12<<20)
			if got.State != scan.NotScanned || !errors.Is(err, scan.ErrTimeout) || !errors.Is(err, cause) {
				t.Errorf("verdict %v, %v", got, err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("cancel took %s", took)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	scanner := scan.New(scan.Config{Address: "127.0.0.1:1"})
	if _, err := scanner.Open(t.Context()); !errors.Is(err, scan.ErrUnreachable) {
		t.Errorf("Open: %v", err)
	}
	if err := scanner.Ping(t.Context()); !errors.Is(err, scan.ErrUnreachable) {
		t.Errorf("Ping: %v", err)
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	says := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			_, _ = io.ReadFull(conn, make([]byte, len("zPING\x00")))
			_, _ = io.WriteString(conn, text)
		}
	}
	for _, c := range []struct {
		name   string
		play   func(net.Conn)
		reason error
	}{
		{"pong", says("PONG\x00"), nil},
		{"something else", says("PING\x00"), scan.ErrReply},
		{"close", says(""), scan.ErrCutOff},
		{"hang", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, scan.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := scan.New(scan.Config{Address: fake(t, c.play), Deadline: 300 * time.Millisecond}).Ping(t.Context())
			if (err == nil) != (c.reason == nil) || !errors.Is(err, c.reason) {
				t.Errorf("error %v, want %v", err, c.reason)
			}
		})
	}
}

// TestSelfTestSeesBadScanners holds that a scanner that says one thing to everything never passes.
func TestSelfTestSeesBadScanners(t *testing.T) {
	t.Parallel()
	short := func(conn net.Conn) {
		data, _ := swallow(conn)
		// A MaxFileSize of 25 MB: what is longer is "OK".
		if len(data) < 25<<20 && bytes.Contains(data, []byte(scan.EICAR())) {
			_, _ = io.WriteString(conn, "stream: Eicar FOUND\x00")
			return
		}
		_, _ = io.WriteString(conn, "stream: OK\x00")
	}
	for _, c := range []struct {
		name string
		play func(net.Conn)
		says string
	}{
		{"no signatures", replying("stream: OK\x00"), "EICAR"},
		{"everything is a virus", replying("stream: X FOUND\x00"), "harmless"},
		{"long files are skipped", short, "59 MiB"},
		{"broken", replying(""), "EICAR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := scan.New(scan.Config{Address: fake(t, c.play)}).SelfTest(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one about %s", err, c.says)
			}
		})
	}
}

// TestNothingIsLeft is not parallel: it counts goroutines and open files.
func TestNothingIsLeft(t *testing.T) {
	address := fake(t, func(conn net.Conn) {
		if data, err := swallow(conn); err == nil && len(data) > 1 {
			_, _ = io.WriteString(conn, "stream: OK\x00")
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before, filesBefore := runtime.NumGoroutine(), openFiles(t)
	for n := range 300 {
		stream, err := scan.New(scan.Config{Address: address}).Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = stream.Write([]byte("abc"))
		if n%3 == 0 {
			stream.Abort()
		} else if _, err := stream.Verdict(); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before+5 || openFiles(t) > filesBefore+10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines and %d files before, %d and %d after", before, filesBefore, runtime.NumGoroutine(), openFiles(t))
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
