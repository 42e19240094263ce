package administration_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

type desk struct {
	*administration.Service
	owner *postgres.Owner
	db    *postgres.DB
	dir   tenant.Directory
	log   audit.Log
}

func open(t *testing.T) desk {
	t.Helper()
	parts := stacktest.Parts(t)
	owner, err := postgres.OpenOwner(t.Context(), parts.OwnerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: parts.AppURL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return desk{&administration.Service{Owner: owner, Operator: "kari", Now: time.Now}, owner, db, tenant.Directory{DB: db}, audit.Log{DB: db}}
}

// draft is a tenant of the test's own.
func draft() administration.Draft {
	n := rand.Uint32()
	return administration.Draft{Name: fmt.Sprintf("test-%d", n), HomeCommunity: fmt.Sprintf("urn:oid:2.16.578.1.12.4.5.100.9.%d", n),
		Repository: fmt.Sprintf("2.16.578.1.12.4.5.100.9.%d.1", n), Organisations: []string{"981275721"},
		Sharing: access.Sharing{Personnel: true, Citizen: true}, Profile: tenant.NHN, State: tenant.Active}
}

func TestCreateIsWholeAndAudited(t *testing.T) {
	t.Parallel()
	d := open(t)
	want := draft()
	want.Organisations = []string{"994598759", "960510542", "994598759"}
	made, err := d.Create(t.Context(), want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.dir.ByName(t.Context(), want.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(made, got, cmpopts.EquateApproxTime(0)); diff != "" {
		t.Error(diff)
	}
	if !cmp.Equal(got.Organisations, []string{"960510542", "994598759"}) || "urn:oid:"+got.HomeCommunity != want.HomeCommunity {
		t.Errorf("got %+v", got)
	}
	lines, err := d.log.List(t.Context(), made.Schema(), uuid.Nil, 10)
	if err != nil || len(lines) != 1 {
		t.Fatalf("%d events, %v", len(lines), err)
	}
	if l := lines[0]; l.Operation != "tenant-create" || l.Action != "E" || l.Outcome != "success" || l.Caller.Name != "kari" {
		t.Errorf("the event is %+v", l)
	}
	var pending int
	err = d.owner.Pool().QueryRow(t.Context(), `select count(*) from control.audit_pending where tenant_id = $1 and event_id = $2`, made.ID, lines[0].ID).Scan(&pending)
	if err != nil || pending != 1 {
		t.Errorf("%d notes for the sealer, %v", pending, err)
	}
}

// TestFailedCreateLeavesNothing: neither row nor schema nor role.
func TestFailedCreateLeavesNothing(t *testing.T) {
	t.Parallel()
	d := open(t)
	first, err := d.Create(t.Context(), draft())
	if err != nil {
		t.Fatal(err)
	}
	second := draft()
	second.Repository = first.Repository
	_, err = d.Create(t.Context(), second)
	var problems fault.Problems
	if !errors.As(err, &problems) || problems[0].Location != "repository_unique_id" || problems[0].Code != fault.AdministrationRefused {
		t.Fatalf("got %v", err)
	}
	var left int
	name := "%" + strings.ReplaceAll(second.Name, "-", "\\_")
	err = d.owner.Pool().QueryRow(t.Context(), `select (select count(*) from control.tenant where name = $1)
		+ (select count(*) from pg_namespace where nspname like $2) + (select count(*) from pg_roles where rolname like $2)`, second.Name, name).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("%d things left, %v", left, err)
	}
}

func TestDraftsAreCheckedAllAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*administration.Draft)
		want   []string
	}{
		"name":             {func(d *administration.Draft) { d.Name = "Oslo" }, []string{"name"}},
		"long name":        {func(d *administration.Draft) { d.Name = strings.Repeat("a", 41) }, []string{"name"}},
		"home community":   {func(d *administration.Draft) { d.HomeCommunity = "2.16.578.01" }, []string{"home_community_id"}},
		"repository":       {func(d *administration.Draft) { d.Repository = "" }, []string{"repository_unique_id"}},
		"no organisation":  {func(d *administration.Draft) { d.Organisations = nil }, []string{"organisations"}},
		"check digit":      {func(d *administration.Draft) { d.Organisations = []string{"981275722"} }, []string{"organisations"}},
		"two bad ones":     {func(d *administration.Draft) { d.Organisations = []string{"98127572", "abcdefghi"} }, []string{"organisations", "organisations"}},
		"profile":          {func(d *administration.Draft) { d.Profile = "fhir" }, []string{"profile"}},
		"state":            {func(d *administration.Draft) { d.State = "" }, []string{"state"}},
		"own and citizens": {func(d *administration.Draft) { d.Sharing.OwnOrganisationOnly = true }, []string{"sharing"}},
		"transactions":     {func(d *administration.Draft) { d.Transactions = []string{"ITI-18", "ITI-65", "18"} }, []string{"transactions", "transactions"}},
		"all": {func(d *administration.Draft) { *d = administration.Draft{} },
			[]string{"name", "home_community_id", "repository_unique_id", "organisations", "profile", "state"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := draft()
			c.change(&d)
			_, err := (&administration.Service{}).Create(t.Context(), d) // refused before the database is needed
			var problems fault.Problems
			errors.As(err, &problems)
			var got []string
			for _, p := range problems {
				got = append(got, p.Location)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOrganisationNumbers(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]bool{"981275721": true, "958935420": true, "960510542": true, "994598759": true, "920204368": true,
		"981275720": false, "98127572": false, "9812757211": false, "98127572a": false, "": false, "１２３": false} {
		if got := administration.IsOrganisation(number); got != want {
			t.Errorf("%q: %t", number, got)
		}
	}
}

func TestSetChangesOnlyWhatItNamesAndIsAudited(t *testing.T) {
	t.Parallel()
	d := open(t)
	made, err := d.Create(t.Context(), draft())
	if err != nil {
		t.Fatal(err)
	}
	no, suspended := false, tenant.Suspended
	changed, err := d.Set(t.Context(), made.Name, administration.Change{Citizen: &no, State: &suspended})
	if err != nil {
		t.Fatal(err)
	}
	want := made
	want.Sharing.Citizen, want.State = false, tenant.Suspended
	if diff := cmp.Diff(want, changed); diff != "" {
		t.Error(diff)
	}
	if got, err := d.dir.ByName(t.Context(), made.Name); err != nil || !cmp.Equal(got, want) {
		t.Errorf("the directory has %+v, %v", got, err)
	}
	organisations := []string{"958935420"}
	if changed, err = d.Set(t.Context(), made.Name, administration.Change{Organisations: &organisations}); err != nil || !cmp.Equal(changed.Organisations, organisations) {
		t.Errorf("got %v, %v", changed.Organisations, err)
	}
	bad := []string{"1"}
	if _, err := d.Set(t.Context(), made.Name, administration.Change{Organisations: &bad}); err == nil {
		t.Error("a bad organisation was taken")
	}
	lines, err := d.log.List(t.Context(), made.Schema(), uuid.Nil, 10)
	if err != nil || len(lines) != 3 || !strings.Contains(lines[1].Reason, "citizen=true") || !strings.Contains(lines[1].Reason, "citizen=false") {
		t.Errorf("%d events, %v: %+v", len(lines), err, lines)
	}
	if _, err := d.Set(t.Context(), "nobody-has-this", administration.Change{}); fault.Of(err)[0].Location != "name" {
		t.Errorf("got %v", err)
	}
}

func TestQuarantineListIsAudited(t *testing.T) {
	t.Parallel()
	d := open(t)
	made, err := d.Create(t.Context(), draft())
	if err != nil {
		t.Fatal(err)
	}
	repo := repository.New(repository.Config{})
	key, event := uuid.New(), uuid.New()
	err = d.db.InTenant(t.Context(), made.Schema(), func(tx *postgres.Tx) error {
		b := tx.Batch()
		repo.Record(b, repository.Object{Key: key, Size: 68, SHA256: make([]byte, 32)}, repository.Row{State: repository.Quarantined, MimeType: "text/plain", Finding: "Eicar", Event: event}, time.Now())
		repo.Record(b, repository.Object{Key: uuid.New(), Size: 1, SHA256: make([]byte, 32)}, repository.Row{State: repository.Stored, MimeType: "text/plain", Event: event}, time.Now())
		return b.Send(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
	q := &administration.Desk{DB: d.db, Objects: repo, Operator: "kari", Now: time.Now}
	got, err := q.List(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	want := []administration.Infected{{Key: key.String(), Finding: "Eicar", MimeType: "text/plain", Size: 68, SHA256: strings.Repeat("0", 64), Event: event.String()}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(administration.Infected{}, "StoredAt")); diff != "" {
		t.Error(diff)
	}
	lines, err := d.log.List(t.Context(), made.Schema(), uuid.Nil, 10)
	if err != nil || len(lines) != 2 || lines[1].Operation != "quarantine-list" || lines[1].Action != "E" || *lines[1].Detail.Hits != 1 {
		t.Errorf("%v: %+v", err, lines)
	}
}

// TestTransactionsAreSwitched (X1, X3): what nobody asks for is the default, without registration from outside; one switch moves one transaction;
// and the event says what was on before and after.
func TestTransactionsAreSwitched(t *testing.T) {
	t.Parallel()
	d := open(t)
	made, err := d.Create(t.Context(), draft())
	if err != nil || !cmp.Equal(made.Transactions, tenant.DefaultTransactions) || made.Serves("ITI-42") || !made.Serves("ITI-41") {
		t.Fatalf("%v, %v", made.Transactions, err)
	}
	for _, c := range []struct {
		change administration.Change
		want   []string
	}{
		{administration.Change{On: []string{"ITI-42", "ITI-18"}, Off: []string{"ITI-41", "ITI-61"}},
			[]string{"ITI-18", "ITI-38", "ITI-39", "ITI-42", "ITI-43", "ITI-51", "ITI-57", "ITI-62", "ITI-86", "ITI-92"}},
		{administration.Change{Transactions: &[]string{"ITI-43", "ITI-18", "ITI-43"}, On: []string{"ITI-38"}}, []string{"ITI-18", "ITI-38", "ITI-43"}},
		{administration.Change{Transactions: &[]string{}}, []string{}},
		{administration.Change{On: []string{"ITI-61"}}, []string{"ITI-61"}},
	} {
		changed, err := d.Set(t.Context(), made.Name, c.change)
		got, dirErr := d.dir.ByName(t.Context(), made.Name)
		if err != nil || dirErr != nil || !cmp.Equal(changed.Transactions, c.want) || !cmp.Equal(got, changed) {
			t.Errorf("%+v: %v, in the directory %v, want %v; %v, %v", c.change, changed.Transactions, got.Transactions, c.want, err, dirErr)
		}
	}
	for _, bad := range []administration.Change{{On: []string{"ITI-65"}}, {Off: []string{"iti-18"}}, {On: []string{"ITI-18"}, Off: []string{"ITI-18"}}} {
		if _, err := d.Set(t.Context(), made.Name, bad); err == nil || fault.Of(err)[0].Location != "transactions" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	lines, err := d.log.List(t.Context(), made.Schema(), uuid.Nil, 10)
	if err != nil || len(lines) != 5 || !strings.HasSuffix(lines[4].Reason, "transactions= -> "+strings.SplitN(lines[4].Reason, " -> ", 2)[1]) || !strings.HasSuffix(lines[4].Reason, " transactions=ITI-61") {
		t.Errorf("%v, %d events: %+v", err, len(lines), lines)
	}
}
