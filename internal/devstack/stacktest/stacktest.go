// Package stacktest gives tests the real parts of devstack: one set per test process, started on first use.
//
// It promises that a test process leaves neither processes nor, a few seconds after its end, files behind, however it ends,
// and that many test processes can do this at the same time. Tests share the parts; each works in its own tenant, schema or
// key prefix. A test that kills or restarts a part needs a set of its own: devstack.StartParts with t.TempDir().
package stacktest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
)

// Durable names the environment variable that, when set, lets PostgreSQL wait for the disk as it does in life: for measurements.
const Durable = "DOKUMENTLAGER_TEST_DURABLE"

const (
	// base is not $TMPDIR: sockets need short paths, and AppArmor lets clamd use only /tmp.
	base   = "/tmp"
	prefix = "dokumentlager-test-"
)

// started is the one set of this test process; tests have no other place that outlives a single test.
var started = sync.OnceValues(start)

// Parts returns the running parts. The test fails when they cannot be started, with what to install.
func Parts(t testing.TB) *devstack.Parts {
	t.Helper()
	parts, err := started()
	if err != nil {
		t.Fatalf("the real parts are needed for this test and could not be started: %v", err)
	}
	return parts
}

func start() (*devstack.Parts, error) {
	removeStale(base)
	dir, err := os.MkdirTemp(base, fmt.Sprintf("%s%d-", prefix, os.Getpid()))
	if err != nil {
		return nil, err
	}
	if err := removeAtExit(dir); err != nil {
		return nil, err
	}
	// As root, PostgreSQL is another user and must get through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	return devstack.StartParts(context.Background(), devstack.Options{
		Dir: dir, Scratch: filepath.Join(dir, "scratch"), StartTimeout: 90 * time.Second, Volatile: os.Getenv(Durable) == "",
	})
}

// removeAtExit leaves a shell that waits for our end, seen as the end of its input, and then removes the folder. `go test` has
// no hook for the end of a process, and none would run after a panic or a kill. It gives the parts time to end first.
func removeAtExit(dir string) error {
	// A bare descriptor: an os.File would be closed when the garbage collector finds nobody using it.
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
		return err
	}
	input := os.NewFile(uintptr(pipe[0]), "end of tests")
	defer input.Close()
	cmd := exec.Command("/bin/sh", "-c", `cat; sleep 1; rm -rf -- "$1"; sleep 2; rm -rf -- "$1"`, "sh", dir)
	cmd.Stdin, cmd.Dir = input, "/"
	// A signal to the test's process group must not end it early.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd.Start()
}

// removeStale removes what processes left that had no time for it: the machine was switched off, say.
func removeStale(base string) {
	dirs, _ := filepath.Glob(filepath.Join(base, prefix+"*"))
	for _, dir := range dirs {
		if dead(pidOf(dir)) && unlocked(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}

func pidOf(dir string) int {
	pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
	n, err := strconv.Atoi(pid)
	if err != nil {
		return 0
	}
	return n
}

// dead is false for anything in doubt, such as a process of another user.
func dead(pid int) bool {
	return pid > 0 && syscall.Kill(pid, 0) == syscall.ESRCH
}

// unlocked tells a dead stack from one of a container that shares the folder but not our process ids.
func unlocked(dir string) bool {
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if err != nil {
		return os.IsNotExist(err)
	}
	defer lock.Close()
	return syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
