package ebxml

import (
	"encoding/hex"
	"strconv"
	"strings"

	"dokumentlager/internal/document"
)

// entry reads a DocumentEntry (ITI TF-3 table 4.2.3.2-1).
func (d *decoder) entry(o *object, at string) Entry {
	var e Entry
	e.Ref, e.LogicalRef = plainRef(o.id), plainRef(o.lid)
	e.ID, e.LogicalID = asUUID(e.Ref), asUUID(e.LogicalRef)
	e.Home, e.Status = d.home(o, at), d.status(o.status, at)
	e.Version = version(o.version)
	e.MimeType, e.Title, e.Comments = o.mimeType, o.name, o.description
	switch plainRef(o.objectType) {
	case stableType:
	case onDemandType:
		e.OnDemand = true
	default:
		d.metadata(at+".objectType", "The objectType is neither that of stable documents nor that of On-Demand ones.")
	}
	if o.mimeType == "" && d.submitted {
		d.metadata(at+".mimeType", "The mimeType is missing.")
	}
	d.entrySlots(o, &e, at)
	d.entryCodes(o, &e, at)
	d.identifiers(o, at, []identified{
		{entryPatient, "patient", func(v string) { e.Patient = d.patient(v, at+".patient") }},
		{entryUnique, "uniqueId", func(v string) { e.UniqueID = document.StripURN(v) }},
	})
	return e
}

func (d *decoder) entrySlots(o *object, e *Entry, at string) {
	s := d.take(o.slots, at)
	e.Creation = s.time("creationTime")
	e.ServiceStart, e.ServiceStop = s.time("serviceStartTime"), s.time("serviceStopTime")
	e.Language = s.one("languageCode")
	e.Repository = document.StripURN(s.one("repositoryUniqueId"))
	e.References = s.all(slotReferences)
	e.Offline = s.one(slotAvailability) == availabilityPrefix+"Offline"
	d.size(e, s, at)
	if v := s.one("sourcePatientId"); v != "" {
		e.SourcePatient.ID = d.sourcePatient(v, at+".sourcePatient")
	}
	d.sourceInfo(s.all("sourcePatientInfo"), &e.SourcePatient, at)
	if len(s.all("legalAuthenticator")) > 0 {
		d.notKept(at+".legalAuthenticator", "The legal authenticator")
	}
	if len(s.all("URI")) > 0 {
		d.notKept(at+".URI", "The URI")
	}
	s.rest()
}

// size reads size and hash; an On-Demand entry has neither, nor a time of creation.
func (d *decoder) size(e *Entry, s *slots, at string) {
	if text := s.one("size"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			d.metadata(at+".size", "The size is not a number of bytes.")
		} else {
			e.Size, e.SizeStated = n, true
		}
	}
	if text := s.one("hash"); text != "" {
		sum, err := hex.DecodeString(text)
		if err != nil || len(sum) != 20 {
			d.metadata(at+".hash", "The hash is not a SHA-1 in 40 hexadecimal digits.")
		} else {
			e.SHA1 = sum
		}
	}
	if e.OnDemand && d.submitted && (e.SizeStated || e.SHA1 != nil || !e.Creation.IsZero()) {
		d.metadata(at, "An On-Demand entry has no creationTime, size and hash.")
	}
}

// sourceInfo reads sourcePatientInfo: the fields that the model has. What cannot be read of it is not a reason to refuse.
func (d *decoder) sourceInfo(values []string, p *document.SourcePatient, at string) {
	dropped := false
	for _, v := range values {
		field, text, _ := strings.Cut(v, "|")
		text = strings.TrimSpace(text)
		switch {
		case text == "":
		case field == "PID-5" && p.Family == "" && p.Given == nil:
			name := strings.Split(text, "^")
			family, _, _ := strings.Cut(name[0], "&")
			p.Family = unescape(strings.TrimSpace(family))
			if given := component(name, 1); given != "" {
				p.Given = append(p.Given, given)
			}
			p.Given = append(p.Given, strings.Fields(component(name, 2))...)
		case field == "PID-7" && birthDate(text) != "":
			p.BirthDate = birthDate(text)
		case field == "PID-8" && genderOf(text) != "":
			p.Gender = genderOf(text)
		case field == "PID-3" && sameAsStated(text, p):
		default:
			dropped = true
		}
	}
	if dropped {
		d.notKept(at+".sourcePatient", "What sourcePatientInfo says beside name, birth date and gender")
	}
}

// sameAsStated is whether PID-3 says no more than sourcePatientId; where that is missing it is taken.
func sameAsStated(text string, p *document.SourcePatient) bool {
	id, ok := looseCX(text)
	if ok && p.ID.IsZero() {
		p.ID = id
	}
	return ok && id == p.ID
}

func (d *decoder) entryCodes(o *object, e *Entry, at string) {
	codes := d.classified(o, at)
	e.Class = codes.one(entryClass, "classCode")
	e.Type = codes.one(entryType, "typeCode")
	e.Format = codes.one(entryFormat, "formatCode")
	e.Facility = codes.one(entryFacility, "healthcareFacilityTypeCode")
	e.Practice = codes.one(entryPractice, "practiceSettingCode")
	e.Events = codes.all(entryEvent, "eventCodeList")
	e.Confidentiality = codes.all(entryConfidentiality, "confidentialityCode")
	e.Authors = codes.authors(entryAuthor)
	codes.rest(limitedMetadata)
}
