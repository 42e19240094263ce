package failpoint_test

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/failpoint"
)

const asChild = "FAILPOINT_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		set := failpoint.New(time.Second)
		set.Arm(failpoint.Kept, failpoint.Kill, 0)
		_ = set.Reach(context.Background(), failpoint.Kept)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestNilIsInert(t *testing.T) {
	t.Parallel()
	var set *failpoint.Set
	for _, p := range failpoint.All() {
		if err := set.Reach(t.Context(), p.Name); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
	}
}

func TestGoesOffOnce(t *testing.T) {
	t.Parallel()
	set := failpoint.New(time.Minute)
	set.Arm(failpoint.Kept, failpoint.Error, 1)
	for i, want := range []bool{false, true, false} {
		err := set.Reach(t.Context(), failpoint.Kept)
		if errors.Is(err, failpoint.ErrInjected) != want {
			t.Errorf("pass %d: %v", i, err)
		}
	}
	set.Arm(failpoint.RowsSent, failpoint.Error, 0)
	set.Disarm()
	if err := set.Reach(t.Context(), failpoint.RowsSent); err != nil {
		t.Errorf("disarmed: %v", err)
	}
	c, _ := set.Counts()
	if c.Reached[failpoint.Kept] != 3 || c.Fired[failpoint.Kept] != 1 || c.Fired[failpoint.RowsSent] != 0 || c.Reached[failpoint.Judged] != 0 {
		t.Errorf("%+v", c)
	}
}

func TestHang(t *testing.T) {
	t.Parallel()
	for name, longest := range map[string]time.Duration{"the context ends": time.Minute, "the longest hang ends": 10 * time.Millisecond} {
		set := failpoint.New(longest)
		set.Arm(failpoint.RowsSent, failpoint.Hang, 0)
		ctx, cancel := context.WithCancelCause(t.Context())
		reason := errors.New("the caller left")
		done := make(chan error)
		go func() { done <- set.Reach(ctx, failpoint.RowsSent) }()
		if longest == time.Minute {
			for hanging := 0; hanging == 0; {
				_, hanging = set.Counts()
			}
			cancel(reason)
		} else {
			reason = context.DeadlineExceeded
		}
		if err := <-done; !errors.Is(err, failpoint.ErrInjected) || !errors.Is(err, reason) {
			t.Errorf("%s: %v", name, err)
		}
		if _, hanging := set.Counts(); hanging != 0 {
			t.Errorf("%s: %d hang still", name, hanging)
		}
		cancel(nil)
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), asChild+"=1")
	err = cmd.Run()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Errorf("the child ended with %v", err)
	}
}

// TestNames: a name is said once, of a form that a table can show, with a sentence; and the service names it once at least.
func TestNames(t *testing.T) {
	t.Parallel()
	form, seen := regexp.MustCompile(`^[a-z]+/[a-z]+(-[a-z]+)*$`), map[failpoint.Name]bool{}
	for _, p := range failpoint.All() {
		if seen[p.Name] || !form.MatchString(string(p.Name)) || !strings.HasSuffix(p.Says, ".") {
			t.Errorf("%+v", p)
		}
		seen[p.Name] = true
	}
	source, err := os.ReadFile("points.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`Name = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(declared) != len(seen) {
		t.Errorf("%d names are declared and %d listed", len(declared), len(seen))
	}
	for _, d := range declared {
		if !seen[failpoint.Name(d[1])] {
			t.Errorf("%s is not listed", d[1])
		}
	}
}

var update = flag.Bool("update", false, "write the list into docs/reliability.md")

// TestPage: docs/reliability.md lists every point.
func TestPage(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/reliability.md", "-update` -->\n", "<!-- /failpoints -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	old, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatal("the page has no place for the list")
	}
	list := "| Failpoint | Where it stands |\n|---|---|\n"
	for _, p := range failpoint.All() {
		list += "| `" + string(p.Name) + "` | " + p.Says + " |\n"
	}
	switch {
	case *update:
		if err := os.WriteFile(path, []byte(before+begin+list+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case old != list:
		t.Error("docs/reliability.md lists other points: go test ./internal/failpoint -update")
	}
}

// TestOnlyTestsArm: no program can make a Set that does anything.
func TestOnlyTestsArm(t *testing.T) {
	t.Parallel()
	making, looked := regexp.MustCompile(`failpoint\.New\(|failpoint\.Set\{|new\(failpoint\.Set\)|\.Arm\(failpoint|With(Failpoints|Lease|SelfTest)\(`), 0
	for _, top := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if looked++; err != nil {
				return err
			}
			for _, found := range making.FindAllString(string(text), -1) {
				if !strings.HasPrefix(found, "With") || !strings.HasSuffix(path, "/server/build.go") {
					t.Errorf("%s: %s", path, found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 100 {
		t.Fatalf("only %d files looked at", looked)
	}
}
