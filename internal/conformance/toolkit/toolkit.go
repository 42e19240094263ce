// Package toolkit runs the test plans of NIST's IHE Toolkit 2 (spec/ihe.md 2, spec/soap.md 6): it is an interpreter of their plan language, written
// from the plans and their README alone.
//
// It promises to understand every instruction of every plan it opens, or to say which it does not; to send what the toolkit's client would send,
// with identifiers that nobody has used and a patient of the test's own; and to judge an answer by everything that the plan says of it, no more. What it
// sends goes through a Sender: it knows no server, no tokens and no framing. It is for tests; nothing of the service imports it.
package toolkit

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Kit is the toolkit's folder testkit.
type Kit struct {
	dir   string
	plans map[string]*Plan
	order []string
	// renews are the tests that make patients of their own.
	renews map[string]bool
}

// Open reads all plans of a testkit folder, which must hold tests, testdata-registry and testdata-repository.
func Open(dir string) (*Kit, error) {
	k := &Kit{dir: dir, plans: map[string]*Plan{}, renews: map[string]bool{}}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "testplan.xml" {
			return err
		}
		folder, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return err
		}
		p, err := k.read(filepath.ToSlash(folder))
		if err != nil {
			return fmt.Errorf("toolkit: %s: %w", folder, err)
		}
		k.plans[p.Name] = p
		k.renews[p.Test] = k.renews[p.Test] || slices.ContainsFunc(p.Steps, func(s Step) bool { return s.NewPatient })
		return nil
	})
	if err != nil {
		return nil, err
	}
	k.order = k.sorted()
	return k, nil
}

// Plans are all plans, test by test, each test's sections in the order in which they are to be run.
func (k *Kit) Plans() (all []*Plan) {
	for _, name := range k.order {
		all = append(all, k.plans[name])
	}
	return all
}

// read parses one plan. Its first folder is the kind (tests, testdata-registry, ...), its second the test, the rest the section.
func (k *Kit) read(folder string) (*Plan, error) {
	text, err := os.ReadFile(filepath.Join(k.dir, filepath.FromSlash(folder), "testplan.xml"))
	if err != nil {
		return nil, err
	}
	kind, rest, _ := strings.Cut(folder, "/")
	p := &Plan{Folder: folder, Name: rest}
	if kind != "tests" {
		p.Name = folder
	}
	p.Test, p.Section, _ = strings.Cut(rest, "/")
	return p, p.parse(text)
}

// sorted orders the sections of each test as its index.idx says. Those that it does not name come after, but feeds of patients, which prepare.
func (k *Kit) sorted() []string {
	rank := map[string]string{}
	for name, p := range k.plans {
		index := k.index(p)
		n := slices.Index(index, p.Section)
		if n < 0 { // eval_X looks at what X did
			n = slices.IndexFunc(index, func(other string) bool { return strings.HasSuffix(p.Section, "_"+other) })
		}
		switch {
		case p.feeds():
			n = 0
		case n < 0 || strings.HasPrefix(p.Section, "reset_"):
			n = 9999
		default:
			n++
		}
		rank[name] = fmt.Sprintf("%s %04d %02d %s", path.Join(strings.Split(p.Folder, "/")[:2]...), n, len(p.Section)-len(at(index, n)), p.Section)
	}
	names := slices.Collect(maps.Keys(rank))
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(rank[a], rank[b]) })
	return names
}

// at is the section at a rank.
func at(index []string, n int) string {
	if n < 1 || n > len(index) {
		return ""
	}
	return index[n-1]
}

// feeds tells that the plan begins with a patient's registration.
func (p *Plan) feeds() bool {
	return len(p.Steps) > 0 && p.Steps[0].Transaction == "PatientIdentityFeedTransaction"
}

// index are the sections that a test's index.idx names.
func (k *Kit) index(p *Plan) []string {
	folders := strings.Split(p.Folder, "/")
	text, err := os.ReadFile(filepath.Join(k.dir, folders[0], folders[1], "index.idx"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// file reads a file that a plan names, or the translation to ebRIM 3.0 beside it where there is one.
func (k *Kit) file(p *Plan, name string) ([]byte, error) {
	at := filepath.Join(k.dir, filepath.FromSlash(p.Folder), filepath.FromSlash(name))
	if text, err := os.ReadFile(strings.TrimSuffix(at, ".xml") + ".v3.xml"); err == nil && strings.HasSuffix(name, ".xml") {
		return text, nil
	}
	return os.ReadFile(at)
}
