package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one line of build/bench.json. Ours and Floor are in Unit; Ratio is Ours divided by Floor.
type result struct {
	Name    string    `json:"name"`
	Ours    float64   `json:"ours"`
	Floor   float64   `json:"floor"`
	Ratio   float64   `json:"ratio"`
	Unit    string    `json:"unit"`
	Commit  string    `json:"commit"`
	Machine string    `json:"machine"`
	At      time.Time `json:"at"`
}

// sheet gathers the results of one run.
type sheet struct {
	commit, machine string
	at              time.Time
	results         []result
}

func (s *sheet) add(name string, ours, floor float64, unit string) {
	s.results = append(s.results, result{name, ours, floor, ours / floor, unit, s.commit, s.machine, s.at})
}

// milliseconds adds durations.
func (s *sheet) milliseconds(name string, ours, floor time.Duration) {
	s.add(name, float64(ours)/1e6, float64(floor)/1e6, "ms")
}

// save writes the sheet where make bench promises it.
func (s *sheet) save(root string) error {
	text, err := json.MarshalIndent(s.results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "build"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, "build", "bench.json"), append(text, '\n'), 0o644)
}

// table is the sheet for people.
func (s *sheet) table(w io.Writer) error {
	fmt.Fprintf(w, "\n%s\ncommit %s, %s\n\n", s.machine, s.commit, s.at.Format(time.RFC3339))
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "ours\tfloor\tratio\t\t")
	for _, r := range s.results {
		fmt.Fprintf(columns, "%.2f\t%.2f\t%.2f\t%s\t  %s\n", r.Ours, r.Floor, r.Ratio, r.Unit, r.Name)
	}
	return columns.Flush()
}

// moduleRoot is the folder of the go.mod above the working directory, which for `go test` is the package's.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
	}
	return "", err
}

// commit names what was measured: "+dirty" when the tree holds changes, "unknown" where there is no git.
func commit(root string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	head, err := git("rev-parse", "--short", "HEAD")
	if err != nil {
		return "unknown"
	}
	// A tree of which nobody can say whether it is clean is not clean.
	if changes, err := git("status", "--porcelain"); err != nil || changes != "" {
		head += "+dirty"
	}
	return head
}

// machine is what the figures depend on: cores, memory, processor, Go.
func machine() string {
	memory := "unknown memory"
	var kib int64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib); err == nil {
		memory = fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
	}
	processor := field("/proc/cpuinfo", "model name")
	if processor == "" {
		processor = "unknown processor"
	}
	return fmt.Sprintf("%d cores, %s, %s, %s/%s, %s", runtime.NumCPU(), memory, processor, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// field is what stands after "name:" in one of Linux's tables; empty when there is none.
func field(path, name string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
