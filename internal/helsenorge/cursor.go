package helsenorge

import (
	"fmt"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/innsyn"
	"dokumentlager/internal/rest"

	"github.com/google/uuid"
)

// cursors seals where a page of one patient's lookups ended: the id of the last event told. Nothing can be read from one, and nobody but who
// asked, for the same patient, can go on from it.
type cursors struct{ rest.Cursors[uuid.UUID] }

// owner binds a cursor to who asked and for whom.
func owner(c access.Caller, p document.PatientID) []string {
	return []string{c.ClientID, c.Organisation, p.CX()}
}

// maxCursor bounds what is looked at, in bytes.
const maxCursor = 512

func (s cursors) open(text string, c access.Caller, p document.PatientID) (uuid.UUID, error) {
	bad := fault.New(fault.BadQueryParam, "The cursor is damaged, too old, another caller's or another patient's. Ask again from the start.").At(fieldCursor).By("A2")
	if len(text) > maxCursor {
		return uuid.Nil, bad
	}
	last, err := s.Open(text, owner(c, p)...)
	if err != nil {
		return uuid.Nil, bad.Because(err)
	}
	return last, nil
}

// cursorForm is a feed's cursor: two places in the log, that of lookups and that of names. It holds no secret and no patient, needs no key, and so
// outlives keys; it means the same for ever.
const cursorForm = "1.%d.%d.%d.%d"

func cursorText(c innsyn.Cursor) string {
	return fmt.Sprintf(cursorForm, c.Lookups.No, c.Lookups.Index, c.Names.No, c.Names.Index)
}

// readCursor takes what cursorText wrote and nothing else; empty is the beginning.
func readCursor(text string) (c innsyn.Cursor, err error) {
	if text == "" {
		return c, nil
	}
	bad := fault.New(fault.BadQueryParam, "The cursor is not one of ours: send next of an earlier answer as it was, or leave it out to begin at the start.").At(fieldAfter).By("A2")
	if len(text) > maxCursor {
		return c, bad
	}
	_, err = fmt.Sscanf(text, cursorForm, &c.Lookups.No, &c.Lookups.Index, &c.Names.No, &c.Names.Index)
	if err != nil || cursorText(c) != text || !c.Valid() {
		return innsyn.Cursor{}, bad.Because(err)
	}
	return c, nil
}
