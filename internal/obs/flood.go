package obs

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"
)

// Thinned writes the first lines of a time and, when it is over, one line that says how many were left out. Who floods us may cause any
// number of lines; metrics count them all.
type Thinned struct {
	Log *slog.Logger
	// Lines may be written in each Window.
	Lines  int
	Window time.Duration
	// Summary is the text of the last line; Operation is what it is of, a request when empty.
	Summary, Operation string

	mu            sync.Mutex
	written, left int
}

// LogAttrs is slog.Logger's.
func (t *Thinned) LogAttrs(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	if t.take() {
		t.Log.LogAttrs(ctx, level, text, attrs...)
	}
}

// take counts a line and tells whether it may be written. The first one begins the window.
func (t *Thinned) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.written+t.left == 0 {
		time.AfterFunc(t.Window, t.end)
	}
	if t.written >= t.Lines {
		t.left++
		return false
	}
	t.written++
	return true
}

// end sums up.
func (t *Thinned) end() {
	t.mu.Lock()
	left := t.left
	t.written, t.left = 0, 0
	t.mu.Unlock()
	if left > 0 {
		t.Log.LogAttrs(context.Background(), slog.LevelWarn, t.Summary, slog.String("component", "self"), slog.String("operation", cmp.Or(t.Operation, "request")), slog.Int("count", left))
	}
}
