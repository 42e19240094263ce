package conformance

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const xmlMedia = "application/fhir+xml"

// folderOf puts a folder of one document into a message.
func folderOf(document servicetest.Doc) func(servicetest.Object) {
	return func(m servicetest.Object) {
		name := "urn:uuid:" + uuid.NewString()
		folder := servicetest.Object{
			"resourceType": "List", "status": "current", "mode": "working", "title": "Graviditet",
			"extension": []any{servicetest.Object{"url": definitions + "ihe-designationType", "valueCodeableConcept": servicetest.Object{
				"coding": []any{servicetest.Object{"system": "http://snomed.info/sct", "code": "225728007"}}}}},
			"identifier": []any{servicetest.Object{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:" + freshOID()}},
			"code": servicetest.Object{"coding": []any{servicetest.Object{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes",
				"code": "folder"}}},
			"subject": servicetest.Resource(m, 0)["subject"],
			"entry":   []any{servicetest.Object{"item": servicetest.Object{"reference": "urn:uuid:" + document.ID}}},
		}
		m["entry"] = append(m["entry"].([]any), servicetest.Object{"fullUrl": name, "resource": folder,
			"request": servicetest.Object{"method": "POST", "url": "List"}})
		set := servicetest.Resource(m, 0)
		set["entry"] = append(set["entry"].([]any), servicetest.Object{"item": servicetest.Object{"reference": name}})
		set["contained"] = []any{servicetest.Object{"resourceType": "Practitioner", "id": "p", "name": []any{servicetest.Object{"family": "GREVLING"}}}}
		set["source"] = servicetest.Object{"reference": "#p"}
	}
}

// lists is ITI-66 and what stands behind it: submission sets and folders, shown and masked.
func (b bench) lists(t *testing.T) {
	shown, barred := servicetest.NewDoc(), servicetest.NewDoc()
	barred.Codes = []string{"N", "NORS"}
	var places []string
	for _, d := range []servicetest.Doc{barred, shown} {
		name := ""
		if d.ID == barred.ID {
			name = " that is barred"
		}
		message := servicetest.BundleFor(b.of, d)
		message.Change = folderOf(d)
		body := message.JSON(t)
		told := parse(t, b.provide(t, 200, "ITI-65, a document"+name+" in a folder", body).Body)["entry"].([]any)
		heard.add(answer{Name: "sent by our tests, ITI-65 with a folder", Profile: profileProvide, Body: body})
		places = append(places, text(told[0], "response", "location"), text(told[len(told)-1], "response", "location"))
	}
	for _, p := range places {
		b.ask(t, b.doctor, "read List, by a clinician", http.MethodGet, p, nil)
		b.expect(t, 200, b.writer, "read List, by its sender", http.MethodGet, p, nil)
	}
	ask := func(status int, name string, form url.Values, headers ...string) servicetest.Answer {
		return b.expect(t, status, b.doctor, name, http.MethodPost, "/R4/fhir/List/_search", strings.NewReader(form.Encode()), append(headers, "Content-Type", formMedia)...)
	}
	for _, code := range []string{"submissionset", "folder"} {
		ask(200, "ITI-66, "+code, b.form("code", code))
		ask(200, "ITI-66, "+code, b.form("code", code), "Accept", xmlMedia)
		ask(200, "ITI-66, without a total", b.form("code", code, "_total", "none"))
	}
	ask(200, "ITI-66, nothing found", b.form("code", "folder", "identifier", "urn:oid:1.2.3.4"))
	ask(200, "ITI-66, with a warning", b.form("code", "folder", "no-such-parameter", "x"))
	ask(400, "refusal 400", b.form("code", ""))
	page := parse(t, ask(200, "ITI-66, first page", b.form("code", "folder,submissionset", "_count", "1")).Body)
	if next := nextOf(page); next != "" {
		b.expect(t, 200, b.doctor, "ITI-66, next page", http.MethodGet, next, nil)
	} else {
		t.Errorf("no next page of lists: %v", page["link"])
	}
}

func nextOf(page servicetest.Object) string {
	for _, l := range listed(page["link"]) {
		if text(l, "relation") == "next" {
			return text(l, "url")
		}
	}
	return ""
}

// inXML asks again for some of all kinds of answers, in FHIR's XML.
func (b bench) inXML(t *testing.T, id string) {
	accept := []string{"Accept", xmlMedia}
	b.provide(t, 200, "ITI-65, one document", servicetest.BundleFor(b.of).JSON(t), accept...)
	b.find(t, 200, "ITI-67, shown and masked", b.form(), accept...)
	b.find(t, 200, "ITI-67, first page", b.form("_count", "1"), accept...)
	b.find(t, 200, "ITI-67, with a warning", b.form("no-such-parameter", "x"), accept...)
	b.expect(t, 200, b.doctor, "read DocumentReference, by a clinician", http.MethodGet, "/R4/fhir/DocumentReference/"+id, nil, accept...)
	b.find(t, 400, "refusal 400", url.Values{"status": {"current"}}, accept...)
	b.expect(t, 404, b.writer, "refusal 404", http.MethodGet, "/R4/fhir/DocumentReference/"+uuid.NewString(), nil, accept...)
	servicetest.Send(t, b.Request(t, http.MethodGet, "/R4/fhir/metadata", nil, scenario, "CapabilityStatement", "Accept", xmlMedia))
}

// wanderer is a synthetic patient of this test alone, of whom two tenants have a document.
const wanderer = "12119000465"

// partial searches all tenants while one of them cannot be read: it is named in an OperationOutcome entry.
func partial(t *testing.T) {
	b, silent := newBench(t, tenant.NHN, "", ""), newBench(t, tenant.NHN, "", "")
	for _, to := range []bench{b, silent} {
		message := servicetest.BundleFor(to.of)
		message.Patient = wanderer
		to.provide(t, 200, "ITI-65, one document", message.JSON(t))
	}
	tx, err := b.Owner.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), "lock table "+pgx.Identifier{silent.of.SchemaName, "document_entry"}.Sanitize()+" in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	form := b.form("patient.identifier", servicetest.PatientSystem+"|"+wanderer)
	form.Del("homeCommunityId")
	page := parse(t, b.find(t, 200, "ITI-67, a tenant is silent", form).Body)
	if _, outcomes := resources(page, "OperationOutcome"); len(outcomes) != 1 {
		t.Errorf("nobody says that a tenant is silent: %v", page)
	}
	b.find(t, 200, "ITI-67, a tenant is silent", form, "Accept", xmlMedia)
}
