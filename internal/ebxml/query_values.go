package ebxml

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// parameter is how the values of a slot are read.
type parameter struct {
	// single has one value at the most, repeated may stand in several slots, each of which must be met.
	single, repeated bool
	// set takes the texts of one slot.
	set func(q *Query, texts []string) error
}

// What is wrong with a value, in fixed words: the value itself may be a patient's identifier.
var (
	errCoding  = errors.New("a value is not written as stored queries have it: text in single quotes, numbers without, lists in parentheses")
	errPatient = errors.New("a patient's identifier is not a CX: want 'id^^^&authority&ISO'")
	errCode    = errors.New("a code is not written as 'code^^scheme'")
	errNumber  = errors.New("a value is not a number")
	errMany    = fmt.Errorf("it has more than %d values", maxValues)
	errPattern = fmt.Errorf("a pattern is longer than %d characters", maxPattern)
)

// What one parameter may ask: each value is compared with each object found.
const (
	maxValues  = 1000
	maxPattern = 512
)

// apply reads a parameter's values into the query.
func (p parameter) apply(q *Query, name string, groups [][]string) *fault.Problem {
	if len(groups) > 1 && !p.repeated {
		return fault.New(fault.BadQueryParam, "The parameter %s stands %d times; only a parameter with and/or can.", name, len(groups)).At(name)
	}
	for _, group := range groups {
		texts, err := values(group)
		if err == nil && (len(texts) > maxValues || len(groups) > maxValues) {
			err = errMany
		}
		if err == nil && p.single && len(texts) > 1 {
			return fault.New(fault.BadQueryParam, "The parameter %s has %d values; it has one.", name, len(texts)).At(name)
		}
		if err == nil && len(texts) > 0 {
			err = p.set(q, texts)
		}
		if err != nil {
			return fault.New(fault.BadRequest, "The parameter %s cannot be read: %s.", name, err.Error()).At(name)
		}
	}
	return nil
}

// values reads all Value elements of a slot: 'text', 42, ('a','b') with ” for a quote inside (ITI TF-2 §3.18.4.1.2.3.4).
func values(group []string) (texts []string, err error) {
	for _, v := range group {
		v = strings.TrimSpace(v)
		if v == "" {
			continue
		}
		list := v[0] == '('
		if list {
			if v[len(v)-1] != ')' {
				return nil, errCoding
			}
			v = strings.TrimSpace(v[1 : len(v)-1])
		}
		for first := true; first || v != ""; first = false {
			var text string
			if text, v, err = value(v); err != nil {
				return nil, err
			}
			texts = append(texts, text)
			if v == "" {
				break
			}
			if !list || v[0] != ',' {
				return nil, errCoding
			}
			if v = strings.TrimSpace(v[1:]); v == "" {
				return nil, errCoding
			}
		}
	}
	return texts, nil
}

// value reads one value and what follows it.
func value(s string) (text, rest string, err error) {
	if s == "" {
		return "", "", errCoding
	}
	if s[0] != '\'' {
		n := strings.IndexByte(s, ',')
		if n < 0 {
			n = len(s)
		}
		text = strings.TrimSpace(s[:n])
		if text == "" || strings.Trim(text, "0123456789.+-") != "" {
			return "", "", errCoding
		}
		return text, s[n:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			i++
			b.WriteByte('\'')
			continue
		}
		return strings.TrimSpace(b.String()), strings.TrimSpace(s[i+1:]), nil
	}
	return "", "", errCoding
}

// The readers of values.

func patients(into func(*Query) *[]document.PatientID) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		for _, t := range texts {
			p, err := document.ParseCX(t)
			if err != nil {
				return errPatient
			}
			*into(q) = append(*into(q), p)
		}
		return nil
	}
}

func codes(into func(*Query) *[]document.Code) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		list, err := codeList(texts)
		*into(q) = append(*into(q), list...)
		return err
	}
}

func andCodes(into func(*Query) *[][]document.Code) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		list, err := codeList(texts)
		*into(q) = append(*into(q), list)
		return err
	}
}

func codeList(texts []string) (list []document.Code, err error) {
	for _, t := range texts {
		parts := strings.Split(t, "^")
		if len(parts) != 3 || parts[0] == "" || parts[2] == "" {
			return nil, errCode
		}
		list = append(list, document.Code{Value: unescape(parts[0]), System: document.StripURN(unescape(parts[2]))})
	}
	return list, nil
}

func statuses(into func(*Query) *[]document.Status) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		for _, t := range texts {
			if s := statusOf(t); s != 0 {
				*into(q) = append(*into(q), s)
			}
		}
		return nil
	}
}

func ids(into func(*Query) *[]string) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		for _, t := range texts {
			*into(q) = append(*into(q), document.StripURN(t))
		}
		return nil
	}
}

func patterns(into func(*Query) *[]Pattern) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		for _, t := range texts {
			if len(t) > maxPattern {
				return errPattern
			}
			*into(q) = append(*into(q), Pattern(t))
		}
		return nil
	}
}

func moment(into func(*Query) *time.Time) func(*Query, []string) error {
	return func(q *Query, texts []string) error {
		t, err := parseDTM(texts[0])
		*into(q) = t.At
		return err
	}
}

func entryTypes(q *Query, texts []string) error {
	q.Stable, q.OnDemand = false, false
	for _, t := range texts {
		switch plainRef(t) {
		case stableType:
			q.Stable = true
		case onDemandType:
			q.OnDemand = true
		}
	}
	return nil
}

func associationTypes(q *Query, texts []string) error {
	for _, t := range texts {
		if kind := typeOf(t); kind != 0 {
			q.AssociationTypes = append(q.AssociationTypes, kind)
		}
	}
	return nil
}

func referenceIDs(q *Query, texts []string) error {
	q.ReferenceIDs = append(q.ReferenceIDs, texts)
	return nil
}

func level(q *Query, texts []string) error {
	n, err := strconv.Atoi(texts[0])
	if err != nil {
		return errNumber
	}
	q.MetadataLevel = n
	return nil
}

func availability(q *Query, texts []string) error {
	for _, t := range texts {
		q.Availability = append(q.Availability, strings.TrimPrefix(t, availabilityPrefix))
	}
	return nil
}

// parameters is the table of them.
func parameters() map[string]parameter {
	m := map[string]parameter{
		"$patientId":                     {single: true, set: patients(func(q *Query) *[]document.PatientID { return &q.Patients })},
		setPrefix + "PatientId":          {single: true, set: patients(func(q *Query) *[]document.PatientID { return &q.Patients })},
		"$uuid":                          {set: ids(func(q *Query) *[]string { return &q.UUIDs })},
		"$AssociationTypes":              {set: associationTypes},
		"$MetadataLevel":                 {single: true, set: level},
		"$XDSAssociationStatus":          {set: statuses(func(q *Query) *[]document.Status { return &q.AssociationStatuses })},
		setPrefix + "Status":             {set: statuses(func(q *Query) *[]document.Status { return &q.SetStatuses })},
		setPrefix + "SourceId":           {set: ids(func(q *Query) *[]string { return &q.SourceIDs })},
		setPrefix + "EntryUUID":          {single: true, set: ids(func(q *Query) *[]string { return &q.SetUUIDs })},
		setPrefix + "UniqueId":           {single: true, set: ids(func(q *Query) *[]string { return &q.SetUniqueIDs })},
		setPrefix + "AuthorPerson":       {single: true, set: patterns(func(q *Query) *[]Pattern { return &q.SetAuthors })},
		setPrefix + "ContentType":        {set: codes(func(q *Query) *[]document.Code { return &q.SetContentTypes })},
		setPrefix + "SubmissionTimeFrom": {single: true, set: moment(func(q *Query) *time.Time { return &q.Submitted.From })},
		setPrefix + "SubmissionTimeTo":   {single: true, set: moment(func(q *Query) *time.Time { return &q.Submitted.To })},
	}
	for name, p := range entryParameters() {
		m[entryPrefix+name] = p
	}
	for name, p := range folderParameters() {
		m[folderPrefix+name] = p
	}
	return m
}

func folderParameters() map[string]parameter {
	return map[string]parameter{
		"PatientId":          {set: patients(func(q *Query) *[]document.PatientID { return &q.Patients })},
		"Status":             {set: statuses(func(q *Query) *[]document.Status { return &q.FolderStatuses })},
		"EntryUUID":          {set: ids(func(q *Query) *[]string { return &q.FolderUUIDs })},
		"UniqueId":           {set: ids(func(q *Query) *[]string { return &q.FolderUniqueIDs })},
		"LogicalID":          {set: ids(func(q *Query) *[]string { return &q.FolderLogicalIDs })},
		"CodeList":           {repeated: true, set: andCodes(func(q *Query) *[][]document.Code { return &q.FolderCodes })},
		"LastUpdateTimeFrom": {single: true, set: moment(func(q *Query) *time.Time { return &q.Updated.From })},
		"LastUpdateTimeTo":   {single: true, set: moment(func(q *Query) *time.Time { return &q.Updated.To })},
	}
}

func entryParameters() map[string]parameter {
	return map[string]parameter{
		"PatientId":                  {set: patients(func(q *Query) *[]document.PatientID { return &q.Patients })},
		"Status":                     {set: statuses(func(q *Query) *[]document.Status { return &q.EntryStatuses })},
		"ClassCode":                  {set: codes(func(q *Query) *[]document.Code { return &q.Classes })},
		"TypeCode":                   {set: codes(func(q *Query) *[]document.Code { return &q.Types })},
		"PracticeSettingCode":        {set: codes(func(q *Query) *[]document.Code { return &q.Practices })},
		"HealthcareFacilityTypeCode": {set: codes(func(q *Query) *[]document.Code { return &q.Facilities })},
		"FormatCode":                 {set: codes(func(q *Query) *[]document.Code { return &q.Formats })},
		"EventCodeList":              {repeated: true, set: andCodes(func(q *Query) *[][]document.Code { return &q.Events })},
		"ConfidentialityCode":        {repeated: true, set: andCodes(func(q *Query) *[][]document.Code { return &q.Confidentiality })},
		"ReferenceIdList":            {repeated: true, set: referenceIDs},
		"AuthorPerson":               {set: patterns(func(q *Query) *[]Pattern { return &q.Authors })},
		"Title":                      {set: patterns(func(q *Query) *[]Pattern { return &q.Titles })},
		"CreationTimeFrom":           {single: true, set: moment(func(q *Query) *time.Time { return &q.Creation.From })},
		"CreationTimeTo":             {single: true, set: moment(func(q *Query) *time.Time { return &q.Creation.To })},
		"ServiceStartTimeFrom":       {single: true, set: moment(func(q *Query) *time.Time { return &q.ServiceStart.From })},
		"ServiceStartTimeTo":         {single: true, set: moment(func(q *Query) *time.Time { return &q.ServiceStart.To })},
		"ServiceStopTimeFrom":        {single: true, set: moment(func(q *Query) *time.Time { return &q.ServiceStop.From })},
		"ServiceStopTimeTo":          {single: true, set: moment(func(q *Query) *time.Time { return &q.ServiceStop.To })},
		"Type":                       {set: entryTypes},
		"DocumentAvailability":       {set: availability},
		"EntryUUID":                  {set: ids(func(q *Query) *[]string { return &q.EntryUUIDs })},
		"UniqueId":                   {set: ids(func(q *Query) *[]string { return &q.EntryUniqueIDs })},
		"LogicalID":                  {set: ids(func(q *Query) *[]string { return &q.EntryLogicalIDs })},
	}
}

// Pattern is one of SQL's LIKE: % stands for any characters, _ for one.
type Pattern string

// Match compares in time proportional to the product of the two lengths at the most, whatever the pattern.
func (p Pattern) Match(text string) bool {
	pattern, s := []rune(string(p)), []rune(text)
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '%':
			star, mark = i, j
			i++
		case i < len(pattern) && (pattern[i] == '_' || pattern[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '%' {
		i++
	}
	return i == len(pattern)
}
