package blob_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/blob/blobtest"
	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/devstack/stacktest"
)

func realConfig(t *testing.T) blob.Config {
	s3 := stacktest.Parts(t).S3
	return blob.Config{Endpoint: s3.Endpoint, Region: s3.Region, Bucket: s3.Bucket, AccessKey: s3.AccessKey, SecretKey: s3.SecretKey, PathStyle: true}
}

func open(t *testing.T, c blob.Config) *blob.S3 {
	t.Helper()
	store, err := blob.NewS3(c)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestS3Conforms(t *testing.T) {
	t.Parallel()
	store := open(t, realConfig(t))
	if err := store.Ready(t.Context()); err != nil {
		t.Fatalf("Ready: %v", err)
	}
	blobtest.Run(t, store)
}

func TestReadySaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	change := map[string]func(*blob.Config){
		"no such bucket": func(c *blob.Config) { c.Bucket = "no-such-bucket" },
		"wrong secret":   func(c *blob.Config) { c.SecretKey = "wrong" },
		"closed port":    func(c *blob.Config) { c.Endpoint, c.Attempts = "http://"+closedPort(t), 1 },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := realConfig(t)
			f(&c)
			if err := open(t, c).Ready(t.Context()); err == nil {
				t.Error("ready")
			}
		})
	}
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestSecretsStayOutOfTexts(t *testing.T) {
	t.Parallel()
	c := blob.Config{Endpoint: "http://" + closedPort(t), Bucket: "b", AccessKey: "the-access", SecretKey: "the-secret", PathStyle: true, Attempts: 1}
	_, err := open(t, c).Stat(t.Context(), "d/tenant/the-key")
	text := fmt.Sprintf("%v %+v %#v %s | %v", c, c, c, &c, err)
	for _, secret := range []string{"the-secret", "the-access", "the-key"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q stands in %s", secret, text)
		}
	}
	if err == nil || !strings.Contains(text, "refused") {
		t.Errorf("the cause is not told: %v", err)
	}
}

func TestIncompleteConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []blob.Config{{}, {Bucket: "b", AccessKey: "a"}, {Bucket: "b", SecretKey: "s"}, {AccessKey: "a", SecretKey: "s"}} {
		if _, err := blob.NewS3(c); err == nil {
			t.Errorf("%v: no error", c)
		}
	}
}

// fakeS3 is a server that misbehaves as handle says; calls counts the requests.
func fakeS3(t *testing.T, timeout time.Duration, handle http.HandlerFunc) (store *blob.S3, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { calls.Add(1); handle(w, r) }))
	t.Cleanup(server.Close)
	c := blob.Config{Endpoint: server.URL, Bucket: "b", AccessKey: "a", SecretKey: "s", PathStyle: true, Timeout: timeout}
	return open(t, c), calls
}

// TestStoreThatForgetsHalf: the store answers 200 and keeps less (design/trust.md test 4).
func TestStoreThatForgetsHalf(t *testing.T) {
	t.Parallel()
	for name, headSize := range map[string]string{"half": "50000", "nothing": ""} {
		store, _ := fakeS3(t, 200*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if r.Method == http.MethodHead && headSize == "" {
				w.WriteHeader(http.StatusNotFound)
			}
			if r.Method == http.MethodHead && headSize != "" {
				w.Header().Set("Content-Length", headSize)
			}
		})
		content := make([]byte, 100_000)
		digest := sha256.Sum256(content)
		if err := store.Put(t.Context(), "d/t/x", bytes.NewReader(content), 100_000, digest[:]); !errors.Is(err, blob.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRetriesAreBounded: a store that fails is asked three times, each time with the whole body.
func TestRetriesAreBounded(t *testing.T) {
	t.Parallel()
	var received atomic.Int64
	store, calls := fakeS3(t, 10*time.Second, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received.Add(n)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	digest := sha256.Sum256(make([]byte, 1000))
	err := store.Put(t.Context(), "d/t/x", bytes.NewReader(make([]byte, 1000)), 1000, digest[:])
	if err == nil || calls.Load() != 3 || received.Load() != 3000 {
		t.Errorf("%d calls with %d bytes in all, %v", calls.Load(), received.Load(), err)
	}
}

// TestSilentStore: a store that takes the call and says nothing, or stops in the middle of an object, is given up in time.
func TestSilentStore(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	store, _ := fakeS3(t, 200*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "begun") {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(make([]byte, 500))
			w.(http.Flusher).Flush()
		}
		<-release
	})
	t.Cleanup(func() { close(release) }) // before the server's own cleanup, which waits for handlers
	begin := time.Now()
	if _, err := store.Open(t.Context(), "d/t/silent", 0, -1); err == nil {
		t.Error("Open of a silent store gave no error")
	}
	if _, err := store.Stat(t.Context(), "d/t/silent"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stat: %v", err)
	}
	body, err := store.Open(t.Context(), "d/t/begun", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if n, err := io.Copy(io.Discard, body); n != 500 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestSlowReaderIsNotCutOff: who reads slowly, a citizen on a telephone say, has no deadline; only the store has.
func TestSlowReaderIsNotCutOff(t *testing.T) {
	t.Parallel()
	store, _ := fakeS3(t, time.Second, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 8<<20)) })
	body, err := store.Open(t.Context(), "d/t/x", 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	for range 2 {
		time.Sleep(1300 * time.Millisecond)
		if _, err := io.ReadFull(body, make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOverlookedRange: a store that answers a range with the whole object would give other bytes than asked for.
func TestOverlookedRange(t *testing.T) {
	t.Parallel()
	store, _ := fakeS3(t, 200*time.Millisecond, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, 1000)) })
	if _, err := store.Open(t.Context(), "d/t/x", 500, 10); err == nil {
		t.Error("no error")
	}
}

func FuzzCheckKey(f *testing.F) {
	for _, seed := range []string{"d/tenant_1/0190b6f2-8f5e-4d8a-9a3e-000000000000", "a/../b", "/a", "a/", "13116900216^^^&2.16", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		defer fuzztest.InTime(t)()
		if blob.CheckKey(key) != nil {
			return
		}
		if len(key) > 200 || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-_/") != "" ||
			strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") || strings.Contains(key, "//") {
			t.Errorf("%q passed", key)
		}
		if blob.CheckPrefix(key) != nil || blob.CheckPrefix(key+"/") != nil {
			t.Errorf("%q is a key and no prefix", key)
		}
	})
}
