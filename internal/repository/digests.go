package repository

import "hash"

// digests are hashes of a document's bytes as they pass, made beside their passing: summing takes about as long as reading a request and undoing its
// base64, or as sending the bytes on. A document of less than one piece costs no goroutine.
type digests struct {
	of []hash.Hash
	// piece is being filled; work takes full ones, which come back through free.
	piece      []byte
	work, free chan []byte
	idle       chan struct{}
}

func newDigests(of ...hash.Hash) *digests { return &digests{of: of} }

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
	for _, h := range d.of {
		h.Write(p)
	}
}

// end lets the goroutine finish; it can be called again, and is always called.
func (d *digests) end() {
	if d.work != nil {
		close(d.work)
		<-d.idle
		d.work = nil
	}
}

// sums ends the summing and returns the digests, in the order of the hashes.
func (d *digests) sums() [][]byte {
	d.end()
	d.add(d.piece)
	d.piece = nil
	sums := make([][]byte, len(d.of))
	for i, h := range d.of {
		sums[i] = h.Sum(nil)
	}
	return sums
}
