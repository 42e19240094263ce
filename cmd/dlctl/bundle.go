package main

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the hash that XDS and FHIR's Attachment.hash prescribe
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/terminology"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// organisationNumbers is the code system of Enhetsregisteret.
const organisationNumbers = "urn:oid:2.16.578.1.12.4.1.4.101"

// The addresses that MHD 4.2 gives to profiles and extensions.
const (
	mhd        = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"
	mhdProfile = mhd + "IHE.MHD.Comprehensive."
	listTypes  = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
	uris       = "urn:ietf:rfc:3986"
)

// draft is what a bundle says about its one document.
type draft struct {
	Patient          document.PatientID
	Given, Family    string
	BirthDate        string
	Title, MimeType  string
	Language         string
	Class, Type      string
	Codes            []string
	Facility         document.Code
	Practice         document.Code
	HomeCommunity    string
	SourceID         string
	Organisation     string
	OrganisationName string
	AuthorGiven      string
	AuthorFamily     string
	Created          time.Time
	Replaces         string
	Size             int64
	SHA1             []byte
	// List, Patient, Reference and Binary are fresh ids.
	ListID, PatientResourceID, ReferenceID, BinaryID uuid.UUID
}

// measure reads a document once, for the size and the hash that stand before it in the bundle.
func measure(r io.Reader) (size int64, digest []byte, err error) {
	hash := sha1.New() //nolint:gosec // see the import
	size, err = io.Copy(hash, r)
	return size, hash.Sum(nil), err
}

// bundle is the transaction of ITI-65, Comprehensive metadata; data stands in for the document.
func (d *draft) bundle(data string) *fhir.Bundle {
	post := func(id uuid.UUID, r fhir.Typed) fhir.BundleEntry {
		return fhir.BundleEntry{FullURL: "urn:uuid:" + id.String(), Resource: fhir.Hold(r), Request: &fhir.BundleRequest{Method: "POST", URL: r.FHIRType()}}
	}
	return &fhir.Bundle{
		Meta: &fhir.Meta{Profile: []string{mhdProfile + "ProvideBundle"}}, Type: fhir.Transaction, Timestamp: d.Created.Format(time.RFC3339),
		Entry: []fhir.BundleEntry{
			post(d.ListID, d.list()), post(d.PatientResourceID, d.patient()), post(d.ReferenceID, d.reference()),
			post(d.BinaryID, &fhir.Binary{ID: d.BinaryID.String(), ContentType: d.MimeType, Data: data}),
		},
	}
}

func urn(id uuid.UUID) string { return "urn:uuid:" + id.String() }

func coded(system, code string) *fhir.CodeableConcept {
	return &fhir.CodeableConcept{Coding: []fhir.Coding{{System: terminology.URI(system), Code: code, Display: terminology.Display(system, code)}}}
}

func (d *draft) subject() *fhir.Reference {
	return &fhir.Reference{Reference: urn(d.PatientResourceID)}
}

func (d *draft) patient() *fhir.Patient {
	p := &fhir.Patient{ID: d.PatientResourceID.String(), BirthDate: d.BirthDate,
		Identifier: []fhir.Identifier{{System: document.URN(d.Patient.Authority), Value: d.Patient.Value}}}
	if d.Family != "" {
		p.Name = []fhir.HumanName{{Family: d.Family, Given: strings.Fields(d.Given)}}
	}
	return p
}

// contained is the patient as the source of the document knows them: Comprehensive metadata contain who they were then.
func (d *draft) contained() fhir.Resource {
	p := d.patient()
	p.ID = "patient"
	return *fhir.Hold(p)
}

// authors are contained resources, person with "#person", organisation and role alike.
func (d *draft) authors() []fhir.Resource {
	return []fhir.Resource{
		*fhir.Hold(&fhir.Practitioner{ID: "person", Name: []fhir.HumanName{{Family: d.AuthorFamily, Given: strings.Fields(d.AuthorGiven)}}}),
		*fhir.Hold(&fhir.Organization{ID: "organisation", Name: d.OrganisationName,
			Identifier: []fhir.Identifier{{System: organisationNumbers, Value: d.Organisation}}}),
		*fhir.Hold(&fhir.PractitionerRole{ID: "role", Practitioner: &fhir.Reference{Reference: "#person"}, Organization: &fhir.Reference{Reference: "#organisation"}}),
	}
}

// list is the submission set. Its uniqueId is an OID, as MHD wants (SubmissionSetUniqueIdIdentifier); a List has no use for the role.
func (d *draft) list() *fhir.List {
	return &fhir.List{
		ID: d.ListID.String(), Meta: &fhir.Meta{Profile: []string{mhdProfile + "SubmissionSet"}}, Contained: d.authors()[:2],
		Extension: []fhir.Extension{
			{URL: mhd + "ihe-designationType", ValueCodeableConcept: coded(terminology.DocumentType, d.Type)},
			{URL: mhd + "ihe-sourceId", ValueIdentifier: &fhir.Identifier{System: uris, Value: document.URN(d.SourceID)}},
		},
		Identifier: []fhir.Identifier{{Use: "usual", System: uris, Value: document.URN(document.OIDOf(d.ListID))}, {Use: "official", System: uris, Value: urn(d.ListID)}},
		Status:     "current", Mode: "working", Title: d.Title,
		Code:    &fhir.CodeableConcept{Coding: []fhir.Coding{{System: listTypes, Code: "submissionset"}}},
		Subject: d.subject(), Date: d.Created.Format(time.RFC3339),
		Source: &fhir.Reference{Reference: "#person", Extension: []fhir.Extension{
			{URL: mhd + "ihe-authorOrg", ValueReference: &fhir.Reference{Reference: "#organisation"}}}},
		Entry: []fhir.ListEntry{{Item: &fhir.Reference{Reference: urn(d.ReferenceID)}}},
	}
}

// reference is the document entry. masterIdentifier and Binary.id are the same, so that the document has one uniqueId under both
// tenant profiles (docs/profiles.md).
func (d *draft) reference() *fhir.DocumentReference {
	ref := &fhir.DocumentReference{
		ID: d.ReferenceID.String(), Meta: &fhir.Meta{Profile: []string{mhdProfile + "DocumentReference"}}, Contained: append(d.authors(), d.contained()),
		MasterIdentifier: &fhir.Identifier{Use: "usual", System: uris, Value: urn(d.BinaryID)},
		Identifier:       []fhir.Identifier{{Use: "official", System: uris, Value: urn(d.ReferenceID)}},
		Status:           "current", Type: coded(terminology.DocumentType, d.Type), Category: []fhir.CodeableConcept{*coded(terminology.DocumentType, d.Class)},
		Subject: d.subject(), Date: d.Created.Format(time.RFC3339), Author: []fhir.Reference{{Reference: "#role"}},
		SecurityLabel: labels(d.Codes),
		Content: []fhir.DocumentReferenceContent{{Attachment: d.attachment(),
			Format: &coded(terminology.FormatCode, "urn:ihe:iti:xds:2017:mimeTypeSufficient").Coding[0]}},
		Context: &fhir.DocumentReferenceContext{
			Period:       &fhir.Period{Start: d.Created.Format(time.DateOnly), End: d.Created.Format(time.DateOnly)},
			FacilityType: coded(d.Facility.System, d.Facility.Value), PracticeSetting: coded(d.Practice.System, d.Practice.Value),
			SourcePatientInfo: &fhir.Reference{Reference: "#patient"},
		},
	}
	if d.Replaces != "" {
		ref.RelatesTo = []fhir.DocumentReferenceRelated{{Code: "replaces", Target: &fhir.Reference{Reference: "DocumentReference/" + d.Replaces}}}
	}
	return ref
}

func (d *draft) attachment() *fhir.Attachment {
	return &fhir.Attachment{
		Extension:   []fhir.Extension{{URL: mhd + "ihe-homeCommunityId", ValueURI: document.URN(d.HomeCommunity)}},
		ContentType: d.MimeType, Language: d.Language, URL: urn(d.BinaryID), Size: &d.Size, Hash: fhir.EncodeHash(d.SHA1),
		Title: d.Title, Creation: d.Created.Format(time.RFC3339),
	}
}

// labels writes confidentiality codes: N, R and V are HL7's, all others are of 9603 (C1).
func labels(codes []string) (out []fhir.CodeableConcept) {
	for _, code := range codes {
		system := terminology.ConfidentialityNO
		if code == "N" || code == "R" || code == "V" {
			system = terminology.ConfidentialityHL7
		}
		out = append(out, *coded(system, code))
	}
	return out
}

// errChanged is a document that was not the same the second time it was read.
var errChanged = errors.New("the file changed while it was read; the bundle is not whole")

// write writes the bundle with the document streamed into its place: memory stays flat whatever the document's size.
func (d *draft) write(out io.Writer, content io.Reader) error {
	mark := uuid.NewString()
	raw, err := fhir.Marshal(d.bundle(mark))
	if err != nil {
		return err
	}
	value := jsontext.Value(raw)
	if err := value.Indent(jsontext.WithIndent(" ")); err != nil {
		return err
	}
	before, after, found := bytes.Cut(value, []byte(mark))
	if !found {
		return errors.New("the document has no place in its bundle")
	}
	if _, err := out.Write(before); err != nil {
		return err
	}
	encoder := base64.NewEncoder(base64.StdEncoding, out)
	size, digest, err := measure(io.TeeReader(content, encoder))
	if err = errors.Join(err, encoder.Close()); err != nil {
		return err
	}
	if size != d.Size || !bytes.Equal(digest, d.SHA1) {
		return errChanged
	}
	_, err = fmt.Fprintf(out, "%s\n", after)
	return err
}
