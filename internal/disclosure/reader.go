package disclosure

import (
	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// citizenSide reports whether the reader is a citizen or acts for one (C4, C5).
func (r Reader) citizenSide() bool {
	return r.Caller.Kind == access.Citizen || r.Caller.Kind == access.Guardian || r.Caller.Kind == access.Proxy
}

// admit is C3 and C4: personnel with everything a personal token must have, and the citizen's side with an assertion that names the patient; nobody
// else reads here.
func (s *Service) admit(r Reader) error {
	switch {
	case !r.citizenSide():
		return s.Policy.CheckPersonnel(r.Caller).Err()
	case r.About.IsZero():
		return fault.New(fault.AssertionRefused, "The assertion does not say about which patient it is (resource-id): nothing is told to the citizen's side without.").By("C4")
	default:
		return nil
	}
}

// admitAbout is admit for a request about one patient.
func (s *Service) admitAbout(r Reader, asked document.PatientID) error {
	if err := s.admit(r); err != nil {
		return err
	}
	return r.about(asked)
}

// about holds that a request is about the patient whom the reader's assertion names. Who has none, as at the REST doors, is held by C3 alone.
func (r Reader) about(asked document.PatientID) error {
	if r.About.IsZero() || r.About == asked {
		return nil
	}
	return fault.New(fault.AssertionRefused, "The assertion is not about the patient that the request asks for (resource-id).").By("X2")
}
