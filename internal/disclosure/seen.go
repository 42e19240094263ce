package disclosure

import (
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
)

// The fields an entry can be searched by: the parameters of R1, and FHIR's own _id and _lastUpdated.
const (
	fieldID         criteria.Field = "_id"
	fieldUpdated    criteria.Field = "_lastUpdated"
	fieldIdentifier criteria.Field = "identifier"
	fieldCategory   criteria.Field = "category"
	fieldType       criteria.Field = "type"
	fieldFormat     criteria.Field = "format"
	fieldFacility   criteria.Field = "facility"
	fieldSetting    criteria.Field = "setting"
	fieldEvent      criteria.Field = "event"
	fieldLabel      criteria.Field = "security-label"
	fieldRelated    criteria.Field = "related"
	fieldGiven      criteria.Field = "author.given"
	fieldFamily     criteria.Field = "author.family"
	fieldCreation   criteria.Field = "creation"
	fieldDate       criteria.Field = "date"
	fieldPeriod     criteria.Field = "period"
)

// seen hands out an entry's values as its reader sees them: e is masked already where it has to be.
func seen(e document.Entry) criteria.Of {
	return func(f criteria.Field) criteria.Values {
		switch f {
		case fieldCreation:
			return times(criteria.SpanOf(e.Creation))
		case fieldDate, fieldUpdated:
			return times(criteria.Moment(e.Registered))
		case fieldPeriod:
			return period(e)
		case fieldGiven, fieldFamily:
			return names(e.Authors, f == fieldGiven)
		case fieldID:
			return tokens(document.Code{Value: e.ID.String()})
		case fieldIdentifier:
			return tokens(document.Code{Value: e.ID.String()}, document.Code{Value: e.UniqueID}, document.Code{Value: e.AliasID})
		case fieldRelated:
			return related(e.References)
		default:
			return tokens(codes(e, f)...)
		}
	}
}

func codes(e document.Entry, f criteria.Field) []document.Code {
	switch f {
	case fieldCategory:
		return []document.Code{e.Class}
	case fieldType:
		return []document.Code{e.Type}
	case fieldFormat:
		return []document.Code{e.Format}
	case fieldFacility:
		return []document.Code{e.Facility}
	case fieldSetting:
		return []document.Code{e.Practice}
	case fieldEvent:
		return e.Events
	case fieldLabel:
		return e.Confidentiality
	default:
		return nil
	}
}

// tokens leaves out what is empty: it is no value, and :missing must say so.
func tokens(all ...document.Code) (v criteria.Values) {
	for _, c := range all {
		if c.Value != "" {
			v.Tokens = append(v.Tokens, c)
		}
	}
	return v
}

func times(s criteria.Span) criteria.Values { return criteria.Values{Times: []criteria.Span{s}} }

// period is the time of service; a start or stop that nobody told leaves it open.
func period(e document.Entry) criteria.Values {
	if e.ServiceStart.IsZero() && e.ServiceStop.IsZero() {
		return criteria.Values{}
	}
	var s criteria.Span
	if !e.ServiceStart.IsZero() {
		s.From = e.ServiceStart.At
	}
	if !e.ServiceStop.IsZero() {
		s.To = criteria.SpanOf(e.ServiceStop).To
	}
	return times(s)
}

func names(authors []document.Author, given bool) (v criteria.Values) {
	for _, a := range authors {
		switch {
		case given:
			v.Texts = append(v.Texts, a.Person.Given...)
		case a.Person.Family != "":
			v.Texts = append(v.Texts, a.Person.Family)
		}
	}
	return v
}

// related are the identifiers of referenceIdList; one that cannot be read is shown to nobody and found by nobody.
func related(references []string) criteria.Values {
	var all []document.Code
	for _, cx := range references {
		if id, err := document.ParseCX(cx); err == nil {
			all = append(all, document.Code{Value: id.Value, System: id.Authority})
		}
	}
	return tokens(all...)
}
