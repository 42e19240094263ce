package rest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"dokumentlager/internal/fault"
)

// Cursors seals the state of a paged search into its next link. The link stands in logs of proxies and browsers, so nothing of the
// patient or the search can be read from it, and nobody but the client that searched can use it (R6).
type Cursors[T any] struct {
	aead cipher.AEAD
	now  func() time.Time
}

// cursorLife is how long a next link works.
const cursorLife = 15 * time.Minute

// NewCursors derives from the service's key one for this purpose alone: a page of one kind of search cannot be asked for as one of another.
func NewCursors[T any](key []byte, purpose string, now func() time.Time) (Cursors[T], error) {
	if len(key) != 32 {
		return Cursors[T]{}, errors.New("the cursor key must have 32 bytes")
	}
	sum := sha256.Sum256(append([]byte("dokumentlager: cursors of "+purpose+"\x00"), key...))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return Cursors[T]{}, err
	}
	aead, err := cipher.NewGCM(block)
	return Cursors[T]{aead, now}, err
}

type cursor[T any] struct {
	State   T
	Expires time.Time
}

// owned is what a cursor is bound to: no two lists of texts are the same in JSON.
func owned(owner []string) []byte {
	text, _ := json.Marshal(owner) // texts always can
	return text
}

// Seal writes a state that Open reads for the same owner within fifteen minutes.
func (s Cursors[T]) Seal(state T, owner ...string) (string, error) {
	text, err := json.Marshal(cursor[T]{state, s.now().Add(cursorLife)})
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, text, owned(owner))), nil
}

// maxCursor bounds what Open looks at; a search of 64 KiB seals to less.
const maxCursor = 96 << 10

// Open gives the state that was sealed for this owner; of any other text it says that it is no page of his.
func (s Cursors[T]) Open(text string, owner ...string) (T, error) {
	var found cursor[T]
	if err := s.open(text, owner, &found); err != nil || s.now().After(found.Expires) {
		var none T
		return none, fault.New(fault.BadQueryParam, "The page's address is damaged, too old, or another caller's. Search again from the start.").
			At(ParamCursor).By("R6").Because(err)
	}
	return found.State, nil
}

func (s Cursors[T]) open(text string, owner []string, found *cursor[T]) error {
	if len(text) > maxCursor {
		return errors.New("too long for a cursor")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	if len(sealed) < s.aead.NonceSize() {
		return errors.New("too short for a cursor")
	}
	nonce, sealed := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, owned(owner))
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, found)
}
