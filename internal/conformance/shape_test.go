package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
)

// rule is what a profile says of one element, wherever it stands: how often it may be there, and what it must be.
type rule struct {
	Path, Max string
	Min       int
	// Must is a fixed value or a pattern, nil for none.
	Must any
	// Profile is the canonical address of a profile of its type, empty for none.
	Profile string
}

// profiles are the rules of MHD's profiles by canonical address, read from their snapshots. Slices are left out: HAPI judges them.
type profiles map[string][]rule

// readProfiles reads the StructureDefinitions of a folder.
func readProfiles(t *testing.T, folder string) profiles {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "StructureDefinition-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no StructureDefinitions in %s: %v", folder, err)
	}
	out := profiles{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var definition struct {
			URL      string
			Snapshot struct{ Element []servicetest.Object }
		}
		if err := json.Unmarshal(text, &definition); err != nil {
			t.Fatal(err)
		}
		for _, e := range definition.Snapshot.Element {
			if r, ok := ruleOf(e); ok {
				out[definition.URL] = append(out[definition.URL], r)
			}
		}
	}
	return out
}

func ruleOf(element servicetest.Object) (r rule, ok bool) {
	r.Path, r.Max = element["path"].(string), text(element, "max")
	if id := text(element, "id"); strings.Contains(id, ":") || !strings.Contains(r.Path, ".") {
		return r, false
	}
	minimum, _ := element["min"].(float64)
	r.Min, r.Profile = int(minimum), ""
	for key, value := range element {
		if strings.HasPrefix(key, "fixed") || strings.HasPrefix(key, "pattern") {
			r.Must = value
		}
	}
	if types, _ := element["type"].([]any); len(types) == 1 {
		if all, _ := types[0].(servicetest.Object)["profile"].([]any); len(all) == 1 {
			r.Profile = all[0].(string)
		}
	}
	return r, true
}

// check holds a value to a profile; an unknown profile has nothing to say. Problems name places below at.
func (p profiles) check(profile, at string, value servicetest.Object) (problems []string) {
	rules := p[profile]
	known := map[string]bool{"resourceType": true}
	for _, r := range rules {
		_, path, _ := strings.Cut(r.Path, ".")
		parent, name := "", path
		if i := strings.LastIndex(path, "."); i >= 0 {
			parent, name = path[:i], path[i+1:]
		}
		if parent == "" {
			known[name] = true
		}
		for place, holder := range holders(at, value, parent) {
			problems = append(problems, p.hold(r, place, name, holder)...)
		}
	}
	for key := range value {
		if key = strings.TrimPrefix(key, "_"); len(rules) > 0 && !known[key] && !slices.ContainsFunc(rules, func(r rule) bool { return isChoice(r.Path, key) }) {
			problems = append(problems, at+"."+key+": no such element")
		}
	}
	slices.Sort(problems)
	return problems
}

// isChoice: value[x] is valueString and the like.
func isChoice(path, key string) bool {
	stem, found := strings.CutSuffix(path[strings.LastIndex(path, ".")+1:], "[x]")
	return found && strings.HasPrefix(key, stem)
}

// hold holds the elements of one name in one place to a rule.
func (p profiles) hold(r rule, at, name string, holder servicetest.Object) (problems []string) {
	var found []any
	for key, value := range holder {
		if key == name || key == "_"+name || isChoice(name, key) {
			found = append(found, listed(value)...)
		}
	}
	at += "." + name
	if most, err := strconv.Atoi(r.Max); len(found) < r.Min || (err == nil && len(found) > most) {
		return []string{fmt.Sprintf("%s: there are %d, %d to %s are needed", at, len(found), r.Min, r.Max)}
	}
	for _, f := range found {
		if r.Must != nil && !matches(r.Must, f) {
			problems = append(problems, fmt.Sprintf("%s: it must be %v", at, r.Must))
		}
		if inner, ok := f.(servicetest.Object); ok && r.Profile != "" {
			problems = append(problems, p.check(r.Profile, at, inner)...)
		}
	}
	return problems
}

// holders are the objects at a path, with their places.
func holders(at string, value servicetest.Object, path string) map[string]servicetest.Object {
	if path == "" {
		return map[string]servicetest.Object{at: value}
	}
	name, rest, _ := strings.Cut(path, ".")
	out := map[string]servicetest.Object{}
	for i, v := range listed(value[name]) {
		if o, ok := v.(servicetest.Object); ok {
			for place, inner := range holders(fmt.Sprintf("%s.%s[%d]", at, name, i), o, rest) {
				out[place] = inner
			}
		}
	}
	return out
}

func listed(v any) []any {
	if all, ok := v.([]any); ok || v == nil {
		return all
	}
	return []any{v}
}

// matches: everything in the pattern is in the value.
func matches(pattern, value any) bool {
	switch p := pattern.(type) {
	case servicetest.Object:
		o, ok := value.(servicetest.Object)
		for key := range p {
			ok = ok && matches(p[key], o[key])
		}
		return ok
	case []any:
		all := listed(value)
		return !slices.ContainsFunc(p, func(want any) bool {
			return !slices.ContainsFunc(all, func(v any) bool { return matches(want, v) })
		})
	}
	return reflect.DeepEqual(pattern, value)
}

// base is what FHIR R4 requires of the resources that MHD has no profile for; of AuditEvents, of those that claim none too.
var base = profiles{
	"OperationOutcome": {{Path: "OperationOutcome.id", Max: "1"}, {Path: "OperationOutcome.issue", Min: 1, Max: "*"},
		{Path: "OperationOutcome.issue.severity", Min: 1, Max: "1"}, {Path: "OperationOutcome.issue.code", Min: 1, Max: "1"}},
	"AuditEvent": {{Path: "AuditEvent.type", Min: 1, Max: "1"}, {Path: "AuditEvent.recorded", Min: 1, Max: "1"}, {Path: "AuditEvent.agent", Min: 1, Max: "*"},
		{Path: "AuditEvent.agent.requestor", Min: 1, Max: "1"}, {Path: "AuditEvent.source", Min: 1, Max: "1"}, {Path: "AuditEvent.source.observer", Min: 1, Max: "1"}},
	"CapabilityStatement": {{Path: "CapabilityStatement.status", Min: 1, Max: "1", Must: "active"}, {Path: "CapabilityStatement.date", Min: 1, Max: "1"},
		{Path: "CapabilityStatement.kind", Min: 1, Max: "1", Must: "instance"}, {Path: "CapabilityStatement.fhirVersion", Min: 1, Max: "1", Must: "4.0.1"},
		{Path: "CapabilityStatement.format", Min: 1, Max: "*"}, {Path: "CapabilityStatement.rest.mode", Min: 1, Max: "1", Must: "server"}},
}

// shape holds a resource, and all that a bundle has, to the profile given, those claimed, and what FHIR requires.
func (p profiles) shape(profile, at string, resource servicetest.Object) (problems []string) {
	kind, _ := resource["resourceType"].(string)
	if profile != "" {
		problems = p.check(profile, at, resource)
	}
	for _, claim := range listed(resource["meta"]) {
		for _, c := range listed(claim.(servicetest.Object)["profile"]) {
			if p[c.(string)] == nil {
				problems = append(problems, at+".meta.profile: no profile of MHD or BALP has this address")
			}
			problems = append(problems, p.check(c.(string), at, resource)...)
		}
	}
	for _, r := range base[kind] {
		parent, name, _ := strings.Cut(strings.TrimPrefix(r.Path, kind+"."), ".")
		if name == "" {
			parent, name = "", parent
		}
		for place, holder := range holders(at, resource, parent) {
			problems = append(problems, p.hold(r, place, name, holder)...)
		}
	}
	for i, e := range listed(resource["entry"]) {
		entry, _ := e.(servicetest.Object)
		response, _ := entry["response"].(servicetest.Object)
		for _, inner := range []any{entry["resource"], response["outcome"]} {
			if r, ok := inner.(servicetest.Object); ok && kind == "Bundle" {
				problems = append(problems, p.shape("", fmt.Sprintf("%s.entry[%d]", at, i), r)...)
			}
		}
	}
	return problems
}

// shapes holds all answers in JSON to their shapes; XML says what JSON says (internal/fhir).
func shapes(t *testing.T, from collection, all []answer) {
	t.Helper()
	p := readProfiles(t, filepath.Join(from.dir, "ihe-mhd"))
	maps.Copy(p, readProfiles(t, filepath.Join(from.dir, "ihe-balp")))
	for _, a := range all {
		if a.XML {
			continue
		}
		resource := parse(t, a.Body)
		kind, _ := resource["resourceType"].(string)
		problems := p.shape(a.Profile, kind, resource)
		slices.Sort(problems)
		for _, problem := range slices.Compact(problems) {
			t.Errorf("%s: %s: %.300s", a.Name, problem, a.Body)
		}
	}
}
