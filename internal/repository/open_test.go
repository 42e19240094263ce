package repository_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
)

func readAll(t *testing.T, r *repository.Repository, s postgres.Schema, o repository.Object, offset, length int64) []byte {
	t.Helper()
	body, err := r.Open(t.Context(), s, o, offset, length)
	if err != nil {
		t.Fatalf("%d bytes from %d: %v", length, offset, err)
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		t.Fatalf("%d bytes from %d: %v", length, offset, err)
	}
	return content
}

func TestRanges(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	content, _ := io.ReadAll(lines(200_000))
	o := keep(t, r, s, content)
	for _, c := range []struct{ offset, length, from, to int64 }{
		{0, -1, 0, 200_000}, {0, 200_000, 0, 200_000}, {0, 300_000, 0, 200_000}, {0, 10, 0, 10}, {199_999, 1, 199_999, 200_000},
		{150_000, -1, 150_000, 200_000}, {150_000, 1 << 40, 150_000, 200_000}, {5, 0, 5, 5},
	} {
		if got := readAll(t, r, s, o, c.offset, c.length); !bytes.Equal(got, content[c.from:c.to]) {
			t.Errorf("%d bytes from %d: %d bytes, or others", c.length, c.offset, len(got))
		}
	}
	for _, offset := range []int64{-1, 200_000, 200_001} {
		if _, err := r.Open(t.Context(), s, o, offset, 1); codeOf(err) != fault.RangeNotSatisfiable {
			t.Errorf("from %d: %v", offset, err)
		}
	}
}

// overwrite replaces an object's bytes behind our back.
func overwrite(t *testing.T, s postgres.Schema, o repository.Object, content []byte) {
	t.Helper()
	key := "d/" + s.Name + "/" + o.Key.String()
	if err := store(t).Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), digest(content)); err != nil {
		t.Fatal(err)
	}
}

// TestDamage: a whole document that is not the registered one never ends in io.EOF, and its last bytes stay back (promise 3).
func TestDamage(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	for _, size := range []int{1, 1000, 65_536, 65_537, 500_000} {
		content := random(size)
		o := repository.Object{Key: uuid.New(), Size: int64(size), SHA256: digest(content)}
		flipped, another := bytes.Clone(content), random(size)
		flipped[rand.IntN(size)] ^= 1
		another[0] = ^content[0] // of one byte it may be the same
		for name, bad := range map[string][]byte{
			"flipped": flipped, "one short": content[:size-1], "half": content[:size/2], "empty": {}, "one more": append(bytes.Clone(content), 0),
			"another": another, "much more": append(bytes.Clone(content), content...),
		} {
			overwrite(t, s, o, bad)
			body, err := r.Open(t.Context(), s, o, 0, -1)
			if err != nil {
				if codeOf(err) != fault.StoredBytesDamaged || size > 65_536 && len(bad) >= size {
					t.Errorf("%d bytes, %s: Open: %v", size, name, err)
				}
				continue
			}
			got, err := io.ReadAll(body)
			if codeOf(err) != fault.StoredBytesDamaged || len(got) > max(0, size-65_536) {
				t.Errorf("%d bytes, %s: gave %d bytes, then %v", size, name, len(got), err)
			}
			if _, again := body.Read(make([]byte, 1)); codeOf(again) != fault.StoredBytesDamaged {
				t.Errorf("%d bytes, %s: the next Read: %v", size, name, again)
			}
			_ = body.Close()
		}
		overwrite(t, s, o, content)
		if got := readAll(t, r, s, o, 0, -1); !bytes.Equal(got, content) {
			t.Errorf("%d bytes: sound again and not given", size)
		}
	}
}

// TestDamagedParts: of a part the length is checked.
func TestDamagedParts(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	content := random(1000)
	o := repository.Object{Key: uuid.New(), Size: 1000, SHA256: digest(content)}
	overwrite(t, s, o, content[:500])
	body, err := r.Open(t.Context(), s, o, 400, 200)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, err := io.ReadAll(body); len(got) != 100 || codeOf(err) != fault.StoredBytesDamaged {
		t.Errorf("gave %d bytes, then %v", len(got), err)
	}
	if _, err := r.Open(t.Context(), s, o, 600, 10); codeOf(err) != fault.StoredBytesDamaged {
		t.Errorf("beyond what is left: %v", err)
	}
}

func TestMissingObject(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	for _, length := range []int64{-1, 10, 0} {
		_, err := r.Open(t.Context(), s, repository.Object{Key: uuid.New(), Size: 100, SHA256: random(32)}, 0, length)
		if codeOf(err) != fault.StoredBytesDamaged || !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// canned is a store with one body.
type canned struct {
	blob.Store
	body func() io.Reader
}

func (c canned) Open(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return io.NopCloser(c.body()), nil
}

// TestReadersOfEveryTemper: bodies that give a byte at a time, or their end together with the last bytes, or break.
func TestReadersOfEveryTemper(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 10, 65_536, 66_000} {
		content := random(size)
		o := repository.Object{Key: uuid.New(), Size: int64(size), SHA256: digest(content)}
		for name, wrap := range map[string]func(io.Reader) io.Reader{"one byte": iotest.OneByteReader, "end with data": iotest.DataErrReader, "half": iotest.HalfReader} {
			r := repository.New(repository.Config{Blobs: canned{body: func() io.Reader { return wrap(bytes.NewReader(content)) }}})
			body, err := r.Open(t.Context(), postgres.Schema{Name: "t"}, o, 0, -1)
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", size, name, err)
			}
			if err := iotest.TestReader(body, content); err != nil {
				t.Errorf("%d bytes, %s: %v", size, name, err)
			}
		}
		broken := func() io.Reader {
			return io.MultiReader(bytes.NewReader(content[:size/2]), iotest.ErrReader(io.ErrUnexpectedEOF))
		}
		r := repository.New(repository.Config{Blobs: canned{body: broken}})
		body, err := r.Open(t.Context(), postgres.Schema{Name: "t"}, o, 0, -1)
		if err == nil {
			_, err = io.Copy(io.Discard, body)
		}
		if codeOf(err) != fault.PartUnavailable {
			t.Errorf("%d bytes, connection broken: %v", size, err)
		}
	}
}

// FuzzOpen: whatever the store gives, a clean end means the registered bytes, and nothing more than them is ever given.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("Hei"), []byte("Hei"), uint16(3))
	f.Add([]byte(strings.Repeat("x", 70_000)), []byte(strings.Repeat("x", 69_999)), uint16(4000))
	f.Fuzz(func(t *testing.T, registered, stored []byte, step uint16) {
		defer fuzztest.InTime(t)()
		o := repository.Object{Key: uuid.New(), Size: int64(len(registered)), SHA256: digest(registered)}
		r := repository.New(repository.Config{Blobs: canned{body: func() io.Reader { return bytes.NewReader(stored) }}})
		body, err := r.Open(t.Context(), postgres.Schema{Name: "t"}, o, 0, -1)
		var got []byte
		for buf := make([]byte, int(step)+1); err == nil; {
			var n int
			n, err = body.Read(buf)
			got = append(got, buf[:n]...)
		}
		copied := &bytes.Buffer{}
		body, copyErr := r.Open(t.Context(), postgres.Schema{Name: "t"}, o, 0, -1)
		if copyErr == nil {
			_, copyErr = io.Copy(struct{ io.Writer }{copied}, body)
		}
		if (copyErr == nil) != errors.Is(err, io.EOF) || !bytes.Equal(copied.Bytes(), got) {
			t.Errorf("copied %d bytes, read %d; %v and %v", copied.Len(), len(got), copyErr, err)
		}
		if errors.Is(err, io.EOF) != bytes.Equal(registered, stored) || errors.Is(err, io.EOF) && !bytes.Equal(got, registered) {
			t.Errorf("%d registered, %d stored: gave %d, %v", len(registered), len(stored), len(got), err)
		}
	})
}
