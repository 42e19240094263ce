package rest

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"dokumentlager/internal/fault"
)

// maxForm bounds a search's body in bytes.
const maxForm = 64 << 10

// ReadForm reads the body of a search by POST, whose address holds nothing but _format: patient identifiers stand in the body (R1).
func ReadForm(w http.ResponseWriter, r *http.Request) error {
	if err := WantMedia(r, "application/x-www-form-urlencoded"); err != nil {
		return err
	}
	if !onlyFormat(r.URL) {
		return fault.New(fault.BadRequest, "Search parameters are sent in the body: an address ends up in logs, and patient identifiers must not.").At("http.query").By("R1")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.MalformedBody, "The form cannot be read; it may have 64 KiB and must be urlencoded.").Because(err)
	}
	_, err := FormOf(r) // here, because _format may stand in the body
	return err
}

// onlyFormat says whether nothing but _format stands in an address: that is all a search may have there (R1).
func onlyFormat(address *url.URL) bool {
	query, err := url.ParseQuery(address.RawQuery)
	query.Del(ParamFormat)
	return err == nil && len(query) == 0
}

// KeptFormat carries a request's _format into the address of its next page.
func KeptFormat(r *http.Request) string {
	if f, err := FormOf(r); err == nil && len(formats(r)) > 0 {
		return "&" + ParamFormat + "=" + f.Name()
	}
	return ""
}

// PageOf is the cursor of a request for a following page: an address with nothing else in it but _format.
func PageOf(address *url.URL) (cursor string, yes bool) {
	query := address.Query()
	query.Del(ParamFormat)
	return query.Get(ParamCursor), len(query) == 1 && query.Has(ParamCursor)
}

// Strict is whether the caller wants parameters that are not known here to be refused (hl7.org/fhir/R4/search.html#errors).
func Strict(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Prefer"), "handling=strict")
}

// WantMedia refuses a body of another type than the address takes, and one that is packed (RFC 9110 §15.5.16): what unpacks to a thousand
// times its size is never unpacked here.
func WantMedia(r *http.Request, allowed ...string) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fault.New(fault.WrongMediaType, "The body must be sent as it is, without Content-Encoding.").At("http.Content-Encoding")
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch f, known := formNamed(media); {
	case err == nil && slices.Contains(allowed, media) && ofR4(params):
		return nil
	case known && f == InXML:
		return fault.New(fault.WrongMediaType, "Bodies are taken in JSON only, though answers can be had in XML: send it with Content-Type %s.", allowed[0]).At("http.Content-Type")
	case !ofR4(params):
		return fault.New(fault.WrongMediaType, "The body must be of FHIR version 4.0.").At("http.Content-Type")
	}
	return fault.New(fault.WrongMediaType, "The body must be sent with Content-Type %s.", allowed[0]).At("http.Content-Type")
}
