package scan_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/scan"
)

func realScan(t *testing.T, parts *devstack.Parts, chunks ...[]byte) (scan.Verdict, error) {
	t.Helper()
	stream, err := scan.New(scan.Config{Address: parts.Clamd}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	for _, chunk := range chunks {
		if _, err := stream.Write(chunk); err != nil {
			break
		}
	}
	return stream.Verdict()
}

func zipped(t *testing.T, content string) []byte {
	t.Helper()
	var buf bytes.Buffer
	archive := zip.NewWriter(&buf)
	file, err := archive.Create("inside.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestRealClamd(t *testing.T) {
	t.Parallel()
	parts := stacktest.Parts(t)
	mebibyte := bytes.Repeat([]byte("Journalnotat, oppdiktet. \n\x00\x01\x02\x03\x04\x05"), 1<<20/32)
	long := func(n int, tail string) [][]byte {
		var chunks [][]byte
		for range n {
			chunks = append(chunks, mebibyte)
		}
		return append(chunks, []byte(tail))
	}
	for _, c := range []struct {
		name   string
		chunks [][]byte
		want   scan.State
		reason error
	}{
		{"a text", [][]byte{[]byte("Blåbærsyltetøy på brødskiva\r\n")}, scan.Clean, nil},
		{"nothing", nil, scan.Clean, nil},
		{"EICAR", [][]byte{[]byte(scan.EICAR())}, scan.Infected, nil},
		{"EICAR in a zip", [][]byte{zipped(t, scan.EICAR())}, scan.Infected, nil},
		{"the test marker", [][]byte{[]byte("før " + scan.TestMarker + " etter")}, scan.Infected, nil},
		{"30 MiB with EICAR last", long(30, scan.EICAR()), scan.Infected, nil},
		{"60 MiB", long(60, ""), scan.Clean, nil},
		{"above the stream limit", long(65, ""), scan.NotScanned, scan.ErrLimits},
		{"far above the stream limit", long(75, ""), scan.NotScanned, scan.ErrLimits},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := realScan(t, parts, c.chunks...)
			if got.State != c.want || (err == nil) != (c.reason == nil) || !errors.Is(err, c.reason) {
				t.Errorf("verdict %s %q, %v; want %s, %v", got.State, got.Finding, err, c.want, c.reason)
			}
			if got.State == scan.Infected && !strings.HasPrefix(got.Finding, "Local.") {
				t.Errorf("finding %q", got.Finding)
			}
		})
	}
}

func TestRealSelfTest(t *testing.T) {
	t.Parallel()
	scanner := scan.New(scan.Config{Address: stacktest.Parts(t).Clamd})
	if err := errors.Join(scanner.Ping(t.Context()), scanner.SelfTest(t.Context())); err != nil {
		t.Error(err)
	}
}

// TestRealClamdFails has a stack of its own: its clamd is paused and killed.
func TestRealClamdFails(t *testing.T) {
	t.Parallel()
	parts, err := devstack.StartParts(t.Context(), devstack.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Stop()
	scanner := scan.New(scan.Config{Address: parts.Clamd, Deadline: time.Second})
	stream, err := scanner.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	if err := parts.Signal(devstack.Clamd, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if got, err := stream.Verdict(); got.State != scan.NotScanned || !errors.Is(err, scan.ErrTimeout) {
		t.Errorf("hung: %v, %v", got, err)
	}
	if err := parts.Signal(devstack.Clamd, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if stream, err = scanner.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stream.Abort()
	if err := parts.Kill(devstack.Clamd); err != nil {
		t.Fatal(err)
	}
	if got, err := stream.Verdict(); got.State != scan.NotScanned || !errors.Is(err, scan.ErrCutOff) {
		t.Errorf("killed: %v, %v", got, err)
	}
	if _, err := scanner.Open(t.Context()); !errors.Is(err, scan.ErrUnreachable) {
		t.Errorf("down: %v", err)
	}
	if err := parts.Restart(t.Context(), devstack.Clamd); err != nil {
		t.Fatal(err)
	}
	if err := scanner.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
