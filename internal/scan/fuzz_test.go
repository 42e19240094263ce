package scan

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
)

// FuzzReply holds that no answer but the one counts as clean.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"stream: OK\x00", "stream: X FOUND\x00", "stream: OK", "", "\x00", "INSTREAM size limit exceeded. ERROR\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		defer fuzztest.InTime(t)()
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

// FuzzVersion holds that no garbled answer becomes a date: what is read is written again the same, but for the name of the day.
func FuzzVersion(f *testing.F) {
	for _, seed := range []string{"ClamAV 1.4.3/27800/Fri Nov 20 09:00:00 2026", "ClamAV 1.4.3/27800/Thu Nov  5 09:00:00 2026", "ClamAV 1.4.3",
		"ClamAV 1.4.3/1/", "ClamAV /1/Fri Nov 20 09:00:00 2026", "ClamAV 1/2/3/4", "", "PONG"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		defer fuzztest.InTime(t)()
		s, err := parseVersion(answer)
		if err != nil {
			return
		}
		if s.Dated() != (s.Database != 0) || s.Engine == "" {
			t.Errorf("%q: %+v", answer, s)
		}
		again := "ClamAV " + s.Engine
		if s.Dated() {
			again += fmt.Sprintf("/%d/%s", s.Database, s.Built.Format(time.ANSIC))
			day := strings.LastIndex(answer, "/") + 1
			answer = answer[:day] + s.Built.Format("Mon") + answer[day+3:]
		}
		if answer != again {
			t.Errorf("%q is read as %q", answer, again)
		}
	})
}
