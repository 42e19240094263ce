package simulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
)

// reader takes a question's fields one by one and notes everything that is wrong with them. null is as good as no field.
type reader struct {
	fields   map[string]json.RawMessage
	problems fault.Problems
}

// take gives a field's value and forgets the field; false means that nothing was said.
func (r *reader) take(name string) (value any, told bool) {
	raw, ok := r.fields[name]
	delete(r.fields, name)
	if ok && json.Unmarshal(raw, &value) != nil {
		return raw, true // a number that no number can hold: of none of the kinds that fields have
	}
	return value, value != nil
}

// left are the names of fields that nobody took.
func (r *reader) left() []string { return slices.Sorted(maps.Keys(r.fields)) }

// wrong says what a field may be; never what it was, which may be an identifier in the wrong place.
func (r *reader) wrong(name, want string) {
	r.problems.Add(fault.New(fault.BadRequest, "must be %s", want).At(name))
}

// text is a text, or a number where somebody left out the quotes.
func (r *reader) text(name string) string {
	raw := r.fields[name]
	switch value, _ := r.take(name); value := value.(type) {
	case string:
		return strings.TrimSpace(value)
	case float64:
		return strings.TrimSpace(string(raw))
	case nil:
		return ""
	default:
		r.wrong(name, "a text")
		return ""
	}
}

// texts is a list of texts, or one; false means that nothing was said, which is not the empty list.
func (r *reader) texts(name string) (out []string, told bool) {
	value, told := r.take(name)
	list, isList := value.([]any)
	if !isList && told {
		list = []any{value}
	}
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			r.wrong(name, "a list of texts")
			return nil, told
		}
		out = append(out, strings.TrimSpace(text))
	}
	return out, told
}

// word is one of the words that the contract names; the first is what not to tell means.
func (r *reader) word(name string, words ...string) string {
	if value, told := r.fields[name]; !told || string(value) == "null" || string(value) == `""` {
		delete(r.fields, name)
		return words[0]
	}
	return r.required(name, words...)
}

// required is a word that has to be told.
func (r *reader) required(name string, words ...string) string {
	word := r.text(name)
	if !slices.Contains(words, word) {
		r.wrong(name, "one of "+strings.Join(words, ", "))
	}
	return word
}

// given is something that is there unless the question says false or nothing; what it is does not matter.
func (r *reader) given(name string) bool {
	switch value, _ := r.take(name); value := value.(type) {
	case bool:
		return value
	case string:
		return strings.TrimSpace(value) != ""
	case nil, float64:
		return true
	default:
		r.wrong(name, "true, false or a text")
		return false
	}
}

func (r *reader) flag(name string, otherwise bool) bool {
	value, told := r.take(name)
	flag, ok := value.(bool)
	switch {
	case !told:
		return otherwise
	case !ok:
		r.wrong(name, "true or false")
	}
	return flag
}

func (r *reader) number(name string, otherwise int) int {
	value, told := r.take(name)
	number, ok := value.(float64)
	switch {
	case !told:
		return otherwise
	case !ok || number != float64(int(number)):
		r.wrong(name, "a whole number")
	}
	return int(number)
}

// moment is a date or a time, zero when none was told. What has no zone, dates too, is Norway's.
func (r *reader) moment(name string) time.Time {
	text := strings.ToUpper(r.text(name))
	if text == "" {
		return time.Time{}
	}
	text = strings.Replace(text, " ", "T", 1)
	for _, layout := range layouts() {
		if t, err := time.ParseInLocation(layout, text, access.Oslo()); err == nil {
			return t.In(access.Oslo())
		}
	}
	r.wrong(name, "a date as 2026-06-15 or a time as 2026-06-15T12:00:00+02:00")
	return time.Time{}
}

// layouts are the dates and times that are understood, with seconds and their fractions or without, with a zone or without.
func layouts() []string {
	out := []string{time.DateOnly, "20060102"}
	for _, clock := range []string{"15:04:05", "15:04"} {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07"} {
			out = append(out, "2006-01-02T"+clock+zone)
		}
	}
	return out
}
