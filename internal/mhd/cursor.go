package mhd

import (
	"strconv"

	"dokumentlager/internal/access"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/rest"
)

// cursors seals the pages of one kind of search.
type cursors = rest.Cursors[disclosure.Search]

// owner binds a cursor to who searched, client, organisation and person, and by which scope: a total that was counted under §45 is not told
// under kjernejournalforskriften (C6).
func owner(c access.Caller) []string {
	scope, _ := access.ScopeForList(c) // whoever may list nothing is refused before
	return []string{c.ClientID, c.Organisation, c.HPR, c.PersonID, strconv.Itoa(int(scope))}
}
