// Package api is the description of the service's addresses: openapi.yaml, and the page at /docs that is made from it.
//
// It promises that the description is complete and true as far as a test can hold it: every route is in it and nothing else is,
// every error code stands under the status that package fault gives it, and every example is one that the service's own
// readers take. The page needs nothing from elsewhere and runs nothing, so it works behind any proxy and under the strictest CSP.
package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"
)

//go:embed openapi.yaml
var document []byte

// wsdl are the descriptions of the SOAP addresses, which README.md there tells how to use.
//
//go:embed soap/*.wsdl
var wsdl embed.FS

// Document is openapi.yaml as served: OpenAPI 3.0.3.
func Document() []byte { return bytes.Clone(document) }

// Handler answers GET and HEAD of /docs, /openapi.yaml and /docs/soap/NAME.wsdl. The page is rendered here, once. It panics when the embedded document cannot
// be rendered: that is a broken build, which a test finds before anybody else.
func Handler() http.Handler {
	html, err := render(document)
	if err != nil {
		panic("api: " + err.Error())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /docs", served{html, "text/html; charset=utf-8", pagePolicy()})
	mux.Handle("GET /openapi.yaml", served{document, "application/yaml; charset=utf-8", "default-src 'none'; frame-ancestors 'none'"})
	mux.HandleFunc("GET /docs/soap/{name}", description)
	return mux
}

// description answers one WSDL.
func description(w http.ResponseWriter, r *http.Request) {
	text, err := wsdl.ReadFile("soap/" + r.PathValue("name"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	served{text, "application/wsdl+xml; charset=utf-8", "default-src 'none'; frame-ancestors 'none'"}.ServeHTTP(w, r)
}

// served is one file that changes only with the build.
type served struct {
	body              []byte
	mediaType, policy string
}

// ServeHTTP lets clients keep the answer as long as its bytes are the same: they ask again each time, and mostly get a 304.
func (s served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256(s.body)
	h := w.Header()
	h.Set("Content-Type", s.mediaType)
	h.Set("Content-Security-Policy", s.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.body))
}

// pagePolicy allows the page its one style sheet and nothing else: no script, no image, no frame, no address but its own.
func pagePolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
