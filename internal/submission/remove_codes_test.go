package submission_test

import (
	"slices"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
)

// TestRemovalOpensNothing (C2): when the newest version goes alone (ITI-62), what barred the older ones bars them still, be it that version's codes or their own.
func TestRemovalOpensNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := newEntry()
	d.register([]document.Entry{old}, nil)
	nors := document.Code{Value: "NORS", System: "2.16.578.1.12.4.1.1.9603"}
	barred := d.must(d.update(old, func(e *ebxml.Entry) { e.Confidentiality = append(slices.Clone(e.Confidentiality), nors) }))
	second := d.entry(barred.Documents[0].Entry)
	released := d.must(d.update(second, func(e *ebxml.Entry) { e.Confidentiality = old.Confidentiality }))
	third := released.Documents[0].Entry
	d.wants("the version that released it", d.remove(released.Set, third, d.membership(released.Set, third)))
	if now := d.entry(second.ID); !slices.ContainsFunc(now.Confidentiality, func(c document.Code) bool { return c.Value == "NORS" }) {
		t.Errorf("what barred the second version is gone: %v", now.Confidentiality)
	}
	d.wants("the version that barred it", d.remove(barred.Set, second.ID, d.membership(barred.Set, second.ID)))
	if now := d.entry(old.ID); !slices.ContainsFunc(now.Confidentiality, func(c document.Code) bool { return c.Value == "NORS" }) || now.Later != nil {
		t.Errorf("the first version is opened: %v, %v", now.Confidentiality, now.Later)
	}
}
