package ebxml_test

import (
	"testing"

	"dokumentlager/internal/ebxml"
)

// many is what a list of 500 entries is: everything filled.
func many() ebxml.Objects {
	s := newSource(5)
	var o ebxml.Objects
	for range 500 {
		e := s.entry()
		e.Events, e.Confidentiality = s.codes(2), s.codes(2)
		o.Entries = append(o.Entries, e)
	}
	return o
}

// BenchmarkWrite500 is an answer of ITI-38 with 500 entries.
func BenchmarkWrite500(b *testing.B) {
	o := many()
	b.ReportAllocs()
	buf := make([]byte, 0, 8<<20)
	for b.Loop() {
		b.SetBytes(int64(len(ebxml.AppendQueryResponse(buf, ebxml.Success, nil, &o))))
	}
}

// BenchmarkRead500 reads the same.
func BenchmarkRead500(b *testing.B) {
	o := many()
	text := ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &o)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if a, err := ebxml.ReadAnswer(text); err != nil || len(a.Objects.Entries) != 500 {
			b.Fatal(err)
		}
	}
}

// BenchmarkQuery reads one FindDocuments.
func BenchmarkQuery(b *testing.B) {
	text := ebxml.AppendQuery(nil, ebxml.FindDocuments, false, "", []ebxml.Slot{slot("$XDSDocumentEntryPatientId", line), slot("$XDSDocumentEntryStatus", approved)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ebxml.ReadQuery(text); err != nil {
			b.Fatal(err)
		}
	}
}
