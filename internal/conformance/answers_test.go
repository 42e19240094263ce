package conformance

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const definitions = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"

// The profiles of MHD 4.2.3 that our messages and answers are held to, beside those that a resource claims in meta.profile.
const (
	profileProvided = definitions + "IHE.MHD.ProvideDocumentBundleResponse"
	profileFound    = definitions + "IHE.MHD.FindDocumentReferencesResponseMessage"
	profileLists    = definitions + "IHE.MHD.FindDocumentListsResponseMessage"
	profileProvide  = definitions + "IHE.MHD.Comprehensive.ProvideBundle"
)

// answer is one resource to be held to FHIR R4 and, when Profile is not empty, to a profile.
type answer struct {
	// Name is the row it counts in: what answered, or what a scenario of ours calls it.
	Name    string
	Profile string
	XML     bool
	Body    []byte
}

// answers gathers what the service said while the tests of this package ran. Equal bodies are kept once.
type answers struct {
	mu   sync.Mutex
	all  []answer
	seen map[string]bool
}

// heard is every FHIR answer of this process, filled by the tap that TestMain puts before the network.
var heard = &answers{seen: map[string]bool{}}

func TestMain(m *testing.M) {
	http.DefaultTransport = tap{http.DefaultTransport}
	os.Exit(m.Run())
}

func (s *answers) add(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := a.Name + "\x00" + string(a.Body); !s.seen[key] {
		s.seen[key] = true
		s.all = append(s.all, a)
	}
}

// sorted gives them in an order that does not depend on which test was done first.
func (s *answers) sorted() []answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedStableFunc(slices.Values(s.all), func(a, b answer) int { return cmp.Compare(a.Name, b.Name) })
}

// tap listens to the service's FHIR answers, all of them, so that none is held to the profiles only when somebody remembers to.
type tap struct{ next http.RoundTripper }

func (t tap) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(r)
	if err != nil {
		return res, err
	}
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media != "application/fhir+json" && media != "application/fhir+xml" {
		return res, nil
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	if err == nil && len(body) > 0 {
		heard.add(answer{Name: nameOf(r, res.StatusCode, media), Profile: profileOf(r, res.StatusCode), XML: media == "application/fhir+xml", Body: body})
	}
	return res, err
}

// scenario is the header that names the row an answer counts in; the service takes no notice of it.
const scenario = "X-Conformance-Scenario"

// nameOf is the scenario, or what was asked and the status: POST Bundle 400.
func nameOf(r *http.Request, status int, media string) string {
	name := r.Header.Get(scenario)
	if name == "" {
		name = "replays: " + r.Method + " " + interaction(r) + ", " + http.StatusText(status)
	}
	if media == "application/fhir+xml" {
		name += " (XML)"
	}
	return name
}

// interaction is the path without ids.
func interaction(r *http.Request) string {
	rest := strings.Trim(strings.TrimPrefix(r.URL.Path, "/R4/fhir"), "/")
	dir, last := path.Split(rest)
	if dir != "" && !strings.HasPrefix(last, "_") && !strings.HasPrefix(last, "$") && last != "document" {
		rest = dir + "{id}"
	}
	return cmp.Or(rest, "the base")
}

// profileOf is the profile of MHD that the whole answer must conform to.
func profileOf(r *http.Request, status int) string {
	if status != http.StatusOK {
		return ""
	}
	switch interaction(r) {
	case "the base", "Bundle":
		return profileProvided
	case "DocumentReference/_search", "DocumentReference":
		return profileFound
	case "List/_search", "List":
		return profileLists
	}
	return ""
}

// claims are the profiles named in meta.profile, in either form; in XML the first.
var claims = regexp.MustCompile(`"meta":\{[^{}]*"profile":\["([^\]]*)"\]|<meta>(?:<[^m]*)?<profile value="([^"]*)"`)

// profiles are those the answer is held to, by the ends of their names.
func (a answer) profiles() (names []string) {
	if a.Profile != "" {
		names = append(names, strings.TrimPrefix(a.Profile, definitions+"IHE.MHD."))
	}
	for _, m := range claims.FindAllSubmatch(a.Body, -1) {
		for _, name := range strings.Split(string(m[1])+string(m[2]), `","`) {
			names = append(names, strings.TrimPrefix(strings.TrimPrefix(name, definitions+"IHE.MHD."), balpDefinitions+"IHE.BasicAudit."))
		}
	}
	return names
}

var entryPlace = regexp.MustCompile(`^Bundle\.entry\[(\d+)\]$`)

// about is the type of the resource of the entry at a location, empty when the location is no entry or the answer no JSON.
func (a answer) about(location string) string {
	found := entryPlace.FindStringSubmatch(location)
	var bundle struct {
		Entry []struct{ Resource struct{ ResourceType string } }
	}
	if found == nil || a.XML || json.Unmarshal(a.Body, &bundle) != nil {
		return ""
	}
	n, err := strconv.Atoi(found[1])
	if err != nil || n >= len(bundle.Entry) {
		return ""
	}
	return bundle.Entry[n].Resource.ResourceType
}
