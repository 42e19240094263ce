// Package repository keeps the bytes of documents: it receives, judges, keeps, opens and removes them, and holds back what is
// infected.
//
// It promises that a reception costs the same small memory whatever the document's size and leaves nothing behind when the
// process dies (DESIGN, "One upload" 2), that no document is kept which the scanner has not called clean, with everything it
// carries in base64 (F3, F4), that at most 60 MiB are taken (F5), and that a whole document that comes out has the SHA-256
// that was registered, or does not come out to its end (promise 3). Object keys are random and say nothing of the patient. It
// does not know metadata, patients or who may read: use cases decide and write the audit event.
package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/scan"

	"github.com/google/uuid"
)

// MaxDocument is the largest document in bytes that F5 allows, unless configured otherwise.
const MaxDocument = 60 << 20

// Scanner opens one scan; each has a deadline of the scanner's own (see Clamd).
type Scanner interface {
	Open(ctx context.Context) (ScanStream, error)
}

// ScanStream takes a document's bytes and then says what it thinks of them. Only scan.Clean with a nil error counts as clean.
type ScanStream interface {
	io.Writer
	Verdict() (scan.Verdict, error)
	Abort()
}

// Clamd is s as a Scanner.
func Clamd(s *scan.Scanner) Scanner { return clamd{s} }

type clamd struct{ *scan.Scanner }

func (c clamd) Open(ctx context.Context) (ScanStream, error) {
	stream, err := c.Scanner.Open(ctx)
	if err != nil {
		return nil, err // not stream: a nil *scan.Stream in the interface would not be nil
	}
	return stream, nil
}

// Config is what a Repository needs; zero values mean what is said.
type Config struct {
	Blobs   blob.Store
	Scanner Scanner
	// SpoolDir is where documents above MemorySpool wait, in files without a name; empty means the system's temporary folder.
	SpoolDir string
	// MaxDocument is in bytes (F5): MaxDocument. MemorySpool is how much of a document may wait in memory: 1 MiB.
	MaxDocument, MemorySpool int64
	// ScanSlots is how many streams the scanner is given at a time: 8, which is below clamd's own MaxThreads of 10. ScanWait is how
	// long a document waits for a slot: 30 s.
	ScanSlots int
	ScanWait  time.Duration
	// MaxAttachments is how many base64 attachments of one document are scanned, those inside attachments included: 1,000. A thousand
	// small ones take clamd about a second.
	MaxAttachments int
	// Now and NewKey are the clock and the maker of object keys: time.Now, uuid.New (random, as promised above).
	Now    func() time.Time
	NewKey func() uuid.UUID
	// Fail is nil but in tests.
	Fail *failpoint.Set
}

func (c Config) defaults() Config {
	c.MaxDocument = cmp.Or(c.MaxDocument, MaxDocument)
	c.MemorySpool = cmp.Or(c.MemorySpool, 1<<20)
	c.ScanSlots = cmp.Or(c.ScanSlots, 8)
	c.ScanWait = cmp.Or(c.ScanWait, 30*time.Second)
	c.MaxAttachments = cmp.Or(c.MaxAttachments, 1000)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewKey == nil {
		c.NewKey = uuid.New
	}
	return c
}

// Repository is safe for concurrent use.
type Repository struct {
	cfg Config
	// slots are the scanner's places, handed out fairly between organisations.
	slots *admission.Queue
	// spooled is how many bytes wait in all spools.
	spooled atomic.Int64
}

// Load is what a Repository has under way, for metrics.
type Load struct {
	// Scanning documents have one of Slots, Waiting ones have none yet.
	Scanning, Waiting, Slots int
	// Spooled is in bytes, in memory and files.
	Spooled int64
}

// Load tells it as it is now.
func (r *Repository) Load() Load {
	waiting, taken := r.slots.Lengths()
	return Load{Scanning: taken, Waiting: waiting, Slots: r.cfg.ScanSlots, Spooled: r.spooled.Load()}
}

// New makes a Repository; it does not connect.
func New(c Config) *Repository {
	c = c.defaults()
	return &Repository{cfg: c, slots: admission.NewQueue(c.ScanSlots, c.Now)}
}

// slot waits for a place at the scanner, fairly between the organisations that uploads are for. A slot is held while the scanner works
// and never while a client sends or another slot is waited for, so that slow clients cannot keep others from being scanned, and documents
// cannot lock each other out with what they carry.
func (r *Repository) slot(ctx context.Context) (release func(), err error) {
	waiting, cancel := context.WithTimeoutCause(ctx, r.cfg.ScanWait, errTooManyScans)
	defer cancel()
	release, err = r.slots.Take(waiting, admission.Organisation(ctx))
	switch {
	case errors.Is(err, errTooManyScans):
		return nil, fault.New(fault.TooBusy, "More documents are waiting to be scanned than the scanner can take. Nothing was stored; send the same request again.").
			From(fault.Clamd).RetryIn(30 * time.Second)
	case err != nil:
		return nil, notScanned(err)
	}
	return release, nil
}

// errTooManyScans ends the wait for a slot.
var errTooManyScans = errors.New("repository: no scan slot became free in time")

// notScanned is F3's refusal; an error that is a fault already stays as it is. fault.Of is not asked: it makes one of any error.
func notScanned(cause error) error {
	var problem *fault.Problem
	if errors.As(cause, &problem) {
		return cause
	}
	return fault.New(fault.NotScanned, "The document could not be scanned for malware, so nothing was stored. Send the same request again later.").
		By("F3").RetryIn(30 * time.Second).Because(cause)
}

// storeUnavailable is for an object store that does not answer as it should.
func storeUnavailable(cause error) error {
	return fault.New(fault.PartUnavailable, "The document store does not answer now. Send the same request again.").
		From(fault.ObjectStore).RetryIn(5 * time.Second).Because(fmt.Errorf("repository: %w", cause))
}
