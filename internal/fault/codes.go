package fault

import "net/http"

// Code names a problem for machines. XDS codes are spelt as IHE spells them (ITI TF-3 table 4.2.4.1-2); ours begin with "DL".
type Code string

// The codes. What each means, and how each door says it, stands in table.
const (
	MissingHomeCommunity  Code = "XDSMissingHomeCommunityId"
	UnknownCommunity      Code = "XDSUnknownCommunity"
	UnknownRepository     Code = "XDSUnknownRepositoryId"
	UnknownPatient        Code = "XDSUnknownPatientId"
	PatientMismatch       Code = "XDSPatientIdDoesNotMatch"
	MetadataError         Code = "XDSRegistryMetadataError"
	RepositoryMetadata    Code = "XDSRepositoryMetadataError"
	MissingDocument       Code = "XDSMissingDocument"
	MissingMetadata       Code = "XDSMissingDocumentMetadata"
	DuplicateInRegistry   Code = "XDSDuplicateUniqueIdInRegistry"
	DuplicateInMessage    Code = "XDSRegistryDuplicateUniqueIdInMessage"
	DuplicateInRepository Code = "XDSRepositoryDuplicateUniqueIdInMessage"
	NonIdenticalHash      Code = "XDSNonIdenticalHash"
	NonIdenticalSize      Code = "XDSNonIdenticalSize"
	UnresolvedReference   Code = "UnresolvedReferenceException"
	TargetDeprecated      Code = "XDSRegistryDeprecatedDocumentError"
	UnknownDocument       Code = "XDSDocumentUniqueIdError"
	Unmodifiable          Code = "UnmodifiableMetadataError"
	InvalidContent        Code = "InvalidDocumentContent"
	FHIRDocument          Code = "FHIRDocumentNotSupported"
	ExtraMetadata         Code = "XDSExtraMetadataNotSaved"
	PartialFolder         Code = "PartialFolderContentNotProcessed"
	MissingQueryParam     Code = "XDSStoredQueryMissingParam"
	BadQueryParam         Code = "XDSStoredQueryParamNumber"
	UpdateOperation       Code = "XDSMetadataUpdateOperationError"
	UpdateRefused         Code = "XDSMetadataUpdateError"
	VersionMismatch       Code = "XDSMetadataVersionError"
	PatientReconciliation Code = "XDSPatientIDReconciliationError"
	IdentifierMismatch    Code = "XDSMetadataIdentifierError"
	ReferencesExist       Code = "ReferencesExistException"
	Unreferenced          Code = "XDSUnreferencedObjectException"
	ModelBroken           Code = "XDSMetadataModelException"
	UnknownStoredQuery    Code = "XDSUnknownStoredQuery"
	SeveralPatients       Code = "XDSResultNotSinglePatient"
	TooManyResults        Code = "XDSTooManyResults"
	MalformedBody         Code = "DLMalformedBody"
	WrongMediaType        Code = "DLUnsupportedMediaType"
	NotAcceptable         Code = "DLNotAcceptable"
	BadRequest            Code = "DLBadRequest"
	BadPatientID          Code = "DLInvalidPatientId"
	UnknownCode           Code = "DLUnknownCode"
	UnknownCodeSystem     Code = "DLUnknownCodeSystem"
	DocumentTooLarge      Code = "DLDocumentTooLarge"
	RequestTooLarge       Code = "DLRequestTooLarge"
	FormatNotAllowed      Code = "DLFormatNotAllowed"
	FormatMismatch        Code = "DLFormatMismatch"
	VirusFound            Code = "DLVirusFound"
	InQuarantine          Code = "DLInQuarantine"
	NotScanned            Code = "DLNotScanned"
	TokenRefused          Code = "DLTokenRefused"
	ProofRefused          Code = "DLProofRefused"
	AssertionRefused      Code = "DLAssertionRefused"
	ScopeMissing          Code = "DLScopeMissing"
	OrganisationDenied    Code = "DLOrganisationDenied"
	TransactionOff        Code = "DLTransactionOff"
	AccessDenied          Code = "DLAccessDenied"
	ResourceNotFound      Code = "DLNotFound"
	ResourceGone          Code = "DLGone"
	MethodNotAllowed      Code = "DLMethodNotAllowed"
	RangeNotSatisfiable   Code = "DLRangeNotSatisfiable"
	TooBusy               Code = "DLTooBusy"
	InProgress            Code = "DLInProgress"
	KeyReused             Code = "DLIdempotencyKeyReused"
	PartUnavailable       Code = "DLUnavailable"
	SearchIncomplete      Code = "DLSearchIncomplete"
	StoredBytesDamaged    Code = "DLStoredBytesDamaged"
	ConfigurationRefused  Code = "DLConfiguration"
	AdministrationRefused Code = "DLAdministration"
	InternalError         Code = "DLInternal"
)

// Info is how the doors say a code.
type Info struct {
	Kind Kind
	// Status is the HTTP status of a REST answer whose leading problem this is.
	Status int
	// Issue is the FHIR issue type (OperationOutcome.issue.code).
	Issue string
	// XDS is the RegistryError errorCode for SOAP doors and for OperationOutcome.issue.details.
	XDS string
	// Meaning is one line for docs/errors.md.
	Meaning string
}

// Info never fails: a code that is not in the table is "internal", which a test forbids.
func (c Code) Info() Info {
	if info, ok := table[c]; ok {
		return info
	}
	return table[InternalError]
}

// Codes are all codes of the table, for docs and tests.
func Codes() map[Code]Info { return table }

var table = map[Code]Info{
	MissingHomeCommunity:  {Invalid, http.StatusBadRequest, "required", "XDSMissingHomeCommunityId", "The document names no home community, so no instance can receive it (T4)."},
	UnknownCommunity:      {Denied, http.StatusForbidden, "forbidden", "XDSUnknownCommunity", "The home community is unknown here or the organisation may not write to it (T2, T4)."},
	UnknownRepository:     {NotFound, http.StatusNotFound, "not-found", "XDSUnknownRepositoryId", "The repositoryUniqueId is not that of the home community."},
	UnknownPatient:        {Invalid, http.StatusBadRequest, "invalid", "XDSUnknownPatientId", "The patient is not known."},
	PatientMismatch:       {Invalid, http.StatusBadRequest, "business-rule", "XDSPatientIdDoesNotMatch", "Submission set, entries or related documents are of different patients."},
	MetadataError:         {Invalid, http.StatusBadRequest, "required", "XDSRegistryMetadataError", "Metadata is missing or malformed (W4)."},
	RepositoryMetadata:    {Invalid, http.StatusBadRequest, "invalid", "XDSRepositoryMetadataError", "Declared size or hash differs from the bytes received."},
	MissingDocument:       {Invalid, http.StatusBadRequest, "required", "XDSMissingDocument", "An entry has no document."},
	MissingMetadata:       {Invalid, http.StatusBadRequest, "required", "XDSMissingDocumentMetadata", "A document has no entry."},
	DuplicateInRegistry:   {Conflict, http.StatusConflict, "duplicate", "XDSDuplicateUniqueIdInRegistry", "An object with this id is registered already."},
	DuplicateInMessage:    {Invalid, http.StatusBadRequest, "duplicate", "XDSRegistryDuplicateUniqueIdInMessage", "The same id stands twice in one message."},
	DuplicateInRepository: {Invalid, http.StatusBadRequest, "duplicate", "XDSRepositoryDuplicateUniqueIdInMessage", "Two documents of one message have the same uniqueId."},
	NonIdenticalSize:      {Conflict, http.StatusConflict, "conflict", "XDSNonIdenticalSize", "A document with this uniqueId and another size is registered already."},
	NonIdenticalHash:      {Conflict, http.StatusConflict, "conflict", "XDSNonIdenticalHash", "A document with this uniqueId and other bytes is registered already."},
	UnresolvedReference:   {Invalid, http.StatusBadRequest, "not-found", "UnresolvedReferenceException", "A relation or reference names something that is not there."},
	TargetDeprecated:      {Conflict, http.StatusConflict, "conflict", "XDSRegistryDeprecatedDocumentError", "The related document is deprecated already."},
	UnknownDocument:       {NotFound, http.StatusNotFound, "not-found", "XDSDocumentUniqueIdError", "No such document, or not for this caller."},
	Unmodifiable:          {Invalid, http.StatusBadRequest, "business-rule", "UnmodifiableMetadataError", "Only securityLabel can be changed this way (W5); to a folder documents can be added."},
	InvalidContent:        {Invalid, http.StatusBadRequest, "invalid", "InvalidDocumentContent", "The document's bytes are damaged or not what they claim (F2)."},
	FHIRDocument:          {Invalid, http.StatusBadRequest, "not-supported", "FHIRDocumentNotSupported", "A FHIR document bundle is sent as application/json in a Binary."},
	ExtraMetadata:         {Invalid, http.StatusBadRequest, "informational", "XDSExtraMetadataNotSaved", "Metadata that is not kept (a warning)."},
	PartialFolder:         {Invalid, http.StatusBadRequest, "not-supported", "PartialFolderContentNotProcessed", "A folder that is updated keeps what the message leaves out (a warning)."},
	MissingQueryParam:     {Invalid, http.StatusBadRequest, "required", "XDSStoredQueryMissingParam", "A required search parameter is missing (R1)."},
	BadQueryParam:         {Invalid, http.StatusBadRequest, "value", "XDSStoredQueryParamNumber", "A search parameter's value cannot be read."},
	UpdateOperation:       {Invalid, http.StatusBadRequest, "invalid", "XDSMetadataUpdateOperationError", "A message that updates metadata does not say what it updates as it should."},
	UpdateRefused:         {Invalid, http.StatusBadRequest, "business-rule", "XDSMetadataUpdateError", "What is registered cannot be updated as the message asks."},
	VersionMismatch:       {Conflict, http.StatusConflict, "conflict", "XDSMetadataVersionError", "The message updates another version than the current one, or none."},
	PatientReconciliation: {Invalid, http.StatusBadRequest, "business-rule", "XDSPatientIDReconciliationError", "An update would connect objects of different patients, or move to another patient what is connected."},
	IdentifierMismatch:    {Invalid, http.StatusBadRequest, "business-rule", "XDSMetadataIdentifierError", "An update's identifiers are not those of what it updates."},
	ReferencesExist:       {Conflict, http.StatusConflict, "conflict", "ReferencesExistException", "What is to be removed is referred to by what would stay."},
	Unreferenced:          {Conflict, http.StatusConflict, "conflict", "XDSUnreferencedObjectException", "The removal would leave something that nothing refers to."},
	ModelBroken:           {Conflict, http.StatusConflict, "conflict", "XDSMetadataModelException", "The removal would leave metadata that break the model."},
	UnknownStoredQuery:    {Invalid, http.StatusBadRequest, "not-supported", "XDSUnknownStoredQuery", "The stored query is not one that this address answers."},
	SeveralPatients:       {Invalid, http.StatusBadRequest, "business-rule", "XDSResultNotSinglePatient", "The stored query finds objects of more than one patient; asked for as references they can be told apart."},
	TooManyResults:        {TooLarge, http.StatusRequestEntityTooLarge, "too-costly", "XDSTooManyResults", "The stored query finds more than one answer holds; narrow it, or ask for references."},
	MalformedBody:         {Invalid, http.StatusBadRequest, "structure", "XDSRegistryError", "The body is not the JSON, form or bundle it should be."},
	WrongMediaType:        {Unsupported, http.StatusUnsupportedMediaType, "not-supported", "XDSRegistryError", "The Content-Type is not one this address takes."},
	NotAcceptable:         {Unsupported, http.StatusNotAcceptable, "not-supported", "XDSRegistryError", "Accept or _format asks for another form than JSON and XML of FHIR 4.0; nothing was done."},
	BadRequest:            {Invalid, http.StatusBadRequest, "invalid", "XDSRegistryError", "The request cannot be understood."},
	BadPatientID:          {Invalid, http.StatusBadRequest, "value", "XDSUnknownPatientId", "A national identity number has the wrong form or check digits (P2)."},
	UnknownCode:           {Invalid, http.StatusBadRequest, "code-invalid", "XDSRegistryMetadataError", "The code does not exist in its code system (D2)."},
	UnknownCodeSystem:     {Invalid, http.StatusBadRequest, "code-invalid", "XDSRegistryMetadataError", "The code system is not one we know (D2, a warning)."},
	DocumentTooLarge:      {TooLarge, http.StatusRequestEntityTooLarge, "too-long", "XDSRepositoryError", "A document is above 60 MiB (F5)."},
	RequestTooLarge:       {TooLarge, http.StatusRequestEntityTooLarge, "too-costly", "XDSRepositoryError", "The request as a whole is above the limit."},
	FormatNotAllowed:      {Invalid, http.StatusBadRequest, "not-supported", "InvalidDocumentContent", "The format is not on the white list (F1)."},
	FormatMismatch:        {Invalid, http.StatusBadRequest, "invalid", "InvalidDocumentContent", "Declared type, extension and content disagree (F2)."},
	VirusFound:            {Infected, http.StatusUnprocessableEntity, "security", "XDSRepositoryError", "The scanner found malware; the document is in quarantine (F4)."},
	InQuarantine:          {Denied, http.StatusForbidden, "security", "XDSRepositoryError", "The document was found infected after it was published and cannot be opened (F4)."},
	NotScanned:            {Unavailable, http.StatusServiceUnavailable, "transient", "XDSRepositoryBusy", "The document could not be scanned; nothing was stored (F3)."},
	TokenRefused:          {Unauthenticated, http.StatusUnauthorized, "login", "XDSRegistryError", "The access token is missing or not valid (W1)."},
	ProofRefused:          {Unauthenticated, http.StatusUnauthorized, "login", "XDSRegistryError", "The DPoP proof is missing or not valid (W1)."},
	AssertionRefused:      {Unauthenticated, http.StatusUnauthorized, "login", "XDSRegistryError", "The SAML assertion is missing, not valid, or not about the patient asked for (C4, X2)."},
	ScopeMissing:          {Denied, http.StatusForbidden, "forbidden", "XDSRegistryError", "The token lacks the scope for this (W1, C6)."},
	OrganisationDenied:    {Denied, http.StatusForbidden, "forbidden", "XDSRegistryError", "The token's organisation has no instance it may use here (T2, T3)."},
	TransactionOff:        {Denied, http.StatusForbidden, "not-supported", "XDSRegistryError", "The instance does not answer this transaction (T6)."},
	AccessDenied:          {Denied, http.StatusForbidden, "forbidden", "XDSDocumentUniqueIdError", "The access rules deny it (C1-C8)."},
	ResourceNotFound:      {NotFound, http.StatusNotFound, "not-found", "XDSRegistryError", "Nothing is at this address."},
	ResourceGone:          {Gone, http.StatusGone, "deleted", "XDSDocumentUniqueIdError", "The document was deleted (W3)."},
	MethodNotAllowed:      {Invalid, http.StatusMethodNotAllowed, "not-supported", "XDSRegistryError", "The address does not take this method (R1)."},
	RangeNotSatisfiable:   {Invalid, http.StatusRequestedRangeNotSatisfiable, "invalid", "XDSRepositoryError", "The Range lies outside the document."},
	TooBusy:               {Busy, http.StatusTooManyRequests, "throttled", "XDSRegistryBusy", "More work than can be admitted now."},
	InProgress:            {Conflict, http.StatusConflict, "lock-error", "XDSRegistryBusy", "A request with this Idempotency-Key is being carried out; come back for its answer."},
	KeyReused:             {Invalid, http.StatusUnprocessableEntity, "conflict", "XDSRepositoryError", "The Idempotency-Key belongs to another request; a new request needs a new key."},
	PartUnavailable:       {Unavailable, http.StatusServiceUnavailable, "transient", "XDSRegistryNotAvailable", "A part we need does not answer."},
	SearchIncomplete:      {Unavailable, http.StatusServiceUnavailable, "incomplete", "XDSUnavailableCommunity", "A community did not answer in time (a warning in a list)."},
	StoredBytesDamaged:    {Internal, http.StatusInternalServerError, "exception", "XDSRepositoryError", "The stored bytes are not those that were registered."},
	ConfigurationRefused:  {Invalid, http.StatusBadRequest, "invalid", "XDSRegistryError", "The configuration is not usable."},
	AdministrationRefused: {Invalid, http.StatusBadRequest, "invalid", "XDSRegistryError", "The administrative command is not possible."},
	InternalError:         {Internal, http.StatusInternalServerError, "exception", "XDSRegistryError", "A fault of ours; the request id leads to the cause."},
}
