package repository

import (
	"errors"
	"io"
)

const (
	// flowPiece is how much is written at once, flowPieces how many pieces one opening has in memory: one is read, one summed and
	// written. 768 KiB in all.
	flowPiece  = 256 << 10
	flowPieces = 3
)

// WriteTo is Read in a form that reads and sums the next bytes while the last are written: the digest takes about as long as the way
// through the network, and neither need wait for the other. io.Copy uses it. Its error is Read's, or w's.
func (v *verifier) WriteTo(w io.Writer) (int64, error) {
	free, full, done := make(chan []byte, flowPieces), make(chan flowed, flowPieces), make(chan struct{})
	for range min(flowPieces, 1+v.want.Size/flowPiece) {
		free <- make([]byte, min(flowPiece, v.want.Size+1))
	}
	go v.flow(free, full, done)
	var sent int64
	for piece := range full {
		n, err := w.Write(piece.bytes)
		sent += int64(n)
		if err != nil {
			close(done)
			_ = v.body.Close() // wakes a reader that waits for the store
			for range full {   // until it has ended: what it reads from is the caller's again
			}
			return sent, err
		}
		if piece.err != nil {
			return sent, ended(piece.err)
		}
		free <- piece.bytes[:cap(piece.bytes)]
	}
	return sent, nil
}

// flowed is a piece that was read; with err it is the last.
type flowed struct {
	bytes []byte
	err   error
}

// flow reads pieces until there is an error or nobody takes them any more.
func (v *verifier) flow(free <-chan []byte, full chan<- flowed, done <-chan struct{}) {
	defer close(full)
	for {
		select {
		case <-done:
			return
		case buf := <-free:
			n, err := v.fill(buf)
			full <- flowed{buf[:n], err} // never waits: there are no more pieces than places
			if err != nil {
				return
			}
		}
	}
}

// fill reads until the buffer is full.
func (v *verifier) fill(buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = v.Read(buf[n:])
		n += k
	}
	return n, err
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
