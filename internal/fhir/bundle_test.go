package fhir

import (
	"bytes"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/fault"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sinks collects what ReadBundle gives away, and how each sink ended.
type sinks struct {
	all   []*memorySink
	fails error // what Write answers, if anything
}

type memorySink struct {
	bytes.Buffer
	closed    int
	abandoned error
	fails     error
}

func (s *sinks) open(number int) (io.WriteCloser, error) {
	if number != len(s.all) {
		return nil, fmt.Errorf("sink %d asked for, want %d", number, len(s.all))
	}
	s.all = append(s.all, &memorySink{fails: s.fails})
	return s.all[number], nil
}

func (m *memorySink) Write(p []byte) (int, error) {
	if m.fails != nil {
		return 0, m.fails
	}
	return m.Buffer.Write(p)
}
func (m *memorySink) Close() error                     { m.closed++; return nil }
func (m *memorySink) CloseWithError(cause error) error { m.abandoned = cause; return nil }

func (s *sinks) texts() []string {
	texts := []string{}
	for _, sink := range s.all {
		texts = append(texts, sink.String())
	}
	return texts
}

// entries wraps entries into a transaction.
func entries(text string) string {
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + text + `]}`
}

// binary is an entry with data exactly as written in JSON.
func binary(data string) string {
	return `{"resource":{"resourceType":"Binary","contentType":"text/plain","data":` + data + `}}`
}

func TestReadBundleDecodesAWholeMessage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	var got sinks
	bundle, err := ReadBundle(bytes.NewReader(raw), Limits{}, got.open)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Hello World"}, got.texts()); diff != "" {
		t.Error(diff)
	}
	if b, ok := As[Binary](bundle.Entry[1].Resource); !ok || b.Body != 0 || b.ContentType != "text/plain" || b.Data != "" {
		t.Errorf("binary = %+v", b)
	}
	if l, ok := As[List](bundle.Entry[0].Resource); !ok || l.Source.Extension[0].ValueReference.Reference != "#o1" {
		t.Errorf("list = %+v", l)
	} else if p, ok := As[Practitioner](&l.Contained[0]); !ok || p.Name[0].Given[0] != "GRØNN" {
		t.Errorf("contained = %+v", l.Contained[0])
	}
	encoded, err := Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "bundle_written.golden", append(encoded, '\n'))
}

func TestReadBundleTakesEveryFormOfTheSameBytes(t *testing.T) {
	t.Parallel()
	const want = "\x00\xFB\xEF\xFF?>~hello"
	plain := base64.StdEncoding.EncodeToString([]byte(want)) // holds + and /
	unicode := ""
	for _, c := range plain {
		unicode += fmt.Sprintf(`\u%04X`, c)
	}
	cases := map[string]string{
		"plain":                entries(binary(`"` + plain + `"`)),
		"byte order mark":      "\xEF\xBB\xBF \r\n\t" + entries(binary(`"`+plain+`"`)) + " \n",
		"escaped slash":        entries(binary(`"` + strings.ReplaceAll(plain, "/", `\/`) + `"`)),
		".NET escapes":         entries(binary(`"` + strings.ReplaceAll(plain, "+", `\u002B`) + `"`)),
		"everything escaped":   entries(binary(`"` + unicode + `"`)),
		"escaped white space":  entries(binary(`"` + plain[:5] + `\r\n\t\u000a\u0020` + plain[5:] + `\n"`)),
		"literal spaces":       entries(binary(`"  ` + plain[:3] + "  " + plain[3:] + ` "`)),
		"data first":           entries(`{"resource":{"data":"` + plain + `","resourceType":"Binary"}}`),
		"escaped names":        `{"resourceType":"Bundle","type":"transaction","\u0065ntry":[{"resourc\u0065":{"resourceType":"Binary","d\u0061ta":"` + plain + `"}}]}`,
		"entry before type":    `{"entry":[` + binary(`"`+plain+`"`) + `],"type":"transaction","resourceType":"Bundle"}`,
		"white space all over": "{ \"resourceType\" :\n\"Bundle\" , \"type\":\"transaction\", \"entry\" : [ { \"resource\" : { \"resourceType\" : \"Binary\" , \"data\" : \"" + plain + "\" } } ] }",
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got sinks
			bundle, err := ReadBundle(iotest.OneByteReader(strings.NewReader(body)), Limits{}, got.open)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{want}, got.texts()); diff != "" {
				t.Error(diff)
			}
			if b, _ := As[Binary](bundle.Entry[0].Resource); b.Body != 0 || got.all[0].closed != 1 || got.all[0].abandoned != nil {
				t.Errorf("body %d, sink %+v", b.Body, got.all[0])
			}
		})
	}
}

// Only entry[i].resource.data goes to a sink; the same name elsewhere is metadata.
func TestReadBundleTakesOnlyTheDataOfBinaries(t *testing.T) {
	t.Parallel()
	body := entries(`{"data":"AAAA"},{"resource":{"resourceType":"DocumentReference","content":[{"attachment":{"data":"QUJD"}}]}},` +
		`{"resource":{"resourceType":"Binary"}},{"resource":{"resourceType":"Bundle","type":"document","entry":[` + binary(`"QUJD"`) + `]}},` +
		binary(`"QUI="`) + "," + binary(`""`))
	var got sinks
	bundle, err := ReadBundle(strings.NewReader(body), Limits{}, got.open)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"AB", ""}, got.texts()); diff != "" {
		t.Error(diff)
	}
	d, _ := As[DocumentReference](bundle.Entry[1].Resource)
	without, _ := As[Binary](bundle.Entry[2].Resource)
	inner, _ := As[Bundle](bundle.Entry[3].Resource)
	nested, _ := As[Binary](inner.Entry[0].Resource)
	empty, _ := As[Binary](bundle.Entry[5].Resource)
	if d.Content[0].Attachment.Data != "QUJD" || without.Body != NoBody || nested.Body != NoBody || nested.Data != "QUJD" || empty.Body != 1 {
		t.Errorf("%+v %+v %+v %+v", d, without, nested, empty)
	}
}

// A path that only resembles entry[i].resource.data opens no sink, even in a body that is refused for another reason.
func TestReadBundleOpensNoSinkElsewhere(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"resourceType":"Bundle","type":"transaction","entry":{"x":{"resource":{"resourceType":"Binary","data":"QUJD"}}}}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":["data","QUJD"]}]}`,
		`[{"resource":{"data":"QUJD"}}]`,
	} {
		var got sinks
		if _, err := ReadBundle(strings.NewReader(body), Limits{}, got.open); err == nil || len(got.all) != 0 {
			t.Errorf("%s: %d sinks, %v", body, len(got.all), err)
		}
	}
}

// The bad inputs of issue 2 and more. The golden file holds code, location and text of each, and is read by people.
func TestReadBundleTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, body string }{
		{"empty", ""},
		{"only a byte order mark", "\xEF\xBB\xBF"},
		{"only white space", " \n "},
		{"not JSON", "hello"},
		{"XML", "<Bundle/>"},
		{"UTF-16", "\xFF\xFE{\x00"},
		{"half a byte order mark", "\xEF\xBB{}"},
		{"array", "[]"},
		{"null", "null"},
		{"number", "-1"},
		{"string", `"Bundle"`},
		{"cut off in metadata", `{"resourceType":"Bundle","entry":[{"resource":{"status":"cur`},
		{"cut off in a document", `{"resourceType":"Bundle","entry":[{},{"resource":{"data":"QUJD`},
		{"cut off in an escape", `{"resourceType":"Bundle","entry":[{"resource":{"data":"QUJD\u00`},
		{"cut off between members", `{"resourceType":"Bundle","type":"transaction",`},
		{"trailing object", entries("") + ` {}`},
		{"trailing bracket", entries("") + `}`},
		{"wrong bracket", `{"entry":[}`},
		{"missing comma", `{"resourceType":"Bundle" "type":"transaction"}`},
		{"missing comma after a document", `{"resourceType":"Bundle","entry":[{"resource":{"data":"QUJD" "id":"1"}}]}`},
		{"missing colon", `{"resourceType" "Bundle"}`},
		{"bad escape in text", `{"resourceType":"Bundle","id":"\q"}`},
		{"not UTF-8", "{\"resourceType\":\"Bundle\",\"id\":\"\xE6\"}"},
		{"duplicate name at the top", `{"resourceType":"Bundle","type":"transaction","type":"batch"}`},
		{"duplicate data", entries(`{"resource":{"resourceType":"Binary","data":"QUJD","data":"QUJE"}}`)},
		{"duplicate name deep", entries(`{},{"resource":{"resourceType":"Patient","name":[{"family":"A","family":"B"}]}}`)},
		{"duplicate in an unknown resource", entries(`{"resource":{"resourceType":"Basic","code":1,"code":2}}`)},
		{"name that may be private", `{"resourceType":"Bundle","13116900216":1,"13116900216":2}`},
		{"no resourceType", `{"type":"transaction"}`},
		{"empty resourceType", `{"resourceType":"","type":"transaction"}`},
		{"numeric resourceType", `{"resourceType":7}`},
		{"other resource", `{"resourceType":"Patient","active":"perhaps"}`},
		{"unknown resource", `{"resourceType":"Nonsense"}`},
		{"batch", `{"resourceType":"Bundle","type":"batch"}`},
		{"no type", `{"resourceType":"Bundle"}`},
		{"other type", `{"resourceType":"Bundle","type":"transaction-response"}`},
		{"type is a number", `{"resourceType":"Bundle","type":1}`},
		{"entry is an object", `{"resourceType":"Bundle","type":"transaction","entry":{}}`},
		{"resource is a text", entries(`{"resource":"x"}`)},
		{"resource without type", entries(`{},{"resource":{"id":"1"}}`)},
		{"several at once", entries(`{"resource":{"resourceType":"Patient","active":"yes"}},{"resource":{"resourceType":"List","contained":[{"resourceType":"Organization","name":["x"]}]}},{"resource":{"resourceType":"DocumentReference","content":[{"attachment":{"size":1.5}}]}},{"resource":{"resourceType":"DocumentReference","content":[{"attachment":{"size":"15"}}]}}`)},
		{"data is a number", entries(binary(`12`))},
		{"data outside a Binary", entries(`{},{"resource":{"data":"QUJD","resourceType":"Patient"}},{"resource":{"data":"QUJD","resourceType":"Media"}}`)},
		{"base64 with a strange character", entries(binary(`"QUJD"`) + "," + binary(`"QU*D"`))},
		{"base64 escaped strangely", entries(binary(`"QU\u002b\u00e6"`))},
		{"base64 with a raw line break", entries(binary("\"QUJD\nQUJD\""))},
		{"base64 with four raw line breaks", entries(binary("\"QUJD\r\n\r\nQUJD\""))},
		{"base64 of raw line breaks", entries(binary("\"\n\n\n\n\""))},
		{"base64 URL-safe", entries(binary(`"QUJDQU_D"`))},
		{"base64 without padding", entries(binary(`"QUI"`))},
		{"base64 with one character too few", entries(binary(`"QUJDQ"`))},
		{"base64 with padding in the middle", entries(binary(`"QUI=QUJD"`))},
		{"base64 with too much padding", entries(binary(`"Q==="`))},
		{"base64 of padding", entries(binary(`"===="`))},
		{"base64 with stray bits", entries(binary(`"QUJ="`))},
		{"base64 far inside", entries(binary(`"` + strings.Repeat("QUJD", 30_000) + `!` + strings.Repeat("QUJD", 30_000) + `"`))},
		{"base64 far inside, escaped", entries(binary(`"` + strings.Repeat(`Q\u0055JD`, 30_000) + `-"`))},
		{"base64 with a bad escape", entries(binary(`"QU\x"`))},
		{"base64 with a bad code point", entries(binary(`"QU\u00 2B"`))},
		{"nested 100,000 levels", entries(strings.Repeat("[", 100_000))},
		{"nested 100,000 objects", strings.Repeat(`{"a":`, 100_000)},
		{"nested 65 levels", strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)},
		{"metadata too large", entries(`{"resource":{"resourceType":"Patient","text":{"div":"` + strings.Repeat("x", 2<<20) + `"}}}`)},
		{"too many documents", entries(strings.Repeat(binary(`"QUJD"`)+",", 100) + binary(`"QUJD"`))},
		{"too many bytes", strings.Repeat(" ", 300<<10)},
	}
	var report strings.Builder
	for _, c := range cases {
		var got sinks
		limits := Limits{}
		if c.name == "too many bytes" {
			limits.Body = 200 << 10
		}
		bundle, err := ReadBundle(strings.NewReader(c.body), limits, got.open)
		if err == nil || bundle != nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		fmt.Fprintf(&report, "## %s\n", c.name)
		for _, p := range fault.Of(err) {
			fmt.Fprintf(&report, "%s %d at %s\n%s\n", p.Code, p.Code.Info().Status, p.Location, p.Safe)
		}
		if strings.Contains(report.String(), "13116900216") {
			t.Fatalf("%s: an identity number is repeated", c.name)
		}
	}
	golden(t, "bad_bundles.golden", []byte(report.String()))
}

func TestReadBundleKeepsOthersErrors(t *testing.T) {
	t.Parallel()
	body := entries(binary(`"` + strings.Repeat("QUJD", 20_000) + `"`))
	full := fault.New(fault.DocumentTooLarge, "too large").By("F5")
	gone := errors.New("connection reset by peer")
	late := func(err error) io.Reader {
		return io.MultiReader(strings.NewReader(body[:50_000]), iotest.ErrReader(err))
	}
	cases := []struct {
		name  string
		r     io.Reader
		sink  error
		cause error
		code  fault.Code
	}{
		{"sink is full", strings.NewReader(body), full, full, fault.DocumentTooLarge},
		{"sink fails", strings.NewReader(body), io.ErrClosedPipe, io.ErrClosedPipe, fault.InternalError},
		{"sink says EOF", strings.NewReader(body), io.EOF, io.EOF, fault.InternalError},
		{"client gone", late(gone), nil, gone, fault.BadRequest},
		{"fewer bytes than promised", late(io.ErrUnexpectedEOF), nil, io.ErrUnexpectedEOF, fault.MalformedBody},
		{"reader of the server refuses", late(full), nil, full, fault.DocumentTooLarge},
		{"http.MaxBytesReader", late(&http.MaxBytesError{Limit: 50_000}), nil, nil, fault.RequestTooLarge},
		{"reader gives nothing", io.MultiReader(strings.NewReader(body[:9]), noProgress{}), nil, io.ErrNoProgress, fault.BadRequest},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := sinks{fails: c.sink}
			_, err := ReadBundle(c.r, Limits{}, got.open)
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("the cause is lost: %v", err)
			}
			if code := fault.Of(err)[0].Code; code != c.code {
				t.Errorf("code = %s, want %s: %v", code, c.code, err)
			}
			for _, s := range got.all {
				if s.closed != 0 || s.abandoned == nil {
					t.Errorf("an unfinished document's sink: closed %d times, told %v", s.closed, s.abandoned)
				}
			}
		})
	}
}

type noProgress struct{}

func (noProgress) Read([]byte) (int, error) { return 0, nil }

func TestReadBundleAnswersARefusedSink(t *testing.T) {
	t.Parallel()
	busy := fault.New(fault.TooBusy, "later")
	_, err := ReadBundle(strings.NewReader(entries(binary(`"QUJD"`))), Limits{}, func(int) (io.WriteCloser, error) { return nil, busy })
	if !errors.Is(err, busy) {
		t.Errorf("err = %v", err)
	}
}

// The limits themselves are still good.
func TestReadBundleTakesWhatIsAtTheLimit(t *testing.T) {
	t.Parallel()
	body := entries(binary(`"QUJD"`) + "," + binary(`"QUJD"`))
	deep := `{"resourceType":"Bundle","type":"transaction","x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`
	exact := Limits{Body: int64(len(body)), Residue: len(body) - 8, Depth: 4, Binaries: 2}
	for name, c := range map[string]struct {
		body   string
		change func(*Limits)
		code   fault.Code
	}{
		"exact":     {body, func(*Limits) {}, ""},
		"64 levels": {deep, func(l *Limits) { *l = Limits{} }, ""},
		"body":      {body, func(l *Limits) { l.Body-- }, fault.RequestTooLarge},
		"residue":   {body, func(l *Limits) { l.Residue-- }, fault.RequestTooLarge},
		"depth":     {body, func(l *Limits) { l.Depth-- }, fault.MalformedBody},
		"binaries":  {body, func(l *Limits) { l.Binaries-- }, fault.RequestTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := exact
			c.change(&limits)
			_, err := ReadBundle(strings.NewReader(c.body), limits, new(sinks).open)
			if c.code == "" && err != nil || c.code != "" && (err == nil || fault.Of(err)[0].Code != c.code) {
				t.Errorf("err = %v, want %q", err, c.code)
			}
		})
	}
}

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
