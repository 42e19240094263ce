package terminology

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed codes/*.json
var files embed.FS

// system is a code system as we hold it: one list of codes, or several by variant.
type system struct {
	oid string
	// open says that we hold a part only and that the owner adds to it: IHE calls its format codes extensible.
	open  bool
	lists map[string]map[string]string
}

// find gives the display of a code; variant "" means any list. It works on the zero system, which has no codes.
func (s system) find(variant, code string) (string, bool) {
	for name, list := range s.lists {
		if variant != "" && name != "" && name != variant {
			continue
		}
		if text, ok := list[code]; ok {
			return text, true
		}
	}
	return "", false
}

// systems are the embedded lists by OID, read once. The files are part of the binary: a broken one is a broken build, which a
// test finds before anybody else.
var systems = sync.OnceValue(func() map[string]system {
	found, err := load()
	if err != nil {
		panic("terminology: " + err.Error())
	}
	return found
})

// load reads every embedded list; lists with the same OID are variants of one system.
func load() (map[string]system, error) {
	entries, err := files.ReadDir("codes")
	if err != nil {
		return nil, err
	}
	found := make(map[string]system, len(entries))
	for _, e := range entries {
		if err := loadFile(found, e.Name()); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name(), err)
		}
	}
	return found, nil
}

// listFile is the form of the files in codes/.
type listFile struct {
	OID   string `json:"oid"`
	Open  bool   `json:"open"`
	Codes []struct {
		Code    string `json:"code"`
		Display string `json:"display"`
	} `json:"codes"`
}

// loadFile adds one list; empty lists, empty codes and codes that stand twice are refused.
func loadFile(found map[string]system, name string) error {
	raw, err := files.ReadFile("codes/" + name)
	if err != nil {
		return err
	}
	var f listFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return err
	}
	list, err := f.list()
	if err != nil {
		return err
	}
	sys, ok := found[f.OID]
	if !ok {
		sys = system{oid: f.OID, open: f.Open, lists: map[string]map[string]string{}}
	}
	sys.lists[variantOf(name)] = list
	found[f.OID] = sys
	return nil
}

// list is the file's codes with their displays.
func (f listFile) list() (map[string]string, error) {
	list := make(map[string]string, len(f.Codes))
	for _, c := range f.Codes {
		if _, twice := list[c.Code]; twice || c.Code == "" {
			return nil, fmt.Errorf("code %q is empty or stands twice", c.Code)
		}
		list[c.Code] = c.Display
	}
	if f.OID == "" || len(list) == 0 {
		return nil, fmt.Errorf("no oid or no codes")
	}
	return list, nil
}

// variantOf reads the variant from a file's name: no-9602-classCode.json is "classCode", no-1303.json has none.
func variantOf(name string) string {
	for _, variant := range []string{Class.variant(), Type.variant()} {
		if strings.HasSuffix(name, "-"+variant+".json") {
			return variant
		}
	}
	return ""
}

// longestQuote bounds how much of a caller's text comes back in an answer, in bytes.
const longestQuote = 80

// quote repeats a caller's text so that it may stand in an answer and a log: short, in quotes, without control characters, and
// never when it holds eleven digits in a row, which may be an identity number that landed in the wrong field.
func quote(s string) string {
	// What cannot be printed goes first: escaped it would come out as digits, and between digits it would hide a number.
	s = strings.Map(printable, s)
	if digitsInRow(s) >= 11 {
		return "(not repeated: it holds what may be an identity number)"
	}
	if len(s) > longestQuote {
		cut := longestQuote
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// printable puts the replacement character for what has no glyph, broken UTF-8 among it.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return utf8.RuneError
}

// digitsInRow is the length of the longest run of digits; what people and bad bytes put between a number's parts does not end it.
func digitsInRow(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			run++
			longest = max(longest, run)
		case r != ' ' && r != '-' && r != utf8.RuneError:
			run = 0
		}
	}
	return longest
}
