package toolkit

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// echo is a registry that takes everything and finds nothing.
type echo struct{ sent []Request }

func (e *echo) Send(_ context.Context, r Request) (Answer, error) {
	e.sent = append(e.sent, r)
	const status = `status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"`
	switch r.Transaction {
	case "ITI-18", "ITI-38":
		return Answer{Payload: `<AdhocQueryResponse ` + status + `><RegistryObjectList/></AdhocQueryResponse>`}, nil
	case "ITI-39", "ITI-43":
		return Answer{Payload: `<RetrieveDocumentSetResponse><RegistryResponse ` + status + `/></RetrieveDocumentSetResponse>`}, nil
	default:
		return Answer{Payload: `<RegistryResponse ` + status + `/>`}, nil
	}
}

func runner(t *testing.T, to Sender) *Runner {
	n := 0
	next := func(format string) func() string {
		return func() string { n++; return fmt.Sprintf(format, n) }
	}
	return &Runner{Kit: kit(t), Sender: to, Home: "urn:oid:1.2.3", Repository: "1.2.3.4", OtherRepository: "1.2.3.5", NewPatient: next("P%d^^^&1.2.9&ISO"), UnknownPatient: "nobody",
		NewOID: next("1.2.840.%d"), NewUUID: next("urn:uuid:00000000-0000-4000-8000-%012d"), Today: func() string { return "20261122" }, Wait: func() {}}
}

// TestRewriting: what is sent has identifiers of its own, the patient of the test, and no symbol of the plan is left in it; and a registry that
// finds nothing does not pass.
func TestRewriting(t *testing.T) {
	t.Parallel()
	to := &echo{}
	r := runner(t, to)
	passed, missing := 0, map[string]string{}
	for _, p := range r.Kit.Plans() {
		if !slices.Contains([]string{"11981", "11990", "11993", "12000", "12029", "12318", "12326", "12361", "15800", "15812", "20000", "30003", "PnrNoXop"}, p.Test) {
			continue
		}
		result := r.Run(t.Context(), p)
		if result.Passed() {
			passed++
		}
		if result.Missing != "" {
			missing[p.Name] = result.Missing
		}
	}
	uids := map[string]string{}
	for _, sent := range to.sent {
		if i := strings.Index(sent.Payload, `value="$`); i >= 0 {
			t.Errorf("%s %s: %.80s", sent.Plan.Name, sent.Step.ID, sent.Payload[i:])
		}
		if submits(sent.Step) && !sent.Step.KeepPatient && !strings.Contains(sent.Payload, escaped(sent.Patient)) {
			t.Errorf("%s: not about %s", sent.Plan.Name, sent.Patient)
		}
		if sent.Transaction == "ITI-41" || sent.Transaction == "ITI-42" {
			uid, _ := text(sent.Payload, `//*[local-name()='ExternalIdentifier'][@identificationScheme='urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8']/@value`)
			if other := uids[uid]; other != "" && len(sent.Step.KeepIDs) == 0 {
				t.Errorf("%s and %s have the same submission set %q", sent.Plan.Name, other, uid)
			}
			uids[uid] = sent.Plan.Name
		}
	}
	t.Logf("%d sent, %d of %d plans passed, not to be carried out: %v", len(to.sent), passed, len(r.Kit.Plans()), missing)
	if len(to.sent) < 45 || passed > len(to.sent)*3/4 {
		t.Errorf("%d messages sent; %d plans passed over a registry that finds nothing", len(to.sent), passed)
	}
}
