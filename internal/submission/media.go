package submission

import (
	"mime"
	"strings"
)

// sameMedia compares media types without parameters; text/xml and application/xml are one (RFC 7303).
func sameMedia(a, b string) bool {
	return essence(a) == essence(b)
}

func essence(s string) string {
	media, _, err := mime.ParseMediaType(s)
	if err != nil {
		media = strings.ToLower(strings.TrimSpace(s))
	}
	if media == "text/xml" {
		return "application/xml"
	}
	return media
}

// short bounds what of a caller's text goes into answers and rows of ours.
func short(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "")
	}
	return s
}
