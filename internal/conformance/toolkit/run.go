package toolkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// Run runs a plan once, after the sections of its test that stand before it, and whatever else it needs. Asked again it gives the same result.
func (r *Runner) Run(ctx context.Context, p *Plan) *Result {
	if r.results == nil {
		r.results, r.patients, r.sent = map[string]*Result{}, map[string]string{}, map[string][]byte{}
	}
	if done := r.results[p.Name]; done != nil {
		return done
	}
	result := &Result{Plan: p}
	r.results[p.Name] = result
	for _, name := range r.Kit.order {
		if name == p.Name {
			break
		}
		if before := r.Kit.plans[name]; before.Test == p.Test && strings.Split(before.Folder, "/")[0] == strings.Split(p.Folder, "/")[0] {
			r.Run(ctx, before)
		}
	}
	r.prepare(ctx, p)
	for i := range p.Steps {
		done := r.step(ctx, result, &p.Steps[i])
		if result.Missing != "" {
			return result
		}
		result.Steps = append(result.Steps, done)
		done.check(r, result)
	}
	return result
}

// test runs all sections of a test that others build upon.
func (r *Runner) test(ctx context.Context, test string) {
	for _, p := range r.Kit.Plans() {
		if p.Test == test && strings.HasPrefix(p.Folder, "tests/") {
			r.Run(ctx, p)
		}
	}
}

// step carries out one step.
func (r *Runner) step(ctx context.Context, of *Result, s *Step) *StepResult {
	p, done := of.Plan, &StepResult{Step: s, reports: map[string]string{}, assigned: assigned{uids: map[string]string{}, uuids: map[string]string{}}}
	if s.NewPatient {
		delete(r.patients, p.Test)
	}
	if s.Gather != "" {
		of.Missing = "asks the operator for " + s.Gather
		return done
	}
	done.patient = r.patient(p.Test)
	done.reports["$patientid$"] = done.patient
	if s.UnknownPatient {
		done.patient = r.UnknownPatient
	}
	if s.Transaction == "XCRmuTransaction" {
		of.Missing = "Cross-Gateway Restricted Update, which is none of ours"
		return done
	}
	values, about, err := r.values(ctx, p, s)
	if err != nil {
		of.Missing = err.Error()
		return done
	}
	if s.Transaction == "NullTransaction" || s.IHE() == "" {
		done.Got = "Success"
		done.asserts(of, s, values)
		return done
	}
	if s.Wait {
		r.Wait()
	}
	if err := r.exchange(ctx, p, s, done, values, about); err != nil {
		of.Missing = err.Error()
		return done
	}
	done.reported(s)
	return done
}

// exchange sends the step's message.
func (r *Runner) exchange(ctx context.Context, p *Plan, s *Step, done *StepResult, values []substitution, about string) error {
	text, head, tail, err := r.message(p, s)
	if err != nil {
		return err
	}
	for name, edits := range r.Edits {
		if strings.HasPrefix(p.Name, name) {
			text = strings.NewReplacer(edits...).Replace(text)
		}
	}
	input := replaced(text, values)
	if about != "" && (s.KeepPatient || !submits(s) || r.fed(p, s)) {
		done.patient = about
	}
	if submits(s) {
		rewritten, given, err := r.rewrite(s, input, done.patient)
		if err != nil {
			return err
		}
		input, done.assigned = rewritten, *given
	}
	request := Request{Transaction: s.IHE(), Payload: bare(input), Patient: done.patient, Plan: p, Step: s}
	if request.Documents, err = r.documents(p, s, done); err != nil {
		return err
	}
	if s.Raw {
		request.Raw, request.ContentType = []byte(head+bare(input)+tail), strings.TrimSpace(strings.TrimPrefix(s.Headers, "Content-Type:"))
	} else if s.IHE() == "ITI-41" {
		request.Payload = provide(input, request.Documents, &done.assigned)
	}
	done.input = bare(input)
	answer, err := r.Sender.Send(ctx, request)
	if err != nil {
		return err
	}
	done.Answers++
	done.receive(answer)
	return nil
}

// message reads the metadata that a step sends, or the envelope of a raw one and what stands around it.
func (r *Runner) message(p *Plan, s *Step) (text, head, tail string, err error) {
	name := s.Metadata
	if s.Raw {
		name = s.Body
	}
	whole, err := r.Kit.file(p, name)
	if err != nil {
		return "", "", "", fmt.Errorf("the kit has no %s", name)
	}
	text = string(whole)
	if s.Raw {
		begin, end := strings.Index(text, "<?xml"), strings.LastIndex(text, "Envelope>")+len("Envelope>")
		if begin < 0 || end < begin {
			return "", "", "", errors.New("the raw message has no envelope")
		}
		text, head, tail = text[begin:end], text[:begin], text[end:]
	}
	return text, head, tail, nil
}

// submits tells that the message brings metadata whose ids are to be rewritten.
func submits(s *Step) bool {
	switch s.IHE() {
	case "ITI-41", "ITI-42", "ITI-57", "ITI-61", "ITI-92":
		return true
	}
	return false
}

// documents reads what goes with the metadata, and remembers the bytes by unique id.
func (r *Runner) documents(p *Plan, s *Step, done *StepResult) (parts []Part, err error) {
	for i, d := range s.Documents {
		bytes, err := r.document(p, d.File)
		if err != nil {
			return nil, fmt.Errorf("the kit has no %s", d.File)
		}
		parts = append(parts, Part{Symbol: d.ID, ContentID: fmt.Sprintf("%d.%s@toolkit", i+1, strings.ReplaceAll(r.NewUUID(), ":", ".")), Bytes: bytes})
		r.sent[done.uids[d.ID]] = bytes
	}
	return parts, nil
}

// document is a file of the plan or, where another plan's is named by its path in the kit, that one.
func (r *Runner) document(p *Plan, name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(r.Kit.dir, filepath.FromSlash(p.Folder), filepath.FromSlash(name)))
}

// receive takes the answer apart.
func (d *StepResult) receive(a Answer) {
	if a.Fault != "" {
		d.Got = "fault " + a.Fault
		return
	}
	d.result = a.Payload
	d.Got, d.Told = outcome(a.Payload)
	d.retrieved = a.Parts
}

// reported evaluates the step's reports; those of assigned ids come by themselves.
func (d *StepResult) reported(s *Step) {
	for symbol, id := range d.uids {
		d.reports[symbol+"_uid"] = id
	}
	for symbol, id := range d.uuids {
		d.reports[symbol+"_uuid"] = id
	}
	for _, report := range s.Reports {
		of := d.result
		if report.Section == "InputMetadata" {
			of = d.input
		}
		value, err := text("<"+report.Section+">"+of+"</"+report.Section+">", report.XPath)
		if err != nil {
			d.Differs = append(d.Differs, fmt.Sprintf("report %s: %v", report.Name, err))
			continue
		}
		d.reports[report.Name] = value
	}
}

// log is the section of the toolkit's log that XPaths look into.
func (d *StepResult) log() string {
	return fmt.Sprintf(`<TestStep id="%s"><%s step="%s"><InputMetadata>%s</InputMetadata><Result>%s</Result></%s></TestStep>`,
		escaped(d.Step.ID), d.Step.Transaction, escaped(d.Step.ID), d.input, ordered(d.result), d.Step.Transaction)
}

// ordered puts an answer's documents into the order of their media types: plans name them by their place, as if an answer had an order, and mean that in
// which they were submitted, text before XML.
func ordered(payload string) string {
	doc := etree.NewDocument()
	if err := doc.ReadFromString(payload); err != nil || len(doc.FindElements("//ExtrinsicObject")) < 2 {
		return payload
	}
	list := doc.FindElement("//RegistryObjectList")
	slices.SortStableFunc(list.Child, func(a, b etree.Token) int { return strings.Compare(mediaType(a), mediaType(b)) })
	list.ReindexChildren()
	sorted, err := doc.WriteToString()
	if err != nil {
		return payload
	}
	return sorted
}

// mediaType is an ExtrinsicObject's; what is none comes before.
func mediaType(t etree.Token) string {
	if e, ok := t.(*etree.Element); ok && e.Tag == "ExtrinsicObject" {
		return e.SelectAttrValue("mimeType", "")
	}
	return ""
}

// log is the whole section's.
func (r *Result) log() string {
	var b strings.Builder
	b.WriteString("<TestResults>")
	for _, s := range r.Steps {
		if s.Step.Transaction != "" {
			b.WriteString(s.log())
		}
	}
	b.WriteString("</TestResults>")
	return b.String()
}
