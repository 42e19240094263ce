package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/access/simulator"
	"dokumentlager/internal/server"
)

type accessCommands struct {
	Explain explainCommand `cmd:"" help:"Say who sees what and why: questions come as JSON lines on standard input, decisions go to standard output. Needs no database. Exit code 1 when a line could not be understood. docs/access.md has the fields."`
}

type explainCommand struct {
	Lang       string   `enum:"nb,en" default:"nb" help:"Language of the reasons: nb or en."`
	BreakGlass []string `placeholder:"PURPOSE" enum:"ETREAT,BTG" help:"Purposes that open documents barred with NORS to personnel, as the setting access.break_glass: ETREAT, BTG. None by default."`

	Roles       []string `placeholder:"CODE" help:"Roles of 9060 that may read, as the setting access.roles; its default when not given."`
	DeniedRoles []string `placeholder:"CODE" help:"Roles of 9060 that may not, as the setting access.denied_roles; its default when not given."`
}

// Run answers until standard input ends or the process is told to stop.
func (c explainCommand) Run(s *surroundings) error {
	policy, err := c.policy()
	if err != nil {
		return err
	}
	asked := simulator.Simulator{Policy: policy, Language: access.Language(c.Lang), Now: time.Now}
	done := make(chan error, 1)
	go func() { done <- c.answer(s, asked) }()
	select {
	case err := <-done:
		return err
	case <-s.ctx.Done(): // a terminal cannot be made to stop reading
		return errors.New("stopped before the questions ended")
	}
}

// policy is that of a service with these settings, refused where the service would refuse to start.
func (c explainCommand) policy() (access.Policy, error) {
	cfg, err := server.LoadConfig("", env(map[string]string{"access.roles": strings.Join(c.Roles, ","), "access.denied_roles": strings.Join(c.DeniedRoles, ","),
		"access.break_glass": strings.Join(c.BreakGlass, ",")}), server.Purpose(0))
	return cfg.Access.Policy(), err
}

func (explainCommand) answer(s *surroundings, asked simulator.Simulator) error {
	warned := map[string]bool{}
	tally, err := asked.Run(os.Stdin, s.stdout, func(line int, field string) {
		if len(warned) < 20 && !warned[field] {
			warned[field] = true
			fmt.Fprintf(s.stderr, "dokumentlager: line %d: %s is unknown and was ignored; further lines with it are not told of\n", line, fieldName(field))
		}
	})
	if err == nil && tally.Refused > 0 {
		err = fmt.Errorf("%d of %d questions could not be understood; their answers say why", tally.Refused, tally.Answered+tally.Refused)
	}
	return err
}

var plainName = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)

// fieldName repeats a name only when it looks like one: anything may stand in its place.
func fieldName(field string) string {
	if plainName.MatchString(field) {
		return "the field " + field
	}
	return "a field"
}
