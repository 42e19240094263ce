package main

import (
	"strings"
	"testing"
)

// TestAccessExplain: answers, languages, the setting, and the exit code; no configuration is read.
func TestAccessExplain(t *testing.T) {
	t.Parallel()
	const barred = `{"caller":"personnel","role":"LE","purpose":"BTG","confidentiality":["N","NORS"]}` + "\n"
	const maskedNB = `{"list":"mask","open":"deny","rules":["C2"],"why":"Dokumentet vises i listen bare med navnet på virksomheten og kan ikke åpnes: koden NORS sperrer innholdet for helsepersonell."}` + "\n"
	const maskedEN = `{"list":"mask","open":"deny","rules":["C2"],"why":"The document is shown in the list with the organisation's name only and cannot be opened: the code NORS bars the content to health personnel."}` + "\n"
	for name, c := range map[string]struct {
		args   []string
		stdin  string
		code   int
		stdout string
		stderr string
	}{
		"Norwegian":     {nil, barred, 0, maskedNB, ""},
		"English":       {[]string{"--lang", "en"}, barred + "\n" + barred, 0, maskedEN + maskedEN, ""},
		"nothing asked": {nil, "", 0, "", ""},
		"a bad line": {nil, "{\n" + barred, 1, `{"error":"A question is one JSON object on one line.","line":1}` + "\n" + maskedNB,
			"dokumentlager: 1 of 2 questions could not be understood; their answers say why\n"},
		"an unknown field": {nil, `{"13116900216":1,"` + strings.TrimPrefix(barred, `{"`) + `{"rolle":1,"caller":"machine"}` + "\n" + `{"rolle":1,"caller":"machine"}`, 0, "*",
			"dokumentlager: line 1: a field is unknown and was ignored; further lines with it are not told of\n" +
				"dokumentlager: line 2: the field rolle is unknown and was ignored; further lines with it are not told of\n"},
		"break-glass":       {[]string{"--break-glass", "BTG", "--lang", "en"}, barred, 0, `{"list":"show","open":"allow","rules":["C2"],"why":"The document is shown in the list and can be opened: the purpose is break-glass, which lifts the bar NORS here and is marked in the audit log.","break_glass":true}` + "\n", ""},
		"the other":         {[]string{"--break-glass", "ETREAT"}, barred, 0, maskedNB, ""},
		"roles narrower":    {[]string{"--roles", "SP,PS", "--lang", "en"}, barred, 0, `{"list":"omit","open":"deny","rules":["C3"],"why":"The document is not shown in the list and cannot be opened: health personnel with this role may not read."}` + "\n", ""},
		"a role denied":     {[]string{"--denied-roles=LE", "--lang", "en"}, barred, 0, `{"list":"omit","open":"deny","rules":["C3"],"why":"The document is not shown in the list and cannot be opened: health personnel with this role may not read."}` + "\n", ""},
		"no such role":      {[]string{"--roles", "LEGE"}, barred, 1, "", "*"},
		"no such purpose":   {[]string{"--break-glass", "TREAT"}, "", 2, "*", "*"},
		"no such language":  {[]string{"--lang", "sv"}, "", 2, "*", "*"},
		"no such directive": {[]string{"everything"}, "", 2, "*", "*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, stdout, stderr := program(t, []string{"DOKUMENTLAGER_LISTEN=x"}, append([]string{"access", "explain"}, c.args...)...)
			cmd.Stdin = strings.NewReader(c.stdin)
			_ = cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d: %s", got, c.code, stderr)
			}
			if c.stdout != "*" && stdout.String() != c.stdout || c.stderr != "*" && stderr.String() != c.stderr {
				t.Errorf("stdout %s\nstderr %s", stdout, stderr)
			}
		})
	}
}
