package delivery

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"dokumentlager/internal/job"
)

// purpose keeps this key apart from all others that come from the same secret.
const purpose = "dokumentlager answers sent later, 1"

// seal closes questions for the queue: AES-256-GCM, with a random nonce of 96 bits; 2^32 of them is what one key is good for.
type seal struct{ gcm cipher.AEAD }

func newSeal(secret []byte) (seal, error) {
	if len(secret) < 32 {
		return seal{}, fmt.Errorf("delivery: the secret has %d bytes and needs 32", len(secret))
	}
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return seal{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return seal{}, err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	return seal{gcm}, err
}

// bound is what a sealed question belongs to: it cannot be put into another job, nor be sent to another consumer.
func bound(a job.SendAnswer) []byte {
	return []byte(a.ID.String() + " " + a.Consumer + " " + a.Transaction)
}

func (s seal) close(a job.SendAnswer, q Question) ([]byte, error) {
	text, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return s.gcm.Seal(nil, nil, text, bound(a)), nil
}

func (s seal) open(a job.SendAnswer) (q Question, err error) {
	text, err := s.gcm.Open(nil, nil, a.Sealed, bound(a))
	if err != nil {
		return q, errLost
	}
	return q, json.Unmarshal(text, &q)
}
