package blob_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/fuzztest"
)

// answer is what a store says to everything.
type answer struct {
	status int
	body   []byte
}

// FuzzStoreAnswers holds that whatever a store answers, a listing ends, and an error names neither key nor address.
func FuzzStoreAnswers(f *testing.F) {
	var now atomic.Pointer[answer]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a := now.Load()
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	}))
	f.Cleanup(server.Close)
	store, err := blob.NewS3(blob.Config{Endpoint: server.URL, Bucket: "b", AccessKey: "a", SecretKey: "s", PathStyle: true, Attempts: 1, Timeout: 2 * time.Second})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"", "<x", `<ListBucketResult><Contents><Key>d/t/a</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>`,
		`<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>`, `<ListBucketResult><Contents><Key>q/other/a</Key><Size>-1</Size></Contents></ListBucketResult>`,
		`<ListBucketResult><CommonPrefixes><Prefix>d/t/x/</Prefix></CommonPrefixes></ListBucketResult>`, `<Error><Code>NoSuchKey</Code><Message>d/t/secret</Message></Error>`} {
		f.Add(200, []byte(s))
		f.Add(404, []byte(s))
		f.Add(503, []byte(s))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		defer fuzztest.InTime(t)()
		if status < 200 || status > 599 {
			return
		}
		now.Store(&answer{status, body})
		calls := 0
		err := store.List(t.Context(), "d/t/", func(blob.Info) error {
			if calls++; calls > 5000 {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) && bytes.Count(body, []byte("Contents")) < 5000 {
			t.Error("a listing without end")
		}
		_, err2 := store.Stat(t.Context(), "d/t/canary")
		err3 := store.Folders(t.Context(), "d/", func(string) error { return nil })
		for _, e := range []error{err, err2, err3} {
			if e != nil && (strings.Contains(e.Error(), "canary") || strings.Contains(e.Error(), server.URL)) {
				t.Errorf("an error names what it should not: %v", e)
			}
		}
	})
}

var errEnough = errors.New("enough")
