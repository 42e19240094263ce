package conformance

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/conformance/toolkit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/thirdpartytest"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// plansVariable asks for all plans of NIST's toolkit, which `make conformance` does; without it a sample of tests is run.
const plansVariable = "DOKUMENTLAGER_PLANS"

// sample are the tests that are always run: registering, providing, replacing, folders, queries, retrieving, updating, removing.
var sample = []string{"11990", "11993", "12326", "12029", "11981", "11902", "12318", "12312", "15800", "20002", "30001", "50000"}

// TestPlans carries out NIST's test plans over SOAP, and holds docs/conformance.md to what became of them.
func TestPlans(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(thirdparty(t).dir, "nist-toolkit2", "testkit")
	kit, err := toolkit.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	whole := os.Getenv(plansVariable) == "all"
	r := planRunner(t, kit)
	var rows []planRow
	for _, p := range kit.Plans() {
		if whole || slices.Contains(sample, p.Test) {
			rows = append(rows, judged(t, r.Run(t.Context(), p)))
		}
	}
	unedited(t, kit)
	r.Sender.(*planSender).gate(t)
	switch {
	case whole:
		publish(t, plansPart, planTable(rows))
	default:
		stand(t, rows)
	}
}

// planRow is what became of a plan.
type planRow struct{ plan, transactions, result, why string }

// line is the row in the table.
func (r planRow) line() string {
	return fmt.Sprintf("| %s | %s | %s | %s |\n", r.plan, cmp.Or(r.transactions, "–"), r.result, strings.ReplaceAll(cmp.Or(r.why, "–"), "|", `\|`))
}

// The results of a plan.
const (
	planDiffers = "differs"
	planSilent  = "nothing sent"
)

// judged compares a plan's result with what we have argued of it: whatever differs must have its reason, and a reason must have its difference.
func judged(t *testing.T, got *toolkit.Result) planRow {
	t.Helper()
	row := planRow{plan: got.Plan.Name, transactions: strings.Join(transactionsOf(got.Plan), " "), result: passed}
	reason := differences.of(got.Plan.Name)
	sent := 0
	for _, s := range got.Steps {
		sent += s.Answers
	}
	switch {
	case got.Missing != "" && reason != "":
		row.result, row.why = notApplicable, reason
	case got.Missing != "":
		row.result, row.why = failed, got.Missing
	case !got.Passed() && reason != "" && !strings.HasPrefix(reason, "("):
		row.result, row.why = planDiffers, reason
	case !got.Passed():
		row.result, row.why = failed, strings.Join(got.Differs(), "; ")
	case reason != "" && !strings.HasPrefix(reason, "("):
		row.result, row.why = failed, "passes, though it is said to differ: "+reason
	case sent == 0 && len(asserted(got.Plan)) == 0:
		row.result = planSilent
	case slices.ContainsFunc(got.Plan.Steps, func(s toolkit.Step) bool { return s.Async }):
		row.why = "(the plan asks for the answer at another address; it was taken on the same connection, and internal/delivery has tests of the other way)"
	default:
		row.why = reason
	}
	if row.result == failed {
		t.Errorf("%s: %s", row.plan, row.why)
		for _, s := range got.Steps {
			for _, e := range s.Told {
				if !e.Warning && len(s.Differs) > 0 {
					t.Logf("%s %s: %s at %s: %s", row.plan, s.Step.ID, e.Code, e.Location, e.Text)
				}
			}
		}
	}
	return row
}

func asserted(p *toolkit.Plan) (all []toolkit.Assert) {
	for _, s := range p.Steps {
		all = append(all, s.Asserts...)
	}
	return all
}

func transactionsOf(p *toolkit.Plan) []string {
	seen := map[string]bool{}
	for _, s := range p.Steps {
		if s.IHE() != "" {
			seen[s.IHE()] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

const plansPreface = `
The plans of NIST's IHE Toolkit 2 (nist-toolkit2 in the third-party folder), carried out by internal/conformance/toolkit against a tenant of profile
ihe that answers every transaction, ITI-42 and 61 among them: every instruction of every plan is understood. Messages get fresh identifiers and a patient of the
test's own, go out in SOAP 1.2 with WS-Addressing, MTOM and an assertion of the dev stack's HelseID, and the answers are held to all that the plan says of them: status,
error codes, counts and shapes of objects, XPaths, and the documents' bytes. Every answer was also held to the schemas of the toolkit (xmllint).
` + "`make conformance`" + ` carries out all of them, ` + "`make test`" + ` a sample; a plan that differs without a reason here fails both.

`

func planTable(rows []planRow) string {
	var b strings.Builder
	b.WriteString(headings[plansPart] + "\n" + plansPreface)
	count := map[string]int{}
	for _, r := range rows {
		count[r.result]++
	}
	fmt.Fprintf(&b, "%d plans: %d pass, %d differ with a reason, %d send and assert nothing, %d do not apply, %d fail.\n\n", len(rows), count[passed], count[planDiffers],
		count[planSilent], count[notApplicable], count[failed])
	b.WriteString("| Plan | Transactions | Result | Why |\n|---|---|---|---|\n")
	for _, r := range rows {
		b.WriteString(r.line())
	}
	return b.String()
}

// stand holds the rows of a sample to the committed table.
func stand(t *testing.T, rows []planRow) {
	t.Helper()
	_, texts := committedDocument(t)
	for _, r := range rows {
		if !strings.Contains(texts[plansPart], "\n"+r.line()) && !*update {
			t.Errorf("docs/conformance.md does not say: %s", r.line())
		}
	}
}

// planRunner is a runner over a tenant of its own.
func planRunner(t *testing.T, kit *toolkit.Kit) *toolkit.Runner {
	t.Helper()
	s := servicetest.Start(t)
	of := s.Tenant(t, func(d *administration.Draft) { d.Profile, d.Transactions = tenant.IHE, tenant.Transactions })
	var patients atomic.Int64
	return &toolkit.Runner{
		Kit: kit, Sender: &planSender{t: t, s: s, of: of}, Home: "urn:oid:" + of.HomeCommunity, Repository: of.Repository, OtherRepository: "1.3.6.1.4.1.21367.2005.3.99",
		NewPatient: func() string {
			return fmt.Sprintf("NIST-%d^^^&1.3.6.1.4.1.21367.2005.3.7.%d&ISO", patients.Add(1), of.ID)
		},
		Edits: map[string][]string{"12319/": {lowCode, normalCode}, "12320/": {lowCode, normalCode},
			"40001/confCode": {unrestrictedCode, restrictedCode, "= 'U'", "= 'R'"}, "40001/creationTime": {unrestrictedCode, normalCode}},
		UnknownPatient: "12345678901^^^&2.16.578.1.12.4.1.4.1&ISO",
		NewOID:         freshOID, NewUUID: func() string { return "urn:uuid:" + uuid.NewString() },
		Today: func() string { return time.Now().UTC().Format("20060102") }, Wait: func() { time.Sleep(1100 * time.Millisecond) },
	}
}

// The confidentiality codes that C1 does not know, and what takes their place so that the rest of a plan can be carried out.
const (
	lowCode          = `nodeRepresentation="L" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"`
	unrestrictedCode = `nodeRepresentation="U" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"`
	restrictedCode   = `nodeRepresentation="R" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"`
	normalCode       = `nodeRepresentation="N" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"`
)

// unedited: what the table says of those codes is so.
func unedited(t *testing.T, kit *toolkit.Kit) {
	t.Helper()
	r := planRunner(t, kit)
	r.Edits = nil
	for _, p := range kit.Plans() {
		if p.Name != "12319/submit_version_1" {
			continue
		}
		s := r.Run(t.Context(), p).Steps[0]
		if s.Got != "Failure" || !slices.ContainsFunc(s.Told, func(e toolkit.Told) bool {
			return e.Code == "XDSRegistryMetadataError" && e.Location == "documents[0].confidentialityCode" && !e.Warning
		}) {
			t.Errorf("confidentialityCode L: %s %v, want a refusal by C1", s.Got, s.Told)
		}
	}
}

// planSender sends a plan's messages to the service.
type planSender struct {
	t  *testing.T
	s  *servicetest.Service
	of tenant.Tenant

	mu       sync.Mutex
	payloads [][]byte
}

// endpoints are the transactions' addresses and actions (spec/ihe.md 1.1).
var endpoints = map[string]struct{ path, action string }{
	"ITI-18": {registryPath, "urn:ihe:iti:2007:RegistryStoredQuery"},
	"ITI-38": {gatewayPath, "urn:ihe:iti:2007:CrossGatewayQuery"},
	"ITI-39": {gatewayPath, "urn:ihe:iti:2007:CrossGatewayRetrieve"},
	"ITI-41": {repositoryPath, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"},
	"ITI-42": {registryPath, "urn:ihe:iti:2007:RegisterDocumentSet-b"},
	"ITI-43": {repositoryPath, "urn:ihe:iti:2007:RetrieveDocumentSet"},
	"ITI-51": {registryPath, "urn:ihe:iti:2009:MultiPatientStoredQuery"},
	"ITI-57": {registryPath, "urn:ihe:iti:2010:UpdateDocumentSet"},
	"ITI-61": {registryPath, "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry"},
	"ITI-62": {registryPath, "urn:ihe:iti:2010:DeleteDocumentSet"},
	"ITI-86": {repositoryPath, "urn:ihe:iti:2017:RemoveDocuments"},
	"ITI-92": {registryPath, "urn:ihe:iti:2018:RestrictedUpdateDocumentSet"},
}

// The three addresses, as spec/ihe.md and the issue name them.
const (
	gatewayPath    = "/XCA/services/RespondingGatewayService"
	registryPath   = "/Registry/services/RegistryService"
	repositoryPath = "/Repository/services/RepositoryService"
)

// Send implements toolkit.Sender.
func (p *planSender) Send(_ context.Context, r toolkit.Request) (toolkit.Answer, error) {
	to, known := endpoints[r.Transaction]
	if !known {
		return toolkit.Answer{}, fmt.Errorf("%s is none of ours", r.Transaction)
	}
	about := []string{r.Patient}
	if r.Transaction == "ITI-18" && !strings.Contains(r.Payload, "PatientId") && !strings.Contains(r.Payload, "$patientId") {
		about = nil // a query by ids may find objects of several patients
	}
	assertion := p.s.RecordSystem(p.t, p.of.Organisations[0], "", servicetest.Attributes{servicetest.AttributePatient: about})
	answered := p.post(to.path, to.action, r, assertion)
	if answered.Message == nil {
		return toolkit.Answer{}, fmt.Errorf("HTTP %d and no SOAP message: %.200s", answered.Status, answered.Body)
	}
	if answered.Fault != nil {
		return toolkit.Answer{Fault: strings.Join(answered.Fault, " ") + ": " + answered.FaultText}, nil
	}
	p.mu.Lock()
	p.payloads = append(p.payloads, answered.Message.Body)
	p.mu.Unlock()
	return toolkit.Answer{Payload: string(answered.Message.Body), Parts: partsOf(answered)}, nil
}

var headerForm = regexp.MustCompile(`<soapenv:Header[^>]*>`)

func (p *planSender) post(path, action string, r toolkit.Request, assertion string) servicetest.SOAPAnswer {
	if r.Raw != nil {
		at := headerForm.FindIndex(r.Raw)[1]
		body := slices.Concat(r.Raw[:at], bytes.ReplaceAll(servicetest.SecurityHeader(assertion), []byte("s:mustUnderstand"), []byte("soapenv:mustUnderstand")), r.Raw[at:])
		return servicetest.ReadSOAP(p.t, servicetest.Send(p.t, p.s.Request(p.t, "POST", path, bytes.NewReader(body), "Content-Type", r.ContentType)))
	}
	var documents []servicetest.Part
	for _, d := range r.Documents {
		documents = append(documents, servicetest.Part{ContentID: d.ContentID, MediaType: "application/octet-stream", Bytes: d.Bytes})
	}
	if path == repositoryPath && documents == nil || r.Transaction == "ITI-39" {
		documents = []servicetest.Part{} // MTOM without parts
	}
	return p.s.Post(p.t, path, action, []byte(r.Payload), assertion, documents...)
}

// partsOf are the documents of an answer by the Content-ID under which its payload names them.
func partsOf(a servicetest.SOAPAnswer) map[string][]byte {
	parts := map[string][]byte{}
	for _, href := range hrefForm.FindAllSubmatch(a.Message.Body, -1) {
		if n := a.Message.Document(string(href[1])); n >= 0 && n < len(a.Documents) {
			parts[strings.TrimPrefix(string(href[1]), "cid:")] = a.Documents[n]
		}
	}
	return parts
}

var hrefForm = regexp.MustCompile(`href="(cid:[^"]*)"`)

// gate holds everything that was answered to the schemas.
func (p *planSender) gate(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	thirdpartytest.Valid(t, p.payloads...)
}
