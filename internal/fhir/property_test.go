package fhir

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

// choppy gives its text in random pieces of 1 to 216 bytes, so that every state of the reader meets a buffer's edge.
type choppy struct {
	rest []byte
	rng  *rand.Rand
}

func (c *choppy) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1+c.rng.IntN(216))], c.rest)
	c.rest = c.rest[n:]
	if len(c.rest) == 0 && c.rng.IntN(2) == 0 {
		return n, io.EOF // some readers say so with the last bytes
	}
	return n, nil
}

// author writes random bundles: random order, white space, names that look like ours in the wrong place, escapes.
type author struct {
	bytes.Buffer
	rng *rand.Rand
}

func (a *author) space() {
	for a.rng.IntN(4) == 0 {
		a.WriteByte(" \n\r\t"[a.rng.IntN(4)])
	}
}

// text writes a string, some of its characters escaped in a random way.
func (a *author) text(s string) {
	a.WriteByte('"')
	for _, c := range s {
		switch {
		case a.rng.IntN(8) == 0 && c < 0x10000:
			fmt.Fprintf(a, []string{`\u%04x`, `\u%04X`}[a.rng.IntN(2)], c)
		case c == '"' || c == '\\' || c == '/' && a.rng.IntN(2) == 0:
			a.WriteString(`\` + string(c))
		case c < 0x20:
			fmt.Fprintf(a, `\u%04x`, c)
		default:
			a.WriteRune(c)
		}
	}
	a.WriteByte('"')
}

// base64 writes bytes as a string, with white space and escapes strewn in.
func (a *author) base64(p []byte) {
	a.WriteByte('"')
	escapes := a.rng.IntN(40) + 1
	for _, c := range base64.StdEncoding.EncodeToString(p) {
		switch {
		case a.rng.IntN(escapes) == 0:
			fmt.Fprintf(a, `\u%04X`, c)
		case c == '/' && a.rng.IntN(2) == 0:
			a.WriteString(`\/`)
		default:
			a.WriteRune(c)
		}
		if a.rng.IntN(60) == 0 {
			a.WriteString([]string{" ", `\n`, `\r\n`, `\t`, `\u0020`}[a.rng.IntN(5)])
		}
	}
	a.WriteByte('"')
}

// value writes any JSON value.
func (a *author) value(depth int) {
	a.space()
	switch n := a.rng.IntN(8); {
	case n < 3 || depth > 5:
		a.text([]string{"", "data", "Binary", `a"b\c/d`, "æøå 𝄞", "entry\n"}[a.rng.IntN(6)])
	case n == 3:
		a.WriteString([]string{"0", "-1.5e+7", "12345678901234567890", "true", "false", "null"}[a.rng.IntN(6)])
	case n < 6:
		a.members(depth, a.randomMembers(depth))
	default:
		a.list(a.rng.IntN(4), func(int) { a.value(depth + 1) })
	}
	a.space()
}

func (a *author) list(n int, item func(int)) {
	a.WriteByte('[')
	for i := range n {
		if i > 0 {
			a.WriteByte(',')
		}
		a.space()
		item(i)
		a.space()
	}
	a.WriteByte(']')
}

type member struct {
	name  string
	write func()
}

// randomMembers are members that mean nothing, with names that mean something elsewhere.
func (a *author) randomMembers(depth int) []member {
	var all []member
	for _, name := range []string{"zz", "Data", "Entry", "data ", "ødata", ""} {
		if a.rng.IntN(5) == 0 {
			all = append(all, member{name, func() { a.value(depth + 1) }})
		}
	}
	return all
}

func (a *author) members(_ int, all []member) {
	a.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	a.WriteByte('{')
	for i, m := range all {
		if i > 0 {
			a.WriteByte(',')
		}
		a.space()
		a.text(m.name)
		a.space()
		a.WriteByte(':')
		a.space()
		m.write()
		a.space()
	}
	a.WriteByte('}')
}

// bundle writes a whole bundle and gives the documents in the order of the body.
func (a *author) bundle() [][]byte {
	var documents [][]byte
	constant := func(s string) func() { return func() { a.text(s) } }
	entry := func(int) {
		resource := a.randomMembers(3)
		if a.rng.IntN(2) == 0 {
			document := make([]byte, a.rng.IntN(200)*a.rng.IntN(200)*a.rng.IntN(2)+a.rng.IntN(4))
			for i := range document {
				document[i] = byte(a.rng.Uint32())
			}
			documents = append(documents, document)
			resource = append(resource, member{"resourceType", constant("Binary")}, member{"data", func() { a.base64(document) }})
		} else {
			resource = append(resource, member{"resourceType", constant("Basic")}, member{"entry", func() { a.value(3) }})
		}
		a.members(2, append(a.randomMembers(2), member{"resource", func() { a.members(3, resource) }}))
	}
	if a.rng.IntN(2) == 0 {
		a.WriteString("\xEF\xBB\xBF")
	}
	a.space()
	a.members(0, append(a.randomMembers(0), member{"resourceType", constant("Bundle")}, member{"type", constant("transaction")},
		member{"entry", func() { a.list(a.rng.IntN(4), entry) }}))
	a.space()
	return documents
}

// TestReadBundleAgainstEncodingJSON reads random bundles in random pieces: the documents arrive as written and the rest as
// encoding/json reads it.
func TestReadBundleAgainstEncodingJSON(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		a := &author{rng: rng}
		documents := a.bundle()
		body := a.Bytes()
		var got sinks
		bundle, err := ReadBundle(&choppy{body, rng}, Limits{}, got.open)
		if err != nil {
			t.Fatalf("seed %d: %v\n%.2000s", seed, err, body)
		}
		if len(got.all) != len(documents) {
			t.Fatalf("seed %d: %d documents, want %d", seed, len(got.all), len(documents))
		}
		for i, want := range documents {
			if !bytes.Equal(got.all[i].Bytes(), want) {
				t.Fatalf("seed %d: document %d differs", seed, i)
			}
		}
		if err := agrees(bundle, &got, body); err != nil {
			t.Fatalf("seed %d: %v\n%.2000s", seed, err, body)
		}
	}
}

// agrees holds what ReadBundle took against what encoding/json reads in the same body.
func agrees(bundle *Bundle, got *sinks, body []byte) error {
	var want struct {
		Entry []struct{ Resource map[string]any }
	}
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))
	var top map[string]json.RawMessage // by exact names: encoding/json would take "Entry" for "entry" otherwise
	if err := json.Unmarshal(body, &top); err != nil {
		return fmt.Errorf("accepted what is not JSON: %w", err)
	}
	var list []map[string]any
	if err := json.Unmarshal(orNull(top["entry"]), &list); err != nil {
		return err
	}
	for _, entry := range list {
		resource, _ := entry["resource"].(map[string]any)
		want.Entry = append(want.Entry, struct{ Resource map[string]any }{resource})
	}
	if len(bundle.Entry) != len(want.Entry) {
		return fmt.Errorf("%d entries, want %d", len(bundle.Entry), len(want.Entry))
	}
	used := 0
	for i, entry := range bundle.Entry {
		resource := want.Entry[i].Resource
		if binary, ok := As[Binary](entry.Resource); ok {
			text, isText := resource["data"].(string)
			if isText != (binary.Body != NoBody) {
				return fmt.Errorf("entry %d: body %d, data %v", i, binary.Body, isText)
			}
			if !isText {
				continue
			}
			used++
			clean := strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "").Replace(text)
			document, err := base64.StdEncoding.Strict().DecodeString(clean)
			if err != nil || !bytes.Equal(document, got.all[binary.Body].Bytes()) {
				return fmt.Errorf("entry %d: the document differs (%v)", i, err)
			}
		} else if entry.Resource != nil && entry.Resource.Value == nil {
			var same map[string]any
			if err := json.Unmarshal(entry.Resource.Raw, &same); err != nil || !cmp.Equal(same, resource) {
				return fmt.Errorf("entry %d: the residue differs: %s (%v)", i, cmp.Diff(resource, same), err)
			}
		}
	}
	if used != len(got.all) {
		return fmt.Errorf("%d sinks, %d of them used", len(got.all), used)
	}
	return nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// TestReadBundleOfDamagedBodies changes, drops or cuts bytes of sound bundles: whatever is still taken is what
// encoding/json reads there, and a refusal always has a code of its own.
func TestReadBundleOfDamagedBodies(t *testing.T) {
	t.Parallel()
	accepted := 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		a := &author{rng: rng}
		a.bundle()
		body := a.Bytes()
		switch at := rng.IntN(len(body)); rng.IntN(4) {
		case 0:
			body[at] = "\"\\{}[],:=A0 \n\x00\xFF"[rng.IntN(15)]
		case 1:
			body = append(body[:at], body[at+1:]...)
		case 2:
			body = body[:at]
		default:
			body[at] ^= 1 << rng.IntN(8)
		}
		var got sinks
		bundle, err := ReadBundle(&choppy{body, rng}, Limits{}, got.open)
		if err := consistent(bundle, err, &got, body); err != nil {
			t.Fatalf("seed %d: %v\n%.2000q", seed, err, body)
		}
		if err == nil {
			accepted++
		}
	}
	if accepted == 0 {
		t.Error("nothing was accepted: the test proves little")
	}
}

// consistent is the contract of ReadBundle for any body at all.
func consistent(bundle *Bundle, err error, got *sinks, body []byte) error {
	if err == nil {
		return agrees(bundle, got, body)
	}
	var problem *fault.Problem
	if bundle != nil || !errors.As(err, &problem) {
		return fmt.Errorf("an error that is no fault, or a bundle with it: %w", err)
	}
	for _, p := range fault.Of(err) {
		switch p.Code {
		case fault.MalformedBody, fault.InvalidContent, fault.RequestTooLarge:
		default:
			return fmt.Errorf("an unexpected code: %w", err)
		}
		if p.Safe == "" {
			return errors.New("a problem without text")
		}
	}
	return nil
}

func FuzzReadBundle(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, uint64(0))
	}
	for seed := range uint64(20) {
		a := &author{rng: rand.New(rand.NewPCG(seed, 3))}
		a.bundle()
		if a.Len() < 4000 {
			f.Add(bytes.Clone(a.Bytes()), seed)
		}
	}
	f.Add([]byte(entries(binary(`"QUI=","data":"\u00"`))), uint64(1))
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		defer fuzztest.InTime(t)()
		var got sinks
		limits := Limits{Body: 1 << 20, Residue: 1 << 18, Depth: 20, Binaries: 5}
		bundle, err := ReadBundle(&choppy{body, rand.New(rand.NewPCG(seed, 4))}, limits, got.open)
		if err := consistent(bundle, err, &got, body); err != nil {
			t.Error(err)
		}
	})
}
