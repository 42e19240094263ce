package repository

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync/atomic"
)

// piece is the unit in which a spool takes memory: no buffer is ever doubled and copied.
const piece = 64 << 10

// spool holds one document's bytes between their arrival and their fate: a little in memory, more in a file without a name, which
// the kernel removes when the process ends, however it ends. First it is written, then, after end, read from anywhere at once.
type spool struct {
	dir   string
	limit int64
	size  int64
	// pieces are the bytes while they fit; all but the last are full.
	pieces [][]byte
	file   *os.File
	out    *bufio.Writer
	gone   bool
	// held is the sum of all spools' sizes; each takes itself off again when it is discarded.
	held *atomic.Int64
}

var errSpoolGone = errors.New("repository: the spool was discarded")

// spool begins one.
func (r *Repository) spool() *spool {
	return &spool{dir: r.cfg.SpoolDir, limit: r.cfg.MemorySpool, held: &r.spooled}
}

func (s *spool) Write(p []byte) (int, error) {
	if s.gone {
		return 0, errSpoolGone
	}
	if s.file == nil && s.size+int64(len(p)) > s.limit {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	s.size += int64(len(p))
	s.held.Add(int64(len(p)))
	if s.file != nil {
		return s.out.Write(p)
	}
	s.remember(p)
	return len(p), nil
}

func (s *spool) remember(p []byte) {
	for rest := p; len(rest) > 0; {
		last := len(s.pieces) - 1
		if last < 0 || len(s.pieces[last]) == piece {
			s.pieces = append(s.pieces, make([]byte, 0, piece))
			last++
		}
		n := min(piece-len(s.pieces[last]), len(rest))
		s.pieces[last] = append(s.pieces[last], rest[:n]...)
		rest = rest[n:]
	}
}

// spill moves what is in memory to a file and goes on there.
func (s *spool) spill() error {
	file, err := unnamedFile(s.dir)
	if err != nil {
		return err
	}
	s.file, s.out = file, bufio.NewWriterSize(file, piece)
	for _, p := range s.pieces {
		if _, err := s.out.Write(p); err != nil {
			return err
		}
	}
	s.pieces = nil
	return nil
}

// end is called after the last Write and before the first read.
func (s *spool) end() error {
	if s.gone {
		return errSpoolGone
	}
	if s.file == nil {
		return nil
	}
	err := s.out.Flush()
	s.out = nil
	return err
}

// reader reads all from the beginning; any number may be in use at a time.
func (s *spool) reader() *io.SectionReader { return io.NewSectionReader(s, 0, s.size) }

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(p []byte, offset int64) (int, error) {
	if s.gone {
		return 0, errSpoolGone
	}
	if s.file != nil {
		return s.file.ReadAt(p, offset)
	}
	n := 0
	for n < len(p) && offset < s.size {
		k := copy(p[n:], s.pieces[offset/piece][offset%piece:])
		n, offset = n+k, offset+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// discard frees memory and file; it can be called again. No reader may be in use.
func (s *spool) discard() {
	if !s.gone {
		s.held.Add(-s.size)
	}
	s.gone, s.pieces, s.out = true, nil, nil
	if s.file != nil {
		_ = s.file.Close()
		s.file = nil
	}
}

// createAndRemove makes a file and takes its name away at once, where the system knows no files without names.
func createAndRemove(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "spool-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
