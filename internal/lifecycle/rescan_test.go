package lifecycle_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// rescans lets one test of this process scan at a time, as the lock does with processes.
var rescans sync.Mutex

// late is a text that no signature finds until learn.
func late() string { return "SENT-FUNN-" + uuid.NewString() }

// learn gives the process's clamd a signature for a text. clamd knows one set at a time, so a test holds rescans meanwhile.
func (s *scene) learn(text string) {
	s.t.Helper()
	set := devstack.Signatures{Database: uint32(time.Now().UnixNano()/1e6%4e9) + 1, Built: time.Now(), Texts: map[string]string{"Sent.Funn": text}}
	if err := s.service.Parts.SetSignatures(s.t.Context(), set); err != nil {
		s.t.Fatal(err)
	}
}

// rescan is one over the scene's parts, its scanner that of the process unless address says otherwise.
func (s *scene) rescan(address string) (*lifecycle.Rescan, *servicetest.Log) {
	s.t.Helper()
	if address == "" {
		address = s.service.Parts.Clamd
	}
	clamd, log := scan.New(scan.Config{Address: address, Deadline: 30 * time.Second}), &servicetest.Log{}
	objects := repository.New(repository.Config{Blobs: s.store, Scanner: repository.Clamd(clamd), ScanSlots: 1, SpoolDir: s.t.TempDir()})
	return &lifecycle.Rescan{DB: s.service.DB, Tenants: tenant.Directory{DB: s.service.DB}, Objects: objects, Queue: s.queue, Signatures: clamd.Signatures,
		Actor: audit.Operator("test"), Rate: 1 << 30, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))}, log
}

// opened asks as a doctor for a document.
func (s *scene) opened(d servicetest.Doc) servicetest.Answer {
	s.t.Helper()
	return s.service.Doctor(s.t, s.of.Organisations[0]).Get(s.t, "/mhd/document?documentUniqueId="+d.BinaryID+"&homeCommunityId="+s.of.HomeCommunity+
		"&repositoryUniqueId="+s.of.Repository, "nhn-patient-nin", servicetest.Patient)
}

// desk is the quarantine desk as one operator has it.
func (s *scene) desk(operator string) *administration.Desk {
	db, log := s.service.DB, audit.Log{DB: s.service.DB}
	publisher := &submission.Service{DB: db, Tenants: tenant.Directory{DB: db}, Objects: s.objects, Log: log, Queue: s.queue, Now: time.Now}
	return &administration.Desk{DB: db, Objects: s.objects, Log: log, Queue: s.queue, Publisher: publisher, Operator: operator, Now: time.Now}
}

// TestLateDetection is test 21 of design/trust.md: what new signatures find is out of reach when the scan is done, all of it and nothing
// else; it is listed, audited and not lost, and two administrators bring a false alarm back.
func TestLateDetection(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	text := late()
	var planted, harmless []servicetest.Doc
	for i := range 12 {
		d := servicetest.NewDoc()
		if i%3 == 0 {
			d.Bytes = []byte("Notat " + uuid.NewString() + " " + text)
			planted = append(planted, d)
		} else {
			harmless = append(harmless, d)
		}
		s.upload(d)
	}
	// One carries it in base64, as CDA and FHIR documents do.
	carrier := servicetest.NewDoc()
	carrier.Type, carrier.Bytes = "application/json", fmt.Appendf(nil, `{"resourceType":"Binary","contentType":"text/plain","data":%q}`, base64.StdEncoding.EncodeToString([]byte(text)))
	planted = append(planted, carrier)
	s.upload(carrier)

	rescans.Lock()
	defer rescans.Unlock()
	r, log := s.rescan("")
	if report, err := r.Run(t.Context(), s.of.Name); err != nil || report.Scanned != 13 || report.Infected+report.Unscanned != 0 {
		t.Fatalf("with the signatures of the upload: %+v, %v", report, err)
	}
	s.learn(text)
	var told []lifecycle.Rescanned
	r.Told = func(o lifecycle.Rescanned) { told = append(told, o) }
	report, err := r.Run(t.Context(), s.of.Name)
	if err != nil || report.Infected != len(planted) || report.Scanned != 13 || report.Unscanned+report.Accepted != 0 || len(told) != len(planted) {
		t.Fatalf("%+v, %v: %+v", report, err, told)
	}
	for _, d := range planted {
		a := s.opened(d)
		if a.Status != http.StatusForbidden || !strings.Contains(string(a.Body), "DLInQuarantine") {
			t.Errorf("planted: %d %s", a.Status, a.Body)
		}
		if a := s.writer.Get(t, "/R4/fhir/DocumentReference/"+d.ID); a.Status != http.StatusOK {
			t.Errorf("its entry: %d", a.Status)
		}
		if a := s.writer.Get(t, "/api/rest/document-status?documentUniqueId="+d.BinaryID); !strings.Contains(string(a.Body), `"quarantined"`) {
			t.Errorf("its status: %s", a.Body)
		}
	}
	for _, d := range harmless {
		if a := s.opened(d); a.Status != http.StatusOK || !bytes.Equal(a.Body, d.Bytes) {
			t.Errorf("harmless: %d", a.Status)
		}
	}
	checkLateEvents(t, s, planted)
	if n := strings.Count(log.String(), "found infected and put into quarantine"); n != len(planted) || strings.Contains(log.String(), servicetest.Patient) {
		t.Errorf("%d lines: %s", n, log)
	}
	s.settled()
	if _, lines := s.fsck(); lines != nil {
		t.Errorf("fsck: %v", lines)
	}
	if report, err := r.Run(t.Context(), s.of.Name); err != nil || report.Scanned != len(harmless) || report.Infected != 0 {
		t.Errorf("again: %+v, %v", report, err)
	}

	key := uuid.MustParse(told[0].Quarantined)
	if err := s.desk("kari").Destroy(t.Context(), s.of, key, "virus"); err == nil || !strings.Contains(err.Error(), "only its owner deletes it") {
		t.Errorf("an acknowledged document is destroyed: %v", err)
	}
	if _, err := s.desk("kari").Approve(t.Context(), s.of, key, "falsk alarm"); err != nil {
		t.Fatal(err)
	}
	if err := s.desk("ola").Release(t.Context(), s.of, key); err != nil {
		t.Fatal(err)
	}
	back := planted[slices.IndexFunc(planted, func(d servicetest.Doc) bool { return d.ID == told[0].Entry })]
	if a := s.opened(back); a.Status != http.StatusOK || !bytes.Equal(a.Body, back.Bytes) {
		t.Errorf("released: %d", a.Status)
	}
	// What two administrators have seen is not taken away by the next scan.
	told = nil
	if report, err := r.Run(t.Context(), s.of.Name); err != nil || report.Accepted != 1 || report.Infected != 0 || len(told) != 1 || told[0].Outcome != lifecycle.Accepted {
		t.Errorf("released and scanned: %+v, %v: %+v", report, err, told)
	}
	// Its owner may delete one that is held.
	gone := planted[slices.IndexFunc(planted, func(d servicetest.Doc) bool { return d.ID != back.ID })]
	if a := s.writer.Do(t, s.service.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+gone.ID, nil)); a.Status/100 != 2 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	s.settled()
	if _, lines := s.fsck(); lines != nil {
		t.Errorf("fsck at the end: %v", lines)
	}
}

// settled waits until the jobs have removed what is to be.
func (s *scene) settled() {
	s.t.Helper()
	s.await("removed", func() bool {
		return s.id(`select case when exists (select 1 from tenant.stored_object where state = 'R') then $1::text else $2::text end::uuid`, uuid.Max.String(), uuid.Nil.String()) == uuid.Nil
	})
}

func checkLateEvents(t *testing.T, s *scene, planted []servicetest.Doc) {
	t.Helper()
	var got, want []string
	for _, l := range s.service.Events(t, s.of) {
		if l.Operation == "rescan-quarantine" {
			got = append(got, l.Entry)
			if l.Action != "E" || l.Outcome != "success" || l.Detail.Finding == "" || !strings.HasPrefix(l.Patient, servicetest.Patient) {
				t.Errorf("%+v", l)
			}
		}
		if l.Operation == "open" && l.Code == "DLInQuarantine" && (l.Outcome != "denied" || l.Rule != "F4") {
			t.Errorf("%+v", l)
		}
	}
	for _, d := range planted {
		want = append(want, d.ID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// streamed reads an INSTREAM's data; its command's first nine bytes are read already.
func streamed(conn net.Conn) (data []byte, err error) {
	if _, err := io.ReadFull(conn, make([]byte, len("zINSTREAM\x00")-9)); err != nil {
		return nil, err
	}
	for {
		var size uint32
		if err := binary.Read(conn, binary.BigEndian, &size); err != nil || size == 0 {
			return data, err
		}
		piece := make([]byte, size)
		if _, err := io.ReadFull(conn, piece); err != nil {
			return nil, err
		}
		data = append(data, piece...)
	}
}

// speaking is a scanner that answers VERSION as version says, and finds what find says.
func speaking(t *testing.T, version func() string, verdict func(data []byte) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				command := make([]byte, 9)
				if _, err := io.ReadFull(conn, command); err != nil {
					return
				}
				if string(command) == "zVERSION\x00" {
					_, _ = io.WriteString(conn, version()+"\x00")
					return
				}
				if data, err := streamed(conn); err == nil {
					_, _ = io.WriteString(conn, verdict(data))
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// TestFullRescan: a scan of all tenants is due when signatures change, goes on after it was cut off, looks at each document once, and is
// not due when it is done.
func TestFullRescan(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	docs := make([]servicetest.Doc, 6)
	for i := range docs {
		docs[i] = servicetest.NewDoc()
		s.upload(docs[i])
	}
	var mu sync.Mutex
	seen, number := map[string]int{}, 27800
	address := speaking(t, func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("ClamAV 1.4.3/%d/%s", number, time.Now().UTC().Format(time.ANSIC))
	}, func(data []byte) string {
		mu.Lock()
		defer mu.Unlock()
		seen[string(data)]++
		return "stream: OK\x00"
	})
	rescans.Lock()
	defer rescans.Unlock()
	due := func(r *lifecycle.Rescan, want bool) {
		t.Helper()
		if got, err := r.Due(t.Context()); got != want || err != nil {
			t.Errorf("due %v, %v; want %v", got, err, want)
		}
	}
	r, _ := s.rescan(address)
	if due(r, true); t.Failed() {
		return
	}
	// Cut off in the middle of this tenant, again and again.
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		was := 0
		r.Progress = func(lifecycle.Progress) {
			mu.Lock()
			defer mu.Unlock()
			if now := count(seen, docs); now > was {
				cancel()
			}
		}
		mu.Lock()
		was = count(seen, docs)
		mu.Unlock()
		if _, err := r.Run(ctx, ""); err == nil {
			t.Fatal("a scan that was cut off is done")
		}
		cancel()
		due(r, true)
	}
	r.Progress = nil
	report, err := r.Run(t.Context(), "")
	if err != nil || report.Signatures != "1.4.3/27800" {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, d := range docs {
		if n := seen[string(d.Bytes)]; n != 1 {
			t.Errorf("scanned %d times", n)
		}
	}
	due(r, false)
	mu.Lock()
	number++
	mu.Unlock()
	due(r, true)
	if report, err = r.Run(t.Context(), ""); err != nil || report.Signatures != "1.4.3/27801" {
		t.Errorf("%+v, %v", report, err)
	}
	due(r, false)
}

func count(seen map[string]int, docs []servicetest.Doc) (n int) {
	for _, d := range docs {
		n += seen[string(d.Bytes)]
	}
	return n
}

// TestRescanTrouble: a document that the scanner says nothing of is told and passed over while the scanner lives; a scanner that does not
// answer ends the scan; a document deleted while it was scanned is left alone; damaged bytes are told.
func TestRescanTrouble(t *testing.T) {
	t.Parallel()
	version := func() string { return "ClamAV 1.4.3" }
	for name, c := range map[string]struct {
		before  func(s *scene)
		verdict func(s *scene, data []byte) string
		want    lifecycle.RescanReport
		outcome lifecycle.Outcome
		code    fault.Code
	}{
		"limits": {nil, func(*scene, []byte) string { return "stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\x00" },
			lifecycle.RescanReport{Unscanned: 1}, lifecycle.NotScanned, ""},
		"it closes": {nil, func(*scene, []byte) string { return "" }, lifecycle.RescanReport{Unscanned: 1}, lifecycle.NotScanned, ""},
		"damaged": {func(s *scene) { s.flip("d", s.key(s.plain)) }, func(*scene, []byte) string { return "stream: OK\x00" },
			lifecycle.RescanReport{Unscanned: 1}, lifecycle.Unreadable, ""},
		"deleted meanwhile": {nil, func(s *scene, _ []byte) string { s.delete(s.plain); return "stream: X FOUND\x00" },
			lifecycle.RescanReport{Scanned: 1}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := emptyScene(t)
			s.plain = s.upload(servicetest.NewDoc())
			if c.before != nil {
				c.before(s)
			}
			r, _ := s.rescan(speaking(t, version, func(data []byte) string { return c.verdict(s, data) }))
			var told []lifecycle.Rescanned
			r.Told = func(o lifecycle.Rescanned) { told = append(told, o) }
			rescans.Lock()
			defer rescans.Unlock()
			report, err := r.Run(t.Context(), s.of.Name)
			report.Bytes, report.Signatures = 0, ""
			if diff := cmp.Diff(c.want, report); diff != "" || err != nil {
				t.Errorf("%s, %v", diff, err)
			}
			if (c.outcome == "") != (len(told) == 0) || c.outcome != "" && told[0].Outcome != c.outcome {
				t.Errorf("%+v", told)
			}
			if left := s.paths(); len(left) > 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestRescanWithoutScanner ends with an error and is not done.
func TestRescanWithoutScanner(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	s.upload(servicetest.NewDoc())
	r, _ := s.rescan("127.0.0.1:1")
	rescans.Lock()
	defer rescans.Unlock()
	if _, err := r.Run(t.Context(), s.of.Name); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("no scanner: %v", err)
	}
	if _, err := r.Due(t.Context()); err == nil {
		t.Error("due is known without a scanner")
	}
	// It answers at first and then no more.
	asked := 0
	r.Signatures = func(context.Context) (scan.Signatures, error) {
		if asked++; asked > 1 {
			return scan.Signatures{}, scan.ErrUnreachable
		}
		return scan.Signatures{Engine: "1.4.3"}, nil
	}
	if report, err := r.Run(t.Context(), s.of.Name); err == nil || report.Scanned+report.Unscanned != 0 {
		t.Errorf("a scanner that dies: %+v, %v", report, err)
	}
}

// TestRescanIsAlone: a second process does nothing.
func TestRescanIsAlone(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	s.upload(servicetest.NewDoc())
	rescans.Lock()
	defer rescans.Unlock()
	r, _ := s.rescan("")
	second, _ := s.rescan("")
	r.Progress = func(lifecycle.Progress) {
		if _, err := second.Run(t.Context(), s.of.Name); !errors.Is(err, lifecycle.ErrRescanning) {
			t.Errorf("a second one: %v", err)
		}
	}
	if report, err := r.Run(t.Context(), s.of.Name); err != nil || report.Scanned != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestRescanRate: the rate holds over all, not only within one document.
func TestRescanRate(t *testing.T) {
	t.Parallel()
	s := emptyScene(t)
	for range 4 {
		d := servicetest.NewDoc()
		d.Bytes = bytes.Repeat([]byte("a"), 10<<10)
		s.upload(d)
	}
	rescans.Lock()
	defer rescans.Unlock()
	r, _ := s.rescan("")
	r.Rate = 20 << 10
	began := time.Now()
	if _, err := r.Run(t.Context(), s.of.Name); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 1400*time.Millisecond {
		t.Errorf("40 KiB at 20 KiB a second, of which the last 10 need not be waited for, took %s", took)
	}
}
