package toolkit

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Part is a document of a message.
type Part struct {
	// Symbol is the id of its entry in the plan's words; ContentID the part's name in the message.
	Symbol, ContentID, MediaType string
	Bytes                        []byte
}

// Request is a message to be sent.
type Request struct {
	// Transaction is IHE's name: ITI-42.
	Transaction string
	// Payload is the body's element. Documents are named in it by cid:.
	Payload   string
	Documents []Part
	// Patient is whom it is about, as far as the plan tells: CX.
	Patient string
	// Raw is a whole HTTP body that the plan has, with its Content-Type; the sender puts the security header into its envelope.
	Raw         []byte
	ContentType string

	Plan *Plan
	Step *Step
}

// Answer is what came back.
type Answer struct {
	// Fault has the codes and the text of a SOAP fault; then there is no more.
	Fault string
	// Payload is the body's element, Parts the documents by Content-ID.
	Payload string
	Parts   map[string][]byte
}

// Sender sends messages to the system under test. An error says that it did not answer as SOAP does.
type Sender interface {
	Send(context.Context, Request) (Answer, error)
}

// Runner runs plans against one system, in one session: plans use what others left there.
type Runner struct {
	Kit    *Kit
	Sender Sender
	// Home and Repository are the system's: urn:oid: and OID. OtherRepository is one whose documents are registered there.
	Home, Repository, OtherRepository string
	// NewPatient is one that the system knows, UnknownPatient one that it does not: CX.
	NewPatient     func() string
	UnknownPatient string
	NewOID         func() string
	// NewUUID has urn:uuid: before it.
	NewUUID func() string
	// Today is the date of the symbol $DATE$: YYYYMMDD, in UTC.
	Today func() string
	// Wait lets a second pass, for times in whole seconds to differ.
	Wait func()

	// Edits are texts of metadata and assertions that are replaced, in pairs, by the beginning of plans' names.
	Edits map[string][]string

	results  map[string]*Result
	patients map[string]string
	sent     map[string][]byte
}

// Result is what became of a plan.
type Result struct {
	Plan  *Plan
	Steps []*StepResult
	// Missing says that the plan needs what is not there, and was not carried out to its end.
	Missing string
}

// StepResult is what became of a step.
type StepResult struct {
	Step *Step
	// Got is what the plan's expectation is compared with: Success, Failure, PartialSuccess, or "fault CODES".
	Got string
	// Told are the errors and warnings of the answer.
	Told []Told
	// Differs are the differences from what the plan says, empty when there are none.
	Differs []string
	// Answers is how many messages the step sent.
	Answers int

	assigned
	reports   map[string]string
	input     string
	result    string
	retrieved map[string][]byte
}

// Passed tells that every step did what the plan says.
func (r *Result) Passed() bool { return r.Missing == "" && len(r.Differs()) == 0 }

// Differs are the differences of all steps, each with the step's id.
func (r *Result) Differs() (all []string) {
	for _, s := range r.Steps {
		for _, d := range s.Differs {
			all = append(all, s.Step.ID+": "+d)
		}
	}
	return all
}

// standIns are plans for those that others refer to and the kit does not have (spec/soap.md 6).
var standIns = map[string]string{
	"15817b/pif": "15828/pif", "15807/onedoc1": "testdata-repository/SingleDocument-Repository/submit_doc",
	"15807/onedoc2": "testdata-repository/SingleDocument-Repository/submit_doc", "15807/twodoc": "12344/submit_2doc_w_fol",
}

// renamed are plans that bear another number now than where they are referred to.
var renamed = map[string]string{"11890": "12346/single_doc", "12311": "12307/getdocs"}

// prepared are data that the toolkit's operator loads before a plan: the plan, and the test whose patient they are about (the comments of 12300 tell it).
var prepared = map[string]struct{ load, patient string }{
	"12300/finddocs": {"testdata-repository/SingleDocument-Repository/submit_doc", "15824"},
}

// of finds the result of the step that a use names, and runs its plan when it has not been run.
func (r *Runner) of(ctx context.Context, p *Plan, u Use) (*StepResult, error) {
	for _, name := range r.candidates(p, u) {
		if other := renamed[name]; other != "" {
			name = other
		}
		plan := r.Kit.plans[name]
		if plan == nil && standIns[name] != "" {
			plan = r.standIn(name)
		}
		if plan == nil {
			continue
		}
		if plan.Test != p.Test && standIns[name] == "" {
			r.test(ctx, plan.Test)
		}
		result := r.Run(ctx, plan)
		for _, s := range result.Steps {
			if s.Step.ID == u.Step || standIns[name] != "" {
				return s, nil
			}
		}
	}
	return nil, fmt.Errorf("no plan %q has a step %q", r.candidates(p, u), u.Step)
}

// candidates are the plans that a use may mean: a folder is relative to the section's or the test's, and one that is not named is this
// section, or another of this test.
func (r *Runner) candidates(p *Plan, u Use) (names []string) {
	test := strings.TrimSuffix(p.Name, "/"+p.Section)
	switch {
	case u.Folder != "":
		rest := strings.TrimLeft(u.Folder, "./")
		names = append(names, path.Join(p.Name, u.Folder), test+"/"+rest, rest)
	case u.Section == "THIS" || u.Section == "" && u.Test == "":
		names = append(names, p.Name)
	case u.Test != "":
		return []string{u.Test + "/" + u.Section}
	default:
		names = append(names, test+"/"+u.Section)
	}
	for _, other := range r.Kit.order {
		if (strings.HasPrefix(other, test+"/") || u.Folder != "" && strings.HasPrefix(other, strings.TrimLeft(u.Folder, "./")+"/")) && r.Kit.plans[other].has(u.Step) {
			names = append(names, other)
		}
	}
	return names
}

func (p *Plan) has(step string) bool {
	for i := range p.Steps {
		if p.Steps[i].ID == step {
			return true
		}
	}
	return false
}

// commented are uses that stand in comments of their plans, without which the messages name nothing.
var commented = map[string][]Use{
	"15812/Register_OD/ContentBundle/Content1": {onDemand},
	"15812/Register_OD/ContentBundle/Content2": {onDemand, {Kind: "AssignedUuids", Symbol: "$rplc_doc_uuid$", Value: "Document01",
		Test: "15812", Section: "Register_OD/ContentBundle/Content1", Step: "SubmitStableIsSnapshotOfDocumentEntry"}},
}

var onDemand = Use{Kind: "AssignedUuids", Symbol: "$od_doc_uuid$", Value: "Document01", Test: "15812", Section: "Register_OD", Step: "Register"}

// prepare loads what a plan finds there.
func (r *Runner) prepare(ctx context.Context, p *Plan) {
	if of, ok := prepared[p.Name]; ok {
		copied := *r.Kit.plans[of.load]
		copied.Name, copied.Test = p.Name+" prepared", of.patient
		r.Run(ctx, &copied)
	}
}

// standIn is a copy of another plan under the name of one that is missing: it has a patient and a result of its own.
func (r *Runner) standIn(name string) *Plan {
	copied := *r.Kit.plans[standIns[name]]
	copied.Name = name
	copied.Test = name
	return &copied
}

// patient is the one of a test.
func (r *Runner) patient(test string) string {
	if r.patients[test] == "" {
		r.patients[test] = r.NewPatient()
	}
	return r.patients[test]
}

// fed tells that a step is about the patient of the feed that it names, though it does not say that it keeps what its metadata have: so it is in tests that
// make no patient of their own.
func (r *Runner) fed(p *Plan, s *Step) bool {
	return !r.Kit.renews[p.Test] && slices.ContainsFunc(s.Uses, func(u Use) bool { return u.Symbol == "$patientid$" && u.Kind == "Report" })
}

// values are the step's substitutions, and the patient whom what it uses is about, if any.
func (r *Runner) values(ctx context.Context, p *Plan, s *Step) (values []substitution, patient string, err error) {
	for _, u := range slices.Concat(s.Uses, commented[p.Name]) {
		v, about, err := r.value(ctx, p, u)
		if err != nil {
			return nil, "", fmt.Errorf("%s of %s: %w", u.Kind, u.Value, err)
		}
		if open := strings.HasPrefix(u.Symbol, "$") && !strings.HasSuffix(u.Symbol, "$"); open {
			values = append(values, substitution{u.Symbol + "$", v}) // $home in 12307 and $patientid in 12318 may be closed in the message
		}
		values = append(values, substitution{u.Symbol, v})
		if patient == "" {
			patient = about
		}
	}
	for name, edits := range r.Edits { // what a plan asserts of the metadata changes with them
		for i := 0; strings.HasPrefix(p.Name, name) && i+1 < len(edits); i += 2 {
			values = append(values, substitution{edits[i], edits[i+1]})
		}
	}
	own := patient
	if own == "" {
		own = r.patient(p.Test)
	}
	// Symbols that the toolkit's operator gives, or its configuration.
	return append(values, substitution{"$patientid$", own}, substitution{"$patient_id$", own}, substitution{"$home$", r.Home},
		substitution{"$repuid$", r.repository(s)}, substitution{"$repositoryuid$", r.Repository}, substitution{"$DATE$", r.Today()},
		substitution{"$patient_id1$", r.patient("15819")}, substitution{"$patient_id2$", r.patient("15820")}), patient, nil
}

// repository is the one that documents are in: for those that are registered from outside, another than the system's.
func (r *Runner) repository(s *Step) string {
	if s.IHE() == "ITI-42" || s.IHE() == "ITI-61" {
		return r.OtherRepository
	}
	return r.Repository
}

// value is what a use stands for.
func (r *Runner) value(ctx context.Context, p *Plan, u Use) (value, patient string, err error) {
	if u.Kind == "Report" && u.Value == "$testdata_home$" {
		_, _ = r.of(ctx, p, u) // what it is the home of
		return r.Home, "", nil
	}
	if u.Kind == "Repository" {
		return r.Repository, "", nil
	}
	s, err := r.of(ctx, p, u)
	if err != nil {
		return "", "", err
	}
	switch u.Kind {
	case "AssignedUids":
		value = s.uids[u.Value]
	case "AssignedUuids":
		value = s.uuids[u.Value]
	case "AssignedPatientId":
		value = s.patient
	case "Report":
		value = s.reports[u.Value]
	case "XPath":
		value, err = text("<TestResults>"+s.log()+"</TestResults>", u.Value)
	}
	if value == "" && u.Value == "repuid" && s.Step.IHE() == "ITI-61" {
		return r.OtherRepository, s.patient, nil // 15812 looks for it in an answer that has no objects
	}
	if value == "" && err == nil {
		err = fmt.Errorf("step %s left none", s.Step.ID)
	}
	return value, s.patient, err
}
