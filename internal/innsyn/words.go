package innsyn

import (
	"strings"

	"dokumentlager/internal/audit"
)

// Phrase is the same words for a citizen in bokmål and in English.
type Phrase struct{ No, En string }

func (p Phrase) and(more Phrase) Phrase { return Phrase{p.No + " " + more.No, p.En + " " + more.En} }

// purposes are the codes of purpose_of_use: HL7's PurposeOfUse (2.16.840.1.113883.1.11.20448) and, as numbers, ISO 14265 (1.0.14265.1).
var purposes = map[string]Phrase{
	"TREAT":     {"For å gi deg helsehjelp.", "To give you health care."},
	"1":         {"For å gi deg helsehjelp.", "To give you health care."},
	"ETREAT":    {"For å gi deg øyeblikkelig hjelp.", "To give you emergency care."},
	"2":         {"For å gi deg øyeblikkelig hjelp.", "To give you emergency care."},
	"BTG":       {"I en nødsituasjon, med tilgang som ellers kan være sperret.", "In an emergency, with access that may otherwise be barred."},
	"COC":       {"For å samordne helsehjelpen din.", "To coordinate your health care."},
	"CAREMGT":   {"For å planlegge og følge opp helsehjelpen din.", "To plan and follow up your health care."},
	"3":         {"For å støtte helsehjelpen din i virksomheten.", "To support your health care within the organisation."},
	"CLINTRCH":  {"For klinisk forskning der du er pasient.", "For clinical research in which you are a patient."},
	"HRESCH":    {"For forskning.", "For research."},
	"10":        {"For forskning.", "For research."},
	"HQUALIMP":  {"For å forbedre kvaliteten på helsehjelpen.", "To improve the quality of health care."},
	"5":         {"For styring og kvalitetssikring av helsetjenesten.", "To manage and assure the quality of the health service."},
	"HOPERAT":   {"For drift av helsetjenesten.", "To run the health service."},
	"HPAYMT":    {"For oppgjør og betaling for helsehjelp.", "For payment for health care."},
	"4":         {"For oppgjør og betaling for helsehjelp.", "For payment for health care."},
	"PATADMIN":  {"For pasientadministrasjon.", "For patient administration."},
	"PATSFTY":   {"For pasientsikkerhet.", "For patient safety."},
	"RECORDMGT": {"For å holde journalen i orden.", "To keep the health record in order."},
	"HSYSADMIN": {"For drift av datasystemene.", "To run the computer systems."},
	"HLEGAL":    {"For juridiske formål.", "For legal purposes."},
	"12":        {"For politi eller domstol.", "For law enforcement."},
	"PUBHLTH":   {"For folkehelsearbeid.", "For public health."},
	"7":         {"For folkehelse og smittevern.", "For public health and disease control."},
	"9":         {"For folkehelsearbeid.", "For public health."},
	"THREAT":    {"For å avverge fare for liv eller helse.", "To avert a threat to life or health."},
	"8":         {"For å avverge fare for befolkningen.", "To avert a danger to the public."},
	"DISASTER":  {"I en katastrofesituasjon.", "In a disaster."},
	"TRAIN":     {"For opplæring.", "For training."},
	"6":         {"For opplæring.", "For training."},
	"PATRQT":    {"Fordi du ba om det.", "Because you asked for it."},
	"13":        {"Fordi du ba om det.", "Because you asked for it."},
	"FAMRQT":    {"Fordi familien din ba om det.", "Because your family asked for it."},
	"PWATRNY":   {"Fordi den som har fullmakt fra deg, ba om det.", "Because the holder of your power of attorney asked for it."},
}

// No purpose, and one that we have no words for: the code is not repeated, for it may hold anything.
var (
	purposeMissing = Phrase{"Formålet er ikke oppgitt.", "The purpose was not given."}
	purposeUnknown = Phrase{"Formålet er oppgitt med en kode vi ikke kjenner.", "The purpose was given with a code that we do not know."}
)

// details are the codes of purpose_of_use_details (HL7 Norway's care relation, from DIPS' decision templates).
var details = map[string]Phrase{
	"BEHANDLER":  {"Helsepersonellet behandlet deg.", "The health worker was treating you."},
	"DELBEHAN":   {"Helsepersonellet deltok i behandlingen av deg.", "The health worker took part in your treatment."},
	"INFOANSV":   {"Helsepersonellet var informasjonsansvarlig for deg.", "The health worker was responsible for informing you."},
	"JOURANSV":   {"Helsepersonellet var ansvarlig for journalen din.", "The health worker was responsible for your record."},
	"PASANSV":    {"Helsepersonellet var koordinator for deg.", "The health worker was your coordinator."},
	"PRIMKONT":   {"Helsepersonellet var primærkontakten din.", "The health worker was your primary contact."},
	"ROLPAS":     {"Helsepersonellet hadde en rolle overfor deg.", "The health worker had a role towards you."},
	"KONSSERIE":  {"Du var i en serie av konsultasjoner.", "You were in a series of consultations."},
	"POLBESOK":   {"Du var på poliklinisk besøk.", "You were at an outpatient visit."},
	"BELEGG":     {"Du var innlagt.", "You were admitted."},
	"PLANOPP":    {"Du hadde en planlagt time.", "You had an appointment."},
	"PLANKONT":   {"Du ventet på en planlagt kontakt.", "You were waiting for a planned contact."},
	"OPRPLAN":    {"Du sto på operasjonsplanen.", "You were on the operating list."},
	"HENVISNING": {"Du var henvist til vurdering.", "You had been referred for assessment."},
	"VURDHENV":   {"Henvisningen din var vurdert.", "Your referral had been assessed."},
	"HENVPER":    {"Du hadde en åpen henvisning.", "You had an open referral."},
	"MELDT":      {"Du var meldt, for eksempel fra legevakt eller ambulanse.", "Your arrival had been announced, for instance by an ambulance."},
	"BLAALYS":    {"Det var akutt helsehjelp.", "It was urgent care."},
	"EKSTSVAR":   {"Det var kommet et svar eller notat om deg utenfra.", "A result or note about you had come from outside."},
	"TILSYN":     {"En annen avdeling ba om tilsyn.", "Another ward had asked for a consultation."},
	"ARBFLYT":    {"Det var en oppgave om deg å utføre.", "There was a task about you to carry out."},
	"ETTERARB":   {"Det var etterarbeid.", "It was follow-up work."},
	"HENV_PAS":   {"Du tok kontakt.", "You made contact."},
	"HENV_BEH":   {"Behandleren din tok kontakt.", "Your practitioner made contact."},
	"HENV_PAA":   {"En pårørende tok kontakt.", "A relative made contact."},
	"INNSYN":     {"Du ba om innsyn i journalen din.", "You asked to see your record."},
	"NYPAS":      {"Det var pasientadministrasjon.", "It was patient administration."},
	"PASADM":     {"Det var administrasjon.", "It was administration."},
	"OFFBEST":    {"En offentlig instans eller et forsikringsselskap ba om dokumenter.", "An authority or an insurance company asked for documents."},
	"HHJELANPAS": {"Det var for å hjelpe en annen pasient.", "It was to help another patient."},
	"LEDSBEL":    {"Ledsageren din var innlagt.", "Your companion was admitted."},
	"EGENLAER":   {"Det var egen læring av behandling som er gitt.", "It was learning from treatment that was given."},
	"KVAL":       {"Det var internkontroll eller kvalitetssikring.", "It was internal control or quality assurance."},
	"TILSYN2":    {"Det var tilsyn med virksomheten.", "It was an inspection of the organisation."},
	"TILSYN3":    {"Det var statlig tilsyn.", "It was an inspection by the state."},
	"FORSK":      {"Det var forskning.", "It was research."},
	"UNDERVISN":  {"Det var undervisning.", "It was teaching."},
	"ITSYSARB":   {"Det var arbeid med datasystemet.", "It was work on the computer system."},
}

// bases are those of kjernejournalforskriften (access.AccessBases).
var bases = map[string]Phrase{
	"SAMTYKKE":          {"Du samtykket.", "You consented."},
	"FORHOYET_SAMTYKKE": {"Du samtykket til utvidet tilgang.", "You consented to extended access."},
	"AKUTT":             {"Det var akutt, og du kunne ikke spørres.", "It was urgent, and you could not be asked."},
	"FORHOYET_AKUTT":    {"Det var akutt, med utvidet tilgang, og du kunne ikke spørres.", "It was urgent, with extended access, and you could not be asked."},
	"UNNTAK":            {"Etter et unntak fra kravet om samtykke.", "By an exception from the requirement of consent."},
}

var barLifted = Phrase{"Sperren din ble opphevet for denne nødsituasjonen.", "Your bar was lifted for this emergency."}

// urgent are the purposes and bases of an emergency.
var urgent = map[string]bool{"ETREAT": true, "2": true, "BTG": true, "AKUTT": true, "FORHOYET_AKUTT": true}

// Why is the reason that the health worker gave.
type Why struct {
	// Purpose, Details and Basis are codes, empty for those that we have no words for.
	Purpose, Details, Basis string
	Emergency               bool
	// BarLifted says that what the citizen has barred was opened all the same (C2).
	BarLifted bool
	Text      Phrase
}

func why(l audit.Lookup) Why {
	w := Why{Emergency: urgent[l.Purpose] || urgent[l.Basis] || l.BreakGlass, BarLifted: l.BreakGlass}
	text, known := purposes[l.Purpose]
	switch {
	case known:
		w.Purpose = l.Purpose
	case strings.TrimSpace(l.Purpose) == "":
		text = purposeMissing
	default:
		text = purposeUnknown
	}
	if more, known := details[l.PurposeDetails]; known {
		w.Details, text = l.PurposeDetails, text.and(more)
	}
	if more, known := bases[l.Basis]; known {
		w.Basis, text = l.Basis, text.and(more)
	}
	if l.BreakGlass {
		text = text.and(barLifted)
	}
	w.Text = text
	return w
}

// Kind is what was looked at.
type Kind string

// The kinds. Details are a document's metadata without the document.
const (
	List     Kind = "list"
	Details  Kind = "details"
	Document Kind = "document"
)

var whats = map[string]struct {
	Kind
	Phrase
}{
	"search":       {List, Phrase{"Listen over dokumentene dine", "The list of your documents"}},
	"search-lists": {List, Phrase{"Listen over innsendinger og mapper med dokumenter om deg", "The list of submissions and folders with documents about you"}},
	"read-list":    {List, Phrase{"En innsending eller mappe med dokumenter om deg", "A submission or folder with documents about you"}},
	"read-entry":   {Details, Phrase{"Opplysninger om ett dokument", "Details of one document"}},
	"open":         {Document, Phrase{"Et dokument", "A document"}},
}

// what is an operation in plain words; one that is new is told as what it concerns.
func what(l audit.Lookup) (Kind, Phrase) {
	if w, known := whats[l.Operation]; known {
		return w.Kind, w.Phrase
	}
	if l.Document.UniqueID != "" || l.Document.Entry != "" {
		return Document, Phrase{"Et dokument", "A document"}
	}
	return List, Phrase{"Opplysninger om deg", "Information about you"}
}

// Outcome is what the health worker got.
type Outcome string

// The outcomes. Masked is one thing of which nothing showed but that it is barred (C2). A list is shown when it was answered, be it empty: how
// many stood in it would tell of documents that the citizen cannot see.
const (
	Shown   Outcome = "shown"
	Masked  Outcome = "masked"
	Refused Outcome = "refused"
)

var outcomes = map[Outcome]Phrase{
	Shown:   {"Helsepersonellet fikk se dette.", "The health worker was shown this."},
	Masked:  {"Helsepersonellet fikk bare se at dette er sperret.", "The health worker was shown only that this is barred."},
	Refused: {"Helsepersonellet fikk ikke se dette.", "The health worker was refused this."},
}

// outcome goes by the rule too: a list that a rule emptied (L4, L5) was denied in all but name. A search counts what it masked and shows the rest.
func outcome(l audit.Lookup) Outcome {
	switch {
	case l.Denied, l.Rule != "" && !l.Masked:
		return Refused
	case l.Masked && l.Rule != "":
		return Masked
	default:
		return Shown
	}
}

// Text is the outcome in plain words.
func (o Outcome) Text() Phrase { return outcomes[o] }
