package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key signs heads.
type Key struct {
	signer note.Signer
	public string
}

// NewKey makes a key pair under a name, by which the signatures name their signer: the secret in the form ParseKey reads, and the public
// key that readers need.
func NewKey(random io.Reader, name string) (secret, public string, err error) {
	return note.GenerateKey(random, name)
}

// errKey does not repeat what it read.
var errKey = errors.New("not a signer key: it begins with PRIVATE+KEY+ and `dokumentlager audit key` makes one")

// ParseKey reads a signer key (PRIVATE+KEY+name+hash+base64). Its errors do not repeat it.
func ParseKey(secret string) (*Key, error) {
	secret = strings.TrimSpace(secret)
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, errKey
	}
	// What NewSigner accepted ends in base64 of one byte for the algorithm and the seed.
	data, err := base64.StdEncoding.DecodeString(secret[strings.LastIndexByte(secretHead(secret), '+')+1:])
	if err != nil || len(data) != 1+ed25519.SeedSize {
		return nil, errKey
	}
	public, err := note.NewEd25519VerifierKey(signer.Name(), ed25519.NewKeyFromSeed(data[1:]).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, errKey
	}
	return &Key{signer, public}, nil
}

// secretHead is a key up to its data, which may hold + as well.
func secretHead(secret string) string {
	end := 0
	for range 4 { // PRIVATE+KEY+name+hash+
		i := strings.IndexByte(secret[end:], '+')
		if i < 0 {
			return secret[:end]
		}
		end += i + 1
	}
	return secret[:end]
}

// Public is the key that readers verify with, in the form of note.NewVerifier.
func (k *Key) Public() string { return k.public }

// Name is the signer's.
func (k *Key) Name() string { return k.signer.Name() }

// String keeps the key out of logs and error texts.
func (k *Key) String() string { return "set" }

// GoString is String: %#v must not print the key either.
func (k *Key) GoString() string { return "set" }

// Trust is whose signatures count.
type Trust struct{ verifiers note.Verifiers }

// Trusting reads public keys.
func Trusting(keys ...string) (Trust, error) {
	var known []note.Verifier
	for _, key := range keys {
		v, err := note.NewVerifier(strings.TrimSpace(key))
		if err != nil {
			return Trust{}, fmt.Errorf("%q is no verifier key (name+hash+base64)", key)
		}
		known = append(known, v)
	}
	return Trust{note.VerifierList(known...)}, nil
}
