package scan

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzReply holds that no answer but the one counts as clean.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"stream: OK\x00", "stream: X FOUND\x00", "stream: OK", "", "\x00", "INSTREAM size limit exceeded. ERROR\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		text, err := readReply(bytes.NewReader(answer))
		if err != nil {
			return
		}
		verdict, err := judge(text)
		if (err == nil) != (verdict.State != NotScanned) {
			t.Errorf("%q: %v with %v", answer, verdict, err)
		}
		if verdict.State == Clean && string(answer) != "stream: OK\x00" {
			t.Errorf("%q is clean", answer)
		}
		if strings.ContainsFunc(verdict.Finding, func(r rune) bool { return r < ' ' || r > '~' }) || len(verdict.Finding) > 200 {
			t.Errorf("finding %q", verdict.Finding)
		}
	})
}
