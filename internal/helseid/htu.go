package helseid

import (
	"net/http"
	"net/url"
	"strings"
)

// address is scheme, host and path as RFC 3986 §6.2.2 and §6.2.3 compare them; query and fragment are left out (RFC 9449 §4.3).
type address struct{ scheme, host, path string }

func addressOf(u *url.URL) address {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	for s, port := range map[string]string{"http": ":80", "https": ":443"} {
		if scheme == s {
			host = strings.TrimSuffix(host, port)
		}
	}
	return address{scheme, strings.TrimSuffix(host, ":"), normalPath(u.EscapedPath())}
}

// at is the address of a request as its caller sees it: our public base and the path.
func (a address) at(r *http.Request) address {
	a.path = normalPath(strings.TrimSuffix(a.path, "/") + r.URL.EscapedPath())
	return a
}

// origin is how problems tell what was expected; the path stays out of texts, since it may hold ids.
func (a address) origin() string { return a.scheme + "://" + a.host }

// parseHTU reads a proof's htu, which has to be an absolute URL without a user.
func parseHTU(htu string) (address, bool) {
	u, err := url.Parse(htu)
	if err != nil || u.Host == "" || u.Opaque != "" || u.User != nil {
		return address{}, false
	}
	return addressOf(u), true
}

const hexDigits = "0123456789ABCDEF"

// normalPath writes the percent-encoding of url.URL.EscapedPath in one way: unreserved characters plain, every other escape in
// capitals. Dot segments and slashes stay as they are: two paths that a server could tell apart must not become one.
func normalPath(escaped string) string {
	if escaped == "" {
		return "/"
	}
	var b strings.Builder
	for i := 0; i < len(escaped); i++ {
		c := escaped[i]
		if c == '%' && i+2 < len(escaped) && isHex(escaped[i+1]) && isHex(escaped[i+2]) {
			c, i = unhex(escaped[i+1])<<4|unhex(escaped[i+2]), i+2
			if !unreserved(c) {
				b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
				continue
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}

func unreserved(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
