package helseid

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"dokumentlager/internal/fault"
)

// maxSeconds bounds dates: 2286-11-20, when seconds get an eleventh digit. Nothing real is later, and nothing overflows.
const maxSeconds = 9_999_999_999

// reading is one JSON text from outside whose members are taken out one at a time, each with the type it must have. The first
// wrong type stays, so that mapping code reads straight on and looks at err once, before it trusts anything.
type reading struct {
	code    fault.Code
	part    string
	problem *fault.Problem
}

// object is one JSON object of a reading. An absent child is an empty object.
type object struct {
	*reading
	members map[string]jsontext.Value
}

// readObject is strict where encoding/json is not: no duplicate names, names by exact case, UTF-8, nothing after the end.
func readObject(code fault.Code, part string, data []byte) object {
	o := object{reading: &reading{code: code, part: part}}
	o.members = o.readMembers(data)
	return o
}

func (o object) readMembers(data []byte) map[string]jsontext.Value {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(data, &members); err != nil || members == nil {
		o.refuse("%s is not a JSON object with unique names.", o.part)
	}
	return members
}

func (r *reading) refuse(safe string, args ...any) {
	if r.problem == nil {
		r.problem = fault.New(r.code, safe, args...).By("W1")
	}
}

func (r *reading) err() error {
	if r.problem == nil {
		return nil
	}
	return r.problem
}

func (r *reading) wrongType(name, want string) {
	r.refuse("%s has a %q that is not %s.", r.part, name, want)
}

func (o object) has(name string) bool { _, ok := o.members[name]; return ok }

// text is a string member, empty when absent. null is not a string.
func (o object) text(name string) string {
	value, ok := o.members[name]
	if !ok {
		return ""
	}
	s, ok := textOf(value)
	if !ok {
		o.wrongType(name, "a string")
	}
	return s
}

// flag is a member that is true or false, nil when absent.
func (o object) flag(name string) *bool {
	value, ok := o.members[name]
	if !ok {
		return nil
	}
	if kind := value.Kind(); kind != 't' && kind != 'f' {
		o.wrongType(name, "true or false")
		return nil
	}
	is := value.Kind() == 't'
	return &is
}

// need is a string member that has to be there and say something.
func (o object) need(name string) string {
	s := o.text(name)
	if s == "" {
		o.refuse("%s has no %q.", o.part, name)
	}
	return s
}

// texts is a member that is a string or an array of strings; one tells which it was.
func (o object) texts(name string) (all []string, one bool) {
	value := o.members[name]
	if s, ok := textOf(value); ok {
		return []string{s}, true
	}
	var items []jsontext.Value
	if value.Kind() != '[' || json.Unmarshal(value, &items) != nil {
		o.wrongType(name, "a string or an array of strings")
		return nil, false
	}
	for _, item := range items {
		s, ok := textOf(item)
		if !ok {
			o.wrongType(name, "a string or an array of strings")
		}
		all = append(all, s)
	}
	return all, false
}

// date is a NumericDate (RFC 7519 §2): seconds since 1970, perhaps with a fraction. The zero time when absent.
func (o object) date(name string) time.Time {
	value, ok := o.members[name]
	if !ok {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(string(value), 64)
	if value.Kind() != '0' || err != nil || seconds < 0 || seconds > maxSeconds {
		o.wrongType(name, "a number of seconds since 1970")
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}

func (o object) needDate(name string) time.Time {
	if !o.has(name) {
		o.refuse("%s has no %q.", o.part, name)
	}
	return o.date(name)
}

// child is a member that is an object.
func (o object) child(name string) object {
	value, ok := o.members[name]
	if !ok {
		return object{reading: o.reading}
	}
	if value.Kind() != '{' {
		o.wrongType(name, "an object")
		return object{reading: o.reading}
	}
	return object{reading: o.reading, members: o.readMembers(value)}
}

func textOf(value jsontext.Value) (string, bool) {
	var s string
	if value.Kind() != '"' || json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}
