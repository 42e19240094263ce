package submission

import (
	"encoding/json"
	"testing"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// firstRelease is a message as the first release that held documents wrote it. It must stay readable: documents lie in quarantine over
// upgrades. Do not change it; when a field gets another name, read both.
const firstRelease = `{"profile":"nhn","set":{"ID":"019abcde-0000-7000-8000-000000000001","UniqueID":"019abcde-0000-7000-8000-000000000001",
"Patient":{"value":"13116900216","authority":"2.16.578.1.12.4.1.4.1"},"SourceID":"2.16.578.1","ContentType":{"code":"A03-2","system":"2.16.578.1.12.4.1.1.9602"},
"Time":{"At":"2026-11-01T12:00:00Z","Precision":14},"Title":"Innsending","Comments":"","Authors":null,"SourcePatient":{},"Registered":"2026-11-20T09:00:00Z"},
"entry":{"ID":"11111111-1111-4111-8111-111111111111","LogicalID":"11111111-1111-4111-8111-111111111111","Version":1,"UniqueID":"u","AliasID":"a",
"Patient":{"value":"13116900216","authority":"2.16.578.1.12.4.1.4.1"},"Status":65,"SubmissionID":"019abcde-0000-7000-8000-000000000001",
"ObjectKey":"00000000-0000-0000-0000-000000000000","Class":{"code":"A00-1","system":"2.16.578.1.12.4.1.1.9602"},"Type":{},"Format":{},"Facility":{},"Practice":{},
"Events":null,"Confidentiality":[{"code":"N","system":"2.16.840.1.113883.5.25","display":"normal"}],"References":null,"Title":"Epikrise","Comments":"","Language":"nb-NO",
"Authors":[{"person":{"family":"GREVLING"}}],"SourcePatient":{"family":"DANSER"},"Creation":{"At":"2026-10-31T10:15:30Z","Precision":14},
"ServiceStart":{"At":"0001-01-01T00:00:00Z","Precision":0},"ServiceStop":{"At":"0001-01-01T00:00:00Z","Precision":0},"MimeType":"text/plain","Size":5,
"SHA1":"AQI=","SHA256":"AwQ=","Registered":"2026-11-20T09:00:00Z"},"relations":[{"type":"R","entry":"22222222-2222-4222-8222-222222222222","uniqueId":"t"}]}`

func held() heldMessage {
	patient := document.PatientID{Value: "13116900216", Authority: "2.16.578.1.12.4.1.4.1"}
	set, entry := uuid.MustParse("019abcde-0000-7000-8000-000000000001"), uuid.MustParse("11111111-1111-4111-8111-111111111111")
	registered := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	return heldMessage{Profile: tenant.NHN,
		Set: document.SubmissionSet{ID: set, UniqueID: set.String(), Patient: patient, SourceID: "2.16.578.1", Title: "Innsending", Registered: registered,
			ContentType: document.Code{Value: "A03-2", System: "2.16.578.1.12.4.1.1.9602"},
			Time:        document.Time{At: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Precision: document.Second}},
		Entry: document.Entry{ID: entry, LogicalID: entry, Version: 1, UniqueID: "u", AliasID: "a", Patient: patient, Status: document.Approved, SubmissionID: set,
			Class:           document.Code{Value: "A00-1", System: "2.16.578.1.12.4.1.1.9602"},
			Confidentiality: []document.Code{{Value: "N", System: "2.16.840.1.113883.5.25", Display: "normal"}}, Title: "Epikrise", Language: "nb-NO",
			Authors: []document.Author{{Person: document.Person{Family: "GREVLING"}}}, SourcePatient: document.SourcePatient{Family: "DANSER"},
			Creation: document.Time{At: time.Date(2026, 10, 31, 10, 15, 30, 0, time.UTC), Precision: document.Second}, MimeType: "text/plain", Size: 5,
			SHA1: []byte{1, 2}, SHA256: []byte{3, 4}, Registered: registered},
		Relations: []heldRelation{{Type: "R", Entry: uuid.MustParse("22222222-2222-4222-8222-222222222222"), UniqueID: "t"}}}
}

func TestHeldMessageStaysReadable(t *testing.T) {
	t.Parallel()
	var read heldMessage
	if err := json.Unmarshal([]byte(firstRelease), &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(held(), read); diff != "" {
		t.Error(diff)
	}
	// And what is written today is no more and no less.
	text, err := json.Marshal(held())
	if err != nil {
		t.Fatal(err)
	}
	var now, then any
	if err := json.Unmarshal(text, &now); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(firstRelease), &then); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(then, now); diff != "" {
		t.Errorf("the form has changed: %s", diff)
	}
}

// TestObstacles: malware alone is none, what is wrong with another document is that one's, and warnings refuse nothing.
func TestObstacles(t *testing.T) {
	t.Parallel()
	v := &verdict{problems: fault.Problems{
		fault.New(fault.VirusFound, "x").At("documents[1].document"),
		fault.New(fault.MetadataError, "x").At("documents[0].typeCode"),
		fault.New(fault.MetadataError, "x").At("documents[10].typeCode"),
		fault.New(fault.FormatMismatch, "x").At("documents[1].mimeType"),
		fault.New(fault.UnknownCodeSystem, "x").At("documents[1].typeCode").AsWarning(),
		fault.New(fault.MetadataError, "x").At("set.sourceId"),
		fault.New(fault.PartUnavailable, "x"),
	}}
	want := []string{"DLFormatMismatch at documents[1].mimeType", "XDSRegistryMetadataError at set.sourceId", "DLUnavailable"}
	if diff := cmp.Diff(want, v.obstacles(1)); diff != "" {
		t.Error(diff)
	}
}
