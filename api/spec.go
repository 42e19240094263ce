package api

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spec is what the page needs of openapi.yaml, in the order it was written in: people read it from top to bottom.
type spec struct {
	Info struct {
		Title, Description string
	}
	Authentication   string            `yaml:"x-authentication"`
	CurlIntroduction string            `yaml:"x-curl-introduction"`
	CurlAuthorize    string            `yaml:"x-curl-authorize"`
	Scopes           []scope           `yaml:"x-scopes"`
	Tags             []tag             `yaml:"tags"`
	Paths            ordered[pathItem] `yaml:"paths"`
	Components       struct {
		Parameters    ordered[parameter]   `yaml:"parameters"`
		Headers       ordered[header]      `yaml:"headers"`
		RequestBodies ordered[requestBody] `yaml:"requestBodies"`
		Responses     ordered[response]    `yaml:"responses"`
		Schemas       ordered[schema]      `yaml:"schemas"`
		Examples      ordered[example]     `yaml:"examples"`
	} `yaml:"components"`
}

// scope is one HelseID scope, with the other spellings that are taken for it (W1).
type scope struct {
	Scope   string
	For     string
	Aliases []string
}

type tag struct{ Name, Description string }

type pathItem = ordered[operation]

type operation struct {
	ID          string            `yaml:"operationId"`
	Tags        []string          `yaml:"tags"`
	Summary     string            `yaml:"summary"`
	Description string            `yaml:"description"`
	Security    *[]yaml.Node      `yaml:"security"`
	Scopes      []string          `yaml:"x-scopes"`
	File        string            `yaml:"x-file"`
	Output      string            `yaml:"x-output"`
	Parameters  []parameter       `yaml:"parameters"`
	RequestBody *requestBody      `yaml:"requestBody"`
	Responses   ordered[response] `yaml:"responses"`
}

// open reports whether the operation is for everybody: an empty security list of its own (OpenAPI 3.0 §4.7.10).
func (o operation) open() bool { return o.Security != nil && len(*o.Security) == 0 }

type parameter struct {
	reference   `yaml:",inline"`
	Name        string
	In          string
	Required    bool
	Description string
	Schema      schema
	Example     texts
}

// texts are one text, or several of a parameter that stands as often.
type texts []string

// UnmarshalYAML is yaml.Unmarshaler's.
func (t *texts) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]string)(t))
	}
	*t = texts{node.Value}
	return nil
}

// first is empty when there is none.
func (t texts) first() string {
	if len(t) == 0 {
		return ""
	}
	return t[0]
}

type header struct {
	reference   `yaml:",inline"`
	Description string
}

type requestBody struct {
	reference   `yaml:",inline"`
	Description string
	Content     ordered[content]
}

type response struct {
	reference   `yaml:",inline"`
	Description string
	Codes       []string         `yaml:"x-error-codes"`
	Warnings    []string         `yaml:"x-warnings"`
	Headers     ordered[header]  `yaml:"headers"`
	Content     ordered[content] `yaml:"content"`
}

type content struct {
	Schema   schema
	Examples ordered[example]
}

type schema struct {
	reference   `yaml:",inline"`
	Description string
	Enum        []string
	Required    []string
	Properties  ordered[schema]
}

type example struct {
	reference `yaml:",inline"`
	Summary   string
	Value     yaml.Node
}

// reference is an OpenAPI $ref into the document's own components.
type reference struct {
	To string `yaml:"$ref"`
}

func (r reference) target() string { return r.To }

// name is the last part of the reference, the component's own name.
func (r reference) name() string { return r.To[strings.LastIndex(r.To, "/")+1:] }

// ordered is a YAML mapping that keeps its order.
type ordered[T any] []named[T]

type named[T any] struct {
	Name  string
	Value T
}

// UnmarshalYAML is yaml.Unmarshaler's.
func (o *ordered[T]) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: not a mapping", node.Line)
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		entry := named[T]{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&entry.Value); err != nil {
			return err
		}
		*o = append(*o, entry)
	}
	return nil
}

// referring is a thing that may be a reference instead.
type referring interface {
	target() string
	name() string
}

// resolve gives the component that a reference names, and anything else as it is.
func resolve[T referring](value T, components ordered[T]) (T, error) {
	if value.target() == "" {
		return value, nil
	}
	for _, c := range components {
		if c.Name == value.name() {
			return c.Value, nil
		}
	}
	return value, fmt.Errorf("nothing at %s", value.target())
}
