package faults

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a serving child of this test.
type process struct {
	cmd    *exec.Cmd
	orders io.WriteCloser
	// reports has the child's answers; it is closed at the child's end.
	reports chan report
	ended   chan struct{}
}

var errChildEnded = errors.New("the serving process has ended")

// startProcess returns when the service answers. The environment is the service's configuration, listener the socket it answers at.
func startProcess(environment []string, listener *os.File) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self), reports: make(chan report), ended: make(chan struct{})}
	p.cmd.Env = append([]string{asChild + "=1", "PATH=/usr/bin:/bin", "TMPDIR=/tmp", "GORACE=" + os.Getenv("GORACE")}, environment...)
	p.cmd.ExtraFiles, p.cmd.Stderr = []*os.File{listener}, os.Stderr
	// A process group of its own: Ctrl-C reaches us first. It ends with its standard input, and so with us.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.orders, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	go p.listen(out)
	if _, err := p.answer(time.Minute); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *process) listen(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var r report
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			p.reports <- r
		}
	}
	close(p.reports)
	_ = p.cmd.Wait()
	close(p.ended)
}

// tell gives an order and waits for its report. When the child dies over it, the error is errChildEnded.
func (p *process) tell(o order) (report, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return report{}, err
	}
	if _, err := p.orders.Write(append(text, '\n')); err != nil {
		return report{}, errChildEnded
	}
	return p.answer(30 * time.Second)
}

func (p *process) answer(limit time.Duration) (report, error) {
	select {
	case r, more := <-p.reports:
		if !more {
			return r, errChildEnded
		}
		return r, nil
	case <-time.After(limit):
		return report{}, fmt.Errorf("the serving process says nothing for %s", limit)
	}
}

// killed waits for the child's end and tells whether kill -9 was it.
func (p *process) killed(limit time.Duration) bool {
	select {
	case <-p.ended:
		status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
		return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
	case <-time.After(limit):
		return false
	}
}

// stop ends the child and waits for that; it returns an error when the child had died of something else, a data race say.
func (p *process) stop() error {
	_ = p.orders.Close()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.New("the serving process had to be killed")
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("the serving process: %s", p.cmd.ProcessState)
	}
	return nil
}
