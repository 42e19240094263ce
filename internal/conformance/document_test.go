package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// part is one of docs/conformance.md; each is held to what happened by whoever can tell it.
type part int

const (
	messagesPart part = iota
	plansPart
	envelopesPart
	clientPart
	answersPart
)

// headings begin the parts; the first has the document's title.
var headings = [...]string{messagesPart: "", plansPart: "## NIST's test plans over SOAP", envelopesPart: "## SOAP messages that others wrote",
	clientPart: "## IPF as a client", answersPart: "## Answers validated"}

// parts splits the document at its headings.
func parts(document string) (texts [len(headings)]string) {
	of := messagesPart
	for line := range strings.Lines(document) {
		for p, heading := range headings {
			if heading != "" && strings.TrimRight(line, "\n") == heading {
				of = part(p)
			}
		}
		texts[of] += line
	}
	for p := range texts {
		if texts[p] = strings.TrimRight(texts[p], "\n"); texts[p] != "" {
			texts[p] += "\n"
		}
	}
	return texts
}

// joined is the document of its parts.
func joined(texts [len(headings)]string) string {
	var present []string
	for _, text := range texts {
		if text != "" {
			present = append(present, text)
		}
	}
	return strings.Join(present, "\n")
}

// committedDocument is docs/conformance.md as it is committed.
func committedDocument(t *testing.T) (path string, texts [len(headings)]string) {
	t.Helper()
	path = filepath.Join("..", "..", "docs", "conformance.md")
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, parts(string(written))
}

// published keeps tests that run at the same time from writing over each other's parts.
var published sync.Mutex

// publish prints a part, writes it below build/ and holds docs/conformance.md to it.
func publish(t *testing.T, of part, got string) {
	t.Helper()
	t.Log("\n" + got)
	published.Lock()
	defer published.Unlock()
	committed, texts := committedDocument(t)
	if diff := gocmp.Diff(texts[of], got); diff != "" && !*update {
		t.Errorf("docs/conformance.md is not what happened (-written +happened); look, then run with -update:\n%s", diff)
	}
	texts[of] = got
	write(t, filepath.Join("..", "..", "build", "conformance.md"), joined(texts))
	if *update {
		write(t, committed, joined(texts))
	}
}
