package ebxml

import (
	"encoding/xml"

	"dokumentlager/internal/document"
)

// The namespaces of the messages.
const (
	rimURI   = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
	rsURI    = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
	lcmURI   = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
	queryURI = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
	xdsURI   = "urn:ihe:iti:xds-b:2007"
	rmdURI   = "urn:ihe:iti:rmd:2017"
	xopURI   = "http://www.w3.org/2004/08/xop/include"
)

// The payloads of the transactions: a door compares them with the action. DocumentElement holds a document in base64.
var (
	ProvideAndRegister  = xml.Name{Space: xdsURI, Local: "ProvideAndRegisterDocumentSetRequest"}
	Register            = xml.Name{Space: xdsURI, Local: "RegisterDocumentSetRequest"} // NHN's wrapping of SubmitObjects
	SubmitObjects       = xml.Name{Space: lcmURI, Local: "SubmitObjectsRequest"}
	RemoveObjects       = xml.Name{Space: lcmURI, Local: "RemoveObjectsRequest"}
	RemoveDocuments     = xml.Name{Space: rmdURI, Local: "RemoveDocumentsRequest"}
	RetrieveRequest     = xml.Name{Space: xdsURI, Local: "RetrieveDocumentSetRequest"}
	RetrieveAnswer      = xml.Name{Space: xdsURI, Local: "RetrieveDocumentSetResponse"}
	AdhocQueryRequest   = xml.Name{Space: queryURI, Local: "AdhocQueryRequest"}
	AdhocQueryAnswer    = xml.Name{Space: queryURI, Local: "AdhocQueryResponse"}
	RegistryAnswer      = xml.Name{Space: rsURI, Local: "RegistryResponse"}
	DocumentElement     = xml.Name{Space: xdsURI, Local: "Document"}
	includeElement      = xml.Name{Space: xopURI, Local: "Include"}
	registryObjectList  = xml.Name{Space: rimURI, Local: "RegistryObjectList"}
	registryErrorList   = xml.Name{Space: rsURI, Local: "RegistryErrorList"}
	objectRefList       = xml.Name{Space: rimURI, Local: "ObjectRefList"}
	documentRequestName = xml.Name{Space: xdsURI, Local: "DocumentRequest"}
	documentAnswerName  = xml.Name{Space: xdsURI, Local: "DocumentResponse"}
)

const uuidPrefix = "urn:uuid:"

// The object types of a DocumentEntry, and what marks packages.
const (
	stableType   = "7edca82f-054d-47f2-a032-9b2a5b5186c1"
	onDemandType = "34268e47-fdf5-41a6-ba33-82133c465248"
	setNode      = "a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
	folderNode   = "d9d542f3-6cc4-48b6-8870-ea235fbc94c2"
	// limitedMetadata marks entries of XDR with less metadata, which a registry refuses (ITI TF-3 table 4.2.3.2-1).
	limitedMetadata = "ab9b591b-83ab-4d03-8f5d-f93b1fb92e85"
	limitedSet      = "5003a9db-8d8d-49e6-bf0c-990e34ac7707"
	limitedFolder   = "2c144a76-29a9-4b7c-af54-b25409fe7d03"
)

// Classification schemes (ITI TF-3 §4.2.5.2).
const (
	entryAuthor, entryClass, entryConfidentiality = "93606bcf-9494-43ec-9b4e-a7748d1a838d", "41a5887f-8865-4c09-adf7-e362475b143a", "f4f85eac-e6cb-4883-b524-f2705394840f"
	entryEvent, entryFormat, entryFacility        = "2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", "a09d5840-386c-46f2-b5ad-9c3699a4309d", "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"
	entryPractice, entryType                      = "cccf5598-8b07-4b77-a05e-ae952c785ead", "f0306f51-975f-434e-a61c-c59651d33983"
	setAuthor, setContentType                     = "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d", "aa543740-bdda-424e-8c96-df4873be8500"
	folderCodes                                   = "1ba97051-7806-41a8-a48b-8fce7af683c5"
	associationCode                               = "abd807a3-4432-4053-87b4-fd82c643d1f3"
)

// Identification schemes.
const (
	entryPatient, entryUnique        = "58a6f841-87b3-4a3e-92fd-a8ffeff98427", "2e82c1f6-a085-4c72-9da3-8640a32e42ab"
	setPatient, setUnique, setSource = "6b5aea1a-874d-4603-a4bc-96a0a7b38446", "96fdda7c-d067-4183-912e-bf5ee74998a8", "554ac39e-e3fe-47fe-b233-965d2a147832"
	folderPatient, folderUnique      = "f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a", "75df8f67-9973-4fbe-a900-df66cefecc5a"
)

// The slots of the objects.
const (
	slotReferences   = "urn:ihe:iti:xds:2013:referenceIdList"
	slotMembership   = "SubmissionSetStatus"
	slotPrevious     = "PreviousVersion"
	slotFrom         = "OriginalStatus"
	slotTo           = "NewStatus"
	slotPropagation  = "AssociationPropagation"
	slotAvailability = "documentAvailability"
)

const (
	statusPrefix       = "urn:oasis:names:tc:ebxml-regrep:StatusType:"
	availabilityPrefix = "urn:ihe:iti:2010:DocumentAvailability:"
	severityPrefix     = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:"
	objectPrefix       = "urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:"
	associationIHE     = "urn:ihe:iti:2007:AssociationType:"
	association2010    = "urn:ihe:iti:2010:AssociationType:"
	associationOASIS   = "urn:oasis:names:tc:ebxml-regrep:AssociationType:"
)

// typeURI is how a message spells an association type.
func typeURI(t document.AssociationType) string {
	switch t {
	case document.HasMember:
		return associationOASIS + "HasMember"
	case document.Replace:
		return associationIHE + "RPLC"
	case document.Transform:
		return associationIHE + "XFRM"
	case document.Append:
		return associationIHE + "APND"
	case document.TransformReplace:
		return associationIHE + "XFRM_RPLC"
	case document.Signs:
		return associationIHE + "signs"
	case document.SnapshotOf:
		return association2010 + "IsSnapshotOf"
	case document.UpdateStatus:
		return association2010 + "UpdateAvailabilityStatus"
	case document.SubmitAssociation:
		return association2010 + "SubmitAssociation"
	default:
		return ""
	}
}

var allTypes = []document.AssociationType{document.HasMember, document.Replace, document.Transform, document.Append, document.TransformReplace,
	document.Signs, document.SnapshotOf, document.UpdateStatus, document.SubmitAssociation}

// typeOf reads an association type; zero when it is none.
func typeOf(uri string) document.AssociationType {
	for _, t := range allTypes {
		if typeURI(t) == uri {
			return t
		}
	}
	return 0
}

// statusURI and statusOf translate availabilityStatus; zero is none.
func statusURI(s document.Status) string {
	switch s {
	case document.Approved:
		return statusPrefix + "Approved"
	case document.Deprecated:
		return statusPrefix + "Deprecated"
	default:
		return ""
	}
}

func statusOf(uri string) document.Status {
	switch uri {
	case statusPrefix + "Approved":
		return document.Approved
	case statusPrefix + "Deprecated":
		return document.Deprecated
	default:
		return 0
	}
}
