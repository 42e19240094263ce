package submission

import (
	"context"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/person"
)

// Register knows which national identity numbers somebody has: Persontjenesten.
type Register interface {
	// Exists of a national patient; an error means that nobody can tell now.
	Exists(context.Context, document.PatientID) (person.Answer, error)
}

// lookup is what the register says of the message's patient.
type lookup struct {
	answer person.Answer
	err    error
}

// lookUp asks the register whether the message's patient exists (P2), beside whatever else is looked at; what it returns waits for the
// answer and tells it among the other problems. Only a number that is valid in itself is asked about, and only for an organisation
// that may write here: nobody else shall learn from us who exists. Of local and foreign identifiers no register knows (P1). Death
// and address protection stand in no upload's way.
func (s *Service) lookUp(ctx context.Context, v *verdict) (tell func()) {
	p := v.set.Patient
	norwegian := p.Authority == document.AuthorityFNR || p.Authority == document.AuthorityDNR
	if s.Register == nil || v.tenant.ID == 0 || !norwegian || document.CheckNorwegian(p, s.Synthetic) != nil {
		return func() {}
	}
	answered := make(chan lookup, 1)
	go func() {
		answer, err := s.Register.Exists(ctx, p)
		answered <- lookup{answer, err}
	}()
	return func() { v.verify(<-answered, s.Unverified) }
}

// verify takes the register's answer. Where there is none, a message that is refused for its own faults is not told to come back; others are,
// because what is stored under a number that nobody has is found by nobody, unless the installation would rather have it unverified.
func (v *verdict) verify(found lookup, unverified bool) {
	switch {
	case found.err == nil && !found.answer.Registered:
		v.problems.Add(fault.New(fault.UnknownPatient, "Persontjenesten knows nobody with the patient's national identity number. Check the number; a patient "+
			"who has none is sent under a local identifier.").At("set.patient").By("P2"))
	case found.err == nil:
	case unverified:
		v.unverified = true
		v.problems.Add(fault.New(fault.PartUnavailable, "Persontjenesten does not answer, so nobody has looked whether somebody has the patient's national "+
			"identity number.").At("set.patient").By("P2").AsWarning().Because(found.err))
	default:
		v.unverified = true
		if !v.problems.Refuses() {
			v.problems.Add(fault.Of(found.err)...)
		}
	}
}
