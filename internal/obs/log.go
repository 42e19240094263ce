package obs

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/fault"
)

// maxValue bounds one value of a log line, in bytes: an error text may quote what a stranger sent.
const maxValue = 2000

// NewLogger writes one JSON object per line. Keys that are not in Keys are dropped; unknown, when not nil, is told of each:
// tests fail by it, because a key nobody thought about is how a patient gets into a log.
func NewLogger(w io.Writer, level slog.Leveler, unknown func(key string)) *slog.Logger {
	if unknown == nil {
		unknown = func(string) {}
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		return clean(groups, a, unknown)
	}}
	return slog.New(handler{slog.NewJSONHandler(w, options)})
}

// handler adds the ids of request and trace to every line that is written with their context.
type handler struct{ slog.Handler }

// Handle writes the line.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.Message = safeText(r.Message)
	if id := RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if id := TraceID(ctx); id != "" {
		r.AddAttrs(slog.String("trace_id", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps the wrapping.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the wrapping.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

// clean judges one attribute. Inside the group "config" the keys are settings' names, which the loader has checked.
func clean(groups []string, a slog.Attr, unknown func(string)) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return a
	}
	if ours, ok := spelling[a.Key]; ok {
		a.Key = ours
	}
	inConfig := len(groups) == 1 && groups[0] == "config"
	if _, known := Keys[a.Key]; !inConfig && (!known || len(groups) > 0) {
		unknown(a.Key)
		return slog.Attr{}
	}
	value, plain := safeValue(a.Value.Resolve())
	if !plain {
		unknown(a.Key)
		return slog.Attr{}
	}
	if a.Key == "component" && !slices.Contains(fault.Parts(), fault.Part(value.String())) {
		unknown("component=" + value.String())
		value = slog.StringValue(string(fault.Self))
	}
	return slog.Attr{Key: a.Key, Value: value}
}

// safeValue lets plain values through. A struct or map could carry anything, so only errors are taken of those, as their text.
func safeValue(v slog.Value) (slog.Value, bool) {
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(safeText(v.String())), true
	case slog.KindDuration:
		return slog.StringValue(v.Duration().Round(time.Microsecond).String()), true
	case slog.KindAny:
		err, isError := v.Any().(error)
		if !isError {
			return slog.Value{}, false
		}
		return slog.StringValue(safeText(err.Error())), true
	default:
		return v, true
	}
}

// safeText bounds a text and blots out free-standing runs of eleven digits: what has the form of a national identity number is
// treated as one. It is the second line of defence; the first is that nobody writes one.
func safeText(s string) string {
	if len(s) > maxValue {
		s = strings.ToValidUTF8(s[:maxValue], "") + "…"
	}
	for from := 0; from < len(s); {
		start, end := digitRun(s, from)
		if end-start == 11 && !wordByte(s, start-1) && !wordByte(s, end) {
			s = s[:start] + "[11 digits]" + s[end:]
		}
		from = end
	}
	return s
}

// digitRun finds the next run of digits at or after from; both are len(s) when there is none.
func digitRun(s string, from int) (start, end int) {
	digit := func(i int) bool { return s[i] >= '0' && s[i] <= '9' }
	for start = from; start < len(s) && !digit(start); start++ {
	}
	for end = start; end < len(s) && digit(end); end++ {
	}
	return start, end
}

// wordByte reports whether a letter stands at i, as in the hexadecimal of a UUID.
func wordByte(s string, i int) bool {
	return i >= 0 && i < len(s) && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z')
}
