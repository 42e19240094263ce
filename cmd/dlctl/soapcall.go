package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/soap"

	"github.com/google/uuid"
)

// messenger sends SOAP requests of one person to one service. Each request gets an assertion of its own.
type messenger struct {
	site   *site
	caller assertionRequest
}

// assertionRequest is what a dev stack's test_saml_endpoint takes.
type assertionRequest struct {
	Issuer     string              `json:"issuer"`
	NameID     string              `json:"name_id"`
	Attributes map[string][]string `json:"attributes,omitempty"`
}

// The attributes that say who asks about whom (spec/soap.md 2).
const (
	attributePatient      = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
	attributeACP          = "urn:ihe:iti:xua:2012:acp"
	attributeOrganisation = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
	attributeUnit         = "urn:oasis:names:tc:xspa:1.0:subject:child-organization"
	attributeName         = "urn:oasis:names:tc:xspa:1.0:subject:subject-id"
	attributeNumber       = "urn:oasis:names:tc:xspa:2.0:subject:npi"

	acpParent = "urn:oid:2.16.578.1.12.4.1.7.2.1.1"
	acpProxy  = "urn:oid:2.16.578.1.12.4.1.7.2.1.2"
)

// open finds the service and who is to ask.
func (c soapCaller) open(s *surroundings) (*messenger, document.PatientID, error) {
	at, err := c.where.site(s)
	if err != nil {
		return nil, document.PatientID{}, err
	}
	if at.TestSAMLEndpoint == "" {
		return nil, document.PatientID{}, errors.New("a real environment gives assertions only at a login; SOAP is for dev stacks here")
	}
	patient, err := patientID(c.Patient)
	if err == nil && patient.Value == c.Me && (c.As == "parent" || c.As == "proxy") {
		err = errors.New("--me is the patient: nobody is one's own parent or proxy; use --as citizen")
	}
	return &messenger{at, c.assertion(patient)}, patient, err
}

// assertion is what the issuers say of each kind of caller.
func (c soapCaller) assertion(patient document.PatientID) assertionRequest {
	about := map[string][]string{attributePatient: {patient.CX()}}
	switch c.As {
	case "parent":
		about[attributeACP] = []string{acpParent}
		return assertionRequest{"helsenorge", c.Me, about}
	case "proxy":
		about[attributeACP] = []string{acpProxy}
		return assertionRequest{"helsenorge", c.Me, about}
	case doctor:
		about[attributeName], about[attributeNumber] = []string{doctorName}, []string{doctorHPR}
		if c.Organisation != "" {
			id := fmt.Sprintf(`<id xmlns="urn:hl7-org:v3" xsi:type="II" extension=%q root="%s" displayable="true"/>`, c.Organisation, organisationNumbers)
			about[attributeOrganisation], about[attributeUnit] = []string{id}, []string{id}
		}
		return assertionRequest{"helseid", doctorNIN, about}
	default:
		return assertionRequest{"helsenorge", patient.Value, about}
	}
}

// assertion gets one signed.
func (m *messenger) assertion(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	body, err := json.Marshal(m.caller)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.site.TestSAMLEndpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the dev stack for an assertion: %w", err)
	}
	defer res.Body.Close()
	signed, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the dev stack gave no assertion: %s", res.Status)
	}
	return signed, nil
}

// envelope is a whole request.
func (m *messenger) envelope(ctx context.Context, path, action string, payload []byte) ([]byte, error) {
	assertion, err := m.assertion(ctx)
	if err != nil {
		return nil, err
	}
	security := fmt.Appendf(nil, `<o:Security s:mustUnderstand="1" xmlns:o="%s">%s</o:Security>`, soap.Security.Space, assertion)
	o := soap.Outbound{Action: action, MessageID: "urn:uuid:" + uuid.NewString(), To: m.site.address(path), ReplyTo: soap.Anonymous, Blocks: [][]byte{security}}
	return soap.AppendEnvelope(nil, o, func(b []byte) []byte { return append(b, payload...) }), nil
}

// print writes the request instead of sending it, and to stderr how curl sends it.
func (m *messenger) print(s *surroundings, path, action string, payload []byte) error {
	envelope, err := m.envelope(s.ctx, path, action, payload)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.stderr, commandLine("curl", []string{"-sS", m.site.address(path), "-H", "Content-Type: " + soap.ContentType(action), "--data-binary", "@-"}))
	_, err = fmt.Fprintf(s.stdout, "%s\n", envelope)
	return err
}

// ask sends a request and reads its answer; documents go to what open gives. A fault, and an answer that is a failure as a whole, is an error.
func (m *messenger) ask(ctx context.Context, path, action string, payload []byte, open func(soap.Incoming) (io.WriteCloser, error)) (*soap.Message, *ebxml.Answer, error) {
	envelope, err := m.envelope(ctx, path, action, payload)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.site.address(path), bytes.NewReader(envelope))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", soap.ContentType(action))
	req.Header.Set(headerSystem, "dlctl "+version)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, unreachable(err)
	}
	defer res.Body.Close()
	message, err := soap.Read(res.Header.Get("Content-Type"), res.Body, soap.Options{Limits: soap.Limits{Envelope: maxAnswer, Elements: 1 << 20}, Open: open})
	if err != nil {
		return nil, nil, fmt.Errorf("the service answered %s with something that is no whole SOAP message: %w", res.Status, err)
	}
	if codes, text := soap.FaultIn(message); codes != nil {
		return nil, nil, fmt.Errorf("refused with a SOAP fault\n  %s: %s\n  request id %s", strings.Join(codes, "/"), oneLine(text), oneLine(res.Header.Get("X-Request-Id")))
	}
	answer, err := ebxml.ReadAnswer(message.Body)
	if err != nil {
		return nil, nil, err
	}
	if answer.Status == ebxml.Failure {
		lines := []string{"refused"}
		for _, e := range answer.Errors {
			lines = append(lines, "  "+errorLine(e))
		}
		return nil, nil, errors.New(strings.Join(append(lines, "  request id "+oneLine(res.Header.Get("X-Request-Id"))), "\n"))
	}
	return message, answer, nil
}

// received writes a document, counts and sums it.
type received struct {
	io.Writer
	hash  hash.Hash
	size  int64
	began bool
}

// Write implements io.Writer.
func (r *received) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	r.size += int64(n)
	r.hash.Write(p[:n])
	return n, err
}

// Close implements io.Closer; the file is whoever made it's to close.
func (*received) Close() error { return nil }
