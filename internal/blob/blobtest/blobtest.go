// Package blobtest is the test suite of the blob.Store contract: every implementation passes Run.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/blob"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// Run tests a store that may hold other objects too; the suite keeps to random keys under "blobtest/" and removes them.
func Run(t *testing.T, store blob.Store) {
	tests := map[string]func(*suite, *testing.T){
		"what goes in comes out":    (*suite).roundTrip,
		"ranges":                    (*suite).ranges,
		"wrong digest":              (*suite).wrongDigest,
		"wrong size":                (*suite).wrongSize,
		"missing object":            (*suite).missing,
		"removing":                  (*suite).removing,
		"listing":                   (*suite).listing,
		"folders":                   (*suite).folders,
		"malformed keys":            (*suite).malformedKeys,
		"ended context":             (*suite).endedContext,
		"many at the same time":     (*suite).many,
		"body begun somewhere else": (*suite).rewound,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &suite{store: store, prefix: "blobtest/" + uuid.NewString()}
			t.Cleanup(func() { s.sweep(t) })
			test(s, t)
		})
	}
}

type suite struct {
	store  blob.Store
	prefix string
}

func (s *suite) key() string { return s.prefix + "/" + uuid.NewString() }

func (s *suite) sweep(t *testing.T) {
	err := s.store.List(context.Background(), s.prefix, func(i blob.Info) error { return s.store.Remove(context.Background(), i.Key) })
	if err != nil {
		t.Errorf("sweeping: %v", err)
	}
}

func randomBytes(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.Read(p)
	return p
}

// put stores bytes that must be taken.
func (s *suite) put(t *testing.T, content []byte) string {
	t.Helper()
	key, digest := s.key(), sha256.Sum256(content)
	if err := s.store.Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), digest[:]); err != nil {
		t.Fatalf("Put of %d bytes: %v", len(content), err)
	}
	return key
}

func (s *suite) read(t *testing.T, key string, offset, length int64) []byte {
	t.Helper()
	body, err := s.store.Open(t.Context(), key, offset, length)
	if err != nil {
		t.Fatalf("Open from %d: %v", offset, err)
	}
	content, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close(), body.Close()); err != nil {
		t.Fatalf("reading from %d: %v", offset, err)
	}
	return content
}

func (s *suite) roundTrip(t *testing.T) {
	for _, size := range []int{0, 1, 1000, 1 << 20, 7<<20 + 13} {
		content := randomBytes(size)
		key := s.put(t, content)
		if got := s.read(t, key, 0, -1); !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d other ones", size, len(got))
		}
		info, err := s.store.Stat(t.Context(), key)
		if err != nil || info.Key != key || info.Size != int64(size) {
			t.Errorf("Stat of %d bytes: %+v, %v", size, info, err)
		}
		if age := time.Since(info.Modified).Abs(); age > 5*time.Minute {
			t.Errorf("an object put now was modified %v away from now", age)
		}
	}
}

func (s *suite) ranges(t *testing.T) {
	content := randomBytes(100_000)
	key := s.put(t, content)
	for _, r := range []struct{ offset, length, from, to int64 }{
		{0, 1, 0, 1}, {0, 100_000, 0, 100_000}, {99_999, 1, 99_999, 100_000}, {50_000, 10, 50_000, 50_010},
		{1, -1, 1, 100_000}, {99_990, 500, 99_990, 100_000}, {0, 0, 0, 0}, {100_000, 0, 0, 0},
	} {
		if got := s.read(t, key, r.offset, r.length); !bytes.Equal(got, content[r.from:r.to]) {
			t.Errorf("%d bytes from %d: got %d, want %d, or others", r.length, r.offset, len(got), r.to-r.from)
		}
	}
	for _, r := range [][2]int64{{-1, 10}, {100_000, 10}, {100_001, -1}, {100_001, 0}, {1 << 40, -1}} {
		if body, err := s.store.Open(t.Context(), key, r[0], r[1]); !errors.Is(err, blob.ErrRange) {
			t.Errorf("%d bytes from %d: want ErrRange, got %v, %v", r[1], r[0], body, err)
		}
	}
}

// refused puts what must not be taken and checks that nothing is there afterwards.
func (s *suite) refused(t *testing.T, body []byte, size int64, digest []byte) {
	t.Helper()
	key := s.key()
	err := s.store.Put(t.Context(), key, bytes.NewReader(body), size, digest)
	if !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("want ErrMismatch, got %v", err)
	}
	if info, err := s.store.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a refused object is there: %+v, %v", info, err)
	}
}

func (s *suite) wrongDigest(t *testing.T) {
	content := randomBytes(300_000)
	digest := sha256.Sum256(content)
	content[150_000] ^= 1
	s.refused(t, content, int64(len(content)), digest[:])
	s.refused(t, content, int64(len(content)), digest[:31])
	s.refused(t, content, int64(len(content)), nil)
}

func (s *suite) wrongSize(t *testing.T) {
	content := randomBytes(10_000)
	digest := sha256.Sum256(content)
	s.refused(t, content, 9_999, digest[:])
	s.refused(t, content, 10_001, digest[:])
	s.refused(t, content, -1, digest[:])
}

func (s *suite) missing(t *testing.T) {
	key := s.key()
	if _, err := s.store.Stat(t.Context(), key); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Stat: %v", err)
	}
	for _, length := range []int64{-1, 0, 10} {
		if _, err := s.store.Open(t.Context(), key, 0, length); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open of %d bytes: %v", length, err)
		}
	}
}

func (s *suite) removing(t *testing.T) {
	key, other := s.put(t, []byte("en")), s.put(t, []byte("to"))
	for range 2 {
		if err := s.store.Remove(t.Context(), key); err != nil {
			t.Fatalf("Remove: %v", err)
		}
	}
	if _, err := s.store.Open(t.Context(), key, 0, -1); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a removed object opens: %v", err)
	}
	if got := s.read(t, other, 0, -1); string(got) != "to" {
		t.Errorf("the neighbour reads %q", got)
	}
}

func (s *suite) listing(t *testing.T) {
	var want []string
	for i := range 5 {
		want = append(want, s.put(t, randomBytes(i)))
	}
	slices.Sort(want)
	var got []string
	add := func(i blob.Info) error { got = append(got, i.Key); return nil }
	if err := s.store.List(t.Context(), s.prefix+"/", add); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	enough, calls := errors.New("enough"), 0
	err := s.store.List(t.Context(), s.prefix+"/", func(blob.Info) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("after fn's error: %d calls, %v", calls, err)
	}
	got = nil
	if err := s.store.List(t.Context(), s.prefix+"-none/", add); err != nil || got != nil {
		t.Errorf("an empty prefix lists %v, %v", got, err)
	}
}

func (s *suite) folders(t *testing.T) {
	for _, key := range []string{"b/1", "a/1", "a/2", "a_1/deep/er", "alone"} {
		content := randomBytes(3)
		digest := sha256.Sum256(content)
		if err := s.store.Put(t.Context(), s.prefix+"/"+key, bytes.NewReader(content), 3, digest[:]); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	add := func(name string) error { got = append(got, name); return nil }
	if err := errors.Join(s.store.Folders(t.Context(), s.prefix+"/", add), s.store.Folders(t.Context(), s.prefix+"/b/", add)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "a_1", "b"}, got); diff != "" {
		t.Error(diff)
	}
	enough, calls := errors.New("enough"), 0
	if err := s.store.Folders(t.Context(), s.prefix+"/", func(string) error { calls++; return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("after fn's error: %d calls, %v", calls, err)
	}
}

func (s *suite) malformedKeys(t *testing.T) {
	for _, key := range []string{"", "/", "a/../b", "a//b", "a b", "a?x", "A", "å", "a/", "a\x00"} {
		_, openErr := s.store.Open(t.Context(), key, 0, -1)
		_, statErr := s.store.Stat(t.Context(), key)
		for call, err := range map[string]error{
			"Put": s.store.Put(t.Context(), key, bytes.NewReader(nil), 0, make([]byte, 32)), "Open": openErr, "Stat": statErr,
			"Remove": s.store.Remove(t.Context(), key),
		} {
			if !errors.Is(err, blob.ErrKey) {
				t.Errorf("%s of key %q: %v", call, key, err)
			}
		}
	}
	if err := s.store.List(t.Context(), "../", func(blob.Info) error { return nil }); !errors.Is(err, blob.ErrKey) {
		t.Errorf("List: %v", err)
	}
}

func (s *suite) endedContext(t *testing.T) {
	key := s.put(t, []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.store.Open(ctx, key, 0, -1); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if err := s.store.Remove(ctx, key); !errors.Is(err, context.Canceled) {
		t.Errorf("Remove: %v", err)
	}
}

func (s *suite) many(t *testing.T) {
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			content := []byte(fmt.Sprintf("%d:%s", i, randomBytes(50_000)))
			digest, key := sha256.Sum256(content), s.key()
			if err := s.store.Put(t.Context(), key, bytes.NewReader(content), int64(len(content)), digest[:]); err != nil {
				t.Errorf("Put %d: %v", i, err)
				return
			}
			body, err := s.store.Open(t.Context(), key, 0, -1)
			if err != nil {
				t.Errorf("Open %d: %v", i, err)
				return
			}
			defer body.Close()
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("object %d came back as other bytes: %v", i, err)
			}
		})
	}
	all.Wait()
}

// rewound: Put stores the body from its beginning, wherever a caller that hashed it left off, and so can a retry.
func (s *suite) rewound(t *testing.T) {
	content := randomBytes(5_000)
	digest, key, body := sha256.Sum256(content), s.key(), bytes.NewReader(content)
	_, _ = body.Seek(0, io.SeekEnd)
	if err := s.store.Put(t.Context(), key, body, 5_000, digest[:]); err != nil {
		t.Fatal(err)
	}
	if got := s.read(t, key, 0, -1); !bytes.Equal(got, content) {
		t.Error("other bytes")
	}
}
