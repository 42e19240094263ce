package criteria

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Text asks for a string. Make it with NewText: Text is in the form that it is compared in.
type Text struct {
	Text string `json:"t"`
	How  How    `json:"h,omitempty"`
}

// NewText folds what is asked for, once for all that it will be compared with.
func NewText(text string, how How) Text {
	if how != Exact {
		text = Fold(text)
	}
	return Text{text, how}
}

// How a string is compared.
type How uint8

// The ways of FHIR's string search. Prefix, its default, takes the beginning of the string or of a word in it; Prefix and Contains do not
// mind case, accents and the spellings of æ, ø and å.
const (
	Prefix How = iota
	Contains
	Exact
)

func (t Text) in(s folded) bool {
	switch t.How {
	case Exact:
		return s.plain == t.Text
	case Contains:
		return strings.Contains(s.form, t.Text)
	default:
		return hasWord(s.form, t.Text)
	}
}

// hasWord reports whether s, or what follows a space or hyphen in it, begins with prefix.
func hasWord(s, prefix string) bool {
	for {
		if strings.HasPrefix(s, prefix) {
			return true
		}
		at := strings.IndexAny(s, " -")
		if at < 0 {
			return false
		}
		s = s[at+1:]
	}
}

// spellings are letters that Unicode does not take apart, and the ways to write æ, ø and å without them: Bjørn is Bjoern, Håkon is Haakon.
var spellings = strings.NewReplacer("æ", "a", "ä", "a", "å", "a", "aa", "a", "ae", "a", "ø", "o", "ö", "o", "oe", "o", "ð", "d", "đ", "d", "ł", "l", "þ", "th", "ß", "ss")

// Fold brings a name to the form under which names are compared: lower case, without accents, æ, ä, å, aa and ae as a, ø, ö and oe as o.
// What sounds alike becomes alike; that some names fall together which are not the same is meant: a search offers, it does not decide.
func Fold(s string) string {
	s = spellings.Replace(strings.ToLower(norm.NFC.String(s)))
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
