package mhd

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/registry"
)

// How many entries a page has when _count does not say, and at the most.
const (
	defaultCount = 50
	maxCount     = 200
)

// What one search may hold: values of a parameter separated by commas, parameters of a kind, and what each of them adds to the work.
const (
	maxAlternatives = 50
	maxCriteria     = 50
)

// params reads one search; problems gather so that all are told at once.
type params struct {
	form url.Values
	// kinds are the parameters this search knows, those of FHIR for every search and the service's own included.
	kinds    map[string]kind
	criteria criteria.Criteria
	problems fault.Problems
	warnings fault.Problems
}

// kind is how a parameter is read.
type kind uint8

// The kinds. A special one is read by name: it is no criterion.
const (
	special kind = iota
	token
	identifierToken
	relatedToken
	text
	date
	period
)

// commonKinds are what every search has, with FHIR's _id and _lastUpdated that MHD's capability statements name.
var commonKinds = map[string]kind{
	"patient.identifier": special, "status": special, "homeCommunityId": special,
	"_count": special, "_sort": special, "_total": special, "_format": special, "_id": identifierToken, "_lastUpdated": date,
}

func withCommon(kinds map[string]kind) map[string]kind {
	maps.Copy(kinds, commonKinds)
	return kinds
}

// documentKinds are the parameters of R1.
var documentKinds = withCommon(map[string]kind{
	"category": token, "type": token, "event": token, "facility": token, "format": token, "setting": token, "security-label": token,
	"identifier": identifierToken, "related": relatedToken, "related.identifier": relatedToken,
	"author.given": text, "author.family": text,
	"creation": date, "date": date, "period": period,
})

// parseSearch reads the parameters of R1. Values separated by commas are alternatives, parameters given again must all be met. What is
// unknown is ignored with a warning, or refused under Prefer: handling=strict.
func parseSearch(form url.Values, strict bool) (disclosure.Search, fault.Problems, error) {
	p := &params{form: form, kinds: documentKinds}
	q := disclosure.Search{Patient: p.patient(), Statuses: p.statuses(), HomeCommunity: p.home(), Paging: p.paging(documentOrders), Text: p.text()}
	q.Criteria = p.all(strict)
	return q, p.warnings, p.problems.Err()
}

func (p *params) bad(name, text string, args ...any) {
	p.problems.Add(fault.New(fault.BadQueryParam, text, args...).At(name).By("R1"))
}

// one is a parameter's only value.
func (p *params) one(name string) string {
	values := p.form[name]
	if len(values) > 1 {
		p.bad(name, "The parameter stands %d times; give it once, with alternatives separated by commas.", len(values))
	}
	if len(values) == 0 {
		return ""
	}
	return strings.TrimSpace(values[0])
}

func (p *params) required(name string) string {
	value := p.one(name)
	if value == "" {
		p.problems.Add(fault.New(fault.MissingQueryParam, "The parameter %s is required.", name).At(name).By("R1"))
	}
	return value
}

func (p *params) patient() document.PatientID {
	if p.form.Has("patient") && !p.form.Has("patient.identifier") {
		p.bad("patient", "There are no Patient resources to refer to here: name the patient by patient.identifier.")
		return document.PatientID{}
	}
	value := p.required("patient.identifier")
	if value == "" {
		return document.PatientID{}
	}
	id, ok := patientToken(value)
	if !ok || id.Check() != nil {
		p.bad("patient.identifier", "Write system|value, such as urn:oid:%s|<11 digits>; the system may be left out for a national identity number.", document.AuthorityFNR)
		return document.PatientID{}
	}
	return id
}

// patientToken reads system|value; eleven digits alone are a D-nummer when the first is above 3, a fødselsnummer otherwise.
func patientToken(value string) (document.PatientID, bool) {
	system, number, found := strings.Cut(value, "|")
	if found {
		return document.PatientID{Value: number, Authority: document.StripURN(system)}, true
	}
	if len(value) != 11 || strings.Trim(value, "0123456789") != "" {
		return document.PatientID{}, false
	}
	if value[0] > '3' {
		return document.PatientID{Value: value, Authority: document.AuthorityDNR}, true
	}
	return document.PatientID{Value: value, Authority: document.AuthorityFNR}, true
}

func (p *params) statuses() (out []document.Status) {
	value := p.required("status")
	if value == "" {
		return nil
	}
	for _, s := range strings.Split(value, ",") {
		if _, code, found := strings.Cut(s, "|"); found {
			s = code
		}
		switch s {
		case "current":
			out = append(out, document.Approved)
		case "superseded":
			out = append(out, document.Deprecated)
		default:
			p.bad("status", "The status is current or superseded.")
		}
	}
	return out
}

func (p *params) home() string {
	value := p.one("homeCommunityId")
	if value == "" {
		return ""
	}
	oid, err := document.ParseOID(value)
	if err != nil {
		p.bad("homeCommunityId", "The home community is an OID, with or without urn:oid:.")
	}
	return oid
}

// documentOrders are what _sort may say of documents.
var documentOrders = map[string]registry.Order{"-creation": {}, "creation": {Oldest: true}, "-date": {Registered: true}, "date": {Registered: true, Oldest: true}}

func (p *params) paging(orders map[string]registry.Order) disclosure.Paging {
	out := disclosure.Paging{Limit: defaultCount}
	if value := p.one("_count"); value != "" {
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			p.bad("_count", "The number of entries of a page is 1 to %d.", maxCount)
		}
		out.Limit = min(max(n, 1), maxCount)
	}
	if value := p.one("_sort"); value != "" {
		order, known := orders[value]
		if !known {
			p.bad("_sort", "The order is one of %s.", strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
		}
		out.Order = order
	}
	switch p.one("_total") {
	case "accurate", "estimate":
		out.Count = true
	case "none":
		out.Uncounted = true
	case "":
	default:
		p.bad("_total", "The total is one of accurate, estimate, none.")
	}
	return out
}

// all reads every criterion there is, and says what it does not know.
func (p *params) all(strict bool) criteria.Criteria {
	for _, key := range slices.Sorted(maps.Keys(p.form)) {
		name, modifier, modified := strings.Cut(key, ":")
		kind, known := p.kinds[name]
		switch {
		case !known:
			p.unknown(strict)
		case kind == special && modified:
			p.bad(name, "The parameter takes no modifier.")
		case kind != special:
			for _, value := range p.form[key] {
				p.criterion(name, modifier, kind, value)
			}
		}
	}
	if len(p.criteria) > maxCriteria {
		p.problems.Add(fault.New(fault.BadQueryParam, "%d conditions; at most %d.", len(p.criteria), maxCriteria).By("R1"))
	}
	return p.criteria
}

// unknown does not repeat the name: it is whatever somebody wrote.
func (p *params) unknown(strict bool) {
	problem := fault.New(fault.BadQueryParam, "The parameter is not known here and did not narrow the search.").By("R1")
	if strict {
		p.problems.Add(problem)
	} else {
		p.warnings.Add(problem.AsWarning())
	}
}

// text is the search for the audit event: everything but the patient, which the event has a field for.
func (p *params) text() string {
	kept := url.Values{}
	for name, values := range p.form {
		if name != "patient.identifier" {
			kept[name] = values
		}
	}
	return kept.Encode()
}

// timeOf reads a date as the registry keeps times, with what precision it came.
func timeOf(s string) (document.Time, error) {
	at, precision, err := fhir.ParseDateTime(s)
	return document.Time{At: at.Truncate(time.Microsecond), Precision: precisions[precision]}, err
}
