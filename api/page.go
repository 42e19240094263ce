package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"dokumentlager/internal/fault"

	"go.yaml.in/yaml/v3"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var style string

// page is what the template shows.
type page struct {
	Title            string
	Style            template.CSS
	Intro            template.HTML
	Authentication   template.HTML
	CurlIntroduction template.HTML
	Scopes           []scope
	Groups           []group
	Common           []answer
	Errors           []errorRow
}

type group struct {
	Anchor, Name string
	Description  template.HTML
	Operations   []call
}

// call is one operation as shown.
type call struct {
	ID, Method, Path, Summary string
	Description               template.HTML
	Open                      bool
	Scopes                    []string
	Parameters                []field
	Body                      template.HTML
	Fields                    []field
	Requests                  []sample
	Answers                   []answer
	// Common are the statuses that every guarded operation has.
	Common []string
	Curl   string
}

type field struct {
	Name, In string
	Required bool
	Text     template.HTML
	Values   []string
}

// sample is an example; Elsewhere is set when it stands on the page already.
type sample struct {
	Anchor, MediaType, Summary, Text string
	Elsewhere                        bool
}

type answer struct {
	Status, Words   string
	Text            template.HTML
	Headers         []field
	Codes, Warnings []string
	Types           []string
	Samples         []sample
}

type errorRow struct {
	Code fault.Code
	fault.Info
}

// render makes the page from openapi.yaml and the table of error codes.
func render(source []byte) ([]byte, error) {
	var s spec
	if err := yaml.Unmarshal(source, &s); err != nil {
		return nil, err
	}
	p, err := (&renderer{spec: s, shown: map[string]bool{}}).page()
	if err != nil {
		return nil, err
	}
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, p)
	return out.Bytes(), err
}

// renderer goes through the document once; shown are the named examples that stand on the page already.
type renderer struct {
	spec  spec
	shown map[string]bool
}

func (r *renderer) page() (p page, err error) {
	s := r.spec
	p = page{Title: s.Info.Title, Style: template.CSS(style), Intro: markup(s.Info.Description), Authentication: markup(s.Authentication),
		CurlIntroduction: markup(s.CurlIntroduction), Scopes: s.Scopes, Errors: errorRows()}
	for _, t := range s.Tags {
		g := group{Anchor: anchor(t.Name), Name: t.Name, Description: markup(t.Description)}
		if g.Operations, err = r.calls(t.Name); err != nil {
			return p, err
		}
		p.Groups = append(p.Groups, g)
	}
	p.Common, err = r.common()
	return p, err
}

func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

func errorRows() []errorRow {
	table := fault.Codes()
	rows := make([]errorRow, 0, len(table))
	for _, c := range slices.Sorted(maps.Keys(table)) {
		rows = append(rows, errorRow{c, table[c]})
	}
	return rows
}

// calls are the operations of one tag.
func (r *renderer) calls(tag string) (all []call, err error) {
	for _, path := range r.spec.Paths {
		for _, o := range path.Value {
			if !slices.Contains(o.Value.Tags, tag) {
				continue
			}
			c, err := r.call(strings.ToUpper(o.Name), path.Name, o.Value)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", o.Name, path.Name, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func (r *renderer) call(method, path string, o operation) (call, error) {
	c := call{ID: o.ID, Method: method, Path: path, Summary: o.Summary, Description: markup(o.Description), Open: o.open(), Scopes: o.Scopes}
	curl := command{method: method, path: path, guarded: !o.open(), authorize: r.spec.CurlAuthorize, file: o.File, output: o.Output}
	for _, p := range o.Parameters {
		p, err := resolve(p, r.spec.Components.Parameters)
		if err != nil {
			return c, err
		}
		curl.parameters = append(curl.parameters, p)
		c.Parameters = append(c.Parameters, field{p.Name, p.In, p.Required, template.HTML(inline(p.Description)), p.Schema.Enum})
	}
	if o.RequestBody != nil {
		if err := r.request(*o.RequestBody, &c, &curl); err != nil {
			return c, err
		}
	}
	c.Curl = curl.String()
	return c, r.answers(o, &c)
}

// request adds the body: its examples, the fields of a form, and what curl sends.
func (r *renderer) request(b requestBody, c *call, curl *command) error {
	b, err := resolve(b, r.spec.Components.RequestBodies)
	if err != nil {
		return err
	}
	c.Body = markup(b.Description)
	for _, media := range b.Content {
		isForm := media.Name == "application/x-www-form-urlencoded"
		if isForm {
			if c.Fields, err = r.fields(media.Value.Schema); err != nil {
				return err
			}
		}
		for _, e := range media.Value.Examples {
			value, err := resolve(e.Value, r.spec.Components.Examples)
			if err != nil {
				return err
			}
			if curl.bodyType == "" {
				curl.bodyType, curl.body = media.Name, asJSON(&value.Value, "")
				curl.form = formFields(&value.Value, isForm)
			}
		}
		if isForm {
			continue // the curl command shows a form better than JSON does
		}
		samples, err := r.samples(media)
		if err != nil {
			return err
		}
		c.Requests = append(c.Requests, samples...)
	}
	return nil
}

func formFields(node *yaml.Node, isForm bool) (pairs []string) {
	for i := 0; isForm && i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i].Value, node.Content[i+1]
		if value.Kind != yaml.SequenceNode {
			pairs = append(pairs, name+"="+value.Value)
		}
		for _, one := range value.Content { // a field that stands several times
			pairs = append(pairs, name+"="+one.Value)
		}
	}
	return pairs
}

// fields are the properties of a form.
func (r *renderer) fields(s schema) (all []field, err error) {
	if s, err = resolve(s, r.spec.Components.Schemas); err != nil {
		return nil, err
	}
	for _, p := range s.Properties {
		all = append(all, field{p.Name, "body", slices.Contains(s.Required, p.Name), template.HTML(inline(p.Value.Description)), p.Value.Enum})
	}
	return all, nil
}

// samples are a media type's examples; a component that stands on the page already is only named.
func (r *renderer) samples(media named[content]) (all []sample, err error) {
	for _, e := range media.Value.Examples {
		value, err := resolve(e.Value, r.spec.Components.Examples)
		if err != nil {
			return nil, err
		}
		one := sample{MediaType: media.Name, Summary: value.Summary, Text: asJSON(&value.Value, "")}
		if name := e.Value.name(); e.Value.target() != "" {
			one.Anchor, one.Elsewhere = "example-"+name, r.shown[name]
			r.shown[name] = true
		}
		all = append(all, one)
	}
	return all, nil
}

// everywhere are the answers that every guarded operation can give; the page shows them once.
func everywhere() []string {
	return []string{"Unauthenticated", "RequestTooLarge", "TooBusy", "InternalError", "Unavailable"}
}

func (r *renderer) answers(o operation, c *call) error {
	for _, a := range o.Responses {
		if a.Value.target() != "" && slices.Contains(everywhere(), a.Value.name()) {
			c.Common = append(c.Common, a.Name)
			continue
		}
		one, err := r.answer(a)
		if err != nil {
			return err
		}
		c.Answers = append(c.Answers, one)
	}
	return nil
}

func (r *renderer) answer(a named[response]) (answer, error) {
	ref := a.Value
	value, err := resolve(a.Value, r.spec.Components.Responses)
	if err != nil {
		return answer{}, err
	}
	status, err := strconv.Atoi(a.Name)
	out := answer{Status: a.Name, Words: http.StatusText(status), Text: markup(value.Description), Codes: value.Codes, Warnings: value.Warnings}
	for _, h := range value.Headers {
		resolved, err := resolve(h.Value, r.spec.Components.Headers)
		if err != nil {
			return out, err
		}
		out.Headers = append(out.Headers, field{Name: h.Name, Text: template.HTML(inline(resolved.Description))})
	}
	for _, media := range value.Content {
		out.Types = append(out.Types, media.Name)
		samples, err := r.samples(media)
		if err != nil {
			return out, err
		}
		out.Samples = append(out.Samples, samples...)
	}
	r.once(ref, &out)
	return out, err
}

// once shows the examples of a shared answer at its first operation only.
func (r *renderer) once(ref response, out *answer) {
	if ref.target() == "" {
		return
	}
	for i := range out.Samples {
		out.Samples[i].Anchor, out.Samples[i].Elsewhere = "example-"+ref.name(), r.shown[ref.name()]
	}
	r.shown[ref.name()] = true
}

// common are the answers of everywhere, once for all operations.
func (r *renderer) common() (all []answer, err error) {
	for _, name := range everywhere() {
		value, err := resolve(response{reference: reference{To: name}}, r.spec.Components.Responses)
		if err != nil {
			return nil, err
		}
		if len(value.Codes) == 0 {
			return nil, fmt.Errorf("the answer %s names no error code", name)
		}
		one, err := r.answer(named[response]{strconv.Itoa(fault.Code(value.Codes[0]).Info().Status), value})
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}
