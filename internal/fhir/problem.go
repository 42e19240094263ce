package fhir

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"dokumentlager/internal/fault"
)

// decodeProblem words an error of the JSON library: where it is, what is wrong, what was wanted. The library's own texts name Go
// types and change between versions, so only its facts are used. offsetOf is nil when offsets mean nothing to the sender.
func decodeProblem(err error, root string, offsetOf func(int64) int64) *fault.Problem {
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		return syntaxProblem(syntactic, root, offsetOf)
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return typeProblem(semantic, root)
	}
	return fault.New(fault.MalformedBody, "The body is not JSON, or not a resource.").At(root).Because(err)
}

// syntaxProblem is for what is not JSON, or JSON that says one thing twice.
func syntaxProblem(err *jsontext.SyntacticError, root string, offsetOf func(int64) int64) *fault.Problem {
	at := locationOf(root, err.JSONPointer)
	if errors.Is(err.Err, jsontext.ErrDuplicateName) {
		return fault.New(fault.MalformedBody, "The name %q stands twice in one object, so it is not clear which value is meant. Send it once.",
			safeName(err.JSONPointer.LastToken())).At(at).Because(err)
	}
	where := ""
	if offsetOf != nil {
		where = fmt.Sprintf(" near byte %d", offsetOf(err.ByteOffset))
	}
	return fault.New(fault.MalformedBody, "The body is not valid JSON in UTF-8%s: a comma, colon, quote, bracket or value is missing or wrong there.", where).
		At(at).Because(err)
}

// typeProblem is for JSON whose values have another type than FHIR gives them.
func typeProblem(err *json.SemanticError, root string) *fault.Problem {
	at := locationOf(root, err.JSONPointer)
	got, want := kindName(err.JSONKind), typeName(err.GoType)
	if got == want { // the right kind with a wrong value: a number with a fraction or too large
		return fault.New(fault.MalformedBody, "The value must be a whole number of at most 19 digits.").At(at).Because(err)
	}
	return fault.New(fault.MalformedBody, "The value must be %s, not %s.", want, got).At(at).Because(err)
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "null"
}

// typeName is kindName for the Go type that stands for a FHIR type.
func typeName(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "something else"
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// locationOf turns a JSON pointer below root into a FHIRPath expression: /entry/0/resource becomes .entry[0].resource.
func locationOf(root string, pointer jsontext.Pointer) string {
	var b strings.Builder
	b.WriteString(root)
	for token := range pointer.Tokens() {
		if isIndex(token) {
			b.WriteString("[" + token + "]")
		} else {
			b.WriteString("." + safeName(token))
		}
	}
	return b.String()
}

// isIndex reports whether a token can be an array index; longer numbers are names, perhaps identity numbers.
func isIndex(token string) bool {
	return len(token) > 0 && len(token) <= 6 && strings.Trim(token, "0123456789") == ""
}

// safeName is a name that may be repeated to anybody: names that are not made like FHIR's own can hold anything, a patient's
// identity number too, and are not repeated.
func safeName(name string) string {
	const longest = 40
	for _, c := range name {
		if c != '_' && c != '-' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return "?"
		}
	}
	if name == "" || len(name) > longest {
		return "?"
	}
	return name
}
