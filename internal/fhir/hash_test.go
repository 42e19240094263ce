package fhir

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"dokumentlager/internal/fault"
)

func TestDecodeHash(t *testing.T) {
	t.Parallel()
	one, two := sha1.Sum([]byte("x")), sha256.Sum256([]byte("x"))
	ofHex := func(digest []byte) string { return EncodeHash([]byte(hex.EncodeToString(digest))) }
	example, _ := hex.DecodeString("0a4d55a8d778e5022fab701977c5d840bbc486d0")
	for name, c := range map[string]struct {
		text string
		want []byte
	}{
		"SHA-1":                      {EncodeHash(one[:]), one[:]},
		"SHA-256":                    {EncodeHash(two[:]), two[:]},
		"SHA-1 in hexadecimal":       {ofHex(one[:]), one[:]},
		"SHA-256 in hexadecimal":     {ofHex(two[:]), two[:]},
		"IHE's own example":          {"MGE0ZDU1YThkNzc4ZTUwMjJmYWI3MDE5NzdjNWQ4NDBiYmM0ODZkMA==", example},
		"hexadecimal in upper case":  {EncodeHash(bytes.ToUpper([]byte(hex.EncodeToString(one[:])))), one[:]},
		"empty":                      {"", nil},
		"hexadecimal without base64": {hex.EncodeToString(one[:]), nil},
		"MD5":                        {EncodeHash(one[:16]), nil},
		"40 other bytes":             {EncodeHash(bytes.Repeat([]byte("z"), 40)), nil},
		"no padding":                 {base64.RawStdEncoding.EncodeToString(one[:]), nil},
		"not base64":                 {"*", nil},
	} {
		got, err := DecodeHash(c.text)
		if !bytes.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s = %x, %v", name, got, err)
		}
		if err != nil && fault.Of(err)[0].Code != fault.RepositoryMetadata {
			t.Errorf("%s: %v", name, err)
		}
	}
}
