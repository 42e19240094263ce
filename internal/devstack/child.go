package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// errPortTaken marks the death of a part that could not bind its port.
var errPortTaken = errors.New("its port is in use")

// command is a process to start.
type command struct {
	path string
	args []string
	// env is the whole environment: nothing of ours is inherited, so PGDATA or VGW_PORT of a developer's shell cannot interfere.
	env []string
	// as is the user to run as; the zero value is our own.
	as identity
	// logPath is where output is appended.
	logPath string
	// orphaned is the signal the child gets when we die.
	orphaned syscall.Signal
}

// spawner starts children from one thread that lives as long as they may. Pdeathsig fires when the *thread* that forked ends,
// not the process, and Go ends threads as it likes; only a goroutine locked to its thread keeps one.
type spawner struct {
	requests chan spawnRequest
}

type spawnRequest struct {
	cmd   *exec.Cmd
	reply chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest)}
	go s.run()
	return s
}

// run never unlocks the thread: when close ends it the thread ends too, and takes along any child that was forgotten.
func (s *spawner) run() {
	runtime.LockOSThread()
	for request := range s.requests {
		request.reply <- request.cmd.Start()
	}
}

func (s *spawner) close() { close(s.requests) }

// start begins the process; it does not wait for it to be ready.
func (s *spawner) start(c command) (*child, error) {
	logFile, err := openLog(c.logPath)
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	began, err := logFile.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: c.path, Args: append([]string{c.path}, c.args...), Env: c.env, Dir: "/", Stdout: logFile, Stderr: logFile}
	// A process group of its own: Ctrl-C in a terminal must reach us first, so that requests end before their parts do.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: c.orphaned, Setpgid: true}
	c.as.apply(cmd.SysProcAttr)
	request := spawnRequest{cmd: cmd, reply: make(chan error, 1)}
	s.requests <- request
	if err := <-request.reply; err != nil {
		return nil, err
	}
	ch := &child{cmd: cmd, done: make(chan struct{}), logPath: c.logPath, logFrom: began}
	go func() { _ = cmd.Wait(); close(ch.done) }()
	return ch, nil
}

// openLog appends; a log over 8 MiB starts anew, so that a stack that is started every day does not fill a disk.
func openLog(path string) (*os.File, error) {
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if info, err := os.Stat(path); err == nil && info.Size() > 8<<20 {
		flags |= os.O_TRUNC
	}
	return os.OpenFile(path, flags, 0o600)
}

// child is a started process.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	// logPath and logFrom say where this process's own output begins.
	logPath string
	logFrom int64
	// expected tells that its end was asked for; guarded by Parts.mu.
	expected bool
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) kill() { _ = c.cmd.Process.Kill() }

// killAll ends the process with those it has started, PostgreSQL's backends say, which would otherwise see it die and end in order. It
// is stopped first, so that none is added meanwhile. They are its children only as long as it lives, so nobody else is hit.
func (c *child) killAll() {
	_ = c.cmd.Process.Signal(syscall.SIGSTOP)
	started := childrenOf(c.pid())
	for _, pid := range started {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	c.kill()
}

// childrenOf are the processes that a process has started and that still are its own.
func childrenOf(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for field := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(field); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}

func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

func (c *child) awaitEnd(limit time.Duration) bool {
	select {
	case <-c.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// awaitReady asks until the part answers, dies, or time is up; each question has at most 5 s.
func (c *child) awaitReady(ctx context.Context, ready func(context.Context) error) error {
	var last error
	for {
		ask, cancel := context.WithTimeout(ctx, 5*time.Second)
		last = ready(ask)
		cancel()
		if last == nil && c.alive() {
			return nil
		}
		select {
		case <-c.done:
			return c.deathError()
		case <-ctx.Done():
			return fmt.Errorf("it did not answer in time: %w; last lines of its log:\n%s", errors.Join(ctx.Err(), last), c.lastWords())
		case <-time.After(readyPause):
		}
	}
}

// deathError tells why a part ended that should run.
func (c *child) deathError() error {
	words := c.lastWords()
	err := fmt.Errorf("it ended at once (%s); last lines of its log:\n%s", c.cmd.ProcessState, words)
	// PostgreSQL and versitygw say "address already in use", clamd "Cannot bind".
	if low := strings.ToLower(words); strings.Contains(low, "already in use") || strings.Contains(low, "cannot bind") {
		return errors.Join(errPortTaken, err)
	}
	return err
}

// lastWords are the last ten lines this process wrote.
func (c *child) lastWords() string {
	file, err := os.Open(c.logPath)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err.Error()
	}
	from := max(c.logFrom, info.Size()-4096)
	text, err := io.ReadAll(io.NewSectionReader(file, from, 4096))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], []byte("\n")))
}
