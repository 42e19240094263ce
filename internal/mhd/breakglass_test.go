package mhd_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/servicetest"

	"github.com/google/go-cmp/cmp"
)

// TestBreakGlass: where configuration names a purpose of emergency, personnel with it see and open what NORS bars, and every event of that says
// so; without the setting, with another purpose, or for somebody who is no personnel, the bar stands (C2).
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	barred := func(b *servicetest.Bundle) {
		b.Docs[0].Codes = []string{"N", "NORS"}
		b.Docs = append(b.Docs, servicetest.NewDoc())
	}
	on := startAskingWith(t, map[string]string{"ACCESS_BREAK_GLASS": "BTG"}, barred)
	off := startAsking(t, "0", barred)
	machine := func(a asking) *servicetest.Caller {
		return a.Writer(t, servicetest.Organisation()).With(map[string]any{"aud": access.AudienceRead, "scope": []string{access.ScopeReadList, access.ScopeReadDocument}})
	}
	for _, c := range []struct {
		name   string
		a      asking
		who    *servicetest.Caller
		status int
		opens  bool
	}{
		{"an emergency", on, on.doctor.For("BTG"), 200, true},
		{"the other emergency", on, on.doctor.For("ETREAT"), 200, false},
		{"treatment", on, on.doctor, 200, false},
		{"not configured", off, off.doctor.For("BTG"), 200, false},
		{"a machine", on, machine(on), 403, false},
	} {
		before := len(c.a.Events(t, c.a.of))
		list := c.who.Search(t, current(servicetest.Patient, "homeCommunityId", c.a.of.HomeCommunity))
		byID := c.who.Get(t, "/R4/fhir/DocumentReference/"+c.a.doc.ID)
		opened := c.who.Get(t, documentPath(c.a.of.HomeCommunity, c.a.of.Repository, c.a.doc.BinaryID), "nhn-patient-nin", servicetest.Patient)
		if list.Status != c.status || byID.Status != c.status || (opened.Status == 200) != c.opens || opened.Status != 200 && opened.Status != 403 {
			t.Fatalf("%s: list %d, by id %d, opened %d %s", c.name, list.Status, byID.Status, opened.Status, opened.Body)
		}
		if c.status != 200 {
			continue
		}
		masked, title := "1", bytes.Count(list.Body, []byte("Sperret"))+bytes.Count(byID.Body, []byte("Sperret"))
		if c.opens {
			masked = "0"
		}
		if got := list.Header.Get("NHN-SecurityLabel-Nors-Count"); got != masked || (title == 0) != c.opens || len(references(t, list)) != 2 || c.opens != bytes.Equal(opened.Body, c.a.doc.Bytes) {
			t.Errorf("%s: %s masked, %d titles say so", c.name, got, title)
		}
		want := []string{"search success 0", "read-entry success 0", "open denied 0"}
		if c.opens {
			want = []string{"search success 1", "read-entry success 1", "open success 1"}
		}
		var marks []string
		for _, e := range c.a.Events(t, c.a.of)[before:] {
			marks = append(marks, fmt.Sprintf("%s %s %d", e.Operation, e.Outcome, e.Detail.BreakGlass))
			if (e.Detail.BreakGlass > 0) != strings.Contains(compact(e), `"break_glass":1`) {
				t.Errorf("%s: the line says something else: %s", c.name, compact(e))
			}
		}
		if diff := cmp.Diff(want, marks); diff != "" {
			t.Errorf("%s: events (-want +got):\n%s", c.name, diff)
		}
	}
	const told = "break-glass is on: health personnel with the purpose BTG open"
	if n := strings.Count(on.Log.String(), told); n != 1 || strings.Contains(off.Log.String(), "break-glass") {
		t.Errorf("told at start %d times where it is on, and where it is off: %s", n, off.Log)
	}
}
