package ebxml_test

import (
	"bytes"
	"slices"
	"testing"

	"dokumentlager/internal/devstack/thirdpartytest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same compares objects; what is empty and what is nil are one.
func same(want, got ebxml.Objects) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

// TestRoundTrip: what is written of random values is read again the same, in an answer and in a submission, which has nothing to complain of.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		s := newSource(seed)
		want := s.objects(1 + s.IntN(3))
		answer, err := ebxml.ReadAnswer(ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &want))
		if err != nil || answer.Status != ebxml.Success {
			t.Fatal(seed, err)
		}
		written := ebxml.AppendSubmission(nil, &want)
		submission, err := ebxml.ReadSubmission(written)
		if err != nil || submission.Problems != nil {
			t.Fatal(seed, err, submission.Problems)
		}
		for _, got := range []ebxml.Objects{answer.Objects, submission.Objects} {
			if !bytes.Equal(ebxml.AppendSubmission(nil, &got), written) {
				t.Fatalf("seed %d is written otherwise the second time: %s", seed, same(want, got))
			}
		}
		if seed < 8 { // that what is written holds everything: comparing values is slow
			if diff := same(want, answer.Objects); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
		}
		refs := want.References()
		answer, err = ebxml.ReadAnswer(ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &ebxml.Objects{Refs: refs}))
		if err != nil || len(refs) != 1+len(want.Entries)+2+len(want.Associations) || !slices.Equal(refs, answer.Objects.Refs) {
			t.Fatal(seed, err, refs, answer.Objects.Refs)
		}
	}
}

// TestSymbolicIDs: the ids of a source are kept as they are, and lead from one object to another.
func TestSymbolicIDs(t *testing.T) {
	t.Parallel()
	s := newSource(1)
	o := s.objects(1)
	o.Entries[0].ID, o.Entries[0].Ref = document.Entry{}.ID, "Document01"
	o.Associations = o.Associations[:3]
	o.Associations[0].Target, o.Associations[0].TargetRef = document.Entry{}.ID, "Document01"
	documents := []ebxml.Document{{Ref: "Document01", Href: "cid:1"}}
	got, err := ebxml.ReadSubmission(ebxml.AppendProvide(nil, &o, documents))
	if err != nil || got.Problems != nil {
		t.Fatal(err, got.Problems)
	}
	if diff := cmp.Diff(documents, got.Documents); diff != "" {
		t.Error(diff)
	}
	if diff := same(o, got.Objects); diff != "" {
		t.Error(diff)
	}
}

// TestMasked: what a mask leaves is written, and what it takes away is not, be it as an empty element.
func TestMasked(t *testing.T) {
	t.Parallel()
	hidden := document.Code{Value: "*****"}
	full := newSource(3).entry()
	masked := ebxml.Entry{Entry: document.Entry{ID: full.ID, LogicalID: full.LogicalID, Version: 1, UniqueID: full.UniqueID, Status: full.Status,
		Patient: document.PatientID{Value: "*****", Authority: "2.16.578.1.12.4.1.4.1"}, Class: full.Class, Type: hidden, Format: hidden, Facility: hidden, Practice: hidden,
		Confidentiality: full.Confidentiality, Title: "Sperret", Creation: full.Creation, MimeType: "application/octet-stream", Repository: full.Repository},
		Ref: full.ID.String(), LogicalRef: full.LogicalID.String(), Home: full.Home}
	text := ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &ebxml.Objects{Entries: []ebxml.Entry{masked}})
	answer, err := ebxml.ReadAnswer(text)
	if err != nil {
		t.Fatal(err)
	}
	masked.Patient = document.PatientID{Value: "*****", Authority: "2.16.578.1.12.4.1.4.1"}
	if diff := cmp.Diff(masked, answer.Objects.Entries[0], cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	thirdpartytest.Valid(t, text)
}

// TestAnswers: statuses and errors of all kinds are read as they were written.
func TestAnswers(t *testing.T) {
	t.Parallel()
	problems := fault.Problems{fault.New(fault.ExtraMetadata, "<warned & kept>").AsWarning(), fault.New(fault.UnknownDocument, "No such document.").At("documents[0]")}
	errs := ebxml.ErrorsOf(problems, "1.2.3")
	want := []ebxml.RegistryError{{Code: "XDSExtraMetadataNotSaved", Context: "<warned & kept>", Location: "urn:oid:1.2.3", Warning: true}, {Code: "XDSDocumentUniqueIdError", Context: "No such document.", Location: "documents[0]"}}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct {
		errors []ebxml.RegistryError
		some   bool
		want   ebxml.Status
	}{{nil, false, ebxml.Success}, {errs[:1], false, ebxml.Success}, {errs, true, ebxml.PartialSuccess}, {errs, false, ebxml.Failure}} {
		if got := ebxml.StatusOf(c.errors, c.some); got != c.want {
			t.Errorf("%v, %v: %s", c.errors, c.some, got)
		}
	}
	documents := []ebxml.DocumentAnswer{{Home: "urn:oid:1.2", Repository: "1.2.3", Document: "^1&", MimeType: "text/xml", Href: "cid:a"},
		{Repository: "1.2.3", Document: "x", NewRepository: "1.4", NewDocument: "y", MimeType: "text/plain"}}
	for _, text := range [][]byte{ebxml.AppendRegistryResponse(nil, ebxml.Failure, errs), ebxml.AppendQueryResponse(nil, ebxml.PartialSuccess, errs, nil),
		ebxml.AppendRetrieveResponse(nil, ebxml.PartialSuccess, errs, documents), ebxml.AppendRegistryResponse(nil, ebxml.Success, nil)} {
		thirdpartytest.Valid(t, text)
		got, err := ebxml.ReadAnswer(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(errs, got.Errors); diff != "" && got.Status != ebxml.Success {
			t.Error(diff)
		}
		if got.Documents != nil {
			documents[0].Home = "1.2"
			if diff := cmp.Diff(documents, got.Documents); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// TestRequests: what clients write is read again.
func TestRequests(t *testing.T) {
	t.Parallel()
	requests := []ebxml.DocumentRequest{{Home: "urn:oid:1.2", Repository: "1.2.3", Document: "^105085430"}}
	for _, payload := range []xmlName{ebxml.RetrieveRequest, ebxml.RemoveDocuments} {
		text := ebxml.AppendDocumentRequests(nil, payload, requests)
		thirdpartytest.Valid(t, text)
		got, problems, err := ebxml.ReadDocumentRequests(text, payload)
		if diff := cmp.Diff(requests, got); err != nil || problems != nil || diff != "" {
			t.Error(err, problems, diff)
		}
		if _, _, err := ebxml.ReadDocumentRequests(text, ebxml.RemoveObjects); fault.KindOf(err) != fault.Invalid {
			t.Error("read as another message:", err)
		}
	}
	refs := []ebxml.ObjectRef{{Ref: newSource(1).uuid().String()}, {Ref: "symbolic"}}
	text := ebxml.AppendRemoval(nil, refs)
	thirdpartytest.Valid(t, text)
	got, err := ebxml.ReadRemoval(text)
	if diff := cmp.Diff(refs, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
