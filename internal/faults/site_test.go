package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/servicetest"
)

// site is a whole installation of real processes, all started here: PostgreSQL, S3 and clamd, and `dokumentlager serve` built from this tree.
type site struct {
	*servicetest.Service
	dir, program, address string
	log                   *os.File

	mu      sync.Mutex
	running *exec.Cmd
	ended   chan struct{}
}

// freeAddress is where the service is to listen: below the ports of the parts and of the kernel's outgoing connections, so that nobody has it
// after a kill.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 18000+rand.IntN(2000))
		if listener, err := net.Listen("tcp", address); err == nil && listener.Close() == nil {
			return address
		}
	}
	t.Fatal("no free port from 18000 to 19999")
	return ""
}

func newSite(t *testing.T) *site {
	t.Helper()
	// Not the test's folder: PostgreSQL runs as another user and must get through.
	dir, err := os.MkdirTemp("/tmp", "dokumentlager-soak-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &site{dir: dir, program: filepath.Join(dir, "dokumentlager"), address: freeAddress(t)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("everything is left in %s for whoever looks into it", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "../../cmd/dokumentlager")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	parts, err := devstack.StartParts(t.Context(), devstack.Options{Dir: filepath.Join(dir, "stack")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Stop() })
	if s.Service, err = servicetest.Prepare(context.Background(), servicetest.Place{Parts: parts, OwnerURL: parts.OwnerURL, AppURL: parts.AppURL,
		Dir: filepath.Join(dir, "sts"), URL: "http://" + s.address}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.DB.Close(); s.Owner.Close() })
	if s.log, err = os.Create(filepath.Join(dir, "serve.log")); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.kill() })
	return s
}

// start runs the service; it does not wait for it.
func (s *site) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	cmd := exec.Command(s.program, "serve")
	cmd.Env = append(s.Environment(), "DOKUMENTLAGER_LISTEN="+s.address, "PATH=/usr/bin:/bin", "HOME="+s.dir)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the signal comes at the end of the thread that started it (prctl(2), PR_SET_PDEATHSIG)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(ended)
	}()
	s.running, s.ended = cmd, ended
	return <-started
}

// kill is kill -9 of the service.
func (s *site) kill() error { return s.end(syscall.SIGKILL, 5*time.Second) }

// stop lets it end in order.
func (s *site) stop() error { return s.end(syscall.SIGTERM, 2*time.Minute) }

func (s *site) end(sig syscall.Signal, limit time.Duration) error {
	s.mu.Lock()
	cmd, ended := s.running, s.ended
	s.mu.Unlock()
	if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("the service did not end %s after %s", limit, sig)
	}
}

// alive tells whether the service runs; nobody but us may have ended it.
func (s *site) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

func (s *site) ready(ctx context.Context) bool {
	r := request(ctx, 5*time.Second, http.MethodGet, s.URL+"/readyz", nil, nil)
	return r.err == nil && r.status == http.StatusOK
}
