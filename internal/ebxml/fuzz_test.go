package ebxml_test

import (
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
)

// FuzzSubmission holds that a message is refused with a fault or read, that what was read can be written, and that the writing is stable.
func FuzzSubmission(f *testing.F) {
	f.Add([]byte(sound()))
	s := newSource(9)
	o := s.objects(2)
	f.Add(ebxml.AppendSubmission(nil, &o))
	f.Add([]byte(`<SubmitObjectsRequest xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"><RegistryObjectList xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"><Association/><ObjectRef id="urn:uuid:x"/></RegistryObjectList></SubmitObjectsRequest>`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		defer fuzztest.InTime(t)()
		got, err := ebxml.ReadSubmission(payload)
		if err != nil {
			refused(t, err)
			return
		}
		written := ebxml.AppendProvide(nil, &got.Objects, got.Documents)
		again, err := ebxml.ReadSubmission(written)
		if err != nil {
			t.Fatalf("%q was written as %q: %v", payload, written, err)
		}
		twice := ebxml.AppendProvide(nil, &again.Objects, again.Documents)
		third, err := ebxml.ReadSubmission(twice)
		if err != nil || string(ebxml.AppendProvide(nil, &third.Objects, third.Documents)) != string(twice) {
			t.Fatalf("%q was written as\n%q, and then otherwise: %v", payload, twice, err)
		}
	})
}

func refused(t *testing.T, err error) {
	t.Helper()
	if fault.Of(err).Leading() == nil || fault.KindOf(err) == fault.Internal {
		t.Fatalf("%v is no refusal", err)
	}
}

// FuzzQuery asks with whatever stands in the slots of a query.
func FuzzQuery(f *testing.F) {
	f.Add("$XDSDocumentEntryClassCode", approved, "('a^^1','b^^2')", "x")
	f.Add("$XDSDocumentEntryAuthorPerson", "()", "'%''_'", "%a%b%_")
	f.Add("$XDSDocumentEntryCreationTimeFrom", "20260101", "(1,2)", "")
	f.Fuzz(func(t *testing.T, name, a, b, text string) {
		defer fuzztest.InTime(t)()
		for _, query := range []ebxml.StoredQuery{ebxml.FindDocuments, ebxml.GetAll, ebxml.GetFolderAndContents, ebxml.FindFoldersForMultiplePatients, ebxml.StoredQuery(text)} {
			q, err := ask(query, slot("$XDSDocumentEntryPatientId", line), slot("$XDSDocumentEntryStatus", a), slot(name, a, b), slot(name, b))
			if err != nil {
				refused(t, err)
				continue
			}
			for _, p := range append(q.Authors, ebxml.Pattern(text)) {
				p.Match(text)
			}
		}
		if coded, err := ask(ebxml.FindDocumentsByTitle, slot("$XDSDocumentEntryPatientId", line), slot("$XDSDocumentEntryStatus", approved), slot("$XDSDocumentEntryTitle", ebxml.List("x"+text+"x", "y"))); err == nil && len(coded.Titles) != 2 {
			t.Fatalf("%q became %q", text, coded.Titles)
		}
	})
}

// FuzzAnswer reads whatever as each of the other messages.
func FuzzAnswer(f *testing.F) {
	s := newSource(4)
	o := s.objects(1)
	f.Add(ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &o))
	f.Add(ebxml.AppendRetrieveResponse(nil, ebxml.PartialSuccess, []ebxml.RegistryError{{Code: "x"}}, []ebxml.DocumentAnswer{{Home: "1", Href: "cid:x"}}))
	f.Add(ebxml.AppendRemoval(nil, []ebxml.ObjectRef{{Ref: "x"}}))
	f.Add(ebxml.AppendDocumentRequests(nil, ebxml.RetrieveRequest, []ebxml.DocumentRequest{{Repository: "1", Document: "2"}}))
	f.Fuzz(func(t *testing.T, payload []byte) {
		defer fuzztest.InTime(t)()
		if a, err := ebxml.ReadAnswer(payload); err != nil {
			refused(t, err)
		} else if _, err := ebxml.ReadAnswer(ebxml.AppendQueryResponse(nil, a.Status, a.Errors, &a.Objects)); err != nil {
			_ = err // the status is the sender's own and is written as it is: nobody hands a foreign one on
		}
		if _, err := ebxml.ReadRemoval(payload); err != nil {
			refused(t, err)
		}
		for _, kind := range []xmlName{ebxml.RetrieveRequest, ebxml.RemoveDocuments} {
			if requests, problems, err := ebxml.ReadDocumentRequests(payload, kind); err != nil {
				refused(t, err)
			} else if again, _, err := ebxml.ReadDocumentRequests(ebxml.AppendDocumentRequests(nil, kind, requests), kind); problems == nil && (err != nil || len(again) != len(requests)) {
				t.Fatalf("%q became %v, then %v: %v", payload, requests, again, err)
			}
		}
	})
}
