package toolkit

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// Told is an error or a warning of an answer.
type Told struct {
	Code, Text, Location string
	Warning              bool
}

// codes are the errors' codes, each once.
func (d *StepResult) codes() string {
	var all []string
	for _, e := range d.Told {
		if !e.Warning && !slices.Contains(all, e.Code) {
			all = append(all, e.Code)
		}
	}
	return strings.Join(all, " ")
}

// outcome reads an answer's status and errors.
func outcome(payload string) (status string, told []Told) {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(payload); err != nil || doc.Root() == nil {
		return "no answer", nil
	}
	with := doc.Root()
	if with.SelectAttr("status") == nil {
		with = doc.FindElement("//RegistryResponse")
	}
	if with == nil {
		return "no answer", nil
	}
	status = with.SelectAttrValue("status", "none")
	for _, e := range doc.FindElements("//RegistryError") {
		e := Told{Code: e.SelectAttrValue("errorCode", ""), Text: e.SelectAttrValue("codeContext", ""), Location: e.SelectAttrValue("location", ""),
			Warning: strings.HasSuffix(e.SelectAttrValue("severity", ""), ":Warning")}
		told = append(told, e)
	}
	return status[strings.LastIndex(status, ":")+1:], told
}

func (d *StepResult) differ(format string, args ...any) {
	d.Differs = append(d.Differs, fmt.Sprintf(format, args...))
}

// check compares a step with all that its plan expects.
func (d *StepResult) check(r *Runner, of *Result) {
	s := d.Step
	if s.Status != "" && s.Transaction != "" && s.Status != d.Got {
		d.differ("%s, want %s", strings.TrimSpace(d.Got+" "+d.codes()), s.Status)
		return
	}
	if s.ErrorCode != "" && !slices.ContainsFunc(d.Told, func(e Told) bool { return e.Code == s.ErrorCode }) {
		d.differ("errors %s, want %s", d.codes(), s.ErrorCode)
	}
	if s.ErrorMessage != "" && !strings.Contains(d.result, s.ErrorMessage) {
		d.differ("errors %s, want one that says %q", d.codes(), s.ErrorMessage)
	}
	if s.IHE() == "" {
		return
	}
	d.asserts(of, s, of.known(r, s))
	d.check43(r, of)
	if len(s.Contents) > 0 && d.Got == "Success" {
		d.contents(r, of)
	}
}

// known are the substitutions of a step that has been sent already.
func (r *Result) known(runner *Runner, s *Step) []substitution {
	values, _, err := runner.values(context.Background(), r.Plan, s)
	if err != nil {
		return nil
	}
	return values
}

// asserts holds the section's log to the step's XPaths.
func (d *StepResult) asserts(of *Result, s *Step, values []substitution) {
	for _, a := range s.Asserts {
		expression := a.XPath
		for _, v := range values {
			expression = strings.ReplaceAll(expression, v.symbol, v.value)
		}
		true, err := holds(of.log(), expression)
		switch {
		case err != nil:
			d.differ("%s: %v", a.ID, err)
		case !true:
			d.differ("%s does not hold: %s", a.ID, strings.Join(strings.Fields(a.XPath), " "))
		}
	}
}

// check43 holds retrieved documents to the bytes that were sent, and to the media type that the plan names.
func (d *StepResult) check43(r *Runner, of *Result) {
	if s := d.Step.IHE(); s != "ITI-43" && s != "ITI-39" || d.Got == "Failure" {
		return
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(d.result); err != nil {
		d.differ("%v", err)
		return
	}
	found := doc.FindElements("//DocumentResponse")
	for _, e := range found {
		d.document(r, e)
	}
	if want := d.Step.MediaType; want != "" && !slices.ContainsFunc(found, func(e *etree.Element) bool { return child(e, "mimeType") == want }) {
		d.differ("no document of mimeType %s", want)
	}
	for _, want := range d.Step.References {
		uid := replaced(want.UID, of.known(r, d.Step))
		if strings.HasPrefix(uid, "$") {
			continue // 12308 uses none of this name
		}
		if !slices.ContainsFunc(found, func(e *etree.Element) bool { return child(e, "DocumentUniqueId") == uid }) {
			d.differ("no document %s", want.UID)
		}
	}
}

func child(e *etree.Element, name string) string {
	if c := e.SelectElement(name); c != nil {
		return trimmed(c)
	}
	return ""
}

// document holds one DocumentResponse to what was sent under its unique id.
func (d *StepResult) document(r *Runner, e *etree.Element) {
	uid := child(e, "DocumentUniqueId")
	include := e.FindElement("Document/Include")
	var got []byte
	if include != nil {
		got = d.retrieved[strings.TrimPrefix(include.SelectAttrValue("href", ""), "cid:")]
	}
	sent, known := r.sent[uid]
	switch {
	case known && !bytes.Equal(got, sent):
		d.differ("%d bytes of the document came back, %d were sent", len(got), len(sent))
	case !known && len(got) == 0:
		d.differ("an empty document")
	}
	sum := sha1.Sum(got)
	d.reports["$hash_doc0$"] = hex.EncodeToString(sum[:])
}
