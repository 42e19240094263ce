package format

import (
	"bytes"
	"encoding/binary"
)

// A ZIP archive is found from its end: a record of 22 bytes whose last two say how long a comment follows, up to the file's end (APPNOTE
// 4.3.16). So anything can stand before an archive, and a comment behind its record: a sound PDF or image can be a program (JAR) or an
// office document as well.
const (
	zipEnd    = "PK\x05\x06"
	zipRecord = 22
	// zipRing is how many positions archive remembers: more than a record, its longest comment and a piece together.
	zipRing  = 1 << 17
	zipPiece = 32 << 10
)

// archive tells whether what passes is a ZIP archive by its last byte. It keeps 16 KiB, and those only once a record was seen.
type archive struct {
	size  int64
	carry []byte
	// ends has a bit for each position, modulo its length, where the file must end for a record to be the archive's.
	ends []uint64
}

func (a *archive) write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), zipPiece)
		a.piece(p[:n])
		p = p[n:]
	}
}

// piece looks for records that end in it, first those that the last piece began.
func (a *archive) piece(p []byte) {
	if seam := min(len(p), zipRecord-1); len(a.carry) > 0 {
		joined := append(a.carry, p[:seam]...)
		a.find(joined, a.size-int64(len(a.carry)))
		a.carry = joined[:len(a.carry)]
	}
	a.find(p, a.size)
	a.pass(int64(len(p)))
	if a.carry = append(a.carry, p[max(0, len(p)-zipRecord+1):]...); len(a.carry) >= zipRecord {
		a.carry = append(a.carry[:0], a.carry[len(a.carry)-zipRecord+1:]...)
	}
}

// find marks where each record that is wholly in p wants the file to end.
func (a *archive) find(p []byte, offset int64) {
	for at := 0; ; at++ {
		i := bytes.Index(p[at:], []byte(zipEnd))
		if i < 0 || at+i+zipRecord > len(p) {
			return
		}
		at += i
		a.mark(offset + int64(at) + zipRecord + int64(binary.LittleEndian.Uint16(p[at+zipRecord-2:])))
	}
}

func (a *archive) mark(end int64) {
	if a.ends == nil {
		a.ends = make([]uint64, zipRing/64)
	}
	a.ends[end%zipRing/64] |= 1 << (end % 64)
}

// pass forgets the positions that the file has gone beyond.
func (a *archive) pass(n int64) {
	for from := a.size; a.ends != nil && from < a.size+n; from++ {
		if from%64 == 0 && from+64 <= a.size+n {
			a.ends[from%zipRing/64] = 0
			from += 63
			continue
		}
		a.ends[from%zipRing/64] &^= 1 << (from % 64)
	}
	a.size += n
}

// complete says, after the last byte, that an archive ends there.
func (a *archive) complete() bool {
	return a.ends != nil && a.ends[a.size%zipRing/64]&(1<<(a.size%64)) != 0
}
