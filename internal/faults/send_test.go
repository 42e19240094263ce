package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// reply is what came of one request: a whole answer, or err.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

func (r reply) String() string {
	if r.err != nil {
		return "no answer: " + r.err.Error()
	}
	return fmt.Sprintf("%d %.300s", r.status, r.body)
}

// kept: the service says that it did what was asked.
func (r reply) kept() bool { return r.err == nil && r.status/100 == 2 }

// honest: the service says that it did not, or may not have, for reasons of its own; or nothing at all.
func (r reply) honest() bool {
	return r.err != nil || r.status >= 500 || r.status == http.StatusConflict || r.status == http.StatusTooManyRequests
}

// noReuse: a client that finds its connection closed sends some requests again by itself, with the proof that was used.
var noReuse = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// request sends one request with a deadline; sign may be nil.
func request(ctx context.Context, limit time.Duration, method, address string, body []byte, sign func(*http.Request)) reply {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	if sign != nil {
		sign(req)
	}
	res, err := noReuse.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	return reply{status: res.StatusCode, header: res.Header, body: read, err: err}
}

func (l *lane) send(ctx context.Context, limit time.Duration, method, path string, body []byte, sign func(*http.Request)) reply {
	return request(ctx, limit, method, l.URL+path, body, sign)
}
