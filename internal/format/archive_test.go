package format

import (
	"bytes"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
)

// TestArchiveEnd: a record counts when its comment ends where the file does, wherever the writes are split, and no other does.
func TestArchiveEnd(t *testing.T) {
	t.Parallel()
	record := func(comment int) string {
		return zipEnd + strings.Repeat("\x00", 16) + string([]byte{byte(comment), byte(comment >> 8)})
	}
	for _, c := range []struct {
		name, data string
		want       bool
	}{
		{"alone", record(0), true}, {"at the end", strings.Repeat("x", 70_000) + record(0), true}, {"followed by one byte", record(0) + "x", false},
		{"one byte of comment missing", record(2) + "x", false}, {"with its comment", record(3) + "xyz", true},
		{"with the longest comment", strings.Repeat("x", 40_000) + record(65_535) + strings.Repeat("y", 65_535), true},
		{"a comment too short by one", record(65_535) + strings.Repeat("y", 65_534), false},
		{"in a comment of another", record(22) + record(0), true}, {"many, the first fits", record(2200) + strings.Repeat(record(9), 100), true},
		{"many, none fits", strings.Repeat(record(1), 10_000), false}, {"cut", record(0)[:21], false}, {"nothing", "", false},
		{"where another wanted the end a ring ago", record(65_535) + strings.Repeat("z", 65_535+zipRing-1) + "z", false},
	} {
		for _, step := range []int{1, 7, 21, 22, 4096, zipPiece, 1 << 20} {
			a := &archive{}
			for rest := []byte(c.data); len(rest) > 0; rest = rest[min(len(rest), step):] {
				a.write(rest[:min(len(rest), step)])
			}
			if a.complete() != c.want {
				t.Errorf("%s in writes of %d: %t", c.name, step, !c.want)
			}
		}
	}
}

// FuzzArchive holds the stream's answer against a look at the whole file.
func FuzzArchive(f *testing.F) {
	f.Add([]byte("x"+zipEnd+strings.Repeat("\x00", 18)), uint16(3))
	f.Add([]byte(zipEnd+strings.Repeat("\x00", 16)+"\x02\x00ab"), uint16(22))
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		defer fuzztest.InTime(t)()
		want := false
		for i := 0; i+zipRecord <= len(data); i++ {
			if bytes.HasPrefix(data[i:], []byte(zipEnd)) && i+zipRecord+int(data[i+20])+int(data[i+21])<<8 == len(data) {
				want = true
			}
		}
		a := &archive{}
		for rest := data; len(rest) > 0; rest = rest[min(len(rest), int(step)+1):] {
			a.write(rest[:min(len(rest), int(step)+1)])
		}
		if a.complete() != want {
			t.Fatalf("in writes of %d: %t", step+1, !want)
		}
	})
}
