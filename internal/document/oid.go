package document

import (
	"math/big"

	"github.com/google/uuid"
)

// OIDOf is the OID that every UUID has (ITU-T X.667): for identifiers that must be OIDs, such as a submission set's uniqueId (ITI TF-3
// table 4.2.3.3-1; MHD's SubmissionSetUniqueIdIdentifier).
func OIDOf(id uuid.UUID) string { return "2.25." + new(big.Int).SetBytes(id[:]).String() }
