package access

import (
	"slices"
	"testing"
)

// TestKindNames: audit events and the simulator use them; what is no kind is nobody.
func TestKindNames(t *testing.T) {
	t.Parallel()
	var got []string
	for k := Nobody; k <= Operator+1; k++ {
		got = append(got, k.String())
	}
	if want := []string{"nobody", "machine", "personnel", "citizen", "guardian", "proxy", "operator", "nobody"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestScopes: the canonical spellings, letter by letter (W1, C6, R1, R2), and whether a token has one.
func TestScopes(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		ScopeCreate:       "nhn:phr-document-repository/mhd/create-documents-with-reference",
		ScopeDelete:       "nhn:phr-document-repository/delete-documents-and-reference",
		ScopeReadList:     "nhn:phr/mhd/read-documentreferences",
		ScopeReadListKJ:   "nhn:phr/mhd/read-documentreferences/kjernejournalforskriften",
		ScopeReadDocument: "nhn:phr/mhd/read-document",
		AudienceWrite:     "nhn:phr-document-repository",
		AudienceRead:      "nhn:phr",
		HeaderAccessBasis: "nhn-access-basis",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	c := Caller{Scopes: []string{ScopeReadList, ScopeDelete}}
	if !c.Has(ScopeDelete) || !c.Has(ScopeReadList) || c.Has(ScopeReadListKJ) || c.Has("") || (Caller{}).Has(ScopeDelete) {
		t.Error("Has finds what is not there, or not what is")
	}
}
