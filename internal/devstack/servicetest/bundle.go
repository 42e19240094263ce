package servicetest

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// LINE DANSER is a synthetic patient that NHN publishes for tests.
const (
	Patient       = "13116900216"
	PatientSystem = "urn:oid:2.16.578.1.12.4.1.4.1"
)

// Doc is one document of a bundle; the zero value of everything but Bytes is filled in.
type Doc struct {
	ID, BinaryID, MasterID string
	Bytes                  []byte
	Type, Title            string
	Creation               string
	// Codes are confidentiality codes: N, R, V of HL7, others of 9603.
	Codes []string
	// Relates is relatesTo: code and DocumentReference id.
	Relates map[string]string
	// Class and TypeCode are codes of 9602.
	Class, TypeCode string
}

// Bundle is an ITI-65 bundle as a record system makes it. Change edits the finished message before it is written.
type Bundle struct {
	Home, Patient string
	Docs          []Doc
	Change        func(message Object)
}

// Object is a JSON object.
type Object = map[string]any

// NewDoc is a short text document with identifiers of its own.
func NewDoc() Doc {
	return Doc{ID: uuid.NewString(), BinaryID: uuid.NewString(), MasterID: uuid.NewString(), Bytes: []byte("Epikrise: pasienten er frisk. Blåbær på vei.\n" + uuid.NewString())}
}

// BundleFor is a bundle of one short document to an instance.
func BundleFor(t tenant.Tenant, docs ...Doc) Bundle {
	if len(docs) == 0 {
		docs = []Doc{NewDoc()}
	}
	return Bundle{Home: t.HomeCommunity, Patient: Patient, Docs: docs}
}

// JSON writes the message.
func (b Bundle) JSON(t testing.TB) []byte {
	t.Helper()
	message := b.message()
	if b.Change != nil {
		b.Change(message)
	}
	text, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const mhd = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"

func (b Bundle) message() Object {
	set, patient := "urn:uuid:"+uuid.NewString(), "urn:uuid:"+uuid.NewString()
	var members []any
	for _, d := range b.Docs {
		members = append(members, Object{"item": Object{"reference": "urn:uuid:" + d.ID}})
	}
	entries := []any{
		entry(set, "List", Object{
			"resourceType": "List", "status": "current", "mode": "working", "date": "2026-11-01T12:00:00Z", "title": "Innsending",
			"extension": []any{
				Object{"url": mhd + "ihe-designationType", "valueCodeableConcept": concept("2.16.578.1.12.4.1.1.9602", "A03-2")},
				Object{"url": mhd + "ihe-sourceId", "valueIdentifier": Object{"value": "urn:oid:2.16.578.1.12.4.5.480.1.2"}},
			},
			"identifier": []any{Object{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:" + document.OIDOf(uuid.New())}},
			"code":       Object{"coding": []any{Object{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "submissionset"}}},
			"subject":    Object{"reference": patient}, "entry": members,
		}),
		entry(patient, "Patient", b.person()),
	}
	for _, d := range b.Docs {
		entries = append(entries,
			entry("urn:uuid:"+d.BinaryID, "Binary", Object{"resourceType": "Binary", "id": d.BinaryID, "contentType": d.media(), "data": base64.StdEncoding.EncodeToString(d.Bytes)}),
			entry("urn:uuid:"+d.ID, "DocumentReference", d.reference(b.Home, patient, b.person())))
	}
	return Object{"resourceType": "Bundle", "type": "transaction", "meta": Object{"profile": []any{mhd + "IHE.MHD.Comprehensive.ProvideBundle"}}, "entry": entries}
}

// person is the patient as a Patient resource.
func (b Bundle) person() Object {
	return Object{
		"resourceType": "Patient", "identifier": []any{Object{"system": PatientSystem, "value": b.Patient}},
		"name": []any{Object{"family": "DANSER", "given": []any{"LINE"}}}, "gender": "female", "birthDate": "1969-11-13",
	}
}

func entry(fullURL, kind string, resource Object) Object {
	return Object{"fullUrl": fullURL, "resource": resource, "request": Object{"method": "POST", "url": kind}}
}

func concept(oid, code string) Object {
	return Object{"coding": []any{Object{"system": "urn:oid:" + oid, "code": code}}}
}

func (d Doc) media() string { return or(d.Type, "text/plain") }

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (d Doc) reference(home, patient string, known Object) Object {
	sum := sha1.Sum(d.Bytes)
	known["id"] = "patient"
	ref := Object{
		"resourceType": "DocumentReference", "id": d.ID, "status": "current",
		"masterIdentifier": Object{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:uuid:" + d.MasterID},
		"type":             concept("2.16.578.1.12.4.1.1.9602", or(d.TypeCode, "A03-2")),
		"category":         []any{concept("2.16.578.1.12.4.1.1.9602", or(d.Class, "A00-1"))},
		"subject":          Object{"reference": patient}, "date": "2026-11-01T12:00:00Z",
		"contained": []any{
			Object{"resourceType": "Practitioner", "id": "p", "name": []any{Object{"family": "GREVLING", "given": []any{"KVART"}}}},
			Object{"resourceType": "Organization", "id": "o", "name": "STIFTELSEN BETANIEN HOSPITAL SKIEN", "identifier": []any{Object{"system": "urn:oid:2.16.578.1.12.4.1.4.101", "value": "981275721"}}},
			known,
			Object{"resourceType": "PractitionerRole", "id": "r", "practitioner": Object{"reference": "#p"}, "organization": Object{"reference": "#o"}},
		},
		"author":        []any{Object{"reference": "#p"}, Object{"reference": "#r"}, Object{"reference": "#o"}},
		"securityLabel": d.labels(),
		"content": []any{Object{
			"attachment": Object{
				"contentType": d.media(), "language": "nb-NO", "url": "urn:uuid:" + d.BinaryID, "size": len(d.Bytes), "hash": base64.StdEncoding.EncodeToString(sum[:]),
				"title": or(d.Title, "Epikrise fra prøveavdelingen"), "creation": or(d.Creation, "2026-10-31T10:15:30Z"),
				"extension": []any{Object{"url": mhd + "ihe-homeCommunityId", "valueUri": "urn:oid:" + home}},
			},
			"format": Object{"system": "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "code": "urn:ihe:iti:xds:2017:mimeTypeSufficient"},
		}},
		"context": Object{
			"period":            Object{"start": "2026-10-30T08:00:00Z", "end": "2026-10-31T09:00:00Z"},
			"facilityType":      concept("2.16.578.1.12.4.1.1.1303", "86.909"),
			"practiceSetting":   concept("2.16.578.1.12.4.1.1.8653", "6"),
			"sourcePatientInfo": Object{"reference": "#patient"},
		},
	}
	var relations []any
	for code, target := range d.Relates {
		relations = append(relations, Object{"code": code, "target": Object{"reference": "DocumentReference/" + target}})
	}
	if relations != nil {
		ref["relatesTo"] = relations
	}
	return ref
}

func (d Doc) labels() []any {
	codes := d.Codes
	if len(codes) == 0 {
		codes = []string{"N"}
	}
	var labels []any
	for _, c := range codes {
		system := "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
		if len(c) > 1 {
			system = "urn:oid:2.16.578.1.12.4.1.1.9603"
		}
		labels = append(labels, Object{"coding": []any{Object{"system": system, "code": c}}})
	}
	return labels
}

// Resource is the resource of the message's nth entry: 0 the List, 1 the Patient, then Binary and DocumentReference by turns.
func Resource(message Object, n int) Object {
	return message["entry"].([]any)[n].(Object)["resource"].(Object)
}

// Attachment is the attachment of the message's first document.
func Attachment(message Object) Object {
	return Resource(message, 3)["content"].([]any)[0].(Object)["attachment"].(Object)
}
