package xds_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/xds"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

const (
	updateAction     = "urn:ihe:iti:2010:UpdateDocumentSet"
	restrictedAction = "urn:ihe:iti:2018:RestrictedUpdateDocumentSet"
	removeAction     = "urn:ihe:iti:2010:DeleteDocumentSet"
	eraseAction      = "urn:ihe:iti:2017:RemoveDocuments"
)

// revision is a message with a new version of an entry.
func (s *source) revision(old document.Entry, change func(*ebxml.Entry)) []byte {
	m := newMessage()
	e := ebxml.Entry{Entry: old, Ref: "Document01", LogicalRef: old.LogicalID.String(), SizeStated: true}
	e.ID, e.Repository, e.Status = uuid.Nil, s.of.Repository, 0
	change(&e)
	m.Entries = append(m.Entries, e)
	a := m.link("set", document.HasMember, "Document01")
	a.Membership, a.Previous = document.Original, strconv.Itoa(old.Version)
	return ebxml.AppendSubmission(nil, &m.Objects)
}

// ask posts a payload as the record system of the instance's organisation.
func (s *source) ask(t testing.TB, path, action string, payload []byte, changes ...servicetest.Attributes) *ebxml.Answer {
	t.Helper()
	return answered(t, s.Post(t, path, action, payload, s.RecordSystem(t, s.of.Organisations[0], line, changes...)))
}

func succeeded(t testing.TB, what string, a *ebxml.Answer) {
	t.Helper()
	if a.Status != ebxml.Success {
		t.Fatalf("%s: %+v", what, a)
	}
}

func refused(t testing.TB, what string, a *ebxml.Answer, code string) {
	t.Helper()
	if a.Status != ebxml.Failure || !slices.ContainsFunc(a.Errors, func(e ebxml.RegistryError) bool { return e.Code == code }) {
		t.Errorf("%s: %+v", what, a)
	}
}

// titles are those of line's documents of this instance with a status, as a doctor lists them over REST.
func (s *source) titles(t testing.TB, status string) string {
	t.Helper()
	a := s.Doctor(t, s.of.Organisations[0]).Search(t, url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + line}, "status": {status}})
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	var found []string
	for _, one := range strings.Split(string(a.Body), `"resourceType":"DocumentReference"`) {
		if strings.Contains(one, s.of.HomeCommunity) {
			found = append(found, between(one, `"title":"`, `"`))
		}
	}
	return strings.Join(found, " ")
}

func (s *source) opened(t testing.TB, unique string) servicetest.Answer {
	t.Helper()
	return s.Doctor(t, s.of.Organisations[0]).Get(t, "/mhd/document?documentUniqueId="+unique+"&homeCommunityId="+s.of.HomeCommunity+
		"&repositoryUniqueId="+s.of.Repository, "nhn-patient-nin", line)
}

// TestUpdateAndRemove follows one document: new versions of its metadata, its bytes' removal, its own, and what each door shows in between.
func TestUpdateAndRemove(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage("a").with("a", "innhold")
	ids := s.sent(t, m)
	old := s.registered(t, m.Entries[0].UniqueID)

	// The same message twice: its sender lost the answer, has a new assertion since, and gets the answer again.
	payload := s.revision(old, func(e *ebxml.Entry) { e.Title = "Rettet" })
	envelope := func() []byte {
		return servicetest.Envelope(xds.Registry, updateAction, payload, s.RecordSystem(t, s.of.Organisations[0], line))
	}
	first := envelope()
	messageID := between(string(first), "MessageID>", "<")
	second := []byte(strings.Replace(string(envelope()), between(string(envelope()), "MessageID>", "<"), messageID, 1))
	second = []byte(strings.Replace(string(second), between(string(second), "MessageID>", "<"), messageID, 1))
	for _, e := range [][]byte{first, second} {
		succeeded(t, "update", answered(t, s.PostEnvelope(t, xds.Registry, updateAction, e)))
	}
	refused(t, "another message", s.ask(t, xds.Registry, updateAction, payload), "XDSMetadataVersionError")
	if current, older := s.titles(t, "current"), s.titles(t, "superseded"); current != "Rettet" || older != "Epikrise" {
		t.Errorf("current %q, superseded %q", current, older)
	}
	if a := s.opened(t, old.UniqueID); a.Status != http.StatusOK || string(a.Body) != "innhold" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	writer := s.Writer(t, s.of.Organisations[0])
	if a := writer.Get(t, "/R4/fhir/DocumentReference/"+ids["a"]); a.Status != http.StatusOK || !strings.Contains(string(a.Body), "superseded") {
		t.Errorf("the first version by its id: %d %s", a.Status, a.Body)
	}
	next := s.registered(t, old.UniqueID)
	if next.Version != 2 || next.LogicalID != old.ID {
		t.Fatalf("%+v", next)
	}
	succeeded(t, "restricted", s.ask(t, xds.Registry, restrictedAction, s.revision(next, func(e *ebxml.Entry) {
		e.Title, e.Confidentiality = "Begrenset", []document.Code{{Value: "R", System: "http://hl7.org/fhir/v3/Confidentiality"}}
	})))
	if c := s.registered(t, old.UniqueID).Confidentiality; len(c) != 1 || c[0].System != hl7 {
		t.Errorf("R is kept in a spelling by which nobody is barred (C2): %+v", c)
	}
	refused(t, "restricted", s.ask(t, xds.Registry, restrictedAction, s.revision(s.registered(t, old.UniqueID), func(e *ebxml.Entry) { e.UniqueID = fresh() })), "XDSMetadataIdentifierError")
	// Who may only read does neither.
	reader := servicetest.Attributes{servicetest.AttributeScope: {servicetest.ScopeHealthPersonnel}}
	told := func() int { return len(s.Events(t, s.of)) + len(s.ControlEvents(t, s.of.Organisations[0])) }
	before := told()
	refused(t, "without the scope", s.ask(t, xds.Registry, updateAction, payload, reader), "XDSRegistryError")
	refused(t, "without the scope", s.ask(t, xds.Registry, removeAction, ebxml.AppendRemoval(nil, []ebxml.ObjectRef{{Ref: ids["a"]}}), reader), "XDSRegistryError")
	if n := told() - before; n != 2 {
		t.Errorf("%d events of 2 refusals", n)
	}

	erase := func(unique string) []byte {
		return ebxml.AppendDocumentRequests(nil, ebxml.RemoveDocuments, []ebxml.DocumentRequest{{Repository: s.of.Repository, Document: unique}})
	}
	refused(t, "unknown document", s.ask(t, xds.Repository, eraseAction, erase("1.2.3.4")), "XDSDocumentUniqueIdError")
	succeeded(t, "bytes", s.ask(t, xds.Repository, eraseAction, erase(old.UniqueID)))
	if a := s.opened(t, old.UniqueID); a.Status != http.StatusGone {
		t.Errorf("opening what is removed: %d %s", a.Status, a.Body)
	}
	if current := s.titles(t, "current"); current != "Begrenset" {
		t.Errorf("what is registered is gone with the bytes: %q", current)
	}

	refused(t, "one version", s.ask(t, xds.Registry, removeAction, ebxml.AppendRemoval(nil, []ebxml.ObjectRef{{Ref: ids["a"]}})), "ReferencesExistException")
	succeeded(t, "everything", s.ask(t, xds.Registry, removeAction, ebxml.AppendRemoval(nil, s.everything(t))))
	if current, older := s.titles(t, "current"), s.titles(t, "superseded"); current+older != "" {
		t.Errorf("current %q, superseded %q", current, older)
	}
	if a := writer.Get(t, "/R4/fhir/DocumentReference/"+ids["a"]); a.Status != http.StatusGone {
		t.Errorf("what is removed: %d", a.Status)
	}
	for _, e := range s.Events(t, s.of) {
		if line := fmt.Sprint(e.Detail.Reason); strings.Contains(line, servicetest.Patient) {
			t.Errorf("a refusal's text names the patient: %s", line)
		}
	}
}

// everything names what the instance holds.
func (s *source) everything(t testing.TB) (refs []ebxml.ObjectRef) {
	t.Helper()
	s.in(t, func(tx *postgres.Tx) error {
		rows, err := tx.Query(t.Context(), `select id::text from tenant.document_entry union all select id::text from tenant.submission union all select id::text from tenant.association`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var ref ebxml.ObjectRef
			if err := rows.Scan(&ref.Ref); err != nil {
				return err
			}
			refs = append(refs, ref)
		}
		return rows.Err()
	})
	return refs
}

func between(text, begin, end string) string {
	_, rest, _ := strings.Cut(text, begin)
	inside, _, _ := strings.Cut(rest, end)
	return inside
}

// TestDeleteTakesAllVersions: DELETE over REST is of the document, whichever version of its metadata the record system knows.
func TestDeleteTakesAllVersions(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage("a").with("a", "innhold")
	ids := s.sent(t, m)
	old := s.registered(t, m.Entries[0].UniqueID)
	succeeded(t, "update", s.ask(t, xds.Registry, updateAction, s.revision(old, func(e *ebxml.Entry) { e.Title = "Rettet" })))
	writer := s.Writer(t, s.of.Organisations[0])
	if a := writer.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+ids["a"], nil)); a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if current, older := s.titles(t, "current"), s.titles(t, "superseded"); current+older != "" {
		t.Errorf("current %q, superseded %q", current, older)
	}
	if a := s.opened(t, old.UniqueID); a.Status != http.StatusGone {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	var all []document.Entry
	s.in(t, func(tx *postgres.Tx) (err error) {
		all, err = registry.Versions(t.Context(), tx, []uuid.UUID{old.ID})
		return err
	})
	for _, v := range all {
		if v.Status != document.Tombstone {
			t.Errorf("version %d: %c", v.Version, v.Status)
		}
	}
}
