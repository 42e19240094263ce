package conformance

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leave is something the validator says that is not held against us.
type leave struct {
	// Mark stands in the table, Severity and ID are the validator's, Says is how its message must begin or what must be in it.
	Mark, Severity, ID string
	Says               *regexp.Regexp
	// About is the type of the entry's resource that it is said of, empty for any.
	About string
	// Why is told in docs/conformance.md.
	Why string
}

// leaves are all of them. An issue that none of them names counts, and an error that counts fails `make conformance`.
var leaves = []leave{
	{"A", "warning", "Terminology_PassThrough_TX_Message", regexp.MustCompile(`^CodeSystem is unknown and can't be validated: `), "",
		"terminology: the code system is not here, and no terminology server can be reached; our own tables judge codes when a document is uploaded (D2)"},
	{"B", "warning", "Terminology_TX_ValueSet_NotFound", regexp.MustCompile(`ihe\.formatcode\.fhir`), "",
		"terminology: the package ihe.formatcode.fhir, which MHD depends on, is not here"},
	{"C", "warning", "http://hl7.org/fhir/StructureDefinition/DomainResource#dom-6", regexp.MustCompile(`Best Practice`), "",
		"a recommendation: our answers have no narrative, which would tell the patient's data a second time"},
	{"D", "warning", "Terminology_TX_NoValid_2_CC", regexp.MustCompile(`SecurityLabels.*2\.16\.578\.1\.12\.4\.1\.1\.9603`), "",
		"the binding is extensible: HL7 has no codes for what 9603 says (NORS, NORU and so on), and N, R or V stands beside them"},
	{"E", "error", "Validation_VAL_Profile_NotSlice", regexp.MustCompile(`FindDocumentListsResponseMessage.*slicing is CLOSED`), "OperationOutcome",
		"a fault of the profile: it allows submission sets and folders alone, while FHIR tells a search's warnings in an OperationOutcome entry " +
			"(search.mode outcome); FindDocumentReferencesResponseMessage allows it"},
	{"F", "warning", "Terminology_TX_NoValid_13", regexp.MustCompile(`\((urn:dokumentlager:audit-operation|urn:ihe:event-type-code|` +
		`urn:oid:2\.16\.578\.1\.12\.4\.1\.1\.9603|http://dicom\.nema\.org/resources/ontology/DCM#110101|https://profiles\.ihe\.net/ITI/BALP/CodeSystem/BasicAuditEntityType)`), "",
		"the bindings of AuditEvent.subtype, entity.type and entity.securityLabel are extensible: IHE's transactions and BALP's X-Request-Id are what MHD and BALP themselves require, " +
			"and FHIR has no codes for our operations, for the use of the log as a subtype, and for what 9603 says"},
	{"G", "warning", "Terminology_TX_NoValid_2_CC", regexp.MustCompile(`v3-PurposeOfUse.*(urn:AuditEventHL7Norway/CodeSystem/carerelation|urn:oid:1\.0\.14265\.1)`), "",
		"the binding is extensible: the Norwegian trust framework puts its details beside HL7's purpose, and ISO 14265 has codes of its own"},
	{"H", "warning", "Terminology_TX_NoValid_2_CC", regexp.MustCompile(`ParticipationRoleType.*(provenance-participant-type#custodian|BALP/CodeSystem/UserAgentTypes)`), "",
		"the binding is extensible: BALP requires these codes of the server of a deletion and of a token's user"},
}

// verdict is what the validator said of the answers of one row.
type verdict struct {
	Name             string
	Profiles         []string
	Answers          int
	Errors, Warnings []string
	Left             map[string]int
}

// judge sorts the issues of all answers into rows.
func judge(all []answer, found [][]issue) []verdict {
	rows := map[string]*verdict{}
	for i, a := range all {
		row, ok := rows[a.Name]
		if !ok {
			row = &verdict{Name: a.Name, Left: map[string]int{}}
			rows[a.Name] = row
		}
		row.Answers++
		row.Profiles = append(row.Profiles, a.profiles()...)
		for _, is := range found[i] {
			row.take(a, is)
		}
	}
	return slices.SortedFunc(maps.Values(unpointed(rows)), func(a, b verdict) int { return cmp.Compare(a.Name, b.Name) })
}

func unpointed(rows map[string]*verdict) map[string]verdict {
	out := map[string]verdict{}
	for name, v := range rows {
		slices.Sort(v.Profiles)
		v.Profiles = slices.Compact(v.Profiles)
		out[name] = *v
	}
	return out
}

func (v *verdict) take(a answer, i issue) {
	if i.Severity != "error" && i.Severity != "fatal" && i.Severity != "warning" {
		return
	}
	for _, l := range leaves {
		if l.Severity == i.Severity && l.ID == i.ID && l.Says.MatchString(i.Message) && (l.About == "" || l.About == a.about(i.Location)) {
			v.Left[l.Mark]++
			return
		}
	}
	told := i.Location + ": " + i.Message
	if i.Severity == "warning" {
		v.Warnings = append(v.Warnings, told)
	} else {
		v.Errors = append(v.Errors, told)
	}
}

const validated = `## Answers validated

Every FHIR answer that the service gave while the messages above were replayed, and while a tenant of our own was talked to, validated by
HAPI's FHIR validator against FHIR R4, the profiles of MHD 4.2.3 and BALP 1.1.4, and the definitions of our own in api/fhir (` + "`make conformance`" + `, which fails on
any error). Each is held to the profile its transaction has, and each resource in it to the profile it claims in meta.profile. What we send
ourselves (dlctl, the demo, our tests) is held to the profiles of ITI-65. AuditEvents are the golden ones of internal/atna, every operation with every
outcome, and those of all that happened here, as they stand in the log. Where Java or Maven is not there, answers are held to a structural check of
ours: the cardinalities, fixed values and names of elements that the profiles tell.

`

// markdownAnswers writes the section.
func markdownAnswers(rows []verdict) string {
	var b strings.Builder
	b.WriteString(validated)
	errors, answers, used := 0, 0, map[string]int{}
	for _, v := range rows {
		errors, answers = errors+len(v.Errors), answers+v.Answers
		for mark, n := range v.Left {
			used[mark] += n
		}
	}
	fmt.Fprintf(&b, "%d rows, %d errors.\n\n| Resource | Held to, beside FHIR R4 | Errors | Warnings | Silenced |\n|---|---|---|---|---|\n", len(rows), errors)
	for _, v := range rows {
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s |\n", v.Name, cmp.Or(strings.Join(v.Profiles, ", "), "–"), len(v.Errors),
			warnings(v.Warnings), cmp.Or(strings.Join(slices.Sorted(maps.Keys(v.Left)), " "), "–"))
	}
	b.WriteString("\nThe validator takes any language tag of BCP 47, nb-NO among them; HAPI without a terminology server knows but a few " +
		"(internal/conformance/validator).\n")
	b.WriteString("\nSilenced, and why:\n\n")
	for _, l := range leaves {
		if used[l.Mark] > 0 {
			fmt.Fprintf(&b, "- %s (%s): %s.\n", l.Mark, l.Severity, l.Why)
		}
	}
	return b.String()
}

var particular = regexp.MustCompile(`^[^:]*: |\[\d+\]|[0-9a-f]{8}-[0-9a-f-]{27}|'[^']*'`)

// warnings are the kinds of warnings of a row; how many there are depends on how many answers there were.
func warnings(told []string) string {
	var kinds []string
	for _, w := range told {
		w, _, _ = strings.Cut(particular.ReplaceAllString(w, ""), ". ")
		kinds = append(kinds, strings.ReplaceAll(strings.TrimSpace(w), "|", `\|`))
	}
	slices.Sort(kinds)
	return cmp.Or(strings.Join(slices.Compact(kinds), "; "), "–")
}

// validate holds every answer to R4 and MHD: by the structural check always, by HAPI where its folder is named.
func validate(t *testing.T, from collection) {
	t.Helper()
	all := heard.sorted()
	shapes(t, from, all)
	jars := os.Getenv(validatorVariable)
	if jars == "" {
		t.Logf("%d answers held to the structural check; name the validator's folder in %s, or run make conformance, for the whole", len(all), validatorVariable)
		return
	}
	found := hapi(t, jars, from, slices.Concat(all, broken(t, all)))
	bites(t, found[len(all):])
	rows := judge(all, found)
	for _, v := range rows {
		for _, e := range v.Errors {
			t.Errorf("%s: %s", v.Name, e)
		}
		for _, w := range v.Warnings {
			t.Logf("%s: warning: %s", v.Name, w)
		}
	}
	publish(t, answersPart, markdownAnswers(slices.DeleteFunc(rows, passing)))
}

// passing rows depend on how busy the machine is.
func passing(v verdict) bool { return strings.Contains(v.Name, "Too Many Requests") }
