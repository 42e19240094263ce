package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"dokumentlager/internal/lifecycle"
)

// bar shows progress in one line of a terminal; elsewhere it shows nothing.
type bar struct {
	mu   sync.Mutex
	out  io.Writer
	what string
	last time.Time
	wide int
}

func newBar(out io.Writer, what string) *bar {
	if !isTerminal(out) {
		out = nil
	}
	return &bar{out: out, what: what}
}

// isTerminal: a character device that is not the null one.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	null, errNull := os.Stat(os.DevNull)
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && (errNull != nil || !os.SameFile(info, null))
}

const (
	barWidth = 30
	barEvery = 100 * time.Millisecond
)

// show draws the line anew, at most ten times a second.
func (b *bar) show(p lifecycle.Progress) { b.draw(func() string { return barLine(p, b.what) }) }

// draw asks for the line when it is time for one.
func (b *bar) draw(now func() string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out == nil || time.Since(b.last) < barEvery {
		return
	}
	b.last = time.Now()
	line := now()
	fmt.Fprint(b.out, "\r"+line+strings.Repeat(" ", max(0, b.wide-len(line))))
	b.wide = len(line)
}

func barLine(p lifecycle.Progress, what string) string {
	return shareLine(p.Share, fmt.Sprintf("%d objects, %d %s", p.Objects, p.Findings, what))
}

// shareLine is the bar, the share in percent, and what is said of it.
func shareLine(share float64, said string) string {
	full := int(min(1, max(0, share)) * barWidth)
	return fmt.Sprintf("[%s%s] %3.0f %%  %s", strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), share*100, said)
}

// clear takes the line away before something else is written.
func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out == nil || b.wide == 0 {
		return
	}
	fmt.Fprint(b.out, "\r"+strings.Repeat(" ", b.wide)+"\r")
	b.wide = 0
}
