package rest

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// How many entries a page has when _count does not say, and at the most.
const (
	DefaultCount = 50
	MaxCount     = 200
)

// What one search may hold: values of a parameter separated by commas, parameters of a kind, and what each of them adds to the work.
const (
	MaxAlternatives = 50
	MaxCriteria     = 50
)

// The parameters that searches have in common.
const (
	ParamPatient = "patient.identifier"
	ParamHome    = "homeCommunityId"
	ParamCount   = "_count"
)

// Params reads one search; problems gather so that all are told at once.
type Params struct {
	Form url.Values
	// Kinds are the parameters this search knows, those of FHIR for every search and the service's own included.
	Kinds map[string]Kind
	// Rule is what the problems are told by.
	Rule     string
	Problems fault.Problems
	Warnings fault.Problems
	criteria criteria.Criteria
}

// Kind is how a parameter is read.
type Kind uint8

// The kinds. A special one is read by name: it is no criterion.
const (
	Special Kind = iota
	Token
	IdentifierToken
	RelatedToken
	Text
	Date
	Period
)

// FHIRType is FHIR's name of such a parameter; a special one has none.
func (k Kind) FHIRType() string {
	return map[Kind]string{Token: "token", IdentifierToken: "token", RelatedToken: "reference", Text: "string", Date: "date", Period: "date"}[k]
}

// Bad adds a problem of a parameter.
func (p *Params) Bad(name, text string, args ...any) {
	p.Problems.Add(fault.New(fault.BadQueryParam, text, args...).At(name).By(p.Rule))
}

// One is a parameter's only value.
func (p *Params) One(name string) string {
	values := p.Form[name]
	if len(values) > 1 {
		p.Bad(name, "The parameter stands %d times; give it once, with alternatives separated by commas.", len(values))
	}
	if len(values) == 0 {
		return ""
	}
	return strings.TrimSpace(values[0])
}

// Required is One of a parameter that must be there.
func (p *Params) Required(name string) string {
	value := p.One(name)
	if value == "" {
		p.Missing(name)
	}
	return value
}

// Missing tells that a parameter must be there.
func (p *Params) Missing(name string) {
	p.Problems.Add(fault.New(fault.MissingQueryParam, "The parameter %s is required.", name).At(name).By(p.Rule))
}

// Patient reads the patient that a search names by patient.identifier, the zero value when it names none.
func (p *Params) Patient() document.PatientID {
	if p.Form.Has("patient") && !p.Form.Has(ParamPatient) {
		p.Bad("patient", "There are no Patient resources to refer to here: name the patient by %s.", ParamPatient)
		return document.PatientID{}
	}
	value := p.One(ParamPatient)
	if value == "" {
		return document.PatientID{}
	}
	id, ok := patientToken(value)
	if !ok || id.Check() != nil {
		p.Bad(ParamPatient, "Write system|value, such as urn:oid:%s|<11 digits>; the system may be left out for a national identity number.", document.AuthorityFNR)
		return document.PatientID{}
	}
	return id
}

// RequiredPatient is Patient of a search that must name one.
func (p *Params) RequiredPatient() document.PatientID {
	before := len(p.Problems)
	id := p.Patient()
	if id == (document.PatientID{}) && len(p.Problems) == before {
		p.Missing(ParamPatient)
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

// Home reads the one home community that is asked, empty for all.
func (p *Params) Home() string {
	value := p.One(ParamHome)
	if value == "" {
		return ""
	}
	oid, err := document.ParseOID(value)
	if err != nil {
		p.Bad(ParamHome, "The home community is an OID, with or without urn:oid:.")
	}
	return oid
}

// Count reads how many entries a page has at the most; more than MaxCount are MaxCount.
func (p *Params) Count() int {
	value := p.One(ParamCount)
	if value == "" {
		return DefaultCount
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		p.Bad(ParamCount, "The number of entries of a page is 1 to %d.", MaxCount)
	}
	return min(max(n, 1), MaxCount)
}

// All reads every criterion there is, and says what it does not know.
func (p *Params) All(strict bool) criteria.Criteria {
	for _, key := range slices.Sorted(maps.Keys(p.Form)) {
		name, modifier, modified := strings.Cut(key, ":")
		kind, known := p.Kinds[name]
		switch {
		case !known:
			p.unknown(strict)
		case kind == Special && modified:
			p.Bad(name, "The parameter takes no modifier.")
		case kind != Special:
			for _, value := range p.Form[key] {
				p.criterion(name, modifier, kind, value)
			}
		}
	}
	if len(p.criteria) > MaxCriteria {
		p.Problems.Add(fault.New(fault.BadQueryParam, "%d conditions; at most %d.", len(p.criteria), MaxCriteria).By(p.Rule))
	}
	return p.criteria
}

// unknown does not repeat the name: it is whatever somebody wrote.
func (p *Params) unknown(strict bool) {
	problem := fault.New(fault.BadQueryParam, "The parameter is not known here and did not narrow the search.").By(p.Rule)
	if strict {
		p.Problems.Add(problem)
	} else {
		p.Warnings.Add(problem.AsWarning())
	}
}

// Text is the search for the audit event: everything but the patient, which the event has a field for.
func (p *Params) Text() string {
	kept := url.Values{}
	for name, values := range p.Form {
		if name != ParamPatient {
			kept[name] = values
		}
	}
	return kept.Encode()
}
