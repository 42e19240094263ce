package devstack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

const (
	// portTries is how often a part is given another port when something else took the one chosen.
	portTries = 3
	// orderly and forced add up to the 8 s that Stop may take: first a part's own way of stopping, then SIGKILL.
	orderly = 5 * time.Second
	forced  = 2 * time.Second
	// readyPause is the time between two questions to a part that does not answer yet.
	readyPause = 15 * time.Millisecond
)

// start runs one part until it answers. A part that dies at once may have lost its port to another program between our look
// and its bind, so it is tried again on a new one.
func (p *Parts) start(ctx context.Context, part Part) error {
	var err error
	for try := range portTries {
		if err = p.state.choosePort(part, try > 0); err != nil {
			return err
		}
		if err = p.startOnce(ctx, part); err == nil || !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

func (p *Parts) startOnce(ctx context.Context, part Part) error {
	how := p.specs[part]
	if err := how.prepare(ctx); err != nil {
		return fmt.Errorf("devstack: preparing %s: %w", part, err)
	}
	began := time.Now()
	c, err := p.spawn(part, how.command())
	if err != nil {
		return err
	}
	if err := c.awaitReady(ctx, how.ready); err != nil {
		c.kill()
		return fmt.Errorf("devstack: starting %s: %w", part, err)
	}
	p.log.InfoContext(ctx, "part is ready", "component", string(part), "duration_ms", time.Since(began).Milliseconds())
	return nil
}

// spawn starts the process and remembers it, unless the stack is being stopped.
func (p *Parts) spawn(part Part, cmd command) (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return nil, errors.New("devstack: the stack is stopped")
	}
	if old := p.children[part]; old != nil && old.alive() {
		return nil, fmt.Errorf("devstack: %s runs already", part)
	}
	c, err := p.spawner.start(cmd)
	if err != nil {
		return nil, fmt.Errorf("devstack: starting %s: %w", part, err)
	}
	p.children[part] = c
	go p.watch(part, c)
	return c, nil
}

// watch tells the log when a part ends that nobody asked to end.
func (p *Parts) watch(part Part, c *child) {
	<-c.done
	p.mu.Lock()
	expected := p.stopping || c.expected
	p.mu.Unlock()
	if !expected {
		p.log.Error("part died", "component", string(part), "error", c.lastWords())
	}
}

// Signal sends a signal to a running part: SIGSTOP and SIGCONT for a part that hangs, say.
func (p *Parts) Signal(part Part, sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.children[part]
	if c == nil || !c.alive() {
		return fmt.Errorf("devstack: %s does not run", part)
	}
	return c.cmd.Process.Signal(sig)
}

// Kill ends a part with SIGKILL, all processes of it at once, as a crash of the machine would, and waits until it is gone (at most 2 s).
func (p *Parts) Kill(part Part) error {
	p.mu.Lock()
	c := p.children[part]
	if c != nil {
		c.expected = true
	}
	p.mu.Unlock()
	if c == nil || !c.alive() {
		return fmt.Errorf("devstack: %s does not run", part)
	}
	c.killAll()
	if !c.awaitEnd(forced) {
		return fmt.Errorf("devstack: %s did not end", part)
	}
	return nil
}

// Restart starts a part again on the same address; one that still runs is killed first.
func (p *Parts) Restart(ctx context.Context, part Part) error {
	if p.PID(part) != 0 {
		if err := p.Kill(part); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// Not p.start: the address is published, so another port would help nobody.
	return p.startOnce(ctx, part)
}

// Stop ends all parts, in order if they can within 5 s and by force after that, and gives the folder free. It returns within
// 8 s, leaves no process, and may be called more than once.
func (p *Parts) Stop() error {
	p.mu.Lock()
	if p.stopping {
		p.mu.Unlock()
		return nil
	}
	p.stopping = true
	children := p.children
	p.mu.Unlock()

	errs := make(chan error, len(children))
	var all sync.WaitGroup
	for part, c := range children {
		all.Go(func() { errs <- stopChild(part, c, p.specs[part].stopSignal) })
	}
	all.Wait()
	close(errs)
	var err error
	for e := range errs {
		err = errors.Join(err, e)
	}
	return errors.Join(err, p.release())
}

func stopChild(part Part, c *child, sig syscall.Signal) error {
	if !c.alive() {
		return nil
	}
	_ = c.cmd.Process.Signal(sig)
	// A part that a test has paused could not hear the signal.
	_ = c.cmd.Process.Signal(syscall.SIGCONT)
	if c.awaitEnd(orderly) {
		return nil
	}
	c.kill()
	if !c.awaitEnd(forced) {
		return fmt.Errorf("devstack: %s (pid %d) did not end", part, c.pid())
	}
	return fmt.Errorf("devstack: %s had to be killed", part)
}

// release gives back what is not a process. The lock goes last: whoever gets the folder next finds it quiet.
func (p *Parts) release() error {
	if p.spawner != nil {
		p.spawner.close()
	}
	var err error
	if p.state != nil {
		err = p.state.removeScratch()
	}
	return errors.Join(err, p.lock.Close())
}
