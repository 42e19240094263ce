package fhir

import (
	"crypto/sha1" //nolint:gosec // the hash of XDS and FHIR R4, an identity check and not a seal
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"dokumentlager/internal/fault"
)

// DecodeHash reads Attachment.hash and gives the raw digest: 20 bytes of SHA-1 or 32 of SHA-256. FHIR R4 means base64 of the SHA-1's bytes;
// IHE's own MHD examples send base64 of its 40 hexadecimal characters, and real clients SHA-256. The four forms have
// different lengths, so none can be taken for another. The error is a fault.Problem without location.
func DecodeHash(s string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, badHash(err)
	}
	switch len(raw) {
	case sha1.Size, sha256.Size:
		return raw, nil
	case hex.EncodedLen(sha1.Size), hex.EncodedLen(sha256.Size):
		digest, err := hex.DecodeString(string(raw))
		if err != nil {
			return nil, badHash(err)
		}
		return digest, nil
	}
	return nil, badHash(nil)
}

func badHash(cause error) error {
	return fault.New(fault.RepositoryMetadata, "The hash cannot be read: it is the base64 of the 20 bytes of the document's SHA-1, 28 characters.").Because(cause)
}

// EncodeHash writes a digest as Attachment.hash.
func EncodeHash(digest []byte) string { return base64.StdEncoding.EncodeToString(digest) }
