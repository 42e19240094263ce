package fhir

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// Documents whose base64 ends at, just before and just after a full stage, where padding must not be taken for a mistake.
func TestDocumentsThatEndWithAStage(t *testing.T) {
	t.Parallel()
	for _, stages := range []int{1, 2} {
		for size := stages*stageSize/4*3 - 7; size <= stages*stageSize/4*3+7; size++ {
			want := bytes.Repeat([]byte{0xFB}, size)
			var got sinks
			body := entries(binary(`"` + base64.StdEncoding.EncodeToString(want) + `"`))
			if _, err := ReadBundle(strings.NewReader(body), Limits{}, got.open); err != nil || !bytes.Equal(got.all[0].Bytes(), want) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
}

// The byte that is told is the byte that is wrong, on both sides of a stage and behind escapes.
func TestTheWrongByteIsTold(t *testing.T) {
	t.Parallel()
	for _, lead := range []string{"AAAA", `A\/AA`, `\u0041AA\u002B`, ` \n A \r\nAAA`} {
		for at := stageSize - 12; at < stageSize+12; at++ {
			text := lead + strings.Repeat("A", at-len("AAAA")-2) + `\/A*` + strings.Repeat("A", stageSize)
			body := entries(binary(`"` + text + `"`))
			_, err := ReadBundle(strings.NewReader(body), Limits{}, new(sinks).open)
			want := fmt.Sprintf("at byte %d of the body", strings.IndexByte(body, '*'))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("%q, character %d: %v, want %s", lead, at, err, want)
			}
		}
	}
}
