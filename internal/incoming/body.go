// Package incoming is what all doors do with a request's body under admission, whatever protocol it is of.
//
// It promises that a body which is received counts for the organisation that sends it, and that its last byte waits for a place to be worked on;
// that whoever is refused is answered at once, and not kept sending for long; and that of callers whose tokens were verified only so many are
// remembered.
package incoming

import (
	"context"
	"io"

	"dokumentlager/internal/admission"
)

// Body is a request's body that is an upload's, or may become one. It belongs to one goroutine.
type Body struct {
	ctx  context.Context
	from io.Reader
	// left is how much is to come, negative when nobody said; read is how much came.
	left int64
	read int
	// whole tells that the last byte was given away.
	whole  bool
	upload *admission.Upload
}

// NewBody makes a body of which declared bytes are to come, a negative number when nobody said. The context is the caller's: a body waits for its
// place as long as that lasts.
func NewBody(ctx context.Context, from io.Reader, declared int64) *Body {
	return &Body{ctx: ctx, from: from, left: declared}
}

// Admit tells whose upload it is. What came before counts for it too, and if that was everything, it waits for its place here.
func (b *Body) Admit(u *admission.Upload) error {
	b.upload = u
	u.Read(b.read)
	if b.whole {
		return u.Whole(b.ctx)
	}
	return nil
}

// Release makes the rest of it nobody's, so that it waits for no place.
func (b *Body) Release() { b.upload = nil }

// Read gives the last of a body away when there is a place to work on it.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.read, b.left = b.read+n, b.left-int64(n)
	b.whole = b.whole || err == io.EOF || b.left == 0
	if b.upload == nil {
		return n, err
	}
	b.upload.Read(n)
	if b.whole {
		if waited := b.upload.Whole(b.ctx); waited != nil {
			return 0, waited
		}
	}
	return n, err
}
