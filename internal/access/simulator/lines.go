package simulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"dokumentlager/internal/fault"
)

// lineLimit is the longest line that is read, in bytes without its end; a question has some hundred.
const lineLimit = 1 << 20

// refusal is the answer to a line that cannot be understood.
type refusal struct {
	Error string `json:"error"`
	Line  int    `json:"line"`
}

// Tally is how a run went: questions answered and refused.
type Tally struct{ Answered, Refused int }

// Run answers every line of in with one line of out, in order. Empty lines are passed over, and counted for the number that a refusal
// tells. An answer leaves before Run waits for more. ignored is called for every unknown field, and may be nil. The
// error is the reader's or the writer's.
func (s Simulator) Run(in io.Reader, out io.Writer, ignored func(line int, field string)) (tally Tally, err error) {
	lines := lines{in: bufio.NewReaderSize(in, 64<<10)}
	buffered := bufio.NewWriter(out)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return tally, buffered.Flush()
		}
		if err != nil && !errors.Is(err, errTooLong) {
			return tally, errors.Join(err, buffered.Flush())
		}
		if len(line) > 0 || err != nil {
			if err := encoder.Encode(s.answer(line, err, lines.read, &tally, ignored)); err != nil {
				return tally, err
			}
		}
		if lines.wouldWait() {
			if err := buffered.Flush(); err != nil {
				return tally, err
			}
		}
	}
}

// answer is what is said to one line, be it a refusal; err is why it could not be read.
func (s Simulator) answer(line []byte, err error, number int, tally *Tally, ignored func(int, string)) any {
	var a Answer
	var unknown []string
	if err == nil {
		a, unknown, err = s.Ask(line)
	}
	for _, field := range unknown {
		if ignored != nil {
			ignored(number, field)
		}
	}
	if err != nil {
		tally.Refused++
		return refusal{describe(err), number}
	}
	tally.Answered++
	return a
}

// describe joins all that is wrong with a question into one text.
func describe(err error) string {
	var texts []string
	for _, p := range fault.Of(err) {
		texts = append(texts, strings.TrimPrefix(p.Location+": "+p.Safe, ": "))
	}
	return strings.Join(texts, "; ")
}

var errTooLong = fault.New(fault.BadRequest, "The line is longer than 1 MiB.")

// lines reads one line after the other and keeps no more than one.
type lines struct {
	in   *bufio.Reader
	read int
}

// next is the next line without its end, a byte order mark or blanks around it; io.EOF after the last. A line that is too long is errTooLong, and the
// next call goes on behind it.
func (l *lines) next() (line []byte, err error) {
	l.read++
	var tooLong bool
	for {
		part, err := l.in.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > lineLimit+1; !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0 && !tooLong):
			return nil, err
		case tooLong:
			return nil, errTooLong
		default:
			return bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff"))), nil
		}
	}
}

// wouldWait reports whether the next line has not arrived in full.
func (l *lines) wouldWait() bool {
	waiting, _ := l.in.Peek(l.in.Buffered())
	return bytes.IndexByte(waiting, '\n') < 0
}
