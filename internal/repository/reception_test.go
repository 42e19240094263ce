package repository_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/format"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
)

func TestFacts(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	for name, size := range map[string]int64{"empty": 0, "one byte": 1, "memory": 700_000, "memory to its last byte": 1 << 20, "file": 1<<20 + 1, "large": 9_000_001} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content, _ := io.ReadAll(lines(size))
			in := receive(t.Context(), t, r, bytes.NewReader(content))
			facts, err := in.Facts(t.Context())
			if err != nil || facts.Infected {
				t.Fatalf("%+v, %v", facts, err)
			}
			sum := sha1.Sum(content)
			if facts.Size != size || !bytes.Equal(facts.SHA1, sum[:]) || !bytes.Equal(facts.SHA256, digest(content)) {
				t.Errorf("size %d or hashes are wrong", facts.Size)
			}
			if want := format.Text; size > 0 && facts.Format.Found != want {
				t.Errorf("found %q, want %q", facts.Format.Found, want)
			}
		})
	}
}

// TestLimit: exactly F5's 60 MiB pass; one byte more is refused at once and the same again.
func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 3 << 20 // the real one, which takes twenty times as long, is met at the door (mhd.TestLimit)
	r := open(t, func(c *repository.Config) { c.MaxDocument = limit })
	if repository.MaxDocument != 62_914_560 {
		t.Errorf("the limit is %d bytes (F5)", repository.MaxDocument)
	}
	in := receive(t.Context(), t, r, lines(limit))
	if facts, err := in.Facts(t.Context()); err != nil || facts.Size != limit {
		t.Errorf("at the limit: %d bytes, %v", facts.Size, err)
	}
	over := r.Receive(t.Context())
	defer over.Discard()
	n, err := io.Copy(over, io.MultiReader(lines(limit), strings.NewReader("x"), never{t}))
	if codeOf(err) != fault.DocumentTooLarge || n > limit {
		t.Errorf("one byte more: %d bytes taken, %v", n, err)
	}
	if lead := fault.Of(err).Leading(); lead.Rule != "F5" || !strings.Contains(lead.Safe, "3 MiB (3145728 bytes)") {
		t.Errorf("told as %+v", lead)
	}
	_, again := over.Write([]byte("y"))
	_, facts := over.Facts(t.Context())
	if codeOf(again) != fault.DocumentTooLarge || codeOf(over.Close()) != fault.DocumentTooLarge || facts == nil {
		t.Errorf("afterwards: Write %v, Facts before Close %v", again, facts)
	}
	if _, err := over.Facts(t.Context()); codeOf(err) != fault.DocumentTooLarge {
		t.Errorf("Facts: %v", err)
	}
}

// never must not be read.
type never struct{ t *testing.T }

func (n never) Read([]byte) (int, error) { n.t.Error("read on after the refusal"); return 0, io.EOF }

// encoded is content in base64, as a door's JSON or XML carries it.
func encoded(content string) string { return base64.StdEncoding.EncodeToString([]byte(content)) }

func inJSON(content string) string {
	text, _ := json.Marshal(map[string]any{"resourceType": "Binary", "contentType": "text/plain", "data": encoded(content)})
	return string(text)
}

func inCDA(content string) string {
	return `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="text/plain" representation="B64">` +
		encoded(content) + `</text></nonXMLBody></component></ClinicalDocument>`
}

func TestMalwareIsFound(t *testing.T) {
	t.Parallel()
	eicar := scan.EICAR()
	late, _ := io.ReadAll(lines(2_000_000))
	for name, content := range map[string]io.Reader{
		"plain":                         strings.NewReader(eicar),
		"after 59,000,000 bytes":        io.MultiReader(lines(59_000_000), strings.NewReader(eicar)),
		"in JSON":                       strings.NewReader(inJSON(eicar)),
		"in a CDA":                      strings.NewReader(inCDA(eicar)),
		"in a CDA in JSON":              strings.NewReader(inJSON(inCDA(eicar))),
		"in JSON in JSON in JSON":       strings.NewReader(inJSON(inJSON(inJSON(eicar)))),
		"at the end of an attachment":   strings.NewReader(inCDA(string(late) + scan.TestMarker)),
		"in the last of several":        strings.NewReader("[" + inJSON("Hei, "+string(late[:90])) + "," + inJSON(string(late)) + "," + inJSON(eicar) + "]"),
		"in a document that breaks off": strings.NewReader(`{"data":"` + encoded(eicar)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, nil)
			in := receive(t.Context(), t, r, content)
			facts, err := in.Facts(t.Context())
			if err != nil || !facts.Infected || facts.Finding == "" {
				t.Fatalf("infected %t, finding %q, %v", facts.Infected, facts.Finding, err)
			}
			if o, err := r.Keep(t.Context(), someSchema(), in); err == nil {
				t.Errorf("an infected document was kept: %+v", o)
			}
		})
	}
}

func TestHarmlessAttachments(t *testing.T) {
	t.Parallel()
	harmless := strings.Repeat("Helt ufarlig innhold. ", 20)
	for _, content := range []string{inJSON(harmless), inCDA(harmless), inJSON(inCDA(harmless))} {
		facts, err := receive(t.Context(), t, open(t, nil), strings.NewReader(content)).Facts(t.Context())
		if err != nil || facts.Infected || facts.Format.Attachments != 1 {
			t.Errorf("infected %t, %d attachments, %v", facts.Infected, facts.Format.Attachments, err)
		}
	}
}

// TestTooManyAttachments: what is not scanned is not accepted, and malware among what was is still told.
func TestTooManyAttachments(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *repository.Config) { c.MaxAttachments = 3 })
	harmless := strings.Repeat("Helt ufarlig innhold. ", 20)
	list := func(n int, last string) string {
		return "[" + strings.Repeat(inJSON(harmless)+",", n-1) + inJSON(last) + "]"
	}
	for name, c := range map[string]struct {
		content  string
		code     fault.Code
		infected bool
	}{
		"three":                      {list(3, harmless), "", false},
		"four":                       {list(4, harmless), fault.NotScanned, false},
		"two in the second of two":   {"[" + inJSON(harmless) + "," + inJSON(list(2, harmless)) + "]", fault.NotScanned, false},
		"four layers":                {inJSON(inJSON(inJSON(inJSON(harmless)))), fault.NotScanned, false},
		"four, the third is malware": {"[" + inJSON(harmless) + "," + list(2, scan.EICAR())[1:len(list(2, scan.EICAR()))-1] + "," + inJSON(harmless) + "]", "", true},
	} {
		facts, err := receive(t.Context(), t, r, strings.NewReader(c.content)).Facts(t.Context())
		if codeOf(err) != c.code || facts.Infected != c.infected {
			t.Errorf("%s: infected %t, %v", name, facts.Infected, err)
		}
		if lead := fault.Of(err).Leading(); lead != nil && lead.RetryAfter != 0 {
			t.Errorf("%s: told to try again, which does not help", name)
		}
	}
}

// TestMalwareOutweighs: malware is told also when something before it could not be looked at.
func TestMalwareOutweighs(t *testing.T) {
	t.Parallel()
	tooDeep := inJSON(inJSON(inJSON(inJSON(strings.Repeat("Helt ufarlig innhold. ", 20)))))
	content := "[" + tooDeep + "," + inJSON(scan.EICAR()) + "]"
	facts, err := receive(t.Context(), t, open(t, nil), strings.NewReader(content)).Facts(t.Context())
	if err != nil || !facts.Infected {
		t.Errorf("infected %t, %v", facts.Infected, err)
	}
}

// TestScannerFails: no answer but "clean" is clean (F3), and what else is known is known all the same (W6).
func TestScannerFails(t *testing.T) {
	t.Parallel()
	answer := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			buf, seen := make([]byte, 64<<10), []byte(nil)
			for !bytes.HasSuffix(seen, make([]byte, 4)) {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				seen = append(seen[max(0, len(seen)-4):], buf[:n]...)
			}
			_, _ = io.WriteString(c, text)
		}
	}
	for name, s := range map[string]repository.Scanner{
		"down":             repository.Clamd(scan.New(scan.Config{Address: closedPort(t)})),
		"hung":             fakeClamd(t, time.Second, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }),
		"never reads":      fakeClamd(t, time.Second, func(c net.Conn) { time.Sleep(1500 * time.Millisecond) }),
		"cut off at once":  fakeClamd(t, time.Second, func(net.Conn) {}),
		"cut off midway":   fakeClamd(t, time.Second, func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 100_000) }),
		"half an answer":   fakeClamd(t, time.Second, answer("stream: OK")),
		"limits":           fakeClamd(t, time.Second, answer("INSTREAM size limit exceeded. ERROR\x00")),
		"limits as a find": fakeClamd(t, time.Second, answer("stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\x00")),
		"says nothing":     lying{},
		"clean with error": lying{scan.Verdict{State: scan.Clean}, errors.New("half heard")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *repository.Config) { c.Scanner = s })
			for _, size := range []int64{1000, 8_000_000} {
				content, _ := io.ReadAll(lines(size))
				in := receive(t.Context(), t, r, bytes.NewReader(content))
				facts, err := in.Facts(t.Context())
				if lead := fault.Of(err).Leading(); lead == nil || lead.Code != fault.NotScanned || lead.RetryAfter == 0 {
					t.Errorf("%d bytes: %v", size, err)
				}
				if facts.Size != size || !bytes.Equal(facts.SHA256, digest(content)) || facts.Format.Found != format.Text || facts.Infected {
					t.Errorf("%d bytes: the other facts are %+v", size, facts)
				}
				if o, err := r.Keep(t.Context(), someSchema(), in); codeOf(err) != fault.NotScanned {
					t.Errorf("%d bytes: kept as %+v, %v", size, o, err)
				}
			}
		})
	}
}

// lying is a scanner without a network.
type lying struct {
	verdict scan.Verdict
	err     error
}

func (l lying) Open(context.Context) (repository.ScanStream, error) { return l, nil }
func (l lying) Write(p []byte) (int, error)                         { return len(p), nil }
func (l lying) Verdict() (scan.Verdict, error)                      { return l.verdict, l.err }
func (l lying) Abort()                                              {}

// panicking dies where it is asked to.
type panicking struct{ lying }

func (panicking) Verdict() (scan.Verdict, error) { panic("secret of the document") }

func (p panicking) Open(context.Context) (repository.ScanStream, error) { return p, nil }

// TestPanicIsAnError: a fault in code that reads hostile bytes costs one upload, not the process, and quotes nothing.
func TestPanicIsAnError(t *testing.T) {
	t.Parallel()
	r := open(t, func(c *repository.Config) { c.Scanner = panicking{} })
	_, err := receive(t.Context(), t, r, strings.NewReader("Hei")).Facts(t.Context())
	if fault.KindOf(err) != fault.Internal || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// slowScanner takes until released, and counts how many it has at a time.
type slowScanner struct {
	lying
	mu        sync.Mutex
	now, most int
	release   chan struct{}
}

func (s *slowScanner) Open(context.Context) (repository.ScanStream, error) { return s, nil }

func (s *slowScanner) Verdict() (scan.Verdict, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	<-s.release
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return scan.Verdict{State: scan.Clean}, nil
}

// TestSlots: no more scans than slots at a time; who waits too long is told to come back; attachments in attachments do not
// wait for themselves.
func TestSlots(t *testing.T) {
	t.Parallel()
	s := &slowScanner{release: make(chan struct{})}
	r := open(t, func(c *repository.Config) { c.Scanner, c.ScanSlots, c.ScanWait = s, 2, 200*time.Millisecond })
	var all []*repository.Reception
	for range 5 {
		all = append(all, receive(t.Context(), t, r, strings.NewReader("Hei")))
	}
	busy := 0
	time.AfterFunc(600*time.Millisecond, func() { close(s.release) })
	for _, in := range all {
		_, err := in.Facts(t.Context())
		if lead := fault.Of(err).Leading(); lead != nil {
			busy++
			if lead.Code != fault.TooBusy || lead.RetryAfter == 0 {
				t.Errorf("told %v", err)
			}
		}
	}
	if s.most != 2 || busy != 3 {
		t.Errorf("%d scans at a time, %d told to come back", s.most, busy)
	}
	harmless := strings.Repeat("Helt ufarlig innhold. ", 20)
	one := open(t, func(c *repository.Config) { c.ScanSlots, c.ScanWait = 1, 5*time.Second })
	if _, err := receive(t.Context(), t, one, strings.NewReader(inJSON(inCDA(inJSON(harmless))))).Facts(t.Context()); err != nil {
		t.Errorf("one slot for three layers: %v", err)
	}
}

// TestNextDocumentIsReadMeanwhile: Close does not wait for the scanner.
func TestNextDocumentIsReadMeanwhile(t *testing.T) {
	t.Parallel()
	s := &slowScanner{release: make(chan struct{})}
	r := open(t, func(c *repository.Config) { c.Scanner = s })
	first := receive(t.Context(), t, r, strings.NewReader("en"))
	second := receive(t.Context(), t, r, strings.NewReader("to"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := first.Facts(ctx); codeOf(err) != fault.NotScanned {
		t.Errorf("Facts within the scan: %v", err)
	}
	close(s.release)
	for _, in := range []*repository.Reception{first, second} {
		if _, err := in.Facts(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// TestNoRoom: a full or missing spool folder refuses with a time to come back; small documents do not need it.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, func(c *repository.Config) { c.SpoolDir = dir + "/gone" })
	if _, err := receive(t.Context(), t, r, lines(1000)).Facts(t.Context()); err != nil {
		t.Errorf("small: %v", err)
	}
	in := r.Receive(t.Context())
	defer in.Discard()
	_, err := io.Copy(in, lines(2_000_000))
	if lead := fault.Of(err).Leading(); lead == nil || lead.Code != fault.PartUnavailable || lead.RetryAfter == 0 || strings.Contains(lead.Safe, dir) {
		t.Errorf("large: %v", err)
	}
	if err := in.Close(); codeOf(err) != fault.PartUnavailable {
		t.Errorf("Close: %v", err)
	}
}

// TestSpoolHasNoName: a process that dies leaves nothing, since there is nothing to see while it lives.
func TestSpoolHasNoName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := open(t, func(c *repository.Config) { c.SpoolDir = dir })
	in := r.Receive(t.Context())
	defer in.Discard()
	if _, err := io.Copy(in, lines(5_000_000)); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestMisuse: wrong order of calls is an error and no crash.
func TestMisuse(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	in := r.Receive(t.Context())
	if _, err := in.Facts(t.Context()); err == nil {
		t.Error("Facts before Close")
	}
	if err := errors.Join(in.Close(), in.Close()); err != nil {
		t.Error(err)
	}
	if _, err := in.Write([]byte("x")); err == nil {
		t.Error("Write after Close")
	}
	in.Discard()
	in.Discard()
	dropped := r.Receive(t.Context())
	dropped.Discard()
	_, writeErr := dropped.Write([]byte("x"))
	_, factsErr := dropped.Facts(t.Context())
	if writeErr == nil || factsErr == nil {
		t.Errorf("after Discard: Write %v, Facts %v", writeErr, factsErr)
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte(inJSON(inCDA("x"))), uint8(3))
	f.Add([]byte(scan.EICAR()), uint8(200))
	f.Fuzz(func(t *testing.T, content []byte, step uint8) {
		defer fuzztest.InTime(t)()
		r := repository.New(repository.Config{Scanner: lying{verdict: scan.Verdict{State: scan.Clean}}, SpoolDir: t.TempDir(), MemorySpool: 100, MaxDocument: 5000, MaxAttachments: 5})
		in := r.Receive(t.Context())
		defer in.Discard()
		for rest := content; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			if _, err := in.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		closed := in.Close()
		facts, err := in.Facts(t.Context())
		switch {
		case (closed == nil) != (len(content) <= 5000):
			t.Errorf("%d bytes: %v", len(content), closed)
		case closed == nil && !bytes.Equal(facts.SHA256, digest(content)):
			t.Error("another hash")
		case fault.KindOf(err) == fault.Internal:
			t.Error(fmt.Errorf("internal: %w", err))
		}
	})
}
