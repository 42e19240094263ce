//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/tenant"

	"golang.org/x/sync/errgroup"
)

// target is issue 3's: so many MiB may the serving process grow for each 60 MiB upload that is under way.
const target = 12

// memory measures a process of its own, built now from the tree that is measured: in this one our own client and its documents would
// count. Growth is the peak of resident memory (VmHWM, which the kernel keeps) above what the process had after small uploads, so the
// first large upload's one-off costs count too. Plain text, because eight PDFs at once may take a busy clamd longer than we wait for it.
func (r *rig) memory(t *testing.T) {
	c := startChild(t, r.root)
	for range 20 {
		c.upload(t, [][]byte{servicetest.BundleFor(c.tenant()).JSON(t)})
	}
	idle := c.status(t, "VmRSS")
	for _, n := range []int{1, 8} {
		var messages [][]byte
		for range n {
			messages = append(messages, slices.Clone(r.press.bundle(t, servicetest.BundleFor(c.tenant()), plainText, r.press.text(large))))
		}
		c.forgetPeak(t)
		c.upload(t, messages)
		grown := max(0, c.status(t, "VmHWM")-idle) / float64(n)
		r.add(fmt.Sprintf("resident memory per 60 MiB upload, %d at once (process dokumentlager dev), against the target", n), grown, target, "MiB")
	}
	r.crowd(t, c, idle)
	t.Logf("idle %.1f MiB, at the end %.1f MiB", idle, c.status(t, "VmRSS"))
}

// many is issue 3's: so many record systems send 60 MiB at the same moment.
const many = 64

// crowd lets them. Some are told to come back and do, so memory is reckoned for each upload that was under way, not for each that wanted to
// be; and everything in use must go back to what it was before: ten goroutines and descriptors more are connections kept for the next.
func (r *rig) crowd(t *testing.T, c *child, idle float64) {
	from := r.press.stock(t, large)
	before := c.usage(t)
	c.forgetPeak(t)
	ended, underWay := make(chan struct{}), make(chan float64)
	go func() {
		peak := 0.0
		for {
			select {
			case <-ended:
				underWay <- peak
				return
			case <-time.After(100 * time.Millisecond):
				peak = max(peak, c.metric("dokumentlager_uploads_in_flight"))
			}
		}
	}()
	var group errgroup.Group
	var refused atomic.Int64
	began := time.Now()
	for range many {
		s := &sender{of: c.tenant(), key: c.key, renew: c.token, url: c.file.BaseURL + "/R4/fhir/Bundle"}
		req := s.request(t, from)
		group.Go(func() error {
			times, err := s.insist(c.client, req)
			refused.Add(int64(times))
			return err
		})
	}
	err := group.Wait()
	close(ended)
	peak := <-underWay
	if err != nil {
		t.Fatal(err)
	}
	grown := max(0, c.status(t, "VmHWM")-idle)
	after := c.awaitUsage(t, before)
	t.Logf("%d uploads of 60 MiB in %v, %.0f under way at most, %d times told to come back; %.1f MiB grown; before %+v, after %+v", many,
		time.Since(began).Round(time.Second), peak, refused.Load(), grown, before, after)
	r.add(fmt.Sprintf("resident memory per 60 MiB upload under way, %d sent at once and %.0f under way (process dokumentlager dev), against the target", many, peak),
		grown/max(1, peak), target, "MiB")
	r.add(fmt.Sprintf("goroutines after %d uploads of 60 MiB at once, against those before and ten", many), after.goroutines, before.goroutines+10, "")
	r.add(fmt.Sprintf("open descriptors after %d uploads of 60 MiB at once, against those before and ten", many), after.descriptors, before.descriptors+10, "")
}

// usage is what a leak would make grow.
type usage struct{ goroutines, descriptors float64 }

func (c *child) usage(t *testing.T) usage {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.file.PID))
	if err != nil {
		t.Fatal(err)
	}
	return usage{c.metric("go_goroutines"), float64(len(open))}
}

// awaitUsage waits a minute for what was in use before, and gives what is.
func (c *child) awaitUsage(t *testing.T, before usage) (now usage) {
	t.Helper()
	c.client.CloseIdleConnections()
	for range 60 {
		if now = c.usage(t); now.goroutines <= before.goroutines+10 && now.descriptors <= before.descriptors+10 {
			return now
		}
		time.Sleep(time.Second)
	}
	return now
}

// metric is the sum of the series of a name, 0 when the process does not tell.
func (c *child) metric(name string) (sum float64) {
	res, err := c.client.Get(c.file.BaseURL + "/metrics")
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	for line := range strings.Lines(string(text)) {
		rest, ours := strings.CutPrefix(line, name)
		if fields := strings.Fields(rest); ours && len(fields) > 0 && strings.ContainsAny(rest[:1], "{ ") {
			value, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
			sum += value
		}
	}
	return sum
}

// child is `dokumentlager dev` in a process of its own.
type child struct {
	client *http.Client
	key    *helseid.ProofKey
	// file is what we need of dev.json.
	file struct {
		BaseURL   string `json:"base_url"`
		TestToken string `json:"test_token_endpoint"`
		PID       int    `json:"pid"`
		Tenants   []struct {
			HomeCommunity string   `json:"home_community_id"`
			Organisations []string `json:"organisations"`
		} `json:"tenants"`
	}
}

// startChild builds and starts one in a folder of its own, not the test's: PostgreSQL runs as another user and must get through.
func startChild(t *testing.T, root string) *child {
	t.Helper()
	key, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "dokumentlager-bench-")
	if err = errors.Join(err, os.Chmod(dir, 0o711)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "dokumentlager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/dokumentlager")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	c := &child{client: &http.Client{Timeout: 3 * time.Minute}, key: key}
	stack := filepath.Join(dir, "stack")
	c.await(t, stack, run(t, program, stack))
	return c
}

// run starts the program; the test's end stops it and waits for that, and it goes when this process is killed. The goroutine keeps the
// thread that started it: the signal comes at that thread's end (prctl(2), PR_SET_PDEATHSIG).
func run(t *testing.T, program, stack string) (ended <-chan error) {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command(program, "dev", "--dir", stack, "--listen", "127.0.0.1:0")
	cmd.Stderr, cmd.SysProcAttr = &errs, &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started, end := make(chan error), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(end)
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
		}
		end <- fmt.Errorf("the dev stack ended: %v: %s", err, errs.Bytes())
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		for range end { // until it is closed
		}
	})
	return end
}

// await waits for dev.json, which is there when everything answers.
func (c *child) await(t *testing.T, stack string, ended <-chan error) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		content, err := os.ReadFile(filepath.Join(stack, "dev.json"))
		if err == nil {
			if err := json.Unmarshal(content, &c.file); err != nil {
				t.Fatal(err)
			}
			return
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-deadline:
			t.Fatal("no dev.json in two minutes")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *child) tenant() tenant.Tenant {
	return tenant.Tenant{HomeCommunity: c.file.Tenants[0].HomeCommunity}
}

// upload sends all messages at once and demands 200 for each. Tokens and proofs are made before the first is sent.
func (c *child) upload(t *testing.T, messages [][]byte) {
	t.Helper()
	var requests []*http.Request
	for _, message := range messages {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.file.BaseURL+"/R4/fhir/Bundle", bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/fhir+json")
		c.sign(t, req)
		requests = append(requests, req)
	}
	var group errgroup.Group
	for _, req := range requests {
		group.Go(func() error {
			_, err := timed(c.client, req, io.Discard)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// sign puts a record system's token and a proof on a request.
func (c *child) sign(t *testing.T, req *http.Request) {
	t.Helper()
	s := &sender{key: c.key, url: req.URL.String(), renew: c.token}
	if err := s.sign(req); err != nil {
		t.Fatal(err)
	}
}

// token asks the stack's HelseID; it is good for a minute.
func (c *child) token() (string, error) {
	wish, err := json.Marshal(map[string]any{"jkt": c.key.Thumbprint(), "claims": map[string]any{
		"aud": access.AudienceWrite, "scope": []string{access.ScopeCreate}, "client_id": "bench",
		"helseid://claims/client/claims/orgnr_parent": c.file.Tenants[0].Organisations[0], "helseid://claims/client/client_name": "bench",
	}})
	if err != nil {
		return "", err
	}
	ask, err := http.NewRequest(http.MethodPost, c.file.TestToken, bytes.NewReader(wish))
	if err != nil {
		return "", err
	}
	ask.Header.Set("Content-Type", "application/json")
	var body bytes.Buffer
	var answer struct {
		Token string `json:"access_token"`
	}
	if _, err = timed(c.client, ask, &body); err == nil {
		err = json.Unmarshal(body.Bytes(), &answer)
	}
	return answer.Token, err
}

// status reads one of the kernel's figures on the process, in MiB.
func (c *child) status(t *testing.T, name string) float64 {
	t.Helper()
	text := field(fmt.Sprintf("/proc/%d/status", c.file.PID), name)
	var kib float64
	if _, err := fmt.Sscan(strings.TrimSuffix(text, " kB"), &kib); err != nil {
		t.Fatalf("%s is %q: %v", name, text, err)
	}
	return kib / 1024
}

// forgetPeak makes the kernel begin VmHWM anew (proc(5), clear_refs 5).
func (c *child) forgetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.file.PID), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}
