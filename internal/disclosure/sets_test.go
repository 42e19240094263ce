package disclosure

import (
	"reflect"
	"slices"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestMaskListIsAnAllowList: a field that is added to a list is hidden until somebody decides otherwise here (C2).
func TestMaskListIsAnAllowList(t *testing.T) {
	t.Parallel()
	secret := document.Code{Value: "secret", System: "secret", Display: "secret"}
	l := document.List{Kind: document.SubmissionSetKind, UniqueID: "u", Patient: document.PatientID{Value: "secret", Authority: "1.2"}, Status: document.Approved, SourceID: "secret",
		Codes: []document.Code{secret, secret}, Title: "secret", Comments: "secret", SourcePatient: document.SourcePatient{Family: "secret"},
		Authors: []document.Author{{Person: document.Person{Family: "secret"}, Roles: []document.Code{secret}, Institutions: []document.Organisation{{Name: "Betanien"}}}},
		Members: []uuid.UUID{uuid.New()}, Folders: []uuid.UUID{uuid.New()}}
	m := maskList(l)
	var kept []string
	for i := range reflect.ValueOf(m).NumField() {
		if !reflect.ValueOf(m).Field(i).IsZero() {
			kept = append(kept, reflect.TypeOf(m).Field(i).Name)
		}
	}
	if diff := cmp.Diff([]string{"Kind", "UniqueID", "Patient", "Status", "SourceID", "Codes", "Title", "Authors", "Members", "Folders"}, kept); diff != "" {
		t.Errorf("fields that show (-want +got):\n%s", diff)
	}
	if m.Title != maskedTitle || m.Patient.Value != maskedText || m.SourceID != maskedText || !cmp.Equal(m.Codes, []document.Code{{Value: maskedText}}) ||
		!cmp.Equal(m.Authors, []document.Author{{Institutions: []document.Organisation{{Name: "Betanien"}}}}) {
		t.Errorf("content shows: %+v", m)
	}
	l.Kind = document.FolderKind
	if l.SourceID = ""; maskList(l).SourceID != "" {
		t.Error("a folder got a source")
	}
}

// TestListFollowsItsDocuments: what is left of a list for each mixture of decisions.
func TestListFollowsItsDocuments(t *testing.T) {
	t.Parallel()
	mine, other := document.PatientID{Value: "1", Authority: "1.2"}, document.PatientID{Value: "2", Authority: "1.2"}
	shown, masked, omitted, foreign, gone, lifted := uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()
	open, shut, empty, barred := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	decision := func(l access.List) decided {
		return decided{access.Decision{List: l, Rules: []string{"C2"}}, mine}
	}
	c := contents{decisions: map[uuid.UUID]decided{shown: decision(access.Show), masked: decision(access.Mask), omitted: decision(access.Omit),
		foreign: {access.Decision{List: access.Show}, other}, lifted: {access.Decision{List: access.Show, BreakGlass: true}, mine}},
		folders: map[uuid.UUID]document.List{open: {Patient: mine, Members: []uuid.UUID{shown}}, shut: {Patient: mine, Members: []uuid.UUID{omitted}},
			empty: {Patient: mine}, barred: {Patient: mine, Members: []uuid.UUID{masked}}}}
	for _, test := range []struct {
		name             string
		members, folders []uuid.UUID
		there            bool
		keep, keepFolder []uuid.UUID
		masked, lifted   bool
	}{
		{"all shown", []uuid.UUID{shown, lifted}, nil, true, []uuid.UUID{shown, lifted}, nil, false, true},
		{"one masked", []uuid.UUID{shown, masked, lifted}, nil, true, []uuid.UUID{shown, masked, lifted}, nil, true, false},
		{"one omitted", []uuid.UUID{omitted, shown}, nil, true, []uuid.UUID{shown}, nil, true, false},
		{"all omitted", []uuid.UUID{omitted}, []uuid.UUID{open}, false, nil, []uuid.UUID{open}, true, false},
		{"nothing", nil, nil, false, nil, nil, false, false},
		{"only what is gone", []uuid.UUID{gone}, nil, false, nil, nil, false, false},
		{"another patient's", []uuid.UUID{foreign}, nil, false, nil, nil, false, false},
		{"another patient's beside mine", []uuid.UUID{foreign, shown}, nil, true, []uuid.UUID{shown}, nil, false, false},
		{"its folders are no words of its own", []uuid.UUID{shown}, []uuid.UUID{barred, shut, empty, open}, true, []uuid.UUID{shown}, []uuid.UUID{barred, open}, false, false},
		{"folders alone", nil, []uuid.UUID{open, empty}, true, nil, []uuid.UUID{open}, false, false},
		{"folders alone, one barred", nil, []uuid.UUID{open, barred}, true, nil, []uuid.UUID{open, barred}, true, false},
		{"folders alone, none to see", nil, []uuid.UUID{shut, empty}, false, nil, nil, true, false},
	} {
		item, there := c.item(document.List{Kind: document.SubmissionSetKind, Patient: mine, Title: "title", Members: test.members, Folders: test.folders})
		if there != test.there || item.Masked != test.masked || item.BreakGlass != test.lifted || (item.List.Title == "title") == test.masked ||
			!slices.Equal(item.List.Members, test.keep) || !slices.Equal(item.List.Folders, test.keepFolder) {
			t.Errorf("%s: there %v, %+v", test.name, there, item)
		}
	}
	for was, barred := range map[uuid.UUID]bool{shown: false, masked: true, omitted: true, gone: true} {
		item, there := c.item(document.List{Kind: document.FolderKind, Patient: mine, Title: "title", Members: []uuid.UUID{shown}, Deleted: []uuid.UUID{was}})
		if !there || item.Masked != barred || item.List.Deleted != nil || len(item.List.Members) != 1 {
			t.Errorf("with a deleted one that was barred %v: there %v, %+v", barred, there, item)
		}
	}
}
