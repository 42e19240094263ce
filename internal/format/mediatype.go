package format

import (
	"errors"
	"mime"
	"strings"
)

// maxMediaType bounds what is read as a declared content type; RFC 6838 §4.2 allows 127 + 1 + 127 characters before parameters.
const maxMediaType = 512

// declared maps the media types that name an allowed format. Structured suffixes (+xml, +json) are judged by suffixed.
var declared = map[string]Type{
	"image/png": PNG, "image/jpeg": JPEG, "image/jpg": JPEG, "image/gif": GIF, "image/tiff": TIFF, "application/pdf": PDF,
	"text/plain": Text, "application/rtf": RTF, "text/rtf": RTF, "text/xml": XML, "application/xml": XML, "application/json": JSON,
}

// Parse reads a declared content type, parameters and letter case put aside, and says which allowed format it names (F1).
// SVG and XHTML are XML by syntax and are not allowed: they carry scripts that a browser runs.
func Parse(contentType string) (Type, bool) {
	if len(contentType) > maxMediaType {
		return "", false
	}
	// A broken parameter ("; charset=") says nothing of the format; the media type itself is still read.
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return "", false
	}
	if t, ok := declared[media]; ok {
		return t, true
	}
	return suffixed(media)
}

// clinical are the parts of a +xml subtype's name that say it is a health document. The list is one of permissions, because
// +xml also stands at the end of formats that run code (svg, xhtml, xslt, xul).
var clinical = []string{"hl7", "cda", "fhir", "dicom", "ehr", "kith", "xds"}

// suffixed judges structured syntax suffixes (RFC 6839): clinical XML, any JSON.
func suffixed(media string) (Type, bool) {
	subtype, ok := strings.CutPrefix(media, "application/")
	if !ok {
		return "", false
	}
	if name, ok := strings.CutSuffix(subtype, "+json"); ok && name != "" {
		return JSON, true
	}
	name, ok := strings.CutSuffix(subtype, "+xml")
	if !ok {
		return "", false
	}
	for _, word := range clinical {
		if strings.Contains(name, word) {
			return XML, true
		}
	}
	return "", false
}
