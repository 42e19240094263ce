package ledger

import (
	"fmt"

	"github.com/google/uuid"
)

// Row is what a seal keeps of an event: who it is and what it was.
type Row struct {
	ID   uuid.UUID
	Leaf Hash
}

// rowSize is 16 bytes id and 32 bytes leaf hash.
const rowSize = 48

// JoinRows is the rows one behind the other.
func JoinRows(rows []Row) []byte {
	b := make([]byte, 0, len(rows)*rowSize)
	for _, r := range rows {
		b = append(append(b, r.ID[:]...), r.Leaf[:]...)
	}
	return b
}

// SplitRows reads what JoinRows wrote.
func SplitRows(b []byte) ([]Row, error) {
	if len(b)%rowSize != 0 {
		return nil, fmt.Errorf("ledger: %d bytes are no whole number of rows of %d", len(b), rowSize)
	}
	rows := make([]Row, len(b)/rowSize)
	for i := range rows {
		one := b[i*rowSize : (i+1)*rowSize]
		rows[i] = Row{uuid.UUID(one[:16]), Hash(one[16:])}
	}
	return rows, nil
}
