package submission

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
)

// hl7Confidentiality is the code system of N, R and V (C1).
const hl7Confidentiality = "2.16.840.1.113883.5.25"

func missing(location, what string) *fault.Problem {
	return fault.New(fault.MetadataError, "%s is missing; the registry needs it.", what).At(location).By("W4")
}

// checkClaim: profile nhn takes Comprehensive and does not insist on the word; profile ihe insists (docs/profiles.md).
func (v *verdict) checkClaim() {
	if v.request.Form.xds() {
		return // there is one level
	}
	ihe := v.tenant.Profile == tenant.IHE
	switch c := v.request.Claim; {
	case c == Unrecognised:
		v.problems.Add(fault.New(fault.MetadataError, "The message names a profile that is not one of IHE MHD's ProvideBundle profiles.").At("profile"))
	case c == Unclaimed && ihe:
		v.problems.Add(missing("profile", "The profile that the message follows (meta.profile)"))
	case c == Minimal && v.tenant.ID != 0 && !ihe:
		v.problems.Add(fault.New(fault.MetadataError, "This instance takes Comprehensive metadata only (profile nhn); the message claims Minimal.").At("profile"))
	}
}

// checkSet: what a submission set must have (ITI TF-3 table 4.2.3.3-1), and a patient identifier that can be one (P2).
func (v *verdict) checkSet(synthetic bool) {
	if len(v.request.Documents)+len(v.request.Folders)+len(v.request.Links) == 0 && !v.request.Problems.Refuses() {
		code := fault.MissingMetadata
		if v.request.Form.xds() {
			code = fault.MetadataError
		}
		v.problems.Add(fault.New(code, "The message holds no document entry and no folder.").At("set"))
	}
	if v.set.SourceID == "" {
		v.problems.Add(missing("set.sourceId", "The source's identifier (sourceId, an OID)"))
	}
	if v.request.Claim != Minimal && v.set.ContentType.Value == "" {
		v.problems.Add(missing("set.contentType", "The kind of submission (designationType)"))
	}
	v.checkSize(v.set, "set.comments", "submission set's")
	v.checkPatient(v.set.Patient, "set.patient", synthetic)
	for i, e := range v.entries {
		if e.Patient == v.set.Patient && !e.Patient.IsZero() {
			continue
		}
		// A patient that is missing on one side is told as missing: there is nothing that could differ.
		if !e.Patient.IsZero() && !v.set.Patient.IsZero() {
			v.problems.Add(fault.New(fault.PatientMismatch, "The document's patient is not the patient of the submission set.").At(at(i, "patient")))
		}
		v.checkPatient(e.Patient, at(i, "patient"), synthetic)
	}
}

func (v *verdict) checkPatient(p document.PatientID, location string, synthetic bool) {
	if p.IsZero() {
		v.problems.Add(missing(location, "The patient's identifier with its system"))
		return
	}
	if err := p.Check(); err != nil {
		v.problems.Add(fault.New(fault.BadPatientID, "The patient identifier cannot be used: it needs a value and a system, without ^ & ~ or control characters.").
			At(location).By("P1").Because(err))
		return
	}
	if err := document.CheckNorwegian(p, synthetic); err != nil {
		v.problems.Add(fault.New(fault.BadPatientID, "The national identity number is not valid: a fødselsnummer or D-nummer has 11 digits, "+
			"a date and two check digits that fit, under its own OID. Synthetic numbers are taken in test environments only.").At(location).By("P2"))
	}
}

// checkEntry: what a document entry must have. Language and period are required by IHE, and real record systems leave them out: a
// warning.
func (v *verdict) checkEntry(i int) {
	e, d := v.entries[i], v.request.Documents[i]
	if v.request.Claim != Minimal || v.tenant.Profile != tenant.IHE {
		v.checkComprehensive(i)
	}
	if e.UniqueID == "" {
		v.problems.Add(missing(at(i, "uniqueId"), "The document's unique identifier (masterIdentifier)"))
	}
	if e.MimeType == "" {
		v.problems.Add(missing(at(i, "mimeType"), "The document's content type"))
	}
	v.checkSize(e, at(i, "comments"), "document's")
	if !e.ServiceStart.IsZero() && !e.ServiceStop.IsZero() && e.ServiceStop.At.Before(e.ServiceStart.At) {
		v.problems.Add(fault.New(fault.MetadataError, "The service stops before it starts.").At(at(i, "servicePeriod")).By("W4"))
	}
	if v.request.Form.xds() {
		v.checkRegistered(i)
	} else if d.Bytes == nil {
		v.problems.Add(fault.New(fault.MissingDocument, "The entry's document is not in the message: no Binary has the address that its attachment names.").
			At(at(i, "document")).By("W2"))
	}
}

// maxMetadata is the most that an entry, a set or a folder may have in metadata, in bytes of JSON; usual ones have 4 KiB. A page of 200 is read and
// written as a whole, by whoever searches: one organisation's entries must not use up the memory for all.
const maxMetadata = 64 << 10

func (v *verdict) checkSize(object any, location, whose string) {
	if text, err := json.Marshal(object); err != nil || len(text) > maxMetadata {
		v.problems.Add(fault.New(fault.MetadataError, "The %s metadata have %d KiB; at most %d. Put into the document what is more than a description of it.",
			whose, len(text)>>10, maxMetadata>>10).At(location).By("W4").Because(err))
	}
}

func (v *verdict) checkComprehensive(i int) {
	e := v.entries[i]
	for _, need := range []struct {
		absent bool
		field  string
		what   string
	}{
		{e.Class.Value == "", "classCode", "The document class (category)"},
		{e.Type.Value == "", "typeCode", "The document type (type)"},
		{e.Format.Value == "", "formatCode", "The format code (content.format)"},
		{e.Facility.Value == "", "healthcareFacilityTypeCode", "The facility type (context.facilityType)"},
		{e.Practice.Value == "", "practiceSettingCode", "The practice setting (context.practiceSetting)"},
		{e.Creation.IsZero() && !e.OnDemand, "creationTime", "The document's creation time (attachment.creation)"},
		{e.SourcePatient.ID.IsZero() && e.SourcePatient.Family == "", "sourcePatient", "The patient as the source knows it (context.sourcePatientInfo)"},
	} {
		if need.absent {
			v.problems.Add(missing(at(i, need.field), need.what))
		}
	}
	if v.request.Form.xds() {
		return // what XDS requires beside these, and no more: checkRegistered
	}
	if e.Language == "" {
		v.problems.Add(missing(at(i, "languageCode"), "The document's language (attachment.language)").AsWarning())
	}
	if e.ServiceStart.IsZero() && e.ServiceStop.IsZero() {
		v.problems.Add(missing(at(i, "servicePeriod"), "The period of the service (context.period)").AsWarning())
	}
}

// checkCodes: D2 for every coded field, C1 for confidentiality.
func (v *verdict) checkCodes(i int) {
	e := v.entries[i]
	check := func(field terminology.Field, name string, codes ...document.Code) {
		for _, c := range codes {
			if c.Value == "" {
				continue // said as missing already, where it is required
			}
			if p := terminology.Check(field, c); p != nil {
				v.problems.Add(p.At(at(i, name)))
			}
		}
	}
	check(terminology.Class, "classCode", e.Class)
	check(terminology.Type, "typeCode", e.Type)
	check(terminology.Format, "formatCode", e.Format)
	check(terminology.Facility, "healthcareFacilityTypeCode", e.Facility)
	check(terminology.Practice, "practiceSettingCode", e.Practice)
	check(terminology.Event, "eventCodeList", e.Events...)
	v.checkConfidentiality(at(i, "confidentialityCode"), e.Confidentiality)
	if i == 0 {
		v.checkContentType()
	}
}

func (v *verdict) checkContentType() {
	if v.set.ContentType.Value == "" {
		return // said as missing already, where it is required
	}
	if p := terminology.Check(terminology.ContentType, v.set.ContentType); p != nil {
		v.problems.Add(p.At("set.contentType"))
	}
}

func (v *verdict) checkConfidentiality(location string, codes []document.Code) {
	v.problems.Add(confidentialityProblems(location, codes)...)
}

// maxConfidentialityCodes bounds what one entry can carry; 9603 has fewer codes than this.
const maxConfidentialityCodes = 20

func confidentialityProblems(location string, codes []document.Code) (ps fault.Problems) {
	if len(codes) > maxConfidentialityCodes {
		ps.Add(fault.New(fault.MetadataError, "%d confidentiality codes: at most %d.", len(codes), maxConfidentialityCodes).At(location).By("C1"))
		return ps
	}
	if !terminology.HasBase(codes) {
		ps.Add(fault.New(fault.MetadataError, "The document needs at least one HL7 confidentiality code: N, R or V of "+
			"http://terminology.hl7.org/CodeSystem/v3-Confidentiality.").At(location).By("C1"))
	}
	for _, c := range codes {
		if p := terminology.Check(terminology.Confidentiality, c); p != nil {
			ps.Add(p.At(location))
		}
	}
	return ps
}

// checkBytes: what was received against what was declared (F1, F2, F5), and the scanner's word (F3, F4).
func (s *Service) checkBytes(ctx context.Context, v *verdict, i int) {
	d, e := v.request.Documents[i], &v.entries[i]
	if d.Bytes == nil {
		return
	}
	facts, err := d.Bytes.Facts(ctx)
	if err != nil {
		for _, p := range fault.Of(err) {
			v.problems.Add(p.At(at(i, "document")))
		}
		return
	}
	e.Size, e.SHA1, e.SHA256 = facts.Size, facts.SHA1, facts.SHA256
	if facts.Infected {
		v.infected = append(v.infected, i)
		v.findings = facts.Finding
		v.problems.Add(fault.New(fault.VirusFound, "The virus scanner found %q in the document. It was not published; it is kept in quarantine, "+
			"where only the administrators of the service reach it.", facts.Finding).At(at(i, "document")).By("F4"))
	}
	v.checkDeclared(i, facts.Size, facts.SHA1, facts.SHA256)
	for _, p := range facts.Format.Check(e.MimeType, e.Title) {
		v.problems.Add(p.At(at(i, "mimeType")))
	}
	if d.OtherMimeType != "" && e.MimeType != "" && !sameMedia(d.OtherMimeType, e.MimeType) {
		v.problems.Add(fault.New(fault.FormatMismatch, "The entry and the document itself declare different content types. Declare the same in both.").
			At(at(i, "mimeType")).By("F2"))
	}
}

func (v *verdict) checkDeclared(i int, size int64, sha1, sha256 []byte) {
	d := v.request.Documents[i]
	if d.DeclaredSize >= 0 && d.DeclaredSize != size {
		v.problems.Add(fault.New(fault.RepositoryMetadata, "The declared size is %d bytes; %d bytes were received.", d.DeclaredSize, size).At(at(i, "size")))
	}
	if len(d.DeclaredHash) > 0 && !bytes.Equal(d.DeclaredHash, sha1) && !bytes.Equal(d.DeclaredHash, sha256) {
		v.problems.Add(fault.New(fault.RepositoryMetadata, "The declared hash is not that of the bytes received: their SHA-1 is %x.", sha1).At(at(i, "hash")))
	}
}

// checkMessage: identifiers that must differ within one message.
func (v *verdict) checkMessage() {
	seen := map[string]int{}
	code := fault.DuplicateInMessage
	if v.request.Form == Provide {
		code = fault.DuplicateInRepository
	}
	for i, e := range v.entries {
		for _, id := range []string{"id " + e.ID.String(), "uniqueId " + e.UniqueID} {
			if _, twice := seen[id]; twice && e.UniqueID != "" {
				v.problems.Add(fault.New(code, "Two documents of the message have the same identifier.").At(at(i, "uniqueId")))
			}
			seen[id] = i
		}
		for n, r := range v.request.Documents[i].Relations {
			if r.Target.Entry != uuid.Nil && v.holds(r.Target.Entry) {
				v.problems.Add(fault.New(fault.UnresolvedReference, "A relation must name a document that is registered already, not one of the same message.").
					At(at(i, fmt.Sprintf("relations[%d]", n))))
			}
		}
	}
	if _, twice := seen["uniqueId "+v.set.UniqueID]; twice && v.request.Form.xds() {
		v.problems.Add(fault.New(fault.DuplicateInMessage, "The submission set has the uniqueId of one of its documents.").At("set.uniqueId"))
	}
}

func (v *verdict) holds(id uuid.UUID) bool {
	for _, e := range v.entries {
		if e.ID == id {
			return true
		}
	}
	return false
}
