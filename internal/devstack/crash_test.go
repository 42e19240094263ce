package devstack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
)

// childDir is the environment variable that turns this test binary into a program with a stack, to be killed.
const childDir = "DEVSTACK_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
		return
	}
	os.Exit(m.Run())
}

// report is what the child tells when its stack runs and holds the deposit.
type report struct {
	PIDs  []int
	Error string
	Euid  int
}

func runChild(dir string) {
	var r report
	parts, err := devstack.StartParts(context.Background(), devstack.Options{Dir: dir, BinDir: os.Getenv("DEVSTACK_TEST_BIN")})
	if err == nil {
		err = deposit(context.Background(), parts)
		r.PIDs = pids(parts)
	}
	if err != nil {
		r.Error = err.Error()
	}
	r.Euid = os.Geteuid()
	_ = json.NewEncoder(os.Stdout).Encode(r)
	// Work for the scheduler: threads that come and go must not take the parts along.
	for range 8 {
		go func() { time.Sleep(time.Millisecond) }()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	if parts != nil {
		_ = parts.Stop()
	}
}

// startChild runs a stack in another process and waits for its report.
func startChild(t *testing.T, dir string, change func(*exec.Cmd)) (*exec.Cmd, report) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	if change != nil {
		change(cmd)
	}
	// The pipe ends with us, and the child with the pipe.
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var r report
	if err != nil || json.Unmarshal(line, &r) != nil || r.Error != "" {
		t.Fatalf("child says %q, %v: %s", line, err, r.Error)
	}
	return cmd, r
}

func TestPartsDieWithUsAndDataSurvives(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		child, r := startChild(t, dir, nil)
		backends := childrenOf(r.PIDs[0])
		if len(backends) == 0 {
			t.Fatal("postgres has no processes below it")
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait()
		if round == 0 {
			// The next rounds start at once, while PostgreSQL still shuts down.
			expectGone(t, append(backends, r.PIDs...)...)
		}
	}
	parts := start(t, dir)
	expectDeposit(t, parts)
	expectScanner(t, parts)
}

func childrenOf(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var pids []int
	for _, field := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(field); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// TestStalePidFile starts over the pid file of a server whose number another process has got since.
func TestStalePidFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := start(t, dir).Stop(); err != nil {
		t.Fatal(err)
	}
	sleeper := exec.Command("sleep", "60")
	if os.Geteuid() == 0 {
		// The same user as the server: only then does PostgreSQL take the process for its own.
		sleeper.SysProcAttr = &syscall.SysProcAttr{Credential: ownerOf(t, filepath.Join(dir, "postgres"))}
	}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	stale := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n127.0.0.1\n", sleeper.Process.Pid, dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "postgres", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	expectScanner(t, start(t, dir))
}

func ownerOf(t *testing.T, path string) *syscall.Credential {
	t.Helper()
	var stat syscall.Stat_t
	if err := syscall.Stat(path, &stat); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

// TestInterruptedInitdb finds what a start killed during initdb leaves.
func TestInterruptedInitdb(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "postgres.new", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	parts := start(t, dir)
	mustQuery(t, parts.OwnerURL, `select current_database()::text`, "dokumentlager")
}

// TestFolderThatOthersCannotEnter stands for a checkout under /root.
func TestFolderThatOthersCannotEnter(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "stack")
	child, r := startChild(t, dir, nil)
	if os.Geteuid() == 0 {
		var stat syscall.Stat_t
		if err := syscall.Stat(fmt.Sprintf("/proc/%d", r.PIDs[0]), &stat); err != nil {
			t.Fatal(err)
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.PIDs[0]))
		if strings.Contains(string(status), "Uid:\t0") {
			t.Errorf("postgres runs as root:\n%s", status)
		}
	}
	// Capabilities can make the kernel forget Pdeathsig; ours must not.
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	expectGone(t, r.PIDs...)
	expectDeposit(t, start(t, dir))
}

func TestLongFolderName(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("lang-mappe-", 10), "with space, and comma")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	parts := start(t, dir)
	if err := deposit(t.Context(), parts); err != nil {
		t.Fatal(err)
	}
	if len(parts.SocketDir) > 80 {
		t.Errorf("socket folder %q is too long for a socket", parts.SocketDir)
	}
}

// TestOrdinaryUser runs a stack as a user with no rights, when we are root and can become one.
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("every other test here runs as an ordinary user already")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("no user nobody")
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	home, err := os.MkdirTemp("/tmp", "dl-home-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(home)
	if err := os.Chown(home, uid, gid); err != nil {
		t.Fatal(err)
	}
	// The program and versitygw are copied to where nobody can run them.
	copyProgram(t, must(os.Executable()), filepath.Join(home, "program"))
	copyProgram(t, versitygw(t), filepath.Join(home, "versitygw"))
	child, r := startChild(t, filepath.Join(home, "stack"), func(cmd *exec.Cmd) {
		cmd.Path, cmd.Dir = filepath.Join(home, "program"), home
		cmd.Env = []string{"HOME=" + home, "PATH=/usr/bin:/bin", childDir + "=" + filepath.Join(home, "stack")}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	})
	if r.Euid != uid {
		t.Errorf("child ran as %d", r.Euid)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	expectGone(t, r.PIDs...)
	// Root in the data of an ordinary user, as after a careless sudo, keeps it that user's.
	expectDeposit(t, start(t, filepath.Join(home, "stack")))
	if got := ownerOf(t, filepath.Join(home, "stack", "postgres")); int(got.Uid) != uid {
		t.Errorf("the data folder belongs to %d now", got.Uid)
	}
}

func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}

func versitygw(t *testing.T) string {
	t.Helper()
	path, err := devstack.FindVersitygw()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestManyProcessesStartTogether(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts three stacks")
	}
	base := t.TempDir()
	for n := range 3 {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			startChild(t, filepath.Join(base, strconv.Itoa(n)), nil)
		})
	}
}
