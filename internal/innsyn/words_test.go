package innsyn

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
)

// TestEveryCodeHasItsWords: roles and types in English as in Norwegian, and every basis and emergency purpose that access knows.
func TestEveryCodeHasItsWords(t *testing.T) {
	t.Parallel()
	for file, of := range map[string]func(string) *Coded{"no-9060": role, "no-9602-typeCode": typeOf} {
		text, err := os.ReadFile("../terminology/codes/" + file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Codes []struct{ Code, Display string }
		}
		if err := json.Unmarshal(text, &list); err != nil || len(list.Codes) < 30 {
			t.Fatal(err, len(list.Codes))
		}
		for _, c := range list.Codes {
			if got := of(c.Code); got == nil || got.No != c.Display || got.En == "" || got.System == "" {
				t.Errorf("%s %s: %+v", file, c.Code, got)
			}
		}
	}
	for _, code := range append(access.AccessBases(), access.BreakGlassPurposes()...) {
		if bases[code].En == "" && purposes[code].En == "" {
			t.Errorf("%s has no words", code)
		}
	}
	for code, p := range purposes {
		if p.No == p.En || !strings.HasSuffix(p.No, ".") || !strings.HasSuffix(p.En, ".") {
			t.Errorf("%s: %+v", code, p)
		}
	}
}

// TestWhy: known codes become sentences; unknown ones are told to be unknown and never repeated, for they may hold anything.
func TestWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lookup audit.Lookup
		want   Why
	}{
		"treatment": {audit.Lookup{Purpose: "TREAT", PurposeDetails: "BEHANDLER"}, Why{Purpose: "TREAT", Details: "BEHANDLER",
			Text: Phrase{"For å gi deg helsehjelp. Helsepersonellet behandlet deg.", "To give you health care. The health worker was treating you."}}},
		"emergency": {audit.Lookup{Purpose: "BTG", BreakGlass: true}, Why{Purpose: "BTG", Emergency: true, BarLifted: true,
			Text: Phrase{"I en nødsituasjon, med tilgang som ellers kan være sperret. Sperren din ble opphevet for denne nødsituasjonen.",
				"In an emergency, with access that may otherwise be barred. Your bar was lifted for this emergency."}}},
		"basis": {audit.Lookup{Purpose: "TREAT", Basis: "AKUTT"}, Why{Purpose: "TREAT", Basis: "AKUTT", Emergency: true,
			Text: Phrase{"For å gi deg helsehjelp. Det var akutt, og du kunne ikke spørres.", "To give you health care. It was urgent, and you could not be asked."}}},
		"nothing": {audit.Lookup{Purpose: " "}, Why{Text: purposeMissing}},
		"unknown": {audit.Lookup{Purpose: "GRØNN VITS", PurposeDetails: "565501872", Basis: "x"}, Why{Text: purposeUnknown}},
	} {
		if got := why(c.lookup); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if role("565501872") != nil || typeOf("").orNil() != nil || typeOf("X").No != "Dokument" {
		t.Error("a code without words has been repeated as if it had some")
	}
	if kind, text := what(audit.Lookup{Operation: "cross-gateway-query"}); kind != List || text.No == "" {
		t.Errorf("a new operation: %s %+v", kind, text)
	}
}

func (c *Coded) orNil() any {
	if c == nil {
		return nil
	}
	return c
}
