package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asMain makes this test binary behave as the program, so that tests can start, signal and kill it as a process of its own. Its
// name must not begin with DOKUMENTLAGER_: the program refuses variables it does not know.
const asMain = "DL_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) == "1" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is a command of ours, not yet started.
func program(t *testing.T, env []string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(self, args...)
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Env = append(append(os.Environ(), asMain+"=1"), env...)
	return cmd, stdout, stderr
}

func TestExitCodesAndErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args   []string
		env    []string
		code   int
		stdout string
		stderr []string
	}{
		"version":            {[]string{"version"}, nil, 0, version + "\n", nil},
		"no command":         {nil, nil, 2, "", []string{"expected one of"}},
		"unknown command":    {[]string{"fly"}, nil, 2, "", []string{"unexpected argument fly"}},
		"unknown flag":       {[]string{"serve", "--port", "7"}, nil, 2, "", []string{"unknown flag --port"}},
		"two places":         {[]string{"tenant", "list", "--dir", "/x", "--config", "/y"}, nil, 2, "", []string{"--dir and --config can't be used together"}},
		"two logs":           {[]string{"audit", "list", "--dir", "/x", "--tenant", "a", "--control"}, nil, 2, "", []string{"can't be used together"}},
		"no log":             {[]string{"audit", "list", "--dir", "/x"}, nil, 2, "", []string{"missing flags"}},
		"nothing to set":     {[]string{"tenant", "set", "oslo", "--dir", "/x"}, nil, 2, "", []string{"nothing to change"}},
		"no answer named":    {[]string{"async", "retry", "--dir", "/x"}, nil, 2, "", []string{"say which answers"}},
		"bad state":          {[]string{"tenant", "set", "oslo", "--state", "sleepy"}, nil, 2, "", []string{"--state must be one of"}},
		"no dev stack there": {[]string{"tenant", "list", "--dir", "/no/such"}, nil, 1, "", []string{"no dev stack runs in /no/such"}},
		"not loopback":       {[]string{"dev", "--dir", t.TempDir(), "--listen", "0.0.0.0:0"}, nil, 1, "", []string{"listens on loopback only"}},
		"all that is wrong with a configuration": {[]string{"serve"}, []string{"DOKUMENTLAGER_LISTEN=x", "DOKUMENTLAGER_DEV_TOKENS=true"}, 1, "", []string{
			"DOKUMENTLAGER_DEV_TOKENS: The environment variable is unknown", "listen: The value must be host:port", "database.url: A value is missing"}},
		"serve with an unknown key": {[]string{"serve", "--config", "/no/such/file"}, nil, 1, "", []string{"file: The configuration file cannot be opened."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, stdout, stderr := program(t, c.env, c.args...)
			_ = cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d: %s", got, c.code, stderr)
			}
			if c.stdout != "" && stdout.String() != c.stdout {
				t.Errorf("stdout %q", stdout)
			}
			for _, want := range c.stderr {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("stderr lacks %q: %s", want, stderr)
				}
			}
		})
	}
}
