package disclosure

import (
	"context"
	"errors"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/person"
)

// nobodyAsks is a register that must not be asked.
type nobodyAsks struct{}

func (nobodyAsks) Facts(context.Context, document.PatientID) (person.Answer, error) {
	return person.Answer{}, errors.New("asked")
}
func (nobodyAsks) Nobody(context.Context, string) error { return errors.New("asked") }

// TestNothingIsKnownUnasked: a patient whom the register could know, and who was not asked about, is shown to nobody; one whom it cannot
// know, or an installation without a register, is not limited (P1).
func TestNothingIsKnownUnasked(t *testing.T) {
	t.Parallel()
	national := document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}
	local := document.PatientID{Value: "13116900216", Authority: "2.16.578.1.12.4.5.100"}
	protected := access.Patient{Known: true, AddressProtected: true}
	for _, c := range []struct {
		name     string
		register Register
		view     view
		patient  document.PatientID
		want     access.Patient
	}{
		{"not asked", nobodyAsks{}, view{patient: unasked}, national, access.Patient{}},
		{"asked", nobodyAsks{}, view{patient: protected, asked: true}, national, protected},
		{"another's number", nobodyAsks{}, view{patient: protected, asked: true}, local, unasked},
		{"no register: the number tells the age (C5)", nil, view{patient: unasked}, national,
			access.Patient{Known: true, BirthDate: time.Date(1969, 11, 13, 0, 0, 0, 0, time.UTC)}},
	} {
		s := &Service{Register: c.register}
		if got := s.about(c.view, c.patient); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for text, want := range map[string]document.PatientID{"13116900216": national, national.CX(): national, local.CX(): local, "x": {}, "13116900216^": {}} {
		if got := claimed(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}
