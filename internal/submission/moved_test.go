package submission_test

import (
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/submission"
)

// TestMovedDocumentIsToldToItsPatient (A1): what is done to a document that became another patient's (ITI-57) stands in that patient's log, although the
// record system addresses it by the version that it knows; of the deletion both are told, each of his own.
func TestMovedDocumentIsToldToItsPatient(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := d.document()
	m := d.update(old, func(e *ebxml.Entry) { e.Patient = ivar })
	m.Sets[0].Patient = ivar
	next := d.must(m).Documents[0].Entry
	address := submission.Address{Entry: old.ID}
	if _, _, err := d.service.SetConfidentiality(t.Context(), d.actor, address, []document.Code{{Value: "R", System: hl7}}); err != nil {
		t.Fatal(places(err))
	}
	if all := d.events("set-confidentiality"); len(all) != 1 || all[0].patient != ivar.CX() || !strings.Contains(all[0].detail, next.String()) {
		t.Errorf("%+v", all)
	}
	d.in(func(tx *postgres.Tx) error { // what a re-scan tells, and the quarantine's desk
		if entry, patient, err := registry.OfObject(t.Context(), tx, old.ObjectKey); err != nil || entry != next || patient != ivar.CX() {
			t.Errorf("the bytes are those of %s, of patient %s: %v", entry, patient, err)
		}
		return nil
	})
	d.delete(old.ID)
	told := map[string]string{}
	for _, e := range d.events("delete") {
		told[e.patient] += e.detail
	}
	for patient, own := range map[string][2]string{ida.CX(): {old.ID.String(), next.String()}, ivar.CX(): {next.String(), old.ID.String()}} {
		if !strings.Contains(told[patient], own[0]) || strings.Contains(told[patient], own[1]) {
			t.Errorf("%s is told %q", patient, told[patient])
		}
	}
}
