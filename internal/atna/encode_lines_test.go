package atna

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"

	"github.com/google/uuid"
)

// The people, organisations and instance of the golden events are synthetic (spec/nhn.md, e).
const (
	patientCX  = "13116900216^^^&2.16.578.1.12.4.1.4.1&ISO"
	homeOID    = "2.16.578.1.12.4.5.100.1.1"
	entryID    = "02e027e2-404e-4f56-96af-c14da68ff611"
	documentID = "a3701d0c-dd80-44ee-bc63-76b454dcce57"
	setID      = "01a1ffc9-60eb-7496-9f6a-d3f4101fbab1"
	folderID   = "01a1ffc9-60eb-7496-9f6a-d3f4101fbab2"

	machineRow = `{"kind":"machine","client_id":"epj-betanien","client_name":"Betanien - EPJ","organisation":"981275721","supplier":"994598759",` +
		`"source_system":"dlctl 1.0","token_id":"EC38EEB496E00A38A8633C386B5A797A","request_id":"01a1ffc9-60d8-7a04-89b8-25ec16edd7f5",` +
		`"nhn_event_id":"e-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`
	doctorRow = `{"kind":"personnel","name":"GRØNN VITS","hpr":"565501872","role":"LE","client_id":"les-betanien","client_name":"Betanien - Les",` +
		`"organisation":"981275721","organisation_name":"BETANIEN","point_of_care":"873255102","point_of_care_name":"BETANIEN SYKEHJEM","purpose":"TREAT",` +
		`"purpose_details":"BEHANDLER","healthcare_service":"01","healthcare_service_system":"urn:oid:2.16.578.1.12.4.1.1.8666",` +
		`"decision_ref":"c4d402a5-70b1-435f-a98d-05a4d38aa8d8","decision_ref_user_selected":true,"department":"4207237",` +
		`"department_system":"urn:oid:2.16.578.1.12.4.1.4.102","department_name":"POST 2","source_system":"dlctl 1.0",` +
		`"token_id":"A531E43CDFABAAB5DD45AC8CE2693B9A","request_id":"01a1ffc9-63d5-7190-ac0e-ae56824f574a","nhn_event_id":"e-2",` +
		`"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`
	samlDoctorRow = `{"kind":"personnel","name":"KVART GREVLING","hpr":"565505933","role":"LE","client_id":"ea1b0c25-154d-483c-abeb-cdf2e09d0a45","organisation":"960510542",` +
		`"organisation_name":"VOSS HERAD","point_of_care":"874593842","point_of_care_name":"VOSS SJUKEHEIM","purpose":"TREAT","token_id":"_502b4e5d-5e0e-4003-af2e-e8ed61582578",` +
		`"issuer":"https://helseid-xdssaml.test.nhn.no","transaction":"%s","request_id":"01a20258-e875-70ce-a349-2b0b12658844","nhn_event_id":"urn:uuid:aff1ba14-8e23-4b7f-a7ca-9854cd4e54ab"}`
	citizenRow = `{"kind":"%s","name":"Rettferdig Savanne","person_id":"%s","client_id":"urn:oid:2.16.578.1.12.4.1.7.1.1.1","organisation":"994598759",` +
		`"organisation_name":"Norsk Helsenett","purpose":"13","token_id":"_5a","issuer":"sikkerhet.helsenorge.no","transaction":"%s","request_id":"01a20258-e875-70ce-a349-2b0b12658844"}`
	operatorRow = `{"kind":"operator","name":"kari"}`
	serviceRow  = `{"kind":"operator","name":"dokumentlager serve"}`
)

// ours is the source of the golden events.
var ours = Source{HomeCommunity: homeOID, Name: "betanien", Address: "https://dokumentlager.example.no"}

// lineOf is a line as the log gives it.
func lineOf(t *testing.T, caller, operation, action, outcome string, detail audit.Detail) audit.Line {
	t.Helper()
	l := audit.Line{ID: uuid.NewSHA1(uuid.NameSpaceURL, []byte(operation+outcome+caller)), Action: action, Outcome: outcome, Operation: operation,
		Time: time.Date(2026, 11, 21, 20, 25, 50, 57399000, time.UTC), Patient: patientCX, Detail: detail}
	if err := json.Unmarshal([]byte(caller), &l.Caller); err != nil {
		t.Fatal(err)
	}
	if len(detail.Documents) > 0 {
		l.Document, l.Entry = detail.Documents[0].UniqueID, detail.Documents[0].Entry
	}
	l.Organisation, l.RequestID, l.EventID = l.Caller.Organisation, l.Caller.RequestID, l.Caller.EventID
	l.Rule, l.Code, l.Reason = detail.Rule, detail.Code, detail.Reason
	return l
}

func aDocument() []audit.Document {
	return []audit.Document{{Entry: entryID, UniqueID: documentID, Title: "Epikrise", Type: "A03-2", Class: "A00-1", Conf: []string{"N"}, Size: 193}}
}

// typical is an operation as it usually is: who does it, its letter in the log and what it is about.
type typical struct {
	caller, action string
	detail         audit.Detail
	nobody         bool // is about no patient
}

func typicals() map[string]typical {
	hits, none := 3, 0
	query := audit.Detail{Query: "class=urn%3Aoid%3A2.16.578.1.12.4.1.1.9602%7CA00-1&status=current", Hits: &hits, Masked: 1, HomeCommunity: homeOID, Facts: "fresh", FactsAge: 12}
	document := audit.Detail{Documents: aDocument(), HomeCommunity: homeOID}
	opened, provided, changed := document, document, document
	opened.Documents = aDocument()
	opened.Documents[0].Conf = []string{"N", "NORS"}
	opened.Basis, opened.Range, opened.Facts, opened.BreakGlass = "SAMTYKKE", "0-99", "stale", 1
	provided.Set, provided.Folders = setID, []string{folderID}
	provided.Documents = append(aDocument(), audit.Document{Entry: setID, UniqueID: "2.16.578.1.12.4.5.100.1.1.7", Title: "Vedlegg", Conf: []string{"R"}})
	changed.Old, changed.New = []string{"N"}, []string{"N", "NORS"}
	infected := document
	infected.Finding, infected.Reason = "Eicar-Signature", "settes i karantene"
	settings := audit.Detail{HomeCommunity: homeOID, Reason: "personnel=true citizen=true -> personnel=true citizen=false"}
	command := func(d audit.Detail) typical { return typical{operatorRow, "E", d, true} }
	inQuarantine := typical{operatorRow, "E", infected, false}
	by := func(transaction, action string, d audit.Detail) typical {
		return typical{fmt.Sprintf(samlDoctorRow, transaction), action, d, false}
	}
	removed := document
	removed.Removed = []string{setID}
	return map[string]typical{
		"update":              by("ITI-57", "U", provided),
		"restricted-update":   by("ITI-92", "U", provided),
		"remove-metadata":     by("ITI-62", "D", removed),
		"remove-documents":    by("ITI-86", "D", document),
		"provide":             {machineRow, "C", provided, false},
		"validate":            {machineRow, "E", document, false},
		"search":              {doctorRow, "R", query, false},
		"read-entry":          {doctorRow, "R", document, false},
		"open":                {doctorRow, "R", opened, false},
		"set-confidentiality": {machineRow, "U", changed, false},
		"delete":              {machineRow, "D", document, false},
		"document-status":     {machineRow, "R", document, false},
		"search-lists":        {doctorRow, "R", query, false},
		"read-list":           {doctorRow, "R", audit.Detail{Folders: []string{folderID}, HomeCommunity: homeOID}, false},
		"read-set":            {machineRow, "R", audit.Detail{Set: setID, HomeCommunity: homeOID}, false},
		"too-large":           {machineRow, "C", audit.Detail{}, true},
		"audit-search":        {machineRow, "R", audit.Detail{Query: "date=ge2026-11-01&date=le2026-11-21", Hits: &none}, true},
		"audit-read":          {machineRow, "R", audit.Detail{Query: "_id=01a1ffc9-60e9-7624-9b59-a337f45cc4b5"}, true},
		"audit-write":         {machineRow, "U", audit.Detail{}, true},
		"lookups":             {machineRow, "R", audit.Detail{Hits: &hits}, false},
		"lookup-feed":         {machineRow, "R", audit.Detail{Hits: &hits}, true},
		"tenant-create":       command(settings),
		"tenant-set":          command(settings),
		"quarantine-list":     command(audit.Detail{Hits: &hits, HomeCommunity: homeOID}),
		"quarantine-show":     inQuarantine, "quarantine-rescan": inQuarantine, "quarantine-approve": inQuarantine,
		"quarantine-release": inQuarantine, "quarantine-destroy": inQuarantine,
		"rescan-quarantine": {serviceRow, "E", infected, false},
		"sweep":             {serviceRow, "E", audit.Detail{HomeCommunity: homeOID, Reason: "removed=3 bytes=12 grace=24h0m0s"}, true},
		"audit-export":      command(audit.Detail{Reason: "from=2026-11-01 to=2026-11-21 format=fhir events=17", Hits: &hits}),
		"async-retry":       command(audit.Detail{Reason: "numbers=7,9", Hits: &hits}),
		"audit-prune":       command(audit.Detail{Reason: "before=2016-11-21 events=17"}),
	}
}

// golden are a typical event of each operation with this outcome, in the order of their names.
func golden(t *testing.T, outcome string) (all []audit.Line) {
	t.Helper()
	every := typicals()
	for _, operation := range slices.Sorted(maps.Keys(every)) {
		one := every[operation]
		d := one.detail
		switch outcome {
		case "denied":
			d.Rule, d.Code, d.Reason, d.Hits, d.Masked, d.BreakGlass = "C2", "DLAccessDenied", "The document is barred to health personnel.", nil, 0, 0
		case "failed":
			d = audit.Detail{HomeCommunity: "2.16.578.9", Rule: "T4", Code: "XDSUnknownCommunity", Reason: "The home community is unknown here.", Query: d.Query}
		}
		l := lineOf(t, one.caller, operation, one.action, outcome, d)
		if one.nobody {
			l.Patient = ""
		}
		all = append(all, l)
	}
	return all
}

// odd are events that are not typical: callers and texts that are missing or hostile, and each of an event's parts alone.
func odd(t *testing.T) (all []audit.Line) {
	t.Helper()
	add := func(caller, operation, action, outcome string, d audit.Detail, change func(*audit.Line)) {
		l := lineOf(t, caller, operation, action, outcome, d)
		if change != nil {
			change(&l)
		}
		l.ID = uuid.NewSHA1(uuid.NameSpaceOID, []byte{byte(len(all))})
		all = append(all, l)
	}
	document := audit.Detail{Documents: aDocument(), HomeCommunity: homeOID}
	add(`{"kind":"personnel","name":"UTEN HPR","client_id":"c","token_id":"t 1","request_id":"r","purpose":"13"}`, "open", "R", "denied", document, nil)
	add(`{"kind":"personnel","client_id":"c","token_id":"t","request_id":"r","purpose":"NONE-SUCH","purpose_details":"X"}`, "search", "R", "success",
		audit.Detail{Query: "status=current"}, nil)
	add(`{"kind":"machine","client_id":"c","request_id":"r"}`, "provide", "C", "success", document, func(l *audit.Line) { l.Patient = "" })
	add(`{"kind":"nobody","request_id":"r"}`, "no-such-operation", "R", "failed", audit.Detail{}, nil)
	add(operatorRow, "no-such-command", "E", "success", audit.Detail{}, func(l *audit.Line) { l.Patient = "" })
	add(doctorRow, "open", "R", "failed", audit.Detail{Documents: []audit.Document{{UniqueID: "no urn at all"}}}, nil)
	add(doctorRow, "open", "R", "failed", audit.Detail{Documents: []audit.Document{{}}}, func(l *audit.Line) { l.Patient = "no CX" })
	add(doctorRow, "read-entry", "R", "success", audit.Detail{}, func(l *audit.Line) { l.Entry = entryID })
	add(machineRow, "read-entry", "R", "success", document, func(l *audit.Line) { l.Patient = "" })
	add(doctorRow, "search", "R", "success", audit.Detail{}, nil)
	saml := func(transaction string) string { return fmt.Sprintf(samlDoctorRow, transaction) }
	query := audit.Detail{Query: "id=urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d&returnType=LeafClass", HomeCommunity: homeOID}
	add(saml("ITI-18"), "search", "R", "success", query, nil)
	add(saml("ITI-41"), "provide", "C", "success", document, nil)
	add(saml("ITI-43"), "open", "R", "denied", document, nil)
	add(saml("ITI-0"), "open", "R", "success", document, nil)
	add(strings.Replace(saml("ITI-39"), `"hpr":"565505933",`, "", 1), "open", "R", "success", document, nil)
	add(fmt.Sprintf(citizenRow, "citizen", "13116900216", "ITI-38"), "search", "R", "success", query, nil)
	add(fmt.Sprintf(citizenRow, "guardian", "12119000465", "ITI-39"), "open", "R", "success", document, nil)
	add(fmt.Sprintf(citizenRow, "proxy", "60917301126", "ITI-39"), "open", "R", "denied", document, nil)
	add(`{"kind":"nobody","transaction":"ITI-38","request_id":"r"}`, "search", "R", "denied",
		audit.Detail{Rule: "X2", Code: "DLAssertionRefused", Reason: "The assertion is refused.", Count: 12}, func(l *audit.Line) { l.Patient = "" })
	add(doctorRow, "search", "R", "success", audit.Detail{Query: "%zz=\x01&a=<b>"}, func(l *audit.Line) {
		l.Patient, l.Caller.Name, l.Caller.SourceSystem = "A^^^&urn:x:y&URI", " \tRobert'); drop <table>\u0000 ", "\u2028æøå 👩‍⚕️"
	})
	return all
}
