package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dokumentlager/internal/fhir"
)

const (
	// maxAnswer bounds an answer that is read into memory, in bytes.
	maxAnswer = 32 << 20
	// exchangeTimeout bounds one request; 60 MiB through a slow scanner and a slow line fit into it.
	exchangeTimeout = 10 * time.Minute
	// headerSystem names the calling system; readers are refused without it (R3).
	headerSystem = "nhn-source-system"
)

// exchange sends requests of one identity to one service.
type exchange struct {
	site *site
	who  *identity
}

// exchange finds the service and who is to ask.
func (w where) exchange(s *surroundings, as, organisation string, p purpose) (*exchange, error) {
	at, err := w.site(s)
	if err != nil {
		return nil, err
	}
	who, err := at.identity(as, organisation, p)
	if err != nil {
		return nil, err
	}
	return &exchange{at, who}, nil
}

// authorization is a token with a proof for one request.
func (x *exchange) authorization(ctx context.Context, method, address string) (token, proof string, err error) {
	if token, err = x.who.token(ctx); err != nil {
		return "", "", err
	}
	proof, err = x.who.key.Proof(method, address, token, "")
	return token, proof, err
}

// send sends one request to a path or an address of this service, with headers in pairs. The caller closes the body of an answer that
// is 2xx; anything else comes back as an error that tells what the service said.
func (x *exchange) send(ctx context.Context, method, path string, body io.Reader, size int64, headers ...string) (*http.Response, error) {
	address := x.site.address(path)
	if err := x.own(address); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	if size > 0 {
		req.ContentLength = size
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	token, proof, err := x.authorization(ctx, method, address)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("DPoP", proof)
	req.Header.Set(headerSystem, "dlctl "+version)
	// A proof is for one address, so a redirect could not be followed anyhow.
	doer := &http.Client{Timeout: exchangeTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := doer.Do(req)
	if err != nil {
		return nil, unreachable(err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		defer res.Body.Close()
		return nil, refusalOf(res)
	}
	return res, nil
}

// resource sends a request and reads the FHIR resource of its answer.
func (x *exchange) resource(ctx context.Context, method, path string, body io.Reader, size int64, headers ...string) (*fhir.Resource, *http.Response, error) {
	res, err := x.send(ctx, method, path, body, size, headers...)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	r, err := fhir.ParseResource(io.LimitReader(res.Body, maxAnswer), maxAnswer)
	if err != nil {
		return nil, nil, fmt.Errorf("the service answered %s with something that is no FHIR resource: %w", res.Status, err)
	}
	return r, res, nil
}

// own refuses to send a token elsewhere than to its service: addresses come out of answers and bundles.
func (x *exchange) own(address string) error {
	to, err := url.Parse(address)
	base, baseErr := url.Parse(x.site.BaseURL)
	if err = errors.Join(err, baseErr); err != nil {
		return err
	}
	if to.Scheme != base.Scheme || to.Host != base.Host {
		return fmt.Errorf("%s is not an address of %s; tokens are sent nowhere else", address, x.site.BaseURL)
	}
	return nil
}

// unreachable leaves out the address, which the caller knows and which may be long.
func unreachable(err error) error {
	var at *url.Error
	if errors.As(err, &at) {
		return fmt.Errorf("the service could not be reached: %w", at.Err)
	}
	return err
}

// refusal is an answer that is not 2xx.
type refusal struct {
	status    string
	requestID string
	retry     string
	challenge string
	outcome   *fhir.OperationOutcome
}

// maxRefusal bounds a refusal's body in bytes.
const maxRefusal = 4 << 20

func refusalOf(res *http.Response) *refusal {
	r := &refusal{status: res.Status, requestID: res.Header.Get("X-Request-Id"), retry: res.Header.Get("Retry-After"),
		challenge: res.Header.Get("WWW-Authenticate")}
	if resource, err := fhir.ParseResource(io.LimitReader(res.Body, maxRefusal), maxRefusal); err == nil {
		r.outcome, _ = fhir.As[fhir.OperationOutcome](resource)
	}
	return r
}

// Error is one line for the refusal and one for each problem.
func (r *refusal) Error() string {
	lines := []string{"refused with " + oneLine(r.status)}
	switch {
	case r.outcome != nil:
		lines = append(lines, issueLines(r.outcome)...)
	case r.challenge != "":
		lines = append(lines, "  "+oneLine(r.challenge))
	}
	if r.retry != "" {
		lines = append(lines, "  worth another try in "+oneLine(r.retry)+" s")
	}
	if r.requestID != "" {
		lines = append(lines, "  request id "+oneLine(r.requestID))
	}
	return strings.Join(lines, "\n")
}
