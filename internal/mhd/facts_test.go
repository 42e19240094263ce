package mhd_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// asking is a second service over the same parts, which asks a Persontjenesten of the test's own. Its document was uploaded through the other one.
type asking struct {
	*servicetest.Service
	shared *servicetest.Service
	of     tenant.Tenant
	doc    servicetest.Doc
	// organisation is the doctor's, and nobody else's.
	organisation string
	doctor       *servicetest.Caller
}

// startAsking asks for every request anew, so that a change bites at once; stale as in persontjenesten.stale.
func startAsking(t *testing.T, stale string, change ...func(*servicetest.Bundle)) asking {
	t.Helper()
	return startAskingWith(t, map[string]string{"PERSONTJENESTEN_STALE": stale}, change...)
}

// startAskingWith has these settings over the usual ones.
func startAskingWith(t *testing.T, settings map[string]string, change ...func(*servicetest.Bundle)) asking {
	t.Helper()
	shared := servicetest.Start(t)
	helseID, err := sts.Start(t.Context(), sts.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = helseID.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := asking{Service: &servicetest.Service{URL: "http://" + listener.Addr().String(), STS: helseID, Parts: shared.Parts, DB: shared.DB, Owner: shared.Owner,
		Log: &servicetest.Log{}}, shared: shared, of: shared.Tenant(t), doc: servicetest.NewDoc()}
	a.serve(t, listener, settings)
	b := servicetest.BundleFor(a.of, a.doc)
	for _, c := range change {
		c(&b)
	}
	upload(t, shared.Writer(t, a.of.Organisations[0]), b)
	a.organisation = servicetest.Organisation()
	a.doctor = a.Doctor(t, a.organisation)
	return a
}

func (a asking) serve(t *testing.T, listener net.Listener, settings map[string]string) {
	t.Helper()
	over := map[string]string{"PUBLIC_BASE_URL": a.URL, "HELSEID_ISSUER": a.STS.Issuer(), "PERSONTJENESTEN_URL": a.STS.PersonURL(),
		"PERSONTJENESTEN_CLIENT_ID": a.STS.PersonClient().ClientID, "PERSONTJENESTEN_PRIVATE_KEY": string(a.STS.PersonClient().PrivateJWK),
		"PERSONTJENESTEN_FRESH": "1ns", "PERSONTJENESTEN_DEADLINE": "20s", "DATABASE_POOLS": "1", "DATABASE_CONNS_PER_POOL": "2", "DATABASE_CONTROL_CONNS": "4", "RESCAN_RATE": "0"}
	maps.Copy(over, settings)
	var env []string
	for _, line := range a.shared.Environment() {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, server.EnvPrefix), "=")
		if _, changed := over[name]; !changed {
			env = append(env, line)
		}
	}
	for name, value := range over {
		env = append(env, server.EnvPrefix+name+"="+value)
	}
	cfg, err := server.LoadConfig("", env, server.Serving)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	built, err := server.Build(ctx, cfg, "test", obs.NewLogger(a.Log, slog.LevelDebug, nil), server.WithSelfTest(func(context.Context) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- built.Serve(ctx, listener) }()
	t.Cleanup(func() { stop(); <-ended; built.Close() })
	if err := built.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func (a asking) facts(t *testing.T, change string) {
	t.Helper()
	if _, err := a.STS.ChangePerson([]byte(fmt.Sprintf(`{"nin":%q,%s}`, servicetest.Patient, change))); err != nil {
		t.Fatal(err)
	}
}

func (a asking) list(t *testing.T, more ...string) servicetest.Answer {
	return a.doctor.Search(t, current(servicetest.Patient, more...))
}

func (a asking) byID(t *testing.T, id string) servicetest.Answer {
	return a.doctor.Get(t, "/R4/fhir/DocumentReference/"+id)
}

func (a asking) open(t *testing.T, id, patient string) servicetest.Answer {
	return a.doctor.Get(t, documentPath(a.of.HomeCommunity, a.of.Repository, id), "nhn-patient-nin", patient)
}

// sees demands that the document is listed, read and opened, or that none of it can be told from a document that never was.
func (a asking) sees(t *testing.T, when string, want bool) {
	t.Helper()
	list, byID, opened := a.list(t, "homeCommunityId", a.of.HomeCommunity), a.byID(t, a.doc.ID), a.open(t, a.doc.BinaryID, servicetest.Patient)
	if n := len(references(t, list)); want != (n == 1) || want != (byID.Status == 200) || want != (opened.Status == 200 && bytes.Equal(opened.Body, a.doc.Bytes)) {
		t.Errorf("%s: %d listed, by id %d, opened %d; want seen: %v", when, n, byID.Status, opened.Status, want)
	}
	if want {
		return
	}
	for _, pair := range [][2]servicetest.Answer{{byID, a.byID(t, uuid.NewString())}, {opened, a.open(t, uuid.NewString(), servicetest.Patient)}} {
		if diff := cmp.Diff(string(pair[1].Body), string(pair[0].Body)); pair[0].Status != pair[1].Status || diff != "" {
			t.Errorf("%s: what is kept from the reader can be told from what is not there: %d, %d\n%s", when, pair[0].Status, pair[1].Status, diff)
		}
	}
}

// events of the doctor, each as operation, outcome, rule, code and facts.
func (a asking) events(t *testing.T) (told []string) {
	t.Helper()
	for _, e := range a.Events(t, a.of) {
		if e.Action == string(audit.Read) && e.Caller.Kind == "personnel" && e.Organisation == a.organisation { // other tests look for the same patient
			told = append(told, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", e.Operation, e.Outcome, e.Rule, e.Code, e.Detail.Facts)))
		}
	}
	return told
}

// TestFactsLimitPersonnel is L5 and L4 at serving: protection takes list and document away and back to normal gives them back; the dead are
// served for thirty days.
func TestFactsLimitPersonnel(t *testing.T) {
	t.Parallel()
	a := startAsking(t, "0")
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Fatal(err)
	}
	dead := func(days int) string {
		return `"address_protection":"","dead_since":"` + time.Now().In(oslo).AddDate(0, 0, -days).Format(time.DateOnly) + `"`
	}
	for _, c := range []struct {
		facts string
		seen  bool
	}{
		{`"address_protection":"ugradert"`, true}, {`"address_protection":"fortrolig"`, false}, {`"address_protection":"strengtFortrolig"`, false},
		{`"address_protection":"ugradert"`, true}, {dead(29), true}, {dead(31), false}, {`"dead_since":""`, true}, {`"exists":false`, true},
	} {
		a.facts(t, c.facts)
		a.sees(t, c.facts, c.seen)
	}
	told := strings.Join(a.events(t), "\n")
	for _, want := range []string{"search success L5  fresh", "read-entry denied L5 XDSDocumentUniqueIdError fresh", "open denied L5 XDSDocumentUniqueIdError fresh",
		"search success L4  fresh", "open denied L4 XDSDocumentUniqueIdError fresh", "open success   fresh", "read-entry success   fresh"} {
		if !strings.Contains(told, want) {
			t.Errorf("no event %q in\n%s", want, told)
		}
	}
	asked := a.STS.PersonAsked()
	a.facts(t, `"address_protection":"fortrolig"`)
	if own := a.Writer(t, a.of.Organisations[0]).Get(t, "/R4/fhir/DocumentReference/"+a.doc.ID); own.Status != 200 || a.STS.PersonAsked() != asked {
		t.Errorf("a record system's own entry: %d after %d questions more", own.Status, a.STS.PersonAsked()-asked)
	}
	if strings.Contains(a.Log.String(), servicetest.Patient) || !strings.Contains(a.Log.String(), "DocumentReference") {
		t.Errorf("the log tells of the patient, or of nothing: %s", a.Log)
	}
}

// TestOutageRefuses: without facts and without leave to use old ones, whatever personnel ask is refused alike, with an event.
func TestOutageRefuses(t *testing.T) {
	t.Parallel()
	a := startAsking(t, "0")
	a.sees(t, "before", true)
	before := len(a.events(t))
	a.STS.PlayOutage(sts.Outage{Mode: "error"})
	home := []string{"homeCommunityId", a.of.HomeCommunity}
	answers := map[string]servicetest.Answer{
		"list": a.list(t, home...), "list everywhere": a.list(t), "list of another patient": a.doctor.Search(t, current("12119000465", home...)),
		"list of an unknown community": a.list(t, "homeCommunityId", "1.2.3"),
		"by id":                        a.byID(t, a.doc.ID), "by an unknown id": a.byID(t, uuid.NewString()), "by id elsewhere": a.doctor.Get(t, "/R4/fhir/DocumentReference/"+a.doc.ID+"?homeCommunityId=1.2.3"),
		"open": a.open(t, a.doc.BinaryID, servicetest.Patient), "open what is not there": a.open(t, uuid.NewString(), servicetest.Patient),
		"open another's": a.open(t, a.doc.BinaryID, "12119000465"),
	}
	for name, got := range answers {
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !told(outcome(t, got), "DLUnavailable", "") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
		if diff := cmp.Diff(string(answers["list"].Body), string(got.Body)); diff != "" {
			t.Errorf("%s is refused in other words than a list:\n%s", name, diff)
		}
	}
	counts := map[string]int{}
	for _, e := range a.events(t)[before:] {
		counts[e]++
	}
	want := map[string]int{"search failed L5 DLUnavailable unavailable": 2, "read-entry failed L5 DLUnavailable unavailable": 1, "open failed L5 DLUnavailable unavailable": 3}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if control := a.ControlEvents(t, a.organisation); len(control) != 4 {
		t.Errorf("%d events belong to no instance, want 4: %s", len(control), compact(control))
	}
	if own := a.Writer(t, a.of.Organisations[0]).Get(t, "/R4/fhir/DocumentReference/"+a.doc.ID); own.Status != 200 {
		t.Errorf("a record system's own entry: %d", own.Status)
	}
	awaitFacts(t, "readiness tells of the outage", func() bool {
		return bytes.Contains(servicetest.Send(t, a.Request(t, http.MethodGet, "/readyz", nil)).Body, []byte(`"persontjenesten":"fails"`))
	})
	shared := servicetest.Send(t, a.shared.Request(t, http.MethodGet, "/readyz", nil))
	if shared.Status != 200 || !bytes.Contains(shared.Body, []byte(`"persontjenesten":"not configured"`)) {
		t.Errorf("readiness: %d %s", shared.Status, shared.Body)
	}
	if strings.Contains(a.Log.String(), servicetest.Patient) {
		t.Errorf("the log tells of the patient: %s", a.Log)
	}
}

// TestStaleFacts: with leave to use old facts readers are served in an outage, and every event says so; an entry that old facts keep from a
// reader cannot be told from one that is not there.
func TestStaleFacts(t *testing.T) {
	t.Parallel()
	a := startAsking(t, "1h")
	a.sees(t, "before", true)
	before := len(a.events(t))
	a.STS.PlayOutage(sts.Outage{Mode: "error"})
	if n := len(references(t, a.list(t, "homeCommunityId", a.of.HomeCommunity))); n != 1 {
		t.Errorf("%d listed", n)
	}
	if byID, opened := a.byID(t, a.doc.ID), a.open(t, a.doc.BinaryID, servicetest.Patient); byID.Status != 200 || opened.Status != 200 {
		t.Errorf("by id %d, opened %d", byID.Status, opened.Status)
	}
	if diff := cmp.Diff([]string{"search success   stale", "read-entry success   stale", "open success   stale"}, a.events(t)[before:]); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	a.STS.PlayOutage(sts.Outage{})
	a.facts(t, `"address_protection":"fortrolig"`)
	awaitFacts(t, "the protection is known", func() bool {
		return len(references(t, a.list(t, "homeCommunityId", a.of.HomeCommunity))) == 0
	})
	a.STS.PlayOutage(sts.Outage{Mode: "error"})
	a.sees(t, "protected in an outage", false)
	if byID := a.byID(t, a.doc.ID); byID.Status != http.StatusServiceUnavailable {
		t.Errorf("by id: %d; an id that nobody has is refused with 503 now", byID.Status)
	}
}

func awaitFacts(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// TestLocalPatientsAreNotAsked: nobody knows facts of a local identifier (P1), also when its digits are a protected person's number.
func TestLocalPatientsAreNotAsked(t *testing.T) {
	t.Parallel()
	const authority = "2.16.578.1.12.4.5.100.77"
	a := startAsking(t, "0", func(b *servicetest.Bundle) {
		b.Change = func(message servicetest.Object) {
			servicetest.Resource(message, 1)["identifier"] = []any{servicetest.Object{"system": "urn:oid:" + authority, "value": servicetest.Patient}}
		}
	})
	a.facts(t, `"address_protection":"strengtFortrolig"`)
	form := current(servicetest.Patient, "homeCommunityId", a.of.HomeCommunity)
	form.Set("patient.identifier", "urn:oid:"+authority+"|"+servicetest.Patient)
	cx := servicetest.Patient + "^^^&" + authority + "&ISO"
	for _, c := range []struct {
		outage string
		bare   int
	}{{"", 200}, {"error", 503}} {
		a.STS.PlayOutage(sts.Outage{Mode: c.outage})
		list, byID := references(t, a.doctor.Search(t, form)), a.byID(t, a.doc.ID)
		byCX, bare := a.open(t, a.doc.BinaryID, cx), a.open(t, a.doc.BinaryID, servicetest.Patient)
		if len(list) != 1 || byID.Status != 200 || byCX.Status != 200 || bare.Status != c.bare {
			t.Errorf("outage %q: %d listed, by id %d, opened by CX %d, by number alone %d", c.outage, len(list), byID.Status, byCX.Status, bare.Status)
		}
	}
}
