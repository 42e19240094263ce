package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
)

// failure is why an attempt came to nothing, in words that may stand in the queue and in logs: none of them is of a patient or of the consumer's
// making.
type failure struct {
	text string
	// final tells that another attempt would end alike.
	final bool
	// cause is for the log alone.
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// heals are refusals that an operator of the consumer may mend while we try again; all other 4xx are of this very answer.
var heals = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusConflict,
	http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusMisdirectedRequest}

// answerMost is how much of what the consumer says is read, so that the connection ends in order.
const answerMost = 64 << 10

// post sends a reply over an open connection, once.
func post(ctx context.Context, conn net.Conn, to address, reply Reply) error {
	used := make(chan net.Conn, 1)
	used <- conn
	dial := func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-used:
			return c, nil
		default:
			return nil, errors.New("the connection was used already")
		}
	}
	// No proxy, no second connection, no compression, no redirect.
	transport := &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	body, write := io.Pipe()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), body)
	if err != nil {
		return err
	}
	req.ContentLength = reply.Length()
	req.Header.Set("Content-Type", reply.ContentType())
	req.Header.Set("User-Agent", "dokumentlager")
	written := make(chan error, 1)
	go func() {
		err := reply.Write(ctx, write)
		_ = write.CloseWithError(err) // nil is the body's proper end
		written <- err
	}()
	res, err := client.Do(req)
	_ = body.Close() // the writer ends, wherever it is
	wrote := <-written
	if err != nil {
		return unsent(err, wrote)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, answerMost)
	return judge(res.StatusCode)
}

// unsent tells whose failure it was that no status came.
func unsent(err, wrote error) error {
	if wrote != nil && !errors.Is(wrote, io.ErrClosedPipe) && !errors.Is(wrote, context.DeadlineExceeded) {
		return &failure{text: "the answer broke off on our side while it was sent", cause: wrote}
	}
	return &failure{text: "the consumer took the connection and not the answer", cause: err}
}

// judge says what a status means for the answer.
func judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 400 && status < 500 && !slices.Contains(heals, status):
		return &failure{text: fmt.Sprintf("the consumer refused the answer with HTTP %d", status), final: true}
	case status >= 300 && status < 400:
		return &failure{text: fmt.Sprintf("the consumer answered HTTP %d; redirects are not followed", status)}
	}
	return &failure{text: fmt.Sprintf("the consumer answered HTTP %d", status)}
}
