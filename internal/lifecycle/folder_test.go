package lifecycle_test

import (
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/lifecycle"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestFsckKnowsFolders: a folder, an empty one, and one whose document was deleted are in order; a membership that was lost is found.
func TestFsckKnowsFolders(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	kept, deleted := servicetest.NewDoc(), servicetest.NewDoc()
	b := servicetest.BundleFor(s.of, kept, deleted)
	b.Change = func(m servicetest.Object) {
		addFolder(m, b.Patient, "urn:uuid:"+kept.ID, "urn:uuid:"+deleted.ID)
		addFolder(m, b.Patient)
	}
	if a := s.writer.Upload(t, b.JSON(t)); a.Status != 200 {
		t.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	s.delete(uuid.MustParse(deleted.ID))
	if _, lines := s.fsck(); len(lines) != 0 {
		t.Errorf("in order, and told of: %q", lines)
	}
	if swept, _ := s.sweep(func(*lifecycle.Sweep) {}); len(swept) != 0 {
		t.Errorf("the sweep found %+v", swept)
	}
	folder := s.id(`select f.id from tenant.submission f join tenant.association a on a.source_id = f.id where f.kind = 'F' and a.target_id = $1`, kept.ID)
	s.owner(`update tenant.association set target_id = $1 where source_id = $2 and target_id = $3`, uuid.New(), folder, kept.ID)
	s.owner(`delete from tenant.association where target_id = $1`, folder)
	want := []string{line(lifecycle.AssociationBroken, uuid.Nil, uuid.Nil), line(lifecycle.FolderUnbrought, uuid.Nil, uuid.Nil)}
	found, lines := s.fsck()
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if len(found) == 2 && found[0].Record != folder.String() && found[1].Record != folder.String() {
		t.Errorf("no finding names the folder: %+v", found)
	}
	s.owner(`update tenant.submission set kind = 'S' where id = $1`, folder)
	if _, lines := s.fsck(); !strings.Contains(strings.Join(lines, "\n"), string(lifecycle.AssociationBroken)) {
		t.Errorf("a set in the place of a folder: %q", lines)
	}
}

func addFolder(message servicetest.Object, patient string, members ...string) {
	name, items := "urn:uuid:"+uuid.NewString(), []any{}
	for _, m := range members {
		items = append(items, servicetest.Object{"item": servicetest.Object{"reference": m}})
	}
	set := servicetest.Resource(message, 0)
	folder := servicetest.Object{"resourceType": "List", "status": "current", "mode": "working", "title": "Mappe", "extension": set["extension"].([]any)[:1],
		"code":    servicetest.Object{"coding": []any{servicetest.Object{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "folder"}}},
		"subject": servicetest.Object{"identifier": servicetest.Object{"system": servicetest.PatientSystem, "value": patient}}, "entry": items}
	message["entry"] = append(message["entry"].([]any), servicetest.Object{"fullUrl": name, "resource": folder, "request": servicetest.Object{"method": "POST", "url": "List"}})
	set["entry"] = append(set["entry"].([]any), servicetest.Object{"item": servicetest.Object{"reference": name}})
}
