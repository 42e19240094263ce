package repository

import (
	"crypto/sha1"
	"crypto/sha256"
	"hash"
)

// digests are both hashes of a document's bytes as they came, made beside their arrival: summing takes about as long as reading the
// request and undoing its base64. A document of less than one piece costs no goroutine.
type digests struct {
	sha1, sha256 hash.Hash
	// piece is being filled; work takes full ones, which come back through free.
	piece      []byte
	work, free chan []byte
	idle       chan struct{}
}

func newDigests() *digests { return &digests{sha1: sha1.New(), sha256: sha256.New()} }

// Write never fails.
func (d *digests) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if d.piece == nil {
			d.piece = make([]byte, 0, piece)
		}
		n := min(cap(d.piece)-len(d.piece), len(rest))
		d.piece, rest = append(d.piece, rest[:n]...), rest[n:]
		if len(d.piece) == cap(d.piece) {
			d.hand()
		}
	}
	return len(p), nil
}

// hand gives the full piece to the goroutine, which the first one starts, and takes an empty one.
func (d *digests) hand() {
	if d.work == nil {
		d.work, d.free, d.idle = make(chan []byte, 1), make(chan []byte, 2), make(chan struct{})
		d.free <- make([]byte, 0, piece)
		go d.run()
	}
	d.work <- d.piece
	d.piece = <-d.free
}

func (d *digests) run() {
	defer close(d.idle)
	for p := range d.work {
		d.add(p)
		d.free <- p[:0]
	}
}

func (d *digests) add(p []byte) {
	d.sha256.Write(p)
	d.sha1.Write(p)
}

// end lets the goroutine finish; it can be called again, and is always called.
func (d *digests) end() {
	if d.work != nil {
		close(d.work)
		<-d.idle
		d.work = nil
	}
}

// sums ends the summing and returns the digests.
func (d *digests) sums() (sha1, sha256 []byte) {
	d.end()
	d.add(d.piece)
	d.piece = nil
	return d.sha1.Sum(nil), d.sha256.Sum(nil)
}
