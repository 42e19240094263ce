package repository

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/format"
	"dokumentlager/internal/scan"
)

// maxDepth is how many layers of base64 are looked into: a PDF in a CDA in a FHIR JSON is two.
const maxDepth = 3

// verdict is what is known of a document and all it carries. The zero value is clean, and only scanOne hands it out.
type verdict struct {
	infected bool
	finding  string
	err      error
}

// and joins two verdicts: malware that was found outweighs what could not be looked at, and either outweighs clean.
func (v verdict) and(w verdict) verdict {
	if v.infected || !w.infected && v.err != nil {
		return v
	}
	return w
}

// examination is the judging of one document with its attachments, and theirs. Inspections run one inside the other on one
// goroutine, which owns the fields; beside it runs at most one scan per layer.
type examination struct {
	repo *Repository
	// attachments counts all so far.
	attachments int
	spools      []*spool
}

// run scans content and inspects it at the same time. A structured document takes about as long for the one as for the other.
func (e *examination) run(ctx context.Context, content *spool, depth int) (format.Result, verdict) {
	scanned := make(chan verdict, 1)
	go func() { scanned <- guarded(func() verdict { return e.repo.scanOne(ctx, content) }) }()
	var result format.Result
	carried := guarded(func() (v verdict) { result, v = e.inspect(ctx, content, depth); return v })
	return result, (<-scanned).and(carried)
}

// guarded turns a panic into an error: these goroutines handle hostile bytes, and no HTTP server's recover stands above them.
func guarded(f func() verdict) (v verdict) {
	defer func() {
		if p := recover(); p != nil {
			// The stack only: a panic's value could quote the document.
			v = verdict{err: fault.Of(fmt.Errorf("repository: panic of type %T while judging a document: %s", p, debug.Stack())).Err()}
		}
	}()
	return f()
}

// scanOne gives content to the scanner. Everything but a plain "clean" is no verdict, or infected.
func (r *Repository) scanOne(ctx context.Context, content *spool) verdict {
	release, err := r.slot(ctx)
	if err != nil {
		return verdict{err: err}
	}
	defer release()
	if err := r.cfg.Fail.Reach(ctx, failpoint.ScanBegin); err != nil {
		return verdict{err: notScanned(err)}
	}
	stream, err := r.cfg.Scanner.Open(ctx)
	if err != nil {
		return verdict{err: notScanned(err)}
	}
	defer stream.Abort()
	if err := copyAll(stream, content); err != nil {
		return verdict{err: notScanned(err)}
	}
	said, err := stream.Verdict()
	if err == nil {
		err = r.cfg.Fail.Reach(ctx, failpoint.ScanEnd)
	}
	switch {
	case err != nil:
		return verdict{err: notScanned(err)}
	case said.State == scan.Infected:
		return verdict{infected: true, finding: said.Finding}
	case said.State != scan.Clean:
		return verdict{err: notScanned(fault.FromPart(fault.Clamd, fmt.Errorf("the scanner says %s", said.State)))}
	}
	return verdict{}
}

// copyAll gives the scanner every byte or fails: a part of a document has no verdict.
func copyAll(stream io.Writer, content *spool) error {
	n, err := io.Copy(stream, content.reader())
	if err == nil && n != content.size {
		err = fmt.Errorf("spooled %d bytes and read %d: %w", content.size, n, io.ErrUnexpectedEOF)
	}
	return err
}

// inspect finds the format and has every attachment examined like a document of its own: clamd does not look into base64
// (DESIGN, "One upload" 6). The verdict is that on the attachments.
func (e *examination) inspect(ctx context.Context, content *spool, depth int) (format.Result, verdict) {
	carried := verdict{}
	limit := e.repo.cfg.MaxAttachments
	if depth == maxDepth {
		limit = 0 // any at all are too deep
	}
	inspector := format.NewInspector(format.WithAttachments(limit, func() io.WriteCloser {
		return e.attachment(ctx, depth+1, &carried)
	}))
	err := feed(ctx, inspector, content.reader())
	result := inspector.Result() // also after a failure: it closes an attachment that is half there
	switch {
	case err != nil:
		carried = carried.and(verdict{err: notScanned(err)})
	case result.AttachmentsOverLimit > 0:
		carried = carried.and(verdict{err: tooMany(e.repo.cfg.MaxAttachments)})
	case result.AttachmentErr != nil:
		carried = carried.and(verdict{err: notScanned(result.AttachmentErr)})
	}
	return result, carried
}

// feed copies until the context ends.
func feed(ctx context.Context, to io.Writer, from io.Reader) error {
	buf := make([]byte, piece)
	for ctx.Err() == nil {
		n, err := from.Read(buf)
		if _, err := to.Write(buf[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// tooMany has no RetryAfter: trying again does not help.
func tooMany(limit int) error {
	return fault.New(fault.NotScanned, "The document carries more embedded files than are scanned one by one (%d, at most %d deep), so nothing was stored. "+
		"Send the files as documents of their own.", limit, maxDepth).By("F3")
}

// attachment spools one embedded file and has it judged at its end. It is not streamed to the scanner: an attachment inside
// an attachment would then wait for a slot while holding one.
type attachment struct {
	e       *examination
	ctx     context.Context
	depth   int
	content *spool
	into    *verdict
}

// attachment begins one. Above the limit its bytes go nowhere, and the document is refused.
func (e *examination) attachment(ctx context.Context, depth int, into *verdict) io.WriteCloser {
	e.attachments++
	if e.attachments > e.repo.cfg.MaxAttachments {
		*into = into.and(verdict{err: tooMany(e.repo.cfg.MaxAttachments)})
		return nowhere{}
	}
	content := e.repo.spool()
	e.spools = append(e.spools, content)
	return &attachment{e, ctx, depth, content, into}
}

func (a *attachment) Write(p []byte) (int, error) { return a.content.Write(p) }

// Close examines what was written; the verdict goes to the document.
func (a *attachment) Close() error {
	defer a.content.discard()
	if err := a.content.end(); err != nil {
		return noRoom(err)
	}
	_, v := a.e.run(a.ctx, a.content, a.depth)
	*a.into = a.into.and(v)
	return nil
}

// discard frees what a panic left.
func (e *examination) discard() {
	for _, s := range e.spools {
		s.discard()
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }
