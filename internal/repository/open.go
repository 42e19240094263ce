package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
)

// tailSize is how many last bytes of a document are held back until its digest is right. Documents that are no larger are
// verified before Open returns, so that damage can still be answered with a status.
const tailSize = 64 << 10

// Open reads a document, or length bytes of it from offset (to the end when length is negative; less when it ends before). A caller
// that gets an error from Read other than io.EOF must break its own answer off rather than finish it: the bytes sent are not a
// document. fault.StoredBytesDamaged when bytes are missing, too few, too many or others than registered.
//
// The whole document is checked against its SHA-256 while it passes. A part is checked for its length only: the digest is over the
// whole, and a viewer that reads a PDF in many small ranges would otherwise read 60 MiB for each.
func (r *Repository) Open(ctx context.Context, s postgres.Schema, o Object, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || offset > o.Size || offset == o.Size && o.Size > 0 {
		return nil, fault.New(fault.RangeNotSatisfiable, "The document has %d bytes; ask for a range inside it.", o.Size)
	}
	if length < 0 || length > o.Size-offset {
		length = o.Size - offset
	}
	whole := length == o.Size
	ask := length
	if whole {
		ask = -1 // to the end, so that a longer object shows
	}
	body, err := r.cfg.Blobs.Open(ctx, storeKey(documents, s, o.Key), offset, ask)
	if err != nil {
		return nil, unreadable(err)
	}
	if !whole {
		return &partReader{body: body, left: length}, nil
	}
	return openWhole(body, o)
}

func openWhole(body io.ReadCloser, o Object) (io.ReadCloser, error) {
	v := &verifier{body: body, want: o, digest: sha256.New(), free: max(0, o.Size-tailSize)}
	if v.free == 0 {
		if err := v.verify(); err != nil {
			_ = body.Close()
			return nil, err
		}
	}
	return v, nil
}

// verifier lets bytes through up to the tail, then reads the tail, and gives it only when the digest over all is right.
type verifier struct {
	body   io.ReadCloser
	want   Object
	digest hash.Hash
	// free is how many bytes may pass before the tail; tail is what is left to give once verified.
	free     int64
	tail     []byte
	verified bool
	err      error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err == nil && v.free == 0 && !v.verified {
		v.err = v.verify()
	}
	switch {
	case v.err != nil:
		return 0, v.err
	case len(p) == 0:
		return 0, nil
	case v.free > 0:
		return v.pass(p)
	case len(v.tail) == 0:
		return 0, io.EOF
	}
	n := copy(p, v.tail)
	v.tail = v.tail[n:]
	return n, nil
}

// pass gives bytes from before the tail.
func (v *verifier) pass(p []byte) (int, error) {
	n, err := v.body.Read(p[:min(int64(len(p)), v.free)])
	v.digest.Write(p[:n])
	v.free -= int64(n)
	if err != nil && (v.free > 0 || !errors.Is(err, io.EOF)) {
		v.err = broken(err, "the object ends before its last bytes")
	}
	return n, v.err
}

// verify reads the tail and one byte more, which must not be there.
func (v *verifier) verify() error {
	size := min(v.want.Size, tailSize)
	tail, err := io.ReadAll(io.LimitReader(v.body, size+1))
	switch have := int64(len(tail)); {
	case err != nil:
		return storeUnavailable(err)
	case have < size:
		return damaged(fmt.Errorf("the object ends %d bytes early", size-have))
	case have > size:
		return damaged(errors.New("the object is longer than registered"))
	}
	v.digest.Write(tail)
	if !bytes.Equal(v.digest.Sum(nil), v.want.SHA256) {
		return damaged(errors.New("the object's SHA-256 is not the registered one"))
	}
	v.tail, v.verified = tail, true
	return nil
}

func (v *verifier) Close() error { return v.body.Close() }

// broken tells an object that ends, which is damage, from a connection that broke.
func broken(err error, ends string) error {
	if errors.Is(err, io.EOF) {
		return damaged(errors.New(ends))
	}
	return storeUnavailable(err)
}

// partReader gives exactly so many bytes.
type partReader struct {
	body io.ReadCloser
	left int64
	err  error
}

func (r *partReader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err != nil && (r.left > 0 || !errors.Is(err, io.EOF)) {
		r.err = broken(err, "the object ends before the range does")
	}
	return n, r.err
}

func (r *partReader) Close() error { return r.body.Close() }
