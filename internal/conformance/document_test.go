package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// part is one half of docs/conformance.md; each is held to what happened by whoever can tell it.
type part int

const (
	messagesPart part = iota
	answersPart
)

// parts splits the document where the second half begins.
func parts(document string) (halves [2]string) {
	before, after, found := strings.Cut(document, "\n## Answers validated\n")
	halves[messagesPart] = strings.TrimRight(before, "\n") + "\n"
	if found {
		halves[answersPart] = "## Answers validated\n" + after
	}
	return halves
}

// publish prints a half, writes it below build/ and holds docs/conformance.md to it.
func publish(t *testing.T, half part, got string) {
	t.Helper()
	t.Log("\n" + got)
	committed := filepath.Join("..", "..", "docs", "conformance.md")
	written, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	halves := parts(string(written))
	if diff := gocmp.Diff(halves[half], got); diff != "" && !*update {
		t.Errorf("docs/conformance.md is not what happened (-written +happened); look, then run with -update:\n%s", diff)
	}
	halves[half] = got
	document := halves[messagesPart] + "\n" + halves[answersPart]
	write(t, filepath.Join("..", "..", "build", "conformance.md"), document)
	if *update {
		write(t, committed, document)
	}
}
