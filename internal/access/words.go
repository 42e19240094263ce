package access

import "strings"

// Language is one that decisions are explained in.
type Language string

// The languages, by their tags. Any other is answered in Bokmaal.
const (
	Bokmaal Language = "nb"
	English Language = "en"
)

// phrase is the same words in both languages.
type phrase struct{ nb, en string }

func (p phrase) in(l Language) string {
	if l == English {
		return p.en
	}
	return p.nb
}

// saying is a reason's rule and its half sentence, which follows a colon.
type saying struct {
	rule string
	phrase
}

// sayings has a line for every reason. They name codes, ages and periods, never a person, an organisation or a date.
var sayings = [...]saying{
	noBaseCode: {"C1", phrase{"dokumentet har ingen gyldig konfidensialitetskode (N, R eller V)",
		"the document has no valid confidentiality code (N, R or V)"}},
	nothingTaken:     {"C2", phrase{"ingen regel er til hinder", "no rule stands against it"}},
	restrictedToList: {"C2", phrase{"koden R gir innbyggersiden bare metadata", "the code R gives the citizen's side metadata only"}},
	veryRestricted: {"C2", phrase{"koden V gir innbyggersiden bare navnet på virksomheten",
		"the code V gives the citizen's side the organisation's name only"}},
	deniedToCitizen: {"C2", phrase{"koden NORN_ANG gir innbyggersiden bare navnet på virksomheten",
		"the code NORN_ANG gives the citizen's side the organisation's name only"}},
	barredToPersonnel: {"C2", phrase{"koden NORS sperrer innholdet for helsepersonell", "the code NORS bars the content to health personnel"}},
	barLifted: {"C2", phrase{"formålet er nødrett, som opphever sperren NORS her og merkes i revisjonsloggen",
		"the purpose is break-glass, which lifts the bar NORS here and is marked in the audit log"}},
	noReader: {"C3", phrase{"bare helsepersonell med personlig token og innbyggersiden får lese",
		"only health personnel with a personal token and the citizen's side may read"}},
	papersLacking: {"C3", phrase{"helsepersonell må ha HPR-nummer, sikkerhetsnivå 4, attest med formål og en rolle, og noe av det mangler",
		"health personnel need an HPR number, security level 4, an attest with a purpose and a role, and some of it is missing"}},
	roleRefused:  {"C3", phrase{"helsepersonell med denne rollen får ikke lese", "health personnel with this role may not read"}},
	factsUnknown: {"C5", phrase{"pasientens alder er ikke kjent her", "the patient's age is not known here"}},
	birthUnknown: {"C5", phrase{"uten kjent fødselsdato får bare pasienten selv innsyn på innbyggersiden",
		"without a known birth date only the patient gets in on the citizen's side"}},
	guardianship: {"C5", phrase{"foreldre har ikke innsyn fra barnet fyller 12 år", "parents have no access from the child's 12th birthday"}},
	childhood: {"C5", phrase{"under 16 år har verken pasienten selv eller en fullmektig innsyn",
		"under 16 neither the patient nor the holder of a power of attorney has access"}},
	youth:        {"C5", phrase{"fra 16 til 18 år vises ikke dokumenter med koden V", "from 16 to 18 documents with the code V are not shown"}},
	basisLacking: {"C6", phrase{"det mangler et gyldig grunnlag for tilgang", "a valid basis for access is missing"}},
	openingOnly:  {"C6", phrase{"tilgangen gjelder åpning av dokumenter, ikke lister", "the scope is for opening documents, not for lists"}},
	classLeftOut: {"C6", phrase{"kjernejournalforskriften omfatter ikke denne dokumenttypen",
		"kjernejournalforskriften does not cover this class of documents"}},
	tooOld: {"C6", phrase{"dokumentet er eldre enn kjernejournalforskriften viser av denne dokumenttypen",
		"the document is older than kjernejournalforskriften shows of its class"}},
	notShared: {"C7", phrase{"virksomheten deler ikke dokumentene sine med denne typen lesere",
		"the organisation does not share its documents with this kind of reader"}},
	otherOrganisation: {"C7", phrase{"dokumentet deles bare med helsepersonell i egen virksomhet",
		"the document is shared with health personnel of its own organisation only"}},
	longDead: {"L4", phrase{"pasienten døde for mer enn 30 dager siden", "the patient died more than 30 days ago"}},
	addressProtected: {"L5", phrase{"pasientens adresse er beskyttet, og da har ikke helsepersonell tilgang",
		"the patient's address is protected, and then health personnel have no access"}},
	addressUnknown: {"L5", phrase{"det er ikke kjent om pasientens adresse er beskyttet", "it is not known whether the patient's address is protected"}},
}

// What the first sentence says of the list, by List.
var listed = [...]phrase{
	Omit: {"Dokumentet vises ikke i listen", "The document is not shown in the list"},
	Mask: {"Dokumentet vises i listen bare med navnet på virksomheten", "The document is shown in the list with the organisation's name only"},
	Show: {"Dokumentet vises i listen", "The document is shown in the list"},
}

// What it says of opening depends on whether that points the same way, and what follows depends on how many rules decided.
var (
	andOpens = phrase{" og kan åpnes: ", " and can be opened: "}
	butOpens = phrase{", men kan åpnes: ", " but can be opened: "}
	norOpens = phrase{" og kan ikke åpnes: ", " and cannot be opened: "}
	butNot   = phrase{", men kan ikke åpnes: ", " but cannot be opened: "}
	moreover = phrase{" Dessuten: ", " Besides: "}
	also     = phrase{" Også %s er til hinder.", " %s stand against it too."}
	and      = phrase{" og ", " and "}
)

// Explain says in one or two sentences what the decision is and what decided it, the strictest first. No identifier of a person or an
// organisation is in it.
func (d Decision) Explain(l Language) string {
	if d.List > Show {
		d.List = Omit
	}
	told := listed[d.List].in(l) + d.opening().in(l)
	if len(d.Reasons) == 0 {
		return told + noReason.said().in(l) + "."
	}
	told += d.Reasons[0].said().in(l) + "."
	switch rest := d.Reasons[1:]; len(rest) {
	case 0:
		return told
	case 1:
		return told + moreover.in(l) + rest[0].said().in(l) + "."
	default:
		return told + strings.ReplaceAll(also.in(l), "%s", enumerate(rest, l))
	}
}

func (d Decision) opening() phrase {
	switch {
	case d.Open == Allow && d.List == Show:
		return andOpens
	case d.Open == Allow:
		return butOpens
	case d.List == Show:
		return butNot
	default:
		return norOpens
	}
}

// enumerate joins the reasons' rules as "L4, L5 and C2".
func enumerate(reasons []Reason, l Language) string {
	var ids []string
	for _, r := range reasons {
		ids = append(ids, r.Rule())
	}
	last := len(ids) - 1
	return strings.Join(ids[:last], ", ") + and.in(l) + ids[last]
}
