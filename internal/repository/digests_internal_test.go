package repository

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// TestDigests in writes of every size around a piece's.
func TestDigests(t *testing.T) {
	t.Parallel()
	content := make([]byte, 5*piece+1)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	for _, size := range []int{0, 1, piece - 1, piece, piece + 1, 2 * piece, 3*piece - 1, 5*piece + 1} {
		for _, step := range []int{1000, piece - 1, piece, piece + 1, 3 * piece} {
			d := newDigests()
			for rest := content[:size]; len(rest) > 0; {
				n := min(step, len(rest))
				_, _ = d.Write(bytes.Clone(rest[:n]))
				rest = rest[n:]
			}
			want1, want256 := sha1.Sum(content[:size]), sha256.Sum256(content[:size])
			if got1, got256 := d.sums(); !bytes.Equal(got1, want1[:]) || !bytes.Equal(got256, want256[:]) {
				t.Errorf("%d bytes in writes of %d: other digests", size, step)
			}
			d.end()
		}
	}
}
