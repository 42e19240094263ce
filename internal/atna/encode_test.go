package atna

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fhir"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "write the golden events and code systems anew")

// TestGoldenEvents holds every operation with every outcome, and what is odd, to testdata; HAPI holds the same files to their profiles (make
// conformance).
func TestGoldenEvents(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]audit.Line{"success": golden(t, "success"), "denied": golden(t, "denied"), "failed": golden(t, "failed"), "odd": odd(t)} {
		var got bytes.Buffer
		for _, l := range lines {
			body, err := fhir.Marshal(Encode(l, ours))
			if err != nil {
				t.Fatal(err)
			}
			got.Write(append(body, '\n'))
			if _, err := fhir.MarshalXML(Encode(l, ours)); err != nil {
				t.Errorf("%s, %s: %v", l.Operation, l.Outcome, err)
			}
			if back, err := fhir.ParseResource(bytes.NewReader(body), 1<<20); err != nil || !cmp.Equal(back.Value, fhir.Typed(Encode(l, ours))) {
				t.Errorf("%s, %s does not come back as it was: %v", l.Operation, l.Outcome, err)
			}
		}
		hold(t, filepath.Join("testdata", "auditevent-"+name+".ndjson"), got.String())
	}
}

func hold(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-written +now); look, then run with -update:\n%s", name, diff)
	}
}

var operationRow = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([CRUDE]) ")

// TestEveryOperation: the page's operations are those of the table and of the golden events, and their letters are BALP's.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "\n## Operations\n")
	rows := operationRow.FindAllStringSubmatch(text, -1)
	if len(rows) < 20 {
		t.Fatalf("only %d operations on the page: the test looks at the wrong place", len(rows))
	}
	for _, row := range rows {
		op, ok := Operations()[row[1]]
		if !ok {
			t.Errorf("%s is on the page and has no mapping", row[1])
		}
		if want := letters[op.Flow]; want != "" && op.action(row[2]) != want {
			t.Errorf("%s is %s on the page, and FHIR would say %s where the pattern wants %s", row[1], row[2], op.action(row[2]), want)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(Operations())), slices.Sorted(maps.Keys(typicals()))); diff != "" {
		t.Errorf("operations without a golden event (-table +golden):\n%s", diff)
	}
	if got := queries(); !slices.Contains(got, "search") || slices.Contains(got, "open") {
		t.Errorf("operations that are E in FHIR and R in the log: %v", got)
	}
}

// TestNothingIsLost fills every field of a line with a text of its own and looks for it in the event.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"machine", "personnel"} {
		for _, operation := range []string{"search", "set-confidentiality", "no-such-operation"} {
			var line audit.Line
			texts := map[string]string{}
			fill(reflect.ValueOf(&line).Elem(), "", texts)
			line.ID, line.Time, line.Action, line.Outcome, line.Operation, line.Caller.Kind = uuid.New(), time.Now(), "R", "denied", operation, kind
			line.Patient = texts["Patient"] + "^^^&1.2.3&ISO"
			line.Document, line.Organisation, line.EventID = line.Detail.Documents[0].UniqueID, line.Caller.Organisation, line.Caller.EventID
			body, err := fhir.Marshal(Encode(line, ours))
			if err != nil {
				t.Fatal(err)
			}
			where := string(body)
			for field, text := range texts {
				if left(field, kind, operation) {
					continue
				}
				if !strings.Contains(where, text) && !strings.Contains(where, base64.StdEncoding.EncodeToString([]byte(text))) {
					t.Errorf("%s of a %s: %s is not in the event", operation, kind, field)
				}
			}
		}
	}
}

// left are the fields that the event need not have: what the test sets itself, what stands twice in a line, and a person's of a machine.
func left(field, kind, operation string) bool {
	switch field {
	case "ID", "Time", "Action", "Outcome", "Operation", "Caller.Kind", "Document", "Organisation", "EventID", "Entry", "Caller.RequestID", "Detail.Rule", "Detail.Code", "Detail.Reason":
		return true
	case "Detail.Query":
		return operation != "search"
	case "Caller.PersonID": // which the log has of citizens alone
		return true
	case "Caller.Name", "Caller.HPR", "Caller.Role":
		return kind == "machine"
	}
	return false
}

// fill gives every text of a value its own, by the name of its field.
func fill(v reflect.Value, name string, texts map[string]string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name, texts)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name, texts)
	case reflect.String:
		texts[name] = "text-of-" + strings.ReplaceAll(strings.ToLower(name), ".", "-") + "-end"
		v.SetString(texts[name])
	case reflect.Int, reflect.Int64:
		texts[name] = `"` + "9" + strings.Repeat("7", len(texts)%9+3) + `"`
		v.SetInt(mustInt(strings.Trim(texts[name], `"`)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[time.Time]() {
				fill(v.Field(i), strings.TrimPrefix(name+"."+f.Name, "."), texts)
			}
		}
	}
}

func mustInt(s string) (n int64) {
	_ = json.Unmarshal([]byte(s), &n)
	return n
}

// TestClaims: a profile is named where it holds and nowhere else.
func TestClaims(t *testing.T) {
	t.Parallel()
	names := func(l audit.Line) (short []string) {
		e := Encode(l, ours)
		if e.Meta == nil {
			return nil
		}
		for _, p := range e.Meta.Profile {
			short = append(short, strings.TrimPrefix(strings.TrimPrefix(p, balp), mhd))
		}
		return short
	}
	const token, mini = "OAUTHaccessTokenUse.Comprehensive", "OAUTHaccessTokenUse.Minimal"
	for operation, want := range map[string][]string{
		"provide": {"PatientCreate", token}, "search": {"PatientQuery", "FindDocumentReferences.Audit.Responder", token},
		"search-lists": {"PatientQuery", "FindDocumentLists.Audit.Responder", token}, "open": {"PatientRead", "RetrieveDocument.Audit.Responder", token},
		"read-entry": {"PatientRead", token}, "set-confidentiality": {"PatientUpdate", token}, "delete": {"PatientDelete", token},
		"audit-search": {"Query", token}, "lookups": {"PatientQuery", token}, "validate": {token}, "sweep": nil, "tenant-set": nil,
	} {
		one := typicals()[operation]
		for outcome, want := range map[string][]string{"success": want, "denied": tokenOnly(want), "failed": tokenOnly(want)} {
			l := lineOf(t, one.caller, operation, one.action, outcome, one.detail)
			if one.nobody {
				l.Patient = ""
			}
			if diff := cmp.Diff(want, names(l)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", operation, outcome, diff)
			}
		}
	}
	bare := lineOf(t, doctorRow, "open", "R", "success", audit.Detail{})
	if got := names(bare); !slices.Equal(got, []string{token}) {
		t.Errorf("an opening of nothing claims %v", got)
	}
	bare.Caller.HPR = ""
	if got := names(bare); !slices.Equal(got, []string{mini}) {
		t.Errorf("a person without HPR number claims %v", got)
	}
	for caller, want := range map[string][]string{fmt.Sprintf(samlDoctorRow, "ITI-43"): {"SAMLaccessTokenUse.Minimal"}, fmt.Sprintf(citizenRow, "citizen", "13116900216", "ITI-39"): {"SAMLaccessTokenUse.Minimal"},
		strings.Replace(fmt.Sprintf(samlDoctorRow, "ITI-43"), `"hpr":"565505933",`, "", 1): nil} {
		if got := names(lineOf(t, caller, "open", "R", "success", audit.Detail{Documents: aDocument()})); !slices.Equal(got, want) {
			t.Errorf("%s claims %v", caller, got)
		}
	}
	wrong := lineOf(t, doctorRow, "open", "C", "success", audit.Detail{Documents: aDocument()})
	if got := names(wrong); !slices.Equal(got, []string{token}) {
		t.Errorf("an opening with the letter of a creation claims %v", got)
	}
}

// TestSAMLMinimal: an event that names BALP's profile of SAML assertions has its user as that wants it: one agent of the type, known by a number, who asked, with
// the assertion's ID and nothing that the profile forbids; and no event of a SOAP transaction names a profile of REST.
func TestSAMLMinimal(t *testing.T) {
	t.Parallel()
	claimed := 0
	for _, l := range slices.Concat(golden(t, "success"), golden(t, "denied"), golden(t, "failed"), odd(t)) {
		e := Encode(l, ours)
		if e.Meta == nil || !slices.Contains(e.Meta.Profile, samlMinimal) {
			continue
		}
		claimed++
		users := 0
		for _, a := range e.Agent {
			if !slices.Contains(a.Type.Coding, samlUser) {
				continue
			}
			users++
			if a.Who == nil || a.Who.Identifier == nil || a.Who.Identifier.Value == "" || a.Who.Identifier.System == "" || !a.Requestor || len(a.Policy) != 1 || a.AltID != "" || a.Network != nil {
				t.Errorf("%s of a %s: %+v", l.Operation, l.Caller.Kind, a)
			}
			if want := l.Caller.Name + "<" + a.Who.Identifier.Value + "@" + l.Caller.Issuer + ">"; a.Name != want {
				t.Errorf("the user is %q, want %q", a.Name, want)
			}
		}
		if users != 1 || len(e.Meta.Profile) != 1 || e.Type.Code == "rest" {
			t.Errorf("%s: %d users, type %s, %v", l.Operation, users, e.Type.Code, e.Meta.Profile)
		}
	}
	if claimed < 10 {
		t.Errorf("only %d events claim it", claimed)
	}
}

func tokenOnly(all []string) []string {
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1:]
}

// TestTokenStaysOut: the event names the token by its jti, at the person when there is one, else at the client, and nowhere twice (BALP).
func TestTokenStaysOut(t *testing.T) {
	t.Parallel()
	for caller, want := range map[string]int{doctorRow: 2, machineRow: 0} {
		e := Encode(lineOf(t, caller, "open", "R", "success", audit.Detail{Documents: aDocument()}), ours)
		for i, a := range e.Agent {
			if has := len(a.Policy) == 1; has != (i == want) {
				t.Errorf("%s: agent %d has the policy %v", caller, i, a.Policy)
			}
		}
	}
}

// TestDetailsAreListed: what entity.detail.type says is in our code system.
func TestDetailsAreListed(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, l := range slices.Concat(golden(t, "success"), golden(t, "denied"), odd(t)) {
		for _, e := range Encode(l, ours).Entity {
			for _, d := range e.Detail {
				used[d.Type] = true
			}
		}
	}
	var listed []string
	for _, c := range Details() {
		listed = append(listed, c.Code)
	}
	slices.Sort(listed)
	if diff := cmp.Diff(listed, slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("names of details (-listed +in golden events):\n%s", diff)
	}
}

// TestCodeSystems holds api/fhir's code systems of AuditEvents to this package.
func TestCodeSystems(t *testing.T) {
	t.Parallel()
	var ops []fhir.Coding
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		ops = append(ops, fhir.Coding{Code: name, Display: operations[name].Meaning})
	}
	for name, c := range map[string]struct {
		url, name, title, about string
		codes                   []fhir.Coding
	}{
		"audit-operation":  {OperationSystem, "DokumentlagerAuditOperation", "What was asked for", "The last AuditEvent.subtype of every event: the operation of the audit log; docs/audit.md tells more.", ops},
		"audit-agent-role": {AgentRoleSystem, "DokumentlagerAuditAgentRole", "Organisations of a caller", "AuditEvent.agent.role of the organisations that a token names; docs/auditevent.md tells more.", AgentRoles()},
		"audit-detail":     {DetailSystem, "DokumentlagerAuditDetail", "Details of an event", "The texts of AuditEvent.entity.detail.type; docs/auditevent.md tells more.", Details()},
	} {
		var concepts []map[string]any
		for _, code := range c.codes {
			concepts = append(concepts, map[string]any{"code": code.Code, "display": code.Display})
		}
		text, err := json.MarshalIndent(map[string]any{"resourceType": "CodeSystem", "id": name, "url": c.url, "title": c.title, "description": c.about,
			"name": c.name, "status": "active",
			"publisher": "dokumentlager", "caseSensitive": true, "content": "complete", "concept": concepts}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		hold(t, filepath.Join("..", "..", "api", "fhir", "CodeSystem-"+name+".json"), string(text)+"\n")
	}
}

const eventPage = "../../docs/auditevent.md"

var (
	pageTable   = regexp.MustCompile(`(?s)(TestAuditEventPage -update -->\n\n).*?(\n\n## An example)`)
	pageExample = regexp.MustCompile(`(?s)(A document opened by a health worker:\n\n).*?(\n\n## Export)`)
)

// TestAuditEventPage: the table and the example of docs/auditevent.md are what this package does.
func TestAuditEventPage(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("| Operation | `type` | `subtype` besides the operation | `action` | Pattern |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		op, pattern := operations[name], "–"
		if p := patterns[op.Flow]; p != "" {
			pattern = p
		}
		var subtypes []string
		for _, c := range op.subtypes(name)[:len(op.subtypes(name))-1] {
			subtypes = append(subtypes, c.Code)
		}
		letter := "E"
		if l := letters[op.Flow]; l != "" {
			letter = l
		} else if name == "too-large" || name == "audit-write" {
			letter = "by method"
		}
		b.WriteString("| `" + name + "` | " + op.Type.Code + " | " + strings.Join(subtypes, ", ") + " | " + letter + " | " + pattern + " |\n")
	}
	one := typicals()["open"]
	event, err := fhir.Marshal(Encode(lineOf(t, one.caller, "open", one.action, "success", one.detail), ours))
	if err != nil {
		t.Fatal(err)
	}
	var example bytes.Buffer
	if err := json.Indent(&example, event, "", " "); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(eventPage)
	if err != nil {
		t.Fatal(err)
	}
	now := pageTable.ReplaceAllString(string(page), "${1}"+strings.TrimSpace(b.String())+"${2}")
	now = pageExample.ReplaceAllStringFunc(now, func(string) string {
		return "A document opened by a health worker:\n\n```json\n" + short(example.String()) + "\n```\n\n## Export"
	})
	hold(t, eventPage, now)
}

var (
	inner = regexp.MustCompile(`[\[{]\n[^\[\]{}]*[\]}]`)
	space = regexp.MustCompile(`\n\s*`)
)

// short puts what fits into one line there, from the inside out.
func short(text string) string {
	for {
		next := inner.ReplaceAllStringFunc(text, func(found string) string {
			if one := strings.TrimSpace(space.ReplaceAllString(found, " ")); len(one) < 190 {
				return strings.NewReplacer("{", "\x01", "}", "\x02", "[", "\x03", "]", "\x04").Replace(one)
			}
			return found
		})
		if next == text {
			return strings.NewReplacer("\x01", "{", "\x02", "}", "\x03", "[", "\x04", "]").Replace(text)
		}
		text = next
	}
}
