package atna_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/atna"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"

	"github.com/go-chi/chi/v5"
)

// shelf has heads of so many logs, the first the control log's, and counts questions.
type shelf struct {
	logs, asked int
	err         error
}

func (s *shelf) SignedHeads(_ context.Context, after int32, limit int) (heads []audit.SignedHead, err error) {
	s.asked++
	for id := after + 1; int(id) < s.logs && len(heads) < limit; id++ {
		heads = append(heads, audit.SignedHead{TenantID: id, Note: fmt.Sprintf("log %d\n", id)})
	}
	return heads, s.err
}

func (s *shelf) DayHeads(ctx context.Context, day string, after int32, limit int) ([]audit.SignedHead, error) {
	if day != "2026-11-20" {
		s.asked++
		return nil, s.err
	}
	return s.SignedHeads(ctx, after, limit)
}

func headsDoor(s *shelf, now func() time.Time) func(path string) *httptest.ResponseRecorder {
	router := chi.NewRouter()
	(&atna.Heads{Source: s, Keys: []string{"new", "old"}, Now: now}).Routes(router)
	return func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
}

// TestHeadsAreAnswered to everybody, a page at a time, with how long an answer is good for.
func TestHeadsAreAnswered(t *testing.T) {
	t.Parallel()
	s := &shelf{logs: 1001}
	get := headsDoor(s, time.Now)
	for _, c := range []struct {
		path       string
		status     int
		heads      int
		link, body string
		cache      string
	}{
		{"/audit/heads", 200, 500, `<?after=499>; rel="next"`, "log 0\n\nlog 1\n", "public, max-age=5"},
		{"/audit/heads?after=499", 200, 500, `<?after=999>; rel="next"`, "log 500\n", "public, max-age=5"},
		{"/audit/heads?after=999", 200, 1, "", "log 1000\n", "public, max-age=5"},
		{"/audit/heads?after=1000", 200, 0, "", "", "public, max-age=5"},
		{"/audit/heads/2026-11-20?after=999", 200, 1, "", "log 1000\n", "public, max-age=300"},
		{"/audit/heads/2026-11-21", 404, 0, "", "DLNotFound", ""},
		{"/audit/heads/yesterday", 400, 0, "", "DLBadRequest", ""},
		{"/audit/heads/0001-01-01", 400, 0, "", "DLBadRequest", ""},
		{"/audit/heads?after=-1", 400, 0, "", "DLBadRequest", ""},
		{"/audit/heads?after=99999999999", 400, 0, "", "DLBadRequest", ""},
		{"/audit/key", 200, 0, "", "new\nold\n", "public, max-age=3600"},
	} {
		w := get(c.path)
		body := w.Body.String()
		if w.Code != c.status || strings.Count(body, "log ") != c.heads || w.Header().Get("Link") != c.link || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d, %d heads, %q: %.60q", c.path, w.Code, strings.Count(body, "log "), w.Header().Get("Link"), body)
		}
		if c.cache != "" && (w.Header().Get("Cache-Control") != c.cache || w.Header().Get("Content-Type") != "text/plain; charset=utf-8") {
			t.Errorf("%s: %v", c.path, w.Header())
		}
	}
}

// TestStrangersAskTheDatabaseOnce in a while for the same, and a failure is not kept.
func TestStrangersAskTheDatabaseOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	s := &shelf{logs: 3, err: fault.New(fault.PartUnavailable, "Not now.").Because(errors.New("cause"))}
	get := headsDoor(s, func() time.Time { return now })
	if w := get("/audit/heads"); w.Code != 503 || strings.Contains(w.Body.String(), "cause") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.err = nil
	for range 10 {
		if w := get("/audit/heads"); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if s.asked != 2 {
		t.Errorf("asked %d times", s.asked)
	}
	if now = now.Add(5 * time.Second); get("/audit/heads").Code != 200 || s.asked != 3 {
		t.Errorf("asked %d times after a while", s.asked)
	}
}
