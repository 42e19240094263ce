// Package blob keeps bytes under keys in an object store.
//
// It promises that Put returns nil only when the store has taken exactly the bytes that the digest names, that a missing object
// is told apart from a store that does not answer, that every call has a deadline, and that removing twice is no error. Store
// is the contract; package blobtest is its test suite, and every implementation passes it (DESIGN, "The house"). It knows
// nothing of tenants, documents or who may see them, does not overwrite on purpose (callers use keys that are never used twice,
// since conditional writes are not to be had everywhere: spec/go.md §3) and never logs.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// What a caller may branch on. Everything else means that the store does not answer as it should, now.
var (
	// ErrNotFound means that no object has this key.
	ErrNotFound = errors.New("blob: no such object")
	// ErrMismatch means that the store did not receive the bytes that size and digest describe. Nothing is kept under the key.
	ErrMismatch = errors.New("blob: bytes differ from the size or digest given")
	// ErrRange means that the object ends before the offset asked for.
	ErrRange = errors.New("blob: range outside the object")
	// ErrKey means that a key or prefix is not of the form that CheckKey demands.
	ErrKey = errors.New("blob: malformed key")
)

// Info is what the store says of an object.
type Info struct {
	Key string
	// Size is in bytes.
	Size int64
	// Modified is when the object was put, by the store's clock.
	Modified time.Time
}

// Store keeps objects. It is safe for concurrent use.
type Store interface {
	// Put stores size bytes of body under key; the store verifies their SHA-256, and after nil the object can be opened. The body may
	// be read more than once, from its beginning. On an error other than ErrMismatch the object may or may not be there.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, sha256 []byte) error
	// Open reads length bytes from offset, or to the end when length is negative; fewer when the object ends before. ErrRange when
	// the offset lies beyond the end. The caller closes it; ctx must live until then. Each Read has a deadline of its own, so
	// a slow reader is not cut off and a silent store is.
	Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error)
	// Stat describes the object.
	Stat(ctx context.Context, key string) (Info, error)
	// Remove removes the object; nil when there was none.
	Remove(ctx context.Context, key string) error
	// List calls fn for every object whose key begins with prefix, in the order of keys, and stops at fn's first error, which it
	// returns. Objects put or removed meanwhile may or may not be seen.
	List(ctx context.Context, prefix string, fn func(Info) error) error
	// Folders calls fn with each name that stands between prefix, empty or ending in "/", and the next "/" of a key, once each and in
	// order; it stops at fn's first error, which it returns.
	Folders(ctx context.Context, prefix string, fn func(name string) error) error
}

// maxKey is far below S3's 1,024 bytes and below the 255 that a file system allows for one name.
const maxKey = 200

// CheckKey returns ErrKey unless key is one to eight names of lower-case letters, digits, "-" and "_", parted by "/". The form
// is narrow on purpose: it means the same to every store, and no patient identifier with its blanks, "^" or "|" fits in.
func CheckKey(key string) error {
	if len(key) > maxKey || len(key) == 0 {
		return fmt.Errorf("%w: %d bytes long", ErrKey, len(key))
	}
	names, previous := 1, byte('/')
	for i := range len(key) {
		c := key[i]
		if !isNameByte(c) && (c != '/' || previous == '/') {
			return fmt.Errorf("%w: byte %d", ErrKey, i)
		}
		if c == '/' {
			names++
		}
		previous = c
	}
	if previous == '/' || names > 8 {
		return fmt.Errorf("%w: %d names, the last perhaps empty", ErrKey, names)
	}
	return nil
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// CheckPrefix is CheckKey for the beginning of keys: empty, a key, or a key with a "/" after it.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if prefix[len(prefix)-1] == '/' {
		prefix = prefix[:len(prefix)-1]
	}
	return CheckKey(prefix)
}
