package ebxml_test

import (
	"encoding/xml"
	"testing"

	"dokumentlager/internal/devstack/thirdpartytest"
	"dokumentlager/internal/ebxml"
)

type xmlName = xml.Name

// TestSchema: everything that is written validates.
func TestSchema(t *testing.T) {
	t.Parallel()
	var payloads [][]byte
	for seed := range uint64(40) {
		s := newSource(seed)
		o := s.objects(3)
		payloads = append(payloads, ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &o), ebxml.AppendSubmission(nil, &o),
			ebxml.AppendProvide(nil, &o, []ebxml.Document{{Ref: o.Entries[0].Ref, Href: "cid:x"}}),
			ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &ebxml.Objects{Refs: o.References()}),
			ebxml.AppendQuery(nil, ebxml.FindDocuments, s.maybe(), "1.2", []ebxml.Slot{{Name: "$x", Values: []string{ebxml.List(s.text(), s.text())}}}))
	}
	thirdpartytest.Valid(t, payloads...)
}
