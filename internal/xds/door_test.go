package xds_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/document"
	"dokumentlager/internal/xds"

	"github.com/google/go-cmp/cmp"
)

const (
	queryAction   = "urn:ihe:iti:2007:RegistryStoredQuery"
	gatewayAction = "urn:ihe:iti:2007:CrossGatewayQuery"
	fetchAction   = "urn:ihe:iti:2007:CrossGatewayRetrieve"
)

// finding is FindDocuments for a patient in CX form, in one home community.
func finding(patient, home string) []byte {
	return fmt.Appendf(nil, `<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">`+
		`<q:ResponseOption returnComposedObjects="true" returnType="LeafClass"/><AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d" home="urn:oid:%s">`+
		`<Slot name="$XDSDocumentEntryPatientId"><ValueList><Value>'%s'</Value></ValueList></Slot>`+
		`<Slot name="$XDSDocumentEntryStatus"><ValueList><Value>('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')</Value></ValueList></Slot></AdhocQuery></q:AdhocQueryRequest>`,
		home, strings.ReplaceAll(patient, "&", "&amp;"))
}

// fetching asks for one document.
func fetching(home, repository, unique string) []byte {
	return fmt.Appendf(nil, `<x:RetrieveDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"><x:DocumentRequest><x:HomeCommunityId>urn:oid:%s</x:HomeCommunityId>`+
		`<x:RepositoryUniqueId>%s</x:RepositoryUniqueId><x:DocumentUniqueId>%s</x:DocumentUniqueId></x:DocumentRequest></x:RetrieveDocumentSetRequest>`, home, repository, unique)
}

var bornHere atomic.Int64

// somebody is a synthetic patient of the test's own, grown up, with check digits that fit (P2).
func somebody() string {
	for {
		n := bornHere.Add(1)
		for check := range 100 {
			number := fmt.Sprintf("%02d%02d71%03d%02d", 1+n%28, 81+n/28%12, 200+n/336, check)
			if document.CheckNorwegian(patientOf(number), true) == nil {
				return number
			}
		}
	}
}

// TestWhoIsBelieved: of assertions as they come over the network, the real verifier takes one of a kind, and nothing else leads to an instance.
func TestWhoIsBelieved(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, who := s.Tenant(t), somebody()
	good := s.Personnel(t, of.Organisations[0], who)
	old := s.Assertion(t, sts.TestAssertionRequest{Issuer: sts.HelseIDSAML, NameID: servicetest.DoctorNumber, NotOnOrAfter: "2026-01-01T00:00:00Z"})
	elsewhere := s.Assertion(t, sts.TestAssertionRequest{Issuer: sts.HelseIDSAML, NameID: servicetest.DoctorNumber, Audience: "https://another.example/"})
	payload := finding(servicetest.ResourceID(who), of.HomeCommunity)
	envelope := servicetest.Envelope(xds.Registry, queryAction, payload, good)
	twice := bytes.Replace(envelope, []byte("</s:Header>"), append(servicetest.SecurityHeader(good), "</s:Header>"...), 1)
	for name, c := range map[string]struct {
		envelope []byte
		codes    []string
	}{
		"nobody":          {servicetest.Envelope(xds.Registry, queryAction, payload, ""), []string{"Sender", "SecurityTokenUnavailable"}},
		"changed":         {bytes.Replace(envelope, []byte("KVART GREVLING"), []byte("KVART GREVLINC"), 1), []string{"Sender", "FailedAuthentication"}},
		"too old":         {servicetest.Envelope(xds.Registry, queryAction, payload, old), []string{"Sender", "MessageExpired"}},
		"for another":     {servicetest.Envelope(xds.Registry, queryAction, payload, elsewhere), []string{"Sender", "InvalidSecurityToken"}},
		"two headers":     {twice, []string{"Sender", "InvalidSecurity"}},
		"two assertions":  {servicetest.Envelope(xds.Registry, queryAction, payload, good+good), []string{"Sender", "InvalidSecurityToken"}},
		"another patient": {servicetest.Envelope(xds.Registry, queryAction, finding(servicetest.ResourceID(somebody()), of.HomeCommunity), good), []string{"Sender", "InvalidSecurityToken"}},
		"another address": {servicetest.Envelope(xds.Registry, gatewayAction, payload, good), []string{"Sender", "ActionNotSupported"}},
		"another body":    {servicetest.Envelope(xds.Registry, queryAction, fetching("1.2", "1.2", "1.2"), good), []string{"Sender", "InvalidAddressingHeader", "ActionMismatch"}},
		"good":            {envelope, nil},
	} {
		a := s.PostEnvelope(t, xds.Registry, queryAction, c.envelope)
		if !slices.Equal(a.Fault, c.codes) || c.codes == nil && a.Status != 200 || c.codes != nil && a.Status != 400 {
			t.Errorf("%s: %d %v, want %v: %s", name, a.Status, a.Fault, c.codes, a.Body)
		}
		if relates := a.Message.Header.RelatesTo; !bytes.Contains(c.envelope, []byte(relates)) {
			t.Errorf("%s: RelatesTo %q", name, relates)
		}
	}
	var outcomes []string
	for _, e := range s.Events(t, of) {
		outcomes = append(outcomes, e.Operation+" "+e.Outcome)
	}
	if !slices.Contains(outcomes, "search success") || slices.Contains(outcomes, "open success") {
		t.Errorf("events: %v", outcomes)
	}
}

// TestEventsOfSOAP: an event says by which transaction and whose assertion it came; who a citizen is, and of health workers their HPR number; and a
// citizen is told of the health worker's look, and not of his own as if it were one.
func TestEventsOfSOAP(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, who := s.Tenant(t), somebody()
	b := servicetest.BundleFor(of)
	b.Patient = who
	if a := s.Writer(t, of.Organisations[0]).Upload(t, b.JSON(t)); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	search, fetch := finding(servicetest.ResourceID(who), of.HomeCommunity), fetching(of.HomeCommunity, of.Repository, b.Docs[0].BinaryID)
	for _, assertion := range []string{s.Personnel(t, of.Organisations[0], who), s.Citizen(t, who)} {
		for action, payload := range map[string][]byte{gatewayAction: search, fetchAction: fetch} {
			if a := s.Post(t, xds.Gateway, action, payload, assertion); a.Status != 200 || a.Fault != nil || !bytes.Contains(a.Body, []byte("ResponseStatusType:Success")) {
				t.Fatalf("%d %v: %s", a.Status, a.Fault, a.Body)
			}
		}
	}
	var got []string
	for _, e := range s.Events(t, of) {
		c := e.Caller
		if c.Transaction == "" {
			continue
		}
		got = append(got, strings.Join([]string{c.Transaction, e.Operation, e.Outcome, c.Kind, c.HPR, c.PersonID, c.Issuer}, " "))
		if !strings.HasPrefix(c.TokenID, "_") || !strings.HasPrefix(e.EventID, "urn:uuid:") || e.RequestID == "" || e.Patient != patientOf(who).CX() {
			t.Errorf("%+v", e)
		}
	}
	slices.Sort(got)
	doctor, citizen := " success personnel 565505933  https://helseid-xdssaml.test.nhn.no", " success citizen  "+who+" sikkerhet.helsenorge.no"
	if diff := cmp.Diff([]string{"ITI-38 search" + citizen, "ITI-38 search" + doctor, "ITI-39 open" + citizen, "ITI-39 open" + doctor}, got); diff != "" {
		t.Error(diff)
	}
	if looks := looksOf(t, s, who); len(looks) != 2 {
		t.Errorf("the citizen is told of %v", looks)
	}
}

// TestRefusedAtTheFront: what a known sender is refused before a use case sees it has its event where the other doors' refusals have theirs (A1).
func TestRefusedAtTheFront(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, who := s.Tenant(t), somebody()
	mine, wrong := of.Organisations[0], []byte(`<x xmlns="urn:x"/>`)
	for path, action := range map[string]string{xds.Registry: queryAction, xds.Repository: provideAction} {
		if a := s.Post(t, path, action, wrong, s.RecordSystem(t, mine, who)); a.Status != 400 || !slices.Contains(a.Fault, "ActionMismatch") {
			t.Errorf("%d %v", a.Status, a.Fault)
		}
	}
	var got []string
	for where, events := range map[string][]audit.Line{"control": s.ControlEvents(t, mine), "own": s.Events(t, of)} {
		for _, e := range events {
			got = append(got, strings.Join([]string{where, e.Action, e.Operation, e.Outcome, e.Code, e.Caller.Transaction, e.Caller.Kind}, " "))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"control R search failed DLBadRequest ITI-18 personnel", "own C provide failed DLBadRequest ITI-41 personnel"}, got); diff != "" {
		t.Error(diff)
	}
}

// looksOf are the look-ups that Helsenorge is told of.
func looksOf(t *testing.T, s *servicetest.Service, patient string) (kinds []string) {
	t.Helper()
	asks := s.Caller(t, map[string]any{"aud": access.AudienceRead, "scope": []string{access.ScopeLogHelsenorge}, "client_id": "helsenorge",
		"helseid://claims/client/claims/orgnr_parent": servicetest.Organisation()})
	form := url.Values{"patient": {servicetest.PatientSystem + "|" + patient}}
	a := asks.Do(t, s.Request(t, http.MethodPost, "/helsenorge/v1/lookups/_search", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
	var page struct {
		Lookups []struct {
			What struct{ Code string }
		}
	}
	if err := json.Unmarshal(a.Body, &page); err != nil || a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for _, l := range page.Lookups {
		kinds = append(kinds, l.What.Code)
	}
	return kinds
}

// TestNoPatientInLogs: whatever is sent to a SOAP address, taken or refused, no patient comes into log or metrics, nor into the words of a refusal.
func TestNoPatientInLogs(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, number := s.Tenant(t), somebody()
	const canary = "Kanarifugl77"
	local := canary + "^^^&2.16.578.1.12.4.5.999.77&ISO"
	assertion := s.Personnel(t, of.Organisations[0], number, servicetest.Attributes{servicetest.AttributePatient: {local}})
	taken, broken := finding(local, of.HomeCommunity), finding(local+"') or ('"+number, of.HomeCommunity)
	bad := bytes.Replace(taken, []byte("StatusType:Approved"), []byte(canary+number), 1)
	part := servicetest.Part{ContentID: canary + "@" + number, MediaType: "text/" + canary, Bytes: []byte(canary)}
	refused := 0
	for _, payload := range [][]byte{taken, broken, bad, fetching(of.HomeCommunity, of.Repository, canary+number), fetching(number, canary, number)} {
		for _, action := range []string{queryAction, gatewayAction, fetchAction, "urn:" + canary + number} {
			for _, by := range []string{assertion, s.Citizen(t, number), strings.Replace(assertion, canary, number, 1), ""} {
				for _, path := range []string{xds.Gateway, xds.Registry, xds.Repository + "?patient=" + number, xds.Gateway + "/" + canary} {
					if path == xds.Registry && action == fetchAction {
						continue // a few less of the same
					}
					a := s.Post(t, path, action, payload, by)
					if (a.Fault != nil || a.Status != 200) && (bytes.Contains(a.Body, []byte(canary)) || bytes.Contains(a.Body, []byte(number))) {
						t.Errorf("%s: the refusal quotes the patient: %s", path, a.Body)
					}
					if a.Fault != nil {
						refused++
					}
				}
			}
		}
		s.Post(t, xds.Registry, queryAction, payload, assertion, part)
	}
	if refused == 0 {
		t.Error("nothing was refused: the test looks at the wrong place")
	}
	metrics := servicetest.Send(t, s.Request(t, http.MethodGet, "/metrics", nil))
	for where, text := range map[string]string{"log": s.Log.String(), "metrics": string(metrics.Body)} {
		if strings.Contains(text, canary) || strings.Contains(text, number) {
			t.Errorf("the %s hold the patient", where)
		}
		if where == "log" && !strings.Contains(text, `"transaction":"ITI-18"`) || where == "metrics" && !strings.Contains(text, `route="`+xds.Registry+` ITI-18"`) {
			t.Errorf("the %s do not tell the transaction", where)
		}
	}
}
