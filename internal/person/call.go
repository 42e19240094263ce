package person

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"dokumentlager/internal/fault"
)

// question is the operation below Config.URL. The information parts are what it is asked for, so it sends no more; the number goes in
// the body, because addresses end up in logs.
const question = "/person/get-by-nin?informationParts=Birth&informationParts=Death&informationParts=AddressProtection&includeHistory=false"

// maxAnswer bounds an answer, in bytes. One is about 1 KB.
const maxAnswer = 256 << 10

// call asks once, and once more with a new token when the first was refused.
func (c *Client) call(ctx context.Context, number string) (Facts, error) {
	f, status, err := c.try(ctx, number)
	if status == http.StatusUnauthorized {
		f, _, err = c.try(ctx, number)
	}
	return f, err
}

func (c *Client) try(ctx context.Context, number string) (f Facts, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+question, strings.NewReader(url.Values{"nin": {number}}.Encode()))
	if err != nil {
		return f, 0, failure{err}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if err := c.cfg.Signer.Sign(req); err != nil {
		return f, 0, failed("get a token for Persontjenesten: %w", fault.FromPart(fault.HelseID, err))
	}
	res, err := c.cfg.HTTP.Do(req)
	if err != nil {
		return f, 0, failed("ask Persontjenesten: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return f, 0, failed("read Persontjenesten's answer: %w", err)
	case res.StatusCode == http.StatusUnauthorized:
		c.cfg.Signer.Forget(req)
	case len(body) > maxAnswer:
		return f, 0, fmt.Errorf("the answer of Persontjenesten is longer than %d bytes", maxAnswer)
	}
	f, err = answered(res.StatusCode, body, number)
	return f, res.StatusCode, err
}

// answered reads an answer by its status. No text of the answer goes into an error: it is about a person.
func answered(status int, body []byte, number string) (Facts, error) {
	switch {
	case status == http.StatusOK:
		return read(body)
	case status == http.StatusNotFound && isProblem(body), status == http.StatusBadRequest && number == noNumber:
		return Facts{}, nil
	case status == http.StatusNotFound:
		// A wrong address says 404 too, and must not make everybody a person without protection.
		return Facts{}, failure{errors.New("the answer of Persontjenesten is 404 without saying that it knows no such person: is its address right?")}
	case status == http.StatusBadRequest:
		return Facts{}, errors.New("the question is unreadable to Persontjenesten (400)")
	default:
		return Facts{}, failed("Persontjenesten answered with status %d", status)
	}
}
