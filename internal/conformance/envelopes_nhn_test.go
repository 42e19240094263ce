package conformance

import (
	"encoding/base64"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// here gives the document, community and repository of a request those of the test's tenant.
func here(x *exchanger, text string) string {
	text = homeElement.ReplaceAllString(text, "${1}urn:oid:"+x.of.HomeCommunity+"<")
	text = repositoryElement.ReplaceAllString(text, "${1}"+x.of.Repository+"<")
	return documentElement.ReplaceAllString(text, "${1}"+x.document+"<")
}

var (
	homeElement       = regexp.MustCompile(`(HomeCommunityId>)[^<]*<`)
	repositoryElement = regexp.MustCompile(`(RepositoryUniqueId>)[^<]*<`)
	documentElement   = regexp.MustCompile(`(DocumentUniqueId>)[^<]*<`)
)

// nobodys gives a request a community and a repository that are nobody's: those in it are other tests' tenants.
func nobodys(_ *exchanger, text string) string {
	text = homeElement.ReplaceAllString(text, "${1}urn:oid:2.16.578.1.12.4.5.998<")
	return repositoryElement.ReplaceAllString(text, "${1}2.16.578.1.12.4.5.998.2<")
}

// The refusals that recur.
const (
	noToken      = "400 fault Sender SecurityTokenUnavailable: The message has no security token. Nothing was done."
	badToken     = "400 fault Sender FailedAuthentication: The security token could not be authenticated. Nothing was done."
	wrongToken   = "400 fault Sender InvalidSecurityToken: The security token is not valid. Nothing was done."
	unreadable   = "400 fault Sender: The message is not a SOAP 1.2 message that can be read. Nothing was done."
	wrongAction  = "400 fault Sender ActionNotSupported: The [action] cannot be processed at the receiver."
	elsewhere    = "a homeCommunityId and a repositoryUniqueId that are nobody's here"
	hereReplaced = "homeCommunityId, repositoryUniqueId and documentUniqueId of a document here"
	asStored     = "as it lies there"
	signedAnew   = "signed anew"
)

const (
	nhnRequests = "nhn-xcads/SoapRequests/"
	nhnTests    = "nhn-xcads/IntegrationTests/IT_"
)

// nhnEnvelopes are those of the national gateway: as they lie there, without an assertion or with one of test issuers that are not ours, and signed anew.
var nhnEnvelopes = []envelope{
	{file: nhnTests + "iti-18_request.xml", step: asStored, to: "ITI-18", want: noToken},
	{file: nhnTests + "iti-18_request.xml", step: signedAnew, to: "ITI-18", as: "doctor", want: "Success (1)"},
	{file: nhnTests + "iti-38_request.xml", step: asStored, to: "ITI-38", want: noToken},
	{file: nhnTests + "iti-38_request.xml", step: signedAnew, to: "ITI-38", as: "doctor", want: "Success (1)"},
	{file: nhnTests + "iti-38_request.xml", step: "signed anew, about somebody else", to: "ITI-38", as: "doctor about somebody else", want: wrongToken},
	{file: nhnTests + "iti-39_request.xml", step: asStored, to: "ITI-39", want: noToken},
	{file: nhnTests + "iti-39_request.xml", step: signedAnew, to: "ITI-39", as: "doctor", edit: nobodys, want: "Failure XDSUnknownCommunity", why: elsewhere},
	{file: nhnTests + "iti-39_request.xml", step: "signed anew, for a document here", to: "ITI-39", as: "doctor", edit: here, want: "Success (1)", why: hereReplaced},
	{file: nhnTests + "iti-39_request_async.xml", step: asStored, to: "ITI-39", want: noToken},
	{file: nhnTests + "iti-39_request_async.xml", step: signedAnew, to: "ITI-39", as: "doctor", edit: here, want: "400 fault Sender InvalidAddressingHeader InvalidEPR: Answers are not sent to the address in ReplyTo. Nothing was done.", why: hereReplaced + "; its ReplyTo is on no list"},
	{file: nhnTests + "iti-41_request.xml", step: asStored, to: "ITI-41", want: noToken},
	{file: nhnTests + "iti-41_request.xml", step: signedAnew, to: "ITI-41", as: "record system", want: "Failure XDSRegistryMetadataError", why: "the list of objects is empty"},
	{file: nhnTests + "iti-42_request.xml", step: asStored, to: "ITI-42", want: noToken},
	{file: nhnTests + "iti-42_request.xml", step: signedAnew, to: "ITI-42", as: "record system", want: "Failure XDSRegistryMetadataError", why: "the list of objects is empty, in the national gateway's own wrapping"},
	{file: nhnTests + "iti-43_request.xml", step: asStored, to: "ITI-43", want: wrongAction},
	{file: nhnTests + "iti-43_request.xml", step: signedAnew, to: "ITI-43", as: "doctor", want: wrongAction, why: "its action is that of ITI-18 (spec/soap.md 5)"},
	{file: nhnTests + "iti-62_request.xml", step: asStored, to: "ITI-62", want: noToken},
	{file: nhnTests + "iti-62_request.xml", step: signedAnew, to: "ITI-62", as: "record system", want: "Failure XDSRegistryError", why: "the list of what is to be removed is empty"},
	{file: nhnTests + "SamlToken_KJ01.xml", step: asStored, to: "ITI-38", want: unreadable, why: "an assertion and nothing else; internal/conformance/saml_test.go verifies it"},

	{file: nhnRequests + "SamlToken01.xml", step: asStored, to: "ITI-38", want: unreadable, why: "an assertion and nothing else; internal/conformance/saml_test.go verifies it"},
	{file: nhnRequests + "iti18-iti40-request.xml", step: asStored, to: "ITI-18", want: badToken},
	{file: nhnRequests + "iti18-iti40-request.xml", step: signedAnew, to: "ITI-18", as: "doctor", want: "Success (1)"},
	{file: nhnRequests + "iti38-iti40-request-kj.xml", step: asStored, to: "ITI-38", want: badToken},
	{file: nhnRequests + "iti38-iti40-request-kj.xml", step: signedAnew, to: "ITI-38", as: "doctor", want: "Success (1)"},
	{file: nhnRequests + "iti38-iti40-request-kj.xml", step: "signed anew, about somebody else", to: "ITI-38", as: "doctor about somebody else", want: wrongToken,
		why: "as the message itself: its token is about another patient than its query"},
	{file: nhnRequests + "iti38-iti40-request-hn.xml", step: asStored, to: "ITI-38", want: badToken},
	{file: nhnRequests + "iti38-iti40-request-hn.xml", step: signedAnew, to: "ITI-38", as: "citizen", want: "Success (1)"},
	{file: nhnRequests + "iti38-iti40-request-hn-acp-1.xml", step: asStored, to: "ITI-38", want: badToken},
	{file: nhnRequests + "iti38-iti40-request-hn-acp-1.xml", step: signedAnew, to: "ITI-38", as: "parent", want: "Success", why: "acp 1; the patient is grown up, and nothing of hers is shown (C5)"},
	{file: nhnRequests + "iti38-iti40-request-hn-acp-3.xml", step: asStored, to: "ITI-38", want: badToken},
	{file: nhnRequests + "iti38-iti40-request-hn-acp-3.xml", step: signedAnew, to: "ITI-38", as: "guardian", want: "Success (1)", why: "acp 3: one who cannot consent"},
	{file: nhnRequests + "iti39-iti40-request-hn.xml", step: asStored, to: "ITI-39", want: badToken},
	{file: nhnRequests + "iti39-iti40-request-hn.xml", step: signedAnew, to: "ITI-39", as: "citizen", edit: nobodys, want: "Failure XDSUnknownCommunity", why: elsewhere},
	{file: nhnRequests + "iti39-iti40-request-hn.xml", step: "signed anew, for somebody else's document here", to: "ITI-39", as: "citizen", edit: here, want: "Failure XDSDocumentUniqueIdError", why: hereReplaced},
	{file: nhnRequests + "iti39-iti40-request-kj.xml", step: asStored, to: "ITI-39", want: badToken},
	{file: nhnRequests + "iti39-iti40-request-kj.xml", step: "signed anew, for a document here", to: "ITI-39", as: "doctor", edit: here, want: "Success (1)", why: hereReplaced},
	{file: nhnRequests + "iti86-iti40-request.xml", step: asStored, to: "ITI-86", want: badToken},
	{file: nhnRequests + "iti86-iti40-request.xml", step: signedAnew, to: "ITI-86", as: "record system", edit: nobodys, want: "Failure XDSUnknownRepositoryId", why: elsewhere},
	{file: nhnRequests + "PnR_request.xml", step: asStored, to: "ITI-41", want: badToken},
	{file: nhnRequests + "PnR_request.xml", step: signedAnew, to: "ITI-41", as: "record system",
		want: "Failure XDSRegistryMetadataError XDSPatientIdDoesNotMatch XDSRepositoryMetadataError",
		why:  "document in base64; two patients, another size than the document's, no code of HL7's"},
	{file: nhnRequests + "PnR_request.xml", step: "signed anew, fresh identifiers", to: "ITI-41", as: "record system", edit: mended, want: "Success",
		why: "document in base64; fresh identifiers, the right size, a home and a confidentiality code that are known here, one patient instead of two"},
}

// mended is a submission without what its author got wrong: see why.
func mended(x *exchanger, text string) string {
	text = fresh(x, text)
	text = homeAttribute.ReplaceAllString(text, "")
	text = sizeSlot.ReplaceAllString(text, "")
	if first := patientID.FindStringSubmatch(text); first != nil {
		text = patientID.ReplaceAllLiteralString(text, first[0])
	}
	return classified(text)
}

// classified makes a submission's confidentiality codes N.
func classified(text string) string {
	return confidentiality.ReplaceAllStringFunc(text, func(c string) string {
		c = regexp.MustCompile(`nodeRepresentation="[^"]*"`).ReplaceAllString(c, `nodeRepresentation="N"`)
		return regexp.MustCompile(`(Value>)[^<]*<`).ReplaceAllString(c, "${1}2.16.840.1.113883.5.25<")
	})
}

var (
	homeAttribute   = regexp.MustCompile(` home="[^"]*"`)
	sizeSlot        = regexp.MustCompile(`(?s)<(?:[a-z]+:)?Slot name="size">.*?</(?:[a-z]+:)?Slot>`)
	confidentiality = regexp.MustCompile(`(?s)<(?:[a-z]+:)?Classification [^>]*f4f85eac-e6cb-4883-b524-f2705394840f.*?</(?:[a-z]+:)?Classification>`)
	entryID         = regexp.MustCompile(`ExtrinsicObject id="([^"]*)"`)
)

// fresh gives a submission identifiers of its own and puts ids in the place of symbols.
func fresh(_ *exchanger, text string) string {
	return uniqueIDForm.ReplaceAllStringFunc(text, func(id string) string {
		return valueForm.ReplaceAllString(id, `value="`+freshOID()+`"`)
	})
}

var (
	uniqueIDForm = regexp.MustCompile(`<[^<>]*ExternalIdentifier[^<>]*(2e82c1f6-a085-4c72-9da3-8640a32e42ab|96fdda7c-d067-4183-912e-bf5ee74998a8|75df8f67-9973-4fbe-a900-df66cefecc5a)[^<>]*>`)
	valueForm    = regexp.MustCompile(`value="[^"]*"`)
)

const swiss = "epd-by-example/samples/"

// swissEnvelopes are transcripts: some were shortened by hand, and are no XML any more.
var swissEnvelopes = []envelope{
	{file: swiss + "ITI-18_request.xml", step: asStored, to: "ITI-18", want: unreadable, why: "shortened by hand: its namespaces are left out"},
	{file: swiss + "ITI-18_request_raw.xml", step: asStored, to: "ITI-18", want: wrongToken, why: "the Swiss token is of an issuer that is not ours, and signed with SHA-1"},
	{file: swiss + "ITI-18_request_raw.xml", step: signedAnew, to: "ITI-18", as: "doctor", want: "Success"},
	{file: swiss + "ITI-43_request.xml", step: asStored, to: "ITI-43", want: unreadable, why: "shortened by hand: its namespaces are left out"},
	{file: swiss + "ITI-41_request.xml", step: "the package as it lies there", to: "ITI-41", edit: unnumbered, want: unreadable,
		why: "line numbers taken off; the header's boundary is another than the body's"},
	{file: swiss + "ITI-41_request.xml", step: "the package with its own boundary", to: "ITI-41", edit: rightBoundary, want: unreadable, why: "line numbers taken off; its security header was left out by hand, and with it its namespace"},
	{file: swiss + "ITI-41_request.xml", step: signedAnew, to: "ITI-41", as: "record system", edit: swissPackage, want: "Success", why: "the envelope of the package, the Content-ID as it is, a FHIR document of ours, fresh identifiers, N as confidentiality code"},
}

var (
	lineNumber = regexp.MustCompile(`(?m)^\d+ ?`)
	swissParts = regexp.MustCompile(`(?s)<soap:Envelope.*</soap:Envelope>`)
)

func unnumbered(_ *exchanger, text string) string {
	text = lineNumber.ReplaceAllString(text, "")
	head, body, _ := strings.Cut(text, "\n\n--uuid")
	contentType := regexp.MustCompile(`(?m)^Content-Type: (.*)$`).FindStringSubmatch(head)[1]
	return "Content-Type: " + contentType + "\r\n--uuid" + body
}

func rightBoundary(x *exchanger, text string) string {
	return regexp.MustCompile(`boundary="[^"]*"`).ReplaceAllString(
		regexp.MustCompile(`; start="[^"]*"`).ReplaceAllString(unnumbered(x, text), ""), `boundary="uuid:df997b05-d075-415b-9cc8-0f68c74cd993"`)
}

func swissPackage(x *exchanger, text string) string {
	envelope := classified(fresh(x, swissParts.FindString(lineNumber.ReplaceAllString(text, ""))))
	return packed(envelope, "uuid:df997b05-d075-415b-9cc8-0f68c74cd993", "8ba22b9e-fcff-49d8-945e-438a11f25b0f-1@urn:ihe:iti:xds-b:2007", "application/fhir+json",
		[]byte(`{"resourceType":"Bundle","type":"document"}`))
}

// connectQueries are the bodies of CONNECT's queries: some name nothing ("Some Value"), and those find nothing.
func connectQueries(files []string) (all []envelope) {
	for _, f := range files {
		e := envelope{file: f, to: "ITI-18", as: "doctor", want: "Success", why: "put into an envelope"}
		if strings.Contains(f, "/09_") || strings.Contains(f, "/13_") {
			e.want, e.why = "Failure XDSStoredQueryMissingParam", "put into an envelope; it lacks the document's identifier, which CONNECT's own stub does not ask for"
		}
		all = append(all, e)
	}
	return all
}

const (
	openxds = "openxds/"
	ipf     = "ipf/messages/"
)

// submissions are bodies for ITI-41, 42, 57 and 51.
var submissions = []envelope{
	{file: openxds + "document_replacement.xml", step: "of no document", to: "ITI-41", as: "record system", edit: filled,
		want: "Failure XDSMissingDocument XDSRegistryMetadataError UnresolvedReferenceException", why: "identifiers in its placeholders"},
	{file: openxds + "submit_document.xml", step: "without a document", to: "ITI-41", as: "record system", edit: filled, want: "Failure XDSMissingDocument XDSRegistryMetadataError",
		why: "identifiers in its placeholders; its confidentiality code is none of HL7's (C1)"},
	{file: openxds + "submit_document.xml", step: "with a document", to: "ITI-41", as: "record system", edit: withDocument, want: "Success", why: filledOut},
	{file: openxds + "document_addendum.xml", step: "to that document", to: "ITI-41", as: "record system", edit: withDocument, want: "Success", why: filledOut},
	{file: openxds + "document_transformation.xml", step: "of that document", to: "ITI-41", as: "record system", edit: withDocument, want: "Success", why: filledOut},
	{file: openxds + "document_replacement.xml", step: "of that document", to: "ITI-41", as: "record system", edit: withDocument, want: "Success", why: filledOut},
	{file: openxds + "document_addendum.xml", step: "to that document, after its replacement", to: "ITI-41", as: "record system", edit: withDocument, want: "Failure XDSRegistryDeprecatedDocumentError", why: filledOut},
	{file: ipf + "SubmitObjectsRequest_ebrs30.xml", to: "ITI-42", as: "record system", edit: fresh, want: "Failure XDSRegistryMetadataError UnresolvedReferenceException", why: ofParsers},
	{file: ipf + "SubmitObjectsRequest_ebrs3_extra_metadata.xml", to: "ITI-42", as: "record system", edit: fresh, want: "Failure XDSRegistryMetadataError UnresolvedReferenceException", why: ofParsers},
	{file: ipf + "SubmitObjectsRequest_ebrs30_update.xml", to: "ITI-57", as: "record system", edit: fresh,
		want: "Failure XDSRegistryMetadataError XDSMetadataVersionError UnresolvedReferenceException", why: ofParsers},
	{file: ipf + "iti51request.xml", to: "ITI-51", as: "doctor", want: "Failure XDSStoredQueryMissingParam", why: "none of the codes of which one must be given (ITI TF-2 3.51)"},
}

const (
	filledOut = "identifiers in its placeholders, N as confidentiality code, a document in base64"
	ofParsers = "made for parsers: identifiers are missing, and what it refers to; all that is wrong is told at once"
)

// filled puts identifiers into OpenXDS's placeholders; what is appended to, replaced or transformed is the document submitted first.
func filled(x *exchanger, text string) string {
	return strings.NewReplacer("$patientId", "OPENXDS-1^^^&amp;1.3.6.1.4.1.21367.2010.1.2.300&amp;ISO", "$XDSDocumentEntry", freshOID(), "$XDSSubmissionSet", freshOID(),
		"$doc1", x.first, "$appendum_doc_uuid", x.first, "$rplc_doc_uuid", x.first, "$tran_doc_uuid", x.first).Replace(text)
}

func withDocument(x *exchanger, text string) string {
	if strings.Contains(text, "$doc1") {
		x.first = "urn:uuid:" + uuid.NewString()
	}
	text = classified(filled(x, text))
	content := "<r>ok</r>"
	if strings.Contains(text, "image/gif") {
		content = "GIF89a\x01\x00\x01\x00\x00\xff\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x00;"
	}
	document := `<Document xmlns="urn:ihe:iti:xds-b:2007" id="` + entryID.FindStringSubmatch(text)[1] + `">` + base64.StdEncoding.EncodeToString([]byte(content)) + `</Document>`
	at := strings.LastIndex(text, "</axis2ns")
	return text[:at] + document + text[at:]
}
