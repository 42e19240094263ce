package mhd

import (
	"crypto/sha256"
	"hash"
	"io"
	"net/http"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/submission"
)

const headerIdempotencyKey = "Idempotency-Key"

// maxKey bounds a key; a UUID has 36 characters.
const maxKey = 255

// idempotencyKey reads the header (draft-ietf-httpapi-idempotency-key-header-07 §2.1): a string in quotes, once. The bare token that many
// clients send is taken too. Empty when there is none. A key is never repeated to anybody: it may be anything.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values(headerIdempotencyKey)
	if len(values) == 0 {
		return "", nil
	}
	key, ok := unquote(strings.Trim(values[0], " \t"))
	if len(values) > 1 || !ok || key == "" || len(key) > maxKey {
		return "", fault.New(fault.BadRequest, "The Idempotency-Key must be one text of 1 to %d characters in quotes, such as a UUID; letters, digits and "+
			"punctuation of ASCII may stand in it.", maxKey).At("http." + headerIdempotencyKey)
	}
	return key, nil
}

// unquote reads an sf-string (RFC 9651 §3.3.3), or a run of visible ASCII without quotes, comma, semicolon or backslash.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s, !strings.ContainsAny(s, `",;\`) && rest.Visible(s, '!')
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			return "", false
		}
		if s[i] == '\\' {
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return b.String(), rest.Visible(s, ' ')
}

// begin takes the request's Idempotency-Key, if it has one; nil without. From then on the request's body is summed as it is read.
func (d *Door) begin(r *http.Request, actor audit.Actor) (*submission.Once, error) {
	key, err := idempotencyKey(r.Header)
	if err != nil {
		return nil, d.Submissions.RefuseUnread(r.Context(), actor, audit.Create, "provide", err)
	}
	if key == "" {
		return nil, nil
	}
	once, err := d.Submissions.Begin(r.Context(), actor, key)
	if err == nil {
		r.Body = &summed{ReadCloser: r.Body, once: once, sum: sha256.New()}
	}
	return once, err
}

// summed notes the digest of a body that was read to its end.
type summed struct {
	io.ReadCloser
	once *submission.Once
	sum  hash.Hash
}

func (s *summed) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	s.sum.Write(p[:n])
	if err == io.EOF {
		s.once.Body = s.sum.Sum(nil)
	}
	return n, err
}
