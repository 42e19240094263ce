package endpoint

import (
	"slices"

	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
)

// Errors is how a transaction tells problems: the registry errors that its profile knows (ITI TF-3 table 4.2.4.1-2), each with its place, or the
// given home where it has none (XCA).
func Errors(transaction string, problems fault.Problems, home string) []ebxml.RegistryError {
	told := ebxml.ErrorsOf(problems, home)
	for i := range told {
		told[i].Code = codeFor(transaction, told[i].Code)
	}
	return told
}

// actors are whose error a transaction's is when it has no better one, and whose the busy one is: the registry's, or the repository's.
var repositories = []string{"ITI-39", "ITI-41", "ITI-43", "ITI-86"}

// places are the codes of what is asked for where it is not.
var places = []string{"XDSMissingHomeCommunityId", "XDSUnknownCommunity", "XDSUnknownRepositoryId"}

// codeFor is the code as the transaction's profile has it: one that it does not have becomes the nearest that it has. The supplement's
// transactions (ITI-57, 62, 86, 92) have no such list here, and take any.
func codeFor(transaction, code string) string {
	actor := "XDSRegistry"
	if slices.Contains(repositories, transaction) {
		actor = "XDSRepository"
	}
	allowed, listed := profileCodes[transaction]
	switch {
	case code == "XDSRegistryBusy" || code == "XDSRepositoryBusy":
		return actor + "Busy"
	case code == "XDSRegistryError" || code == "XDSRepositoryError":
		return actor + "Error"
	case code == "XDSRegistryNotAvailable" && transaction != "ITI-41":
		return actor + "Busy" // the one code that says: later
	case !listed || slices.Contains(allowed, code):
		return code
	case slices.Contains(allowed, "XDSRegistryMetadataError") && slices.Contains(places, code):
		return "XDSRegistryMetadataError" // what is wrong is where it was to be registered
	default:
		return actor + "Error"
	}
}

var (
	provideCodes = []string{"InvalidDocumentContent", "UnresolvedReferenceException", "XDSDuplicateUniqueIdInRegistry", "XDSExtraMetadataNotSaved", "XDSMissingDocument",
		"XDSMissingDocumentMetadata", "XDSNonIdenticalHash", "XDSNonIdenticalSize", "XDSPatientIdDoesNotMatch", "XDSRegistryDeprecatedDocumentError",
		"XDSRegistryDuplicateUniqueIdInMessage", "XDSRepositoryDuplicateUniqueIdInMessage", "XDSRegistryMetadataError", "XDSRepositoryMetadataError", "XDSRegistryNotAvailable",
		"XDSRegistryOutOfResources", "XDSRepositoryOutOfResources", "XDSUnknownPatientId", "PartialFolderContentNotProcessed"}
	registerCodes = []string{"UnresolvedReferenceException", "XDSDuplicateUniqueIdInRegistry", "XDSExtraMetadataNotSaved", "XDSNonIdenticalHash", "XDSNonIdenticalSize",
		"XDSPatientIdDoesNotMatch", "XDSRegistryDeprecatedDocumentError", "XDSRegistryDuplicateUniqueIdInMessage", "XDSRegistryMetadataError", "XDSRegistryOutOfResources",
		"XDSUnknownPatientId"}
	storedQueryCodes = []string{"XDSMissingHomeCommunityId", "XDSRegistryOutOfResources", "XDSResultNotSinglePatient", "XDSStoredQueryMissingParam", "XDSStoredQueryParamNumber",
		"XDSTooManyResults", "XDSUnavailableCommunity", "XDSUnknownCommunity", "XDSUnknownStoredQuery"}
	gatewayQueryCodes = []string{"XDSMissingHomeCommunityId", "XDSRegistryOutOfResources", "XDSResultNotSinglePatient", "XDSStoredQueryMissingParam", "XDSStoredQueryParamNumber",
		"XDSTooManyResults", "XDSUnavailableCommunity", "XDSUnknownCommunity", "XDSUnknownStoredQuery", "XDSUnknownPatientId"}
	retrieveCodes = []string{"XDSDocumentUniqueIdError", "XDSMissingHomeCommunityId", "XDSRepositoryOutOfResources", "XDSResultNotSinglePatient", "XDSUnavailableCommunity",
		"XDSUnknownCommunity", "XDSUnknownRepositoryId"}
)

// profileCodes are those of the table of errors by transaction, the generic ones apart. Beside what the table has, the gateway's query may say that
// the result spans patients or that a community did not answer: it stands for many instances, and there is no other word for either.
var profileCodes = map[string][]string{"ITI-41": provideCodes, "ITI-42": registerCodes, "ITI-61": registerCodes, "ITI-18": storedQueryCodes, "ITI-51": storedQueryCodes,
	"ITI-38": gatewayQueryCodes, "ITI-39": retrieveCodes, "ITI-43": retrieveCodes}
