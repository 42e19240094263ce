package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// origins begin every log's name.
const origins = "dokumentlager.no/audit/"

// ControlOrigin names the log of events that belong to no tenant.
const ControlOrigin = origins + "control"

// Origin names a tenant's log by its home community.
func Origin(homeCommunity string) string { return origins + homeCommunity }

// Pruned names the notes that say which of a log's events may be gone.
func Pruned(origin string) string { return origin + "/pruned" }

// Head is what is signed of a log: that its first Size events make the tree with this root.
type Head struct {
	Origin string
	Size   uint64
	Root   Hash
	// At is when it was signed, in whole seconds.
	At time.Time
	// Link is that of the log's last seal (Batch.Link), DayNote the hash of the last head of a day before this one (HashNote). Zero: none.
	Link, DayNote Hash
	// Day is set in a day's head, as 2006-01-02.
	Day string
	// Before is set in a note of Pruned: those of the first Size events that are older may be gone, and no others.
	Before time.Time
}

// The extension lines, in their order.
const (
	lineTime, lineLink, lineDayNote = "time ", "link ", "day-note "
	lineDay, lineBefore             = "day ", "before "
)

// text is the note's text: a checkpoint, each line ended.
func (h Head) text() string {
	lines := []string{h.Origin, strconv.FormatUint(h.Size, 10), encode(h.Root), lineTime + h.At.UTC().Format(time.RFC3339),
		lineLink + encode(h.Link), lineDayNote + encode(h.DayNote)}
	if h.Day != "" {
		lines = append(lines, lineDay+h.Day)
	}
	if !h.Before.IsZero() {
		lines = append(lines, lineBefore+h.Before.UTC().Format(time.RFC3339))
	}
	return strings.Join(lines, "\n") + "\n"
}

func encode(h Hash) string { return base64.StdEncoding.EncodeToString(h[:]) }

// Sign is the head as a signed note.
func (k *Key) Sign(h Head) (string, error) {
	signed, err := note.Sign(&note.Note{Text: h.text()}, k.signer)
	return string(signed), err
}

// HashNote is the hash by which a later note names an earlier one.
func HashNote(signed string) Hash { return sha256.Sum256([]byte(signed)) }

// MaxNote is the longest note that is read, in bytes.
const MaxNote = 4096

// errForm is a note that is signed and no head.
var errForm = errors.New("ledger: the note is not a head of an audit log")

// Open verifies a note and reads the head. Nothing of a note that no trusted key has signed comes out.
func (t Trust) Open(signed string) (Head, error) {
	if len(signed) > MaxNote {
		return Head{}, errForm
	}
	opened, err := note.Open([]byte(signed), t.verifiers)
	if err != nil {
		return Head{}, fmt.Errorf("ledger: %w", err)
	}
	h, err := parse(opened.Text)
	if err != nil {
		return Head{}, err
	}
	if h.text() != opened.Text { // there is one way to write a head
		return Head{}, errForm
	}
	return h, nil
}

func parse(text string) (h Head, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 6 || len(lines) > 8 || !strings.HasPrefix(lines[0], origins) {
		return h, errForm
	}
	h.Origin = lines[0]
	size, errSize := strconv.ParseInt(lines[1], 10, 64)
	root, errRoot := hash(lines[2], "")
	at, errAt := moment(lines[3], lineTime)
	link, errLink := hash(lines[4], lineLink)
	dayNote, errDay := hash(lines[5], lineDayNote)
	if errors.Join(errSize, errRoot, errAt, errLink, errDay) != nil || size < 0 {
		return h, errForm
	}
	h.Size, h.Root, h.At, h.Link, h.DayNote = uint64(size), root, at, link, dayNote
	for _, line := range lines[6:] {
		if day, found := strings.CutPrefix(line, lineDay); found && h.Day == "" && h.Before.IsZero() {
			h.Day = day
			if _, err := time.Parse(time.DateOnly, day); err != nil {
				return h, errForm
			}
		} else if h.Before, err = moment(line, lineBefore); err != nil {
			return h, errForm
		}
	}
	return h, nil
}

func hash(line, name string) (Hash, error) {
	value, found := strings.CutPrefix(line, name)
	b, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || !found || len(b) != len(Hash{}) {
		return Hash{}, errForm
	}
	return Hash(b), nil
}

func moment(line, name string) (time.Time, error) {
	value, found := strings.CutPrefix(line, name)
	if !found {
		return time.Time{}, errForm
	}
	return time.Parse(time.RFC3339, value)
}

// signature begins a line of signature in a note.
const signature = "— "

// JoinNotes is several notes as one text: an empty line stands between two.
func JoinNotes(notes []string) string { return strings.Join(notes, "\n") }

// SplitNotes reads what JoinNotes wrote, and the same kept by others: notes with any number of empty lines between them.
func SplitNotes(text string) (notes []string) {
	begin, signed := 0, false
	for i := 0; i < len(text); {
		end := strings.IndexByte(text[i:], '\n') + i + 1
		if end == i {
			end = len(text)
		}
		line := strings.TrimSuffix(text[i:end], "\n")
		switch {
		case strings.HasPrefix(line, signature):
			signed = true
		case line == "" && begin == i:
			begin = end // before a note
		case signed:
			notes, signed = append(notes, text[begin:i]), false
			if begin = i; line == "" {
				begin = end
			}
		}
		i = end
	}
	if begin < len(text) {
		notes = append(notes, text[begin:])
	}
	return notes
}
