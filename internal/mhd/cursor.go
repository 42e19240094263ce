package mhd

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
)

// cursors seals the state of a paged search into its next link. The link stands in logs of proxies and browsers, so nothing of the
// patient or the search can be read from it, and nobody but the client that searched can use it (R6).
type cursors struct {
	aead cipher.AEAD
	now  func() time.Time
}

// cursorLife is how long a next link works.
const cursorLife = 15 * time.Minute

func newCursors(key []byte, now func() time.Time) (cursors, error) {
	if len(key) != 32 {
		return cursors{}, errors.New("the cursor key must have 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return cursors{}, err
	}
	aead, err := cipher.NewGCM(block)
	return cursors{aead, now}, err
}

type cursor struct {
	Search  disclosure.Search
	Expires time.Time
}

// owner binds a cursor to who searched, client, organisation and person, and by which scope: a total that was counted under §45 is not told
// under kjernejournalforskriften (C6).
func owner(c access.Caller) []byte {
	scope, _ := access.ScopeForList(c) // whoever may list nothing is refused before
	return []byte(c.ClientID + "\x00" + c.Organisation + "\x00" + c.HPR + "\x00" + c.PersonID + "\x00" + strconv.Itoa(int(scope)))
}

func (s cursors) seal(q disclosure.Search, c access.Caller) (string, error) {
	text, err := json.Marshal(cursor{q, s.now().Add(cursorLife)})
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, text, owner(c))), nil
}

// maxCursor bounds what open looks at; a search of 64 KiB seals to less.
const maxCursor = 96 << 10

func (s cursors) open(text string, c access.Caller) (disclosure.Search, error) {
	bad := fault.New(fault.BadQueryParam, "The page's address is damaged, too old, or another caller's. Search again from the start.").At("_cursor").By("R6")
	if len(text) > maxCursor {
		return disclosure.Search{}, bad
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) < s.aead.NonceSize() {
		return disclosure.Search{}, bad.Because(err)
	}
	nonce, sealed := sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():]
	plain, err := s.aead.Open(nil, nonce, sealed, owner(c))
	if err != nil {
		return disclosure.Search{}, bad.Because(err)
	}
	var found cursor
	if err := json.Unmarshal(plain, &found); err != nil {
		return disclosure.Search{}, bad.Because(err)
	}
	if s.now().After(found.Expires) {
		return disclosure.Search{}, bad
	}
	return found.Search, nil
}
