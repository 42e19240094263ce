package stacktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
)

// asChild makes TestChild use the parts and end without any tidying, as a test process does.
const asChild = "STACKTEST_CHILD"

type used struct {
	PID   int
	Clamd int
}

func TestChild(t *testing.T) {
	if os.Getenv(asChild) == "" {
		t.Skip("run by TestNothingIsLeft")
	}
	parts := Parts(t)
	if Parts(t) != parts {
		t.Error("a second set of parts in one process")
	}
	_ = json.NewEncoder(os.Stdout).Encode(used{PID: os.Getpid(), Clamd: parts.PID(devstack.Clamd)})
	os.Exit(0)
}

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), asChild+"=1")
	out, err := cmd.Output()
	var child used
	if err != nil || json.Unmarshal(out, &child) != nil {
		t.Fatalf("%q, %v", out, err)
	}
	pattern := filepath.Join(base, fmt.Sprintf("%s%d-*", prefix, child.PID))
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		left, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		// A zombie has no command line: when init reaps it is the machine's affair.
		if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child.Clamd)); len(left) == 0 && len(line) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left: %v, clamd %d", left, child.Clamd)
		}
	}
}

func TestRemoveStale(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	ended := exec.CommandContext(t.Context(), "true")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	folder := func(pid int, name string) string {
		path := filepath.Join(base, fmt.Sprintf("%s%d-%s", prefix, pid, name))
		if err := errors.Join(os.Mkdir(path, 0o711), os.WriteFile(filepath.Join(path, "lock"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dead, alive := folder(ended.Process.Pid, "a"), folder(os.Getpid(), "b")
	// The number says dead, the lock says alive: a container with numbers of its own.
	elsewhere, strange := folder(ended.Process.Pid, "c"), folder(0, "d")
	lock, err := os.Open(filepath.Join(elsewhere, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	removeStale(base)
	for path, want := range map[string]bool{dead: false, alive: true, elsewhere: true, strange: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: kept = %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}
