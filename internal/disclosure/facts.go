package disclosure

import (
	"context"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/person"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/terminology"
)

// Register knows patients' death and address protection: Persontjenesten.
type Register interface {
	// Facts of a national patient; an error means that nothing may be told.
	Facts(context.Context, document.PatientID) (person.Answer, error)
	// Nobody is Facts of nobody: as slow, and failing as often.
	Nobody(ctx context.Context, seed string) error
}

// view is a reader with what is known of the patient he asks about, for one request.
type view struct {
	Reader
	patient access.Patient
	// asked says that the register was.
	asked bool
	// shut is the rule that keeps all of the patient from this reader (L4, L5), empty when none does.
	shut string
	// stale facts are older than they should be.
	stale bool
	// only is the patient that a request is about, where it is about one; what it meets of others is not there.
	only document.PatientID
}

// concerns reports whether what is of this patient may be told at all, before any rule is asked.
func (v view) concerns(p document.PatientID) bool {
	return (v.About.IsZero() || v.About == p) && (v.only.IsZero() || v.only == p)
}

// unasked are the facts of a patient whom no register knows: one with a local or foreign identifier (P1), and everybody where
// Persontjenesten is not configured. Nothing then says that he is dead or protected, so L4 and L5 do not limit what personnel get.
var unasked = access.Patient{Known: true}

// look asks for the facts of the patient a request is about, and notes in the event how old they are. It comes before everything that
// depends on what is stored: with or without documents, here or elsewhere, a patient costs the same wait, and the same refusal while
// Persontjenesten is down.
func (s *Service) look(ctx context.Context, r Reader, p document.PatientID, event *audit.Event) (view, error) {
	v := view{Reader: r, patient: born(unasked, p)}
	if s.Register != nil && person.National(p) {
		answer, err := s.Register.Facts(ctx, p)
		if err != nil {
			event.Detail.Facts = audit.FactsUnavailable
			return v, err
		}
		v.patient, v.asked, v.stale = born(patientOf(answer.Facts), p), true, answer.Stale
		event.Detail.Facts, event.Detail.FactsAge = audit.FactsFresh, int(answer.Age/time.Second)
		if answer.Stale {
			event.Detail.Facts = audit.FactsStale
		}
	}
	v.shut = s.shut(v)
	return v, nil
}

func patientOf(f person.Facts) access.Patient {
	return access.Patient{BirthDate: f.BirthDate, DeadSince: f.DeadSince, AddressProtected: f.Address != person.Unclassified, Known: true}
}

// born has the birth date that is in a national number where no register tells one, because a citizen without any would see everything (C5).
func born(known access.Patient, p document.PatientID) access.Patient {
	if known.BirthDate.IsZero() {
		known.BirthDate, _ = document.BirthDate(p)
	}
	return known
}

// shut is the rule that keeps all of the patient from this reader, empty when none does.
func (s *Service) shut(v view) string {
	d := s.plain(v, tenant.Tenant{Sharing: access.Sharing{Personnel: true, Citizen: true}})
	if d.List != access.Omit {
		return ""
	}
	return first(d.Rules)
}

// closed says that an instance gives this reader nothing of the patient, whatever it holds (C7, L4, L5).
func (s *Service) closed(v view, t tenant.Tenant) bool { return s.plain(v, t).List == access.Omit }

// plain asks access about an entry that nothing speaks against: what is left is the patient himself, and what the instance lets out.
func (s *Service) plain(v view, t tenant.Tenant) access.Decision {
	entry := access.Entry{Confidentiality: []document.Code{{Value: "N", System: terminology.ConfidentialityHL7}}, OwnerOrganisations: t.Organisations}
	return s.Policy.Decide(v.Caller, access.Basis{Scope: access.Section45}, v.patient, entry, t.Sharing, s.Now())
}

// named is the instance in whose log a refusal belongs that came before it was looked up, and nobody's when there is no such one.
func (s *Service) named(ctx context.Context, home string) tenant.Tenant {
	if home == "" {
		return tenant.Tenant{}
	}
	t, err := s.community(ctx, home)
	if err != nil {
		return tenant.Tenant{}
	}
	return t
}

// claimed is the patient that nhn-patient-nin names: an identifier as CX, or a number alone. To the register it makes no difference which
// kind of national number one is.
func claimed(text string) document.PatientID {
	if strings.Contains(text, "^") {
		p, err := document.ParseCX(text)
		if err != nil {
			return document.PatientID{}
		}
		return p
	}
	return person.NationalNumber(text)
}

// about is what is known of an entry's own patient. What was asked about is the number that the request named: a patient who has the same
// number from another authority (P1) is somebody else. Of a national patient who was not asked about nothing is known, and nothing told.
func (s *Service) about(v view, p document.PatientID) access.Patient {
	switch national := s.Register != nil && person.National(p); {
	case !national:
		return born(unasked, p)
	case v.asked:
		return v.patient
	default:
		return access.Patient{}
	}
}

// stillUnknown is the answer of "no such entry" by id, where no patient was named. To be as slow as for an entry of a patient who is kept from
// the reader, and to fail as often, it asks for nobody.
func (s *Service) stillUnknown(ctx context.Context, seed string) error {
	if s.Register == nil {
		return unknown()
	}
	if err := s.Register.Nobody(ctx, seed); err != nil {
		return err
	}
	return unknown()
}

// outdated is said in place of "no such entry" when stale facts are the reason: of an entry that is not there nobody could say so now.
func outdated() *fault.Problem {
	return fault.New(fault.PartUnavailable, "Persontjenesten does not answer, and without it nobody can tell whether the patient's address is protected. "+
		"Nothing is shown until then. Try again.").By("L5").From(fault.Persontjenesten).RetryIn(5 * time.Second)
}
