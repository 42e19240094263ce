package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/format"
)

// Facts are what the bytes of a document are, whatever was declared of them.
type Facts struct {
	// Size is in bytes.
	Size int64
	// SHA1 is XDS's hash of 20 bytes, SHA256 the one that we trust.
	SHA1, SHA256 []byte
	// Format is what the content shows; Check it against what was declared (F1, F2).
	Format format.Result
	// Infected tells that the document or something it carries in base64 is malware, and Finding names the first such.
	Infected bool
	Finding  string
	// Received is when the last byte had come, Scanned when the scanner had spoken of everything.
	Received, Scanned time.Time
}

// Reception is one document on its way in: written, closed, asked for its Facts, then kept, quarantined or dropped. Discard is
// always deferred. It belongs to one goroutine; what runs beside that one is the judging after Close.
//
// Size, digests and spool are done as bytes pass. Scanner and inspector read the spool after Close, beside each other: clamd begins
// its work at the end of a stream anyway, so nothing is lost, while a stream that were fed by the client would hold one of the
// scanner's few threads for as long as that client likes, and fail with clamd's ReadTimeout whenever it paused.
type Reception struct {
	repo    *Repository
	ctx     context.Context
	cancel  context.CancelFunc
	content *spool
	// digests are of the bytes as they came, so that a spool that garbles them is found out when the store verifies the SHA-256.
	digests *digests
	// refusal is what ended the writing early: above the limit, or no room.
	refusal error
	closed  bool
	// judged is closed when facts and err are final.
	judged chan struct{}
	facts  Facts
	err    error
	// staged is the object on its way into the store beside the judging; nil when none is.
	staged *staged
}

var errNotOpen = errors.New("repository: written after Close or Discard")

// Receive begins a reception. The context bounds it all: when it ends, scans are broken off.
func (r *Repository) Receive(ctx context.Context) *Reception {
	ctx, cancel := context.WithCancel(ctx)
	return &Reception{
		repo: r, ctx: ctx, cancel: cancel, content: r.spool(),
		digests: newDigests(), judged: make(chan struct{}),
	}
}

// Write takes the next bytes. It fails with fault.DocumentTooLarge at the first byte above the limit (F5) and with
// fault.PartUnavailable when there is no room to spool; the caller then stops reading, and Facts says the same.
func (r *Reception) Write(p []byte) (int, error) {
	switch {
	case r.refusal != nil:
		return 0, r.refusal
	case r.closed:
		return 0, errNotOpen
	case r.content.size+int64(len(p)) > r.repo.cfg.MaxDocument:
		return 0, r.refuse(tooLarge(r.repo.cfg.MaxDocument))
	}
	if err := r.repo.cfg.Fail.Reach(r.ctx, failpoint.SpoolWrite); err != nil {
		return 0, r.refuse(noRoom(err))
	}
	if _, err := r.content.Write(p); err != nil {
		return 0, r.refuse(noRoom(err))
	}
	return r.digests.Write(p)
}

// refuse ends the writing and frees the spool at once: the rest of the request may be long.
func (r *Reception) refuse(err error) error {
	r.refusal = err
	r.digests.end()
	r.content.discard()
	return err
}

func tooLarge(limit int64) error {
	return fault.New(fault.DocumentTooLarge, "The document is larger than %s, the most that is taken. Send it in parts or in a smaller form.", inWords(limit)).By("F5")
}

func inWords(limit int64) string {
	if limit%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB (%d bytes)", limit>>20, limit)
	}
	return fmt.Sprintf("%d bytes", limit)
}

func noRoom(cause error) error {
	return fault.New(fault.PartUnavailable, "There is no room to receive the document now. Nothing was stored; send the same request again.").
		RetryIn(30 * time.Second).Because(fmt.Errorf("repository: spool: %w", cause))
}

// Close ends the input and lets the judging begin; the caller may go on with its next document. Its error is the one that
// Write gave.
func (r *Reception) Close() error {
	if r.closed {
		return r.refusal
	}
	r.closed = true
	if r.refusal == nil {
		if err := errors.Join(r.content.end(), r.repo.cfg.Fail.Reach(r.ctx, failpoint.SpoolEnd)); err != nil {
			_ = r.refuse(noRoom(err))
		}
	}
	if r.refusal != nil {
		r.err = r.refusal
		close(r.judged)
		return r.refusal
	}
	r.facts = Facts{Size: r.content.size, Received: r.repo.cfg.Now()}
	r.facts.SHA1, r.facts.SHA256 = r.digests.sums()
	go r.judge()
	return nil
}

// judge runs beside the caller until the scanner has spoken of everything.
func (r *Reception) judge() {
	defer close(r.judged)
	e := &examination{repo: r.repo}
	defer e.discard()
	result, v := e.run(r.ctx, r.content, 0)
	r.facts.Format, r.facts.Infected, r.facts.Finding, r.err = result, v.infected, v.finding, v.err
	r.facts.Scanned = r.repo.cfg.Now()
}

// Facts waits for the judging and returns what is known. With an error the document must not be accepted: fault.NotScanned or
// fault.TooBusy with a time to come back (F3), fault.DocumentTooLarge (F5). Size, hashes and format are there even then, where
// the bytes arrived, so that all problems of the request can be told at once (W6).
func (r *Reception) Facts(ctx context.Context) (Facts, error) {
	if !r.closed {
		return Facts{}, errors.New("repository: Facts before Close")
	}
	select {
	case <-r.judged:
		return r.facts, r.err
	case <-ctx.Done():
		return Facts{}, notScanned(context.Cause(ctx))
	}
}

// Discard frees memory, file and connections, and takes back what was staged and not kept. It waits for what is being broken off, and
// can be called again, at any time.
func (r *Reception) Discard() {
	r.cancel()
	_ = r.Unstage(context.WithoutCancel(r.ctx)) // what stays for want of a store, the sweeper removes
	if !r.closed {
		r.closed, r.err = true, errNotOpen
		close(r.judged)
	}
	<-r.judged
	r.digests.end()
	r.content.discard()
}
