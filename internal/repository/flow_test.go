package repository_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
)

// TestCopiedOut: what is copied out is what was registered, in any size, and its last bytes stay back when it is not.
func TestCopiedOut(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 65_536, 65_537, 262_144, 262_145, 1_000_000, 3_000_001} {
		content := random(size)
		o := repository.Object{Key: uuid.New(), Size: int64(size), SHA256: digest(content)}
		for name, stored := range map[string][]byte{"sound": content, "longer": append(bytes.Clone(content), 1), "another": random(size + 1)[1:]} {
			r := repository.New(repository.Config{Blobs: canned{body: func() io.Reader { return bytes.NewReader(stored) }}})
			body, err := r.Open(t.Context(), postgres.Schema{Name: "t"}, o, 0, -1)
			var out bytes.Buffer
			if err == nil {
				_, err = io.Copy(struct{ io.Writer }{&out}, body)
			}
			if sound := bytes.Equal(stored, content); sound && (err != nil || !bytes.Equal(out.Bytes(), content)) ||
				!sound && (codeOf(err) != fault.StoredBytesDamaged || out.Len() > max(0, size-65_536)) {
				t.Errorf("%d bytes, %s: %d copied, %v", size, name, out.Len(), err)
			}
		}
	}
}

// closer is a body that never ends until it is closed.
type closer struct{ closed chan struct{} }

func (c *closer) Read(p []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, io.ErrClosedPipe
	default:
		return len(p), nil
	}
}

func (c *closer) Close() error { close(c.closed); return nil }

// full takes so many bytes and then fails.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("the receiver has gone")

// TestReceiverGone: the error is the receiver's, and nobody goes on reading.
func TestReceiverGone(t *testing.T) {
	t.Parallel()
	for _, takes := range []full{0, 1, 300_000, 5_000_000} {
		body := &closer{closed: make(chan struct{})}
		v := repository.Opened(body, repository.Object{Size: 60 << 20, SHA256: random(32)})
		n, err := v.WriteTo(&takes)
		if !errors.Is(err, errFull) || n > 5_000_000 {
			t.Errorf("%d bytes, %v", n, err)
		}
		select {
		case <-body.closed:
		default:
			t.Error("the store's body is still open")
		}
	}
}
