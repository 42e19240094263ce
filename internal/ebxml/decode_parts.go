package ebxml

import (
	"strconv"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// home is homeCommunityId.
func (d *decoder) home(o *object, at string) string {
	home := document.StripURN(o.home)
	if home != "" && !document.IsOID(home) && d.submitted {
		d.metadata(at+".homeCommunityId", "The home is not an OID (urn:oid: and digits with dots).")
	}
	return home
}

// status reads availabilityStatus. Sources may leave it out, or say Submitted: a registry sets it.
func (d *decoder) status(uri, at string) document.Status {
	s := statusOf(uri)
	if s == 0 && uri != "" && uri != statusPrefix+"Submitted" && d.submitted {
		d.metadata(at, "The status is neither Approved nor Deprecated.")
	}
	return s
}

// version is versionName where it is a number; what sources write there means nothing (spec/ihe.md 1.5).
func version(name string) int {
	n, err := strconv.Atoi(name)
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// patient reads a CX.
func (d *decoder) patient(text, at string) document.PatientID {
	p, err := document.ParseCX(text)
	if err != nil && d.submitted {
		d.problem(fault.New(fault.MetadataError, "The patient's identifier is not a CX: want id^^^&authority&ISO.").By("P1"), at)
	}
	if err != nil && !d.submitted {
		return document.PatientID{Value: text}
	}
	return p
}

// sourcePatient reads the CX of a source's own patient, who is told of and never looked up: its authority may be an OID that is none.
func (d *decoder) sourcePatient(text, at string) document.PatientID {
	p, ok := looseCX(text)
	if !ok && d.submitted {
		d.metadata(at, "The sourcePatientId is not a CX: want id^^^&authority&ISO.")
	}
	return p
}

// looseCX reads a CX whatever its authority is called.
func looseCX(text string) (document.PatientID, bool) {
	if p, err := document.ParseCX(text); err == nil {
		return p, true
	}
	parts := strings.Split(text, "^")
	if len(parts) != 4 || parts[1] != "" || parts[2] != "" {
		return document.PatientID{}, false
	}
	p := document.PatientID{Value: strings.TrimSpace(parts[0]), Authority: authority(parts, 3)}
	return p, p.Check() == nil
}

// slots are an object's slots, each taken once; rest tells of those that nobody took.
type slots struct {
	d     *decoder
	at    string
	list  []Slot
	taken []bool
}

func (d *decoder) take(list []Slot, at string) *slots {
	return &slots{d: d, at: at, list: list, taken: make([]bool, len(list))}
}

// all are a slot's values, those that are empty left out.
func (s *slots) all(name string) []string {
	var values []string
	found := false
	for i, slot := range s.list {
		if slot.Name != name {
			continue
		}
		if found && s.d.submitted {
			s.d.metadata(s.at+"."+name, "The slot stands twice.")
		}
		found, s.taken[i] = true, true
		for _, v := range slot.Values {
			if v != "" {
				values = append(values, v)
			}
		}
	}
	return values
}

// one is the value of a slot that has one.
func (s *slots) one(name string) string {
	values := s.all(name)
	if len(values) == 0 {
		return ""
	}
	if len(values) > 1 {
		s.d.metadata(s.at+"."+name, "The slot has %d values; it has one.", len(values))
	}
	return values[0]
}

func (s *slots) time(name string) document.Time {
	text := s.one(name)
	if text == "" {
		return document.Time{}
	}
	t, err := parseDTM(text)
	if err != nil {
		s.d.metadata(s.at+"."+name, "The time is not YYYY[MM[DD[hh[mm[ss]]]]] in UTC.")
	}
	return t
}

// rest warns of what is not kept. The names are the sender's own and are not repeated.
func (s *slots) rest() {
	n := 0
	for _, taken := range s.taken {
		if !taken {
			n++
		}
	}
	if n > 0 && s.d.submitted {
		s.d.problem(fault.New(fault.ExtraMetadata, "Metadata in %d slots of other names than XDS has is not kept; the rest is.", n).AsWarning(), s.at)
	}
}

// identified says what an ExternalIdentifier is.
type identified struct {
	scheme, field string
	set           func(value string)
}

// identifiers reads ExternalIdentifiers, each of which must be there once.
func (d *decoder) identifiers(o *object, at string, want []identified) {
	for _, w := range want {
		n := 0
		for _, x := range o.ids {
			if x.scheme != w.scheme {
				continue
			}
			if x.value == "" {
				continue
			}
			if n++; n == 1 {
				w.set(x.value)
			}
		}
		switch {
		case !d.submitted:
		case n == 0:
			d.metadata(at+"."+w.field, "The ExternalIdentifier is missing, or has no value.")
		case n > 1:
			d.metadata(at+"."+w.field, "The ExternalIdentifier stands %d times; it stands once.", n)
		}
	}
}

// classes are an object's Classifications, by scheme.
type classes struct {
	d     *decoder
	at    string
	list  []classification
	taken []bool
}

func (d *decoder) classified(o *object, at string) *classes {
	return &classes{d: d, at: at, list: o.classes, taken: make([]bool, len(o.classes))}
}

// all are the codes of one scheme.
func (c *classes) all(scheme, field string) []document.Code {
	var codes []document.Code
	for i, v := range c.list {
		if v.scheme != scheme {
			continue
		}
		c.taken[i] = true
		system := ""
		for _, s := range v.slots {
			if s.Name == "codingScheme" && len(s.Values) > 0 {
				system = document.StripURN(s.Values[0])
			}
		}
		if c.d.submitted && (v.code == "" || system == "") {
			c.d.metadata(c.at+"."+field, "The code has no nodeRepresentation or no codingScheme.")
		}
		codes = append(codes, document.Code{Value: v.code, System: system, Display: v.name})
	}
	return codes
}

// one is the code of a scheme that an object has one of.
func (c *classes) one(scheme, field string) document.Code {
	codes := c.all(scheme, field)
	if len(codes) == 0 {
		return document.Code{}
	}
	if len(codes) > 1 && c.d.submitted {
		c.d.metadata(c.at+"."+field, "There are %d codes; there is one.", len(codes))
	}
	return codes[0]
}

// authors reads the authors of an object.
func (c *classes) authors(scheme string) (out []document.Author) {
	for i, v := range c.list {
		if v.scheme != scheme {
			continue
		}
		c.taken[i] = true
		out = c.author(v, out)
	}
	return out
}

// author appends one author; of several persons in one the first counts, as XDS has it.
func (c *classes) author(v classification, out []document.Author) []document.Author {
	s := c.d.take(v.slots, c.at+".author")
	var a document.Author
	persons := s.all("authorPerson")
	if len(persons) > 0 {
		a.Person = parsePerson(persons[0])
	}
	if len(persons) > 1 {
		c.d.notKept(c.at+".author", "A second authorPerson of one author")
	}
	a.Institutions = institutions(s.all("authorInstitution"))
	for _, r := range s.all("authorRole") {
		a.Roles = append(a.Roles, parseRole(r))
	}
	for _, r := range s.all("authorSpecialty") {
		a.Specialties = append(a.Specialties, parseRole(r))
	}
	if len(s.all("authorTelecommunication")) > 0 {
		c.d.notKept(c.at+".author", "An author's telecommunication address")
	}
	s.rest()
	if a.Person.IsZero() && a.Institutions == nil && a.Roles == nil && a.Specialties == nil {
		c.d.notKept(c.at+".author", "An author without person, institution, role and specialty")
		return out
	}
	return append(out, a)
}

// rest tells of Classifications that nobody took; limited is the node of what a registry refuses, known that of what the object is.
func (c *classes) rest(limited string, known ...string) {
	n := 0
	for i, v := range c.list {
		switch {
		case c.taken[i], len(known) > 0 && v.node == known[0]:
		case v.node != "" && v.node == limited || v.scheme == limited && limited != "":
			c.d.metadata(c.at, "The object has limited metadata, which a registry does not take.")
		default:
			n++
		}
	}
	if n > 0 && c.d.submitted {
		c.d.problem(fault.New(fault.ExtraMetadata, "%d Classifications that XDS does not have are not kept; the rest is.", n).AsWarning(), c.at)
	}
}
