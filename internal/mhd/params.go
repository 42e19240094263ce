package mhd

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/terminology"
)

// How many entries a page has when _count does not say, and at the most.
const (
	defaultCount = 50
	maxCount     = 200
)

// params reads one search; problems gather so that all are told at once.
type params struct {
	form     url.Values
	q        disclosure.Search
	problems fault.Problems
	warnings fault.Problems
}

// parseSearch reads the parameters of R1. Values separated by commas are alternatives; dates may be given twice to make a span, others
// once. What is unknown is ignored with a warning, or refused under Prefer: handling=strict.
func parseSearch(form url.Values, strict bool) (disclosure.Search, fault.Problems, error) {
	p := &params{form: form}
	p.patient()
	p.status()
	p.q.Identifiers = p.identifiers("identifier")
	p.q.Classes, p.q.Types = p.tokens("category"), p.tokens("type")
	p.q.Created, p.q.Registered = p.dates("creation"), p.dates("date")
	p.home()
	p.count()
	p.unknown(strict)
	p.q.Text = p.text()
	return p.q, p.warnings, p.problems.Err()
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

func (p *params) patient() {
	value := p.required("patient.identifier")
	if value == "" {
		return
	}
	id, ok := patientToken(value)
	if !ok || id.Check() != nil {
		p.bad("patient.identifier", "Write system|value, such as urn:oid:%s|<11 digits>; the system may be left out for a national identity number.", document.AuthorityFNR)
		return
	}
	p.q.Patient = id
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

func (p *params) status() {
	for _, s := range list(p.required("status")) {
		if _, code, found := strings.Cut(s, "|"); found {
			s = code
		}
		switch s {
		case "current":
			p.q.Statuses = append(p.q.Statuses, document.Approved)
		case "superseded":
			p.q.Statuses = append(p.q.Statuses, document.Deprecated)
		default:
			p.bad("status", "The status is current or superseded.")
		}
	}
}

// maxAlternatives bounds the values of one parameter.
const maxAlternatives = 50

func list(value string) []string {
	if value == "" {
		return nil
	}
	return strings.Split(value, ",")
}

func (p *params) alternatives(name string) []string {
	all := list(p.one(name))
	if len(all) > maxAlternatives {
		p.bad(name, "%d alternatives; at most %d.", len(all), maxAlternatives)
		return nil
	}
	return all
}

func (p *params) identifiers(name string) (out []string) {
	for _, v := range p.alternatives(name) {
		if _, value, found := strings.Cut(v, "|"); found {
			v = value
		}
		out = append(out, document.StripURN(v))
	}
	return out
}

func (p *params) tokens(name string) (out []document.Code) {
	for _, v := range p.alternatives(name) {
		system, value, found := strings.Cut(v, "|")
		if !found {
			system, value = "", v
		}
		if value == "" {
			p.bad(name, "Write a code, or system|code.")
			continue
		}
		out = append(out, document.Code{Value: value, System: terminology.Canonical(system)})
	}
	return out
}

// dates reads prefix and date at FHIR's precisions: a date without time is the whole day, a month the whole month.
func (p *params) dates(name string) (out []registry.Span) {
	for _, v := range p.form[name] {
		span, err := dateSpan(v)
		if err != nil {
			p.bad(name, "Write a date, with eq, ge, gt, le or lt before it if wanted: ge2026-01-31.")
			continue
		}
		out = append(out, span)
	}
	if len(out) > maxAlternatives {
		p.bad(name, "%d dates; at most %d.", len(out), maxAlternatives)
	}
	return out
}

func dateSpan(v string) (registry.Span, error) {
	prefix := "eq"
	if len(v) > 2 && strings.Contains("eq ge gt le lt sa eb ", v[:2]+" ") {
		prefix, v = v[:2], v[2:]
	}
	// A form turns the + of an offset into a space unless it was escaped; no other space can stand in a date.
	from, precision, err := fhir.ParseDateTime(strings.ReplaceAll(v, " ", "+"))
	if err != nil {
		return registry.Span{}, err
	}
	to := end(from, precision)
	switch prefix {
	case "ge":
		return registry.Span{From: from}, nil
	case "gt", "sa":
		return registry.Span{From: to}, nil
	case "le":
		return registry.Span{To: to}, nil
	case "lt", "eb":
		return registry.Span{To: from}, nil
	default:
		return registry.Span{From: from, To: to}, nil
	}
}

// end is the first moment after what a date of this precision names.
func end(t time.Time, p fhir.Precision) time.Time {
	switch p {
	case fhir.Year:
		return t.AddDate(1, 0, 0)
	case fhir.Month:
		return t.AddDate(0, 1, 0)
	case fhir.Day:
		return t.AddDate(0, 0, 1)
	case fhir.Second:
		return t.Add(time.Second)
	default:
		return t.Add(time.Microsecond)
	}
}

func (p *params) home() {
	value := p.one("homeCommunityId")
	if value == "" {
		return
	}
	oid, err := document.ParseOID(value)
	if err != nil {
		p.bad("homeCommunityId", "The home community is an OID, with or without urn:oid:.")
	}
	p.q.HomeCommunity = oid
}

func (p *params) count() {
	p.q.Limit = defaultCount
	value := p.one("_count")
	if value == "" {
		return
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		p.bad("_count", "The number of entries of a page is 1 to %d.", maxCount)
		return
	}
	p.q.Limit = min(n, maxCount)
}

// known are the parameters that decide something, offered those of R1 that do not yet.
var (
	known   = []string{"patient.identifier", "status", "identifier", "category", "type", "creation", "date", "homeCommunityId", "_count", "_format"}
	offered = []string{"author.given", "author.family", "event", "facility", "format", "period", "related", "security-label", "setting"}
)

func (p *params) unknown(strict bool) {
	for name := range p.form {
		if slices.Contains(known, name) {
			continue
		}
		problem := fault.New(fault.BadQueryParam, "The parameter is not known here and did not narrow the search.").By("R1")
		if slices.Contains(offered, name) {
			problem = fault.New(fault.BadQueryParam, "The parameter %s cannot narrow a search here yet.", name).At(name).By("R1")
		}
		if strict {
			p.problems.Add(problem)
		} else {
			p.warnings.Add(problem.AsWarning())
		}
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
