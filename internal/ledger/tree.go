package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Tree is a Merkle tree (RFC 6962 §2.1) that grows: it holds the few nodes that its right edge needs, not its leaves.
type Tree struct{ edge *compact.Range }

func factory() *compact.RangeFactory {
	return &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
}

// NewTree is the empty tree.
func NewTree() *Tree { return &Tree{factory().NewEmptyRange(0)} }

// GrownTree is a tree of so many leaves whose Nodes were kept.
func GrownTree(size uint64, nodes []byte) (*Tree, error) {
	if size > math.MaxInt64 || len(nodes) != compact.RangeSize(0, size)*len(Hash{}) {
		return nil, fmt.Errorf("ledger: %d bytes of nodes do not fit a tree of %d leaves", len(nodes), size)
	}
	var hashes [][]byte
	for ; len(nodes) > 0; nodes = nodes[len(Hash{}):] {
		hashes = append(hashes, append([]byte(nil), nodes[:len(Hash{})]...))
	}
	edge, err := factory().NewRange(0, size, hashes)
	if err != nil {
		return nil, err
	}
	return &Tree{edge}, nil
}

// Append adds a leaf at the end. It fails only for nodes that no tree had.
func (t *Tree) Append(leaf Hash) error { return t.edge.Append(leaf[:], nil) }

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.edge.End() }

// Root is the tree's hash; that of the empty tree is the hash of nothing.
func (t *Tree) Root() Hash {
	root, err := t.edge.GetRootHash(nil) // fails only for a range that does not begin at 0
	if err != nil || root == nil {
		return Hash(rfc6962.DefaultHasher.EmptyRoot())
	}
	return Hash(root)
}

// Nodes are what GrownTree needs: at most 63 hashes.
func (t *Tree) Nodes() []byte {
	var b []byte
	for _, h := range t.edge.Hashes() {
		b = append(b, h...)
	}
	return b
}

// Batch is what a seal says of itself beside its rows.
type Batch struct {
	No       int64
	TenantID int32
	// Seq is the log's size after the batch, N the number of its events.
	Seq  int64
	N    int32
	At   time.Time
	Root Hash
}

// Link is the hash that ties a seal with its rows to the one before it in the same log (the zero hash: it is the first), time in whole
// microseconds.
func (b Batch) Link(before Hash, rows []byte) Hash {
	text := append([]byte("dokumentlager.no/audit/link/1\n"), before[:]...)
	for _, number := range []int64{b.No, int64(b.TenantID), b.Seq, int64(b.N), b.At.UnixMicro()} {
		text = binary.BigEndian.AppendUint64(text, uint64(number))
	}
	of := sha256.Sum256(rows)
	return sha256.Sum256(append(append(text, b.Root[:]...), of[:]...))
}
