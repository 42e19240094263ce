package devstack

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestFindPostgres(t *testing.T) {
	t.Parallel()
	root, data := t.TempDir(), t.TempDir()
	if _, err := findPostgres(root, data); err == nil || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("nothing installed: %v", err)
	}
	for _, version := range []string{"9.6", "15", "17"} {
		bin := filepath.Join(root, version, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, program := range []string{"initdb", "postgres"} {
			if err := os.WriteFile(filepath.Join(bin, program), nil, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []struct{ name, dataVersion, want, wantErr string }{
		{name: "the highest, by number", want: "17"},
		{name: "that of the data", dataVersion: "15\n", want: "15"},
		{name: "the data's is missing", dataVersion: "16\n", wantErr: "postgresql-16"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.dataVersion != "" {
				if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte(c.dataVersion), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := findPostgres(root, data)
			if c.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), c.wantErr) {
					t.Errorf("error = %v, want %q", err, c.wantErr)
				}
				return
			}
			if want := filepath.Join(root, c.want, "bin"); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestMayEnter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	me := identity{uid: uint32(os.Geteuid()), gid: uint32(os.Getegid()), other: true}
	group := identity{uid: me.uid + 7, gid: me.gid, other: true}
	stranger := identity{uid: me.uid + 7, gid: me.gid + 7, other: true}
	for _, c := range []struct {
		mode              os.FileMode
		me, group, others bool
	}{
		{0o700, true, false, false},
		{0o710, true, true, false},
		{0o711, true, true, true},
		// The first class that fits decides, even to the owner's disadvantage.
		{0o071, false, true, true},
		{0o701, true, false, true},
	} {
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := [3]bool{me.mayEnter(dir), group.mayEnter(dir), stranger.mayEnter(dir)}; got != [3]bool{c.me, c.group, c.others} {
			t.Errorf("%o: owner, group, others = %v", c.mode, got)
		}
		if got := stranger.reaching(filepath.Join(dir, "x", "y")).passThrough; got != true && !c.others {
			t.Errorf("%o: a stranger is let through", c.mode)
		}
	}
	if me.mayEnter(filepath.Join(dir, "missing")) {
		t.Error("a folder that is missing can be entered")
	}
	if (identity{}).reaching(filepath.Join(dir, "x")).passThrough {
		t.Error("our own identity needs capabilities")
	}
}

func TestDamagedState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state.json"), []byte(`{"owner_pass`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := StartParts(t.Context(), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error = %v", err)
	}
	if _, err := StartParts(t.Context(), Options{}); err == nil {
		t.Error("no folder is accepted")
	}
}

// TestScratchIsOnlyOurs holds that a state file cannot make us remove somebody else's folder.
func TestScratchIsOnlyOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.Mkdir(precious, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &state{Scratch: precious, path: filepath.Join(dir, "state.json")}
	if err := s.newScratch(""); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(s.Scratch)
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestSweepScratch(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	folder := func(name string, age time.Duration) string {
		path := filepath.Join(base, name)
		made := time.Now().Add(-age)
		if err := errors.Join(os.MkdirAll(filepath.Join(path, "clamd"), 0o700), os.Chtimes(path, made, made)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dead, young := folder("dl-dev-1", time.Hour), folder("dl-dev-2", time.Second)
	alive, foreign := folder("dl-dev-3", time.Hour), folder("other", time.Hour)
	lock, err := lockFolder(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	sweepScratch(base, time.Minute)
	for path, want := range map[string]bool{dead: false, young: true, alive: true, foreign: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: kept = %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
}

// TestChildrenOutliveThreads holds that parts do not die when Go ends a thread: it does so whenever a goroutine that locked one
// returns, and Pdeathsig goes by threads.
func TestChildrenOutliveThreads(t *testing.T) {
	t.Parallel()
	s := newSpawner()
	defer s.close()
	sleep := command{path: "/bin/sleep", args: []string{"60"}, orphaned: syscall.SIGKILL, logPath: filepath.Join(t.TempDir(), "log")}
	var children []*child
	for range 5 {
		c, err := s.start(sleep)
		if err != nil {
			t.Fatal(err)
		}
		defer c.kill()
		children = append(children, c)
		var ended sync.WaitGroup
		for range 50 {
			ended.Go(func() { runtime.LockOSThread(); time.Sleep(time.Millisecond) })
		}
		ended.Wait()
	}
	time.Sleep(100 * time.Millisecond)
	for _, c := range children {
		if !c.alive() {
			t.Fatal("a child died with a thread")
		}
	}
}
