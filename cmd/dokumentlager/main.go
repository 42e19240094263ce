// Command dokumentlager is the service and its administration.
//
// serve runs the service, dev a whole stack of real parts on this machine for development and tests; the other commands are for those
// who run instances (T6). Exit codes: 0 done, 1 failed, 2 the command line cannot be understood; fsck, sweep and rescan have one more.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"

	"dokumentlager/internal/fault"

	"github.com/alecthomas/kong"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version = "0.0.0-dev"

const (
	exitFailed = 1
	exitUsage  = 2
)

type commands struct {
	Serve      serveCommand      `cmd:"" help:"Run the service."`
	Dev        devCommand        `cmd:"" help:"Run the service with all its parts on this machine, for development and tests."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the database to this program's version."`
	Tenant     tenantCommands    `cmd:"" help:"Make, show and change tenants (instances)."`
	Audit      auditCommands     `cmd:"" help:"Read the audit log."`
	Access     accessCommands    `cmd:"" help:"Ask the rules who sees what (section C)."`
	Quarantine quarantineCommand `cmd:"" help:"Look at infected documents, scan them again, release or destroy them."`
	Fsck       fsckCommand       `cmd:"" help:"Check that rows, stored bytes and audit log agree. Exit code 0 clean, 1 findings, 3 could not check."`
	Sweep      sweepCommand      `cmd:"" help:"Remove objects that no row names. Exit code 0 swept, 1 a dry run found something, 3 could not sweep."`
	Rescan     rescanCommand     `cmd:"" help:"Scan stored documents with the scanner's signatures of today. Exit code 0 clean, 1 findings, 3 could not scan."`
	Async      asyncCommands     `cmd:"" help:"Look at answers that are to be sent to other addresses, and try those again that were given up."`
	Version    versionCommand    `cmd:"" help:"Print this program's version."`
}

// surroundings are what a command may touch of the process it runs in.
type surroundings struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
	operator       string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once; children of a dev stack die with it.
	context.AfterFunc(ctx, stop)
	os.Exit(run(&surroundings{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ(), operator: operator()}, os.Args[1:]))
}

func run(s *surroundings, args []string) int {
	var cli commands
	parser, err := kong.New(&cli, kong.Name("dokumentlager"), kong.Writers(s.stdout, s.stderr), kong.UsageOnError(),
		kong.Description("A document repository and registry for Norwegian healthcare."))
	if err != nil {
		fmt.Fprintln(s.stderr, "dokumentlager:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.stderr, "dokumentlager: %s\nTry `dokumentlager --help`.\n", err)
		return exitUsage
	}
	if err := command.Run(s); err != nil {
		explain(s.stderr, err)
		return exitCode(err)
	}
	return 0
}

// explain writes every problem on a line of its own.
func explain(w io.Writer, err error) {
	var problems fault.Problems
	if !errors.As(err, &problems) {
		var one *fault.Problem
		if !errors.As(err, &one) {
			fmt.Fprintln(w, "dokumentlager:", err)
			return
		}
		problems = fault.Problems{one}
	}
	for _, p := range problems {
		switch {
		case p.Location != "":
			fmt.Fprintf(w, "dokumentlager: %s: %s\n", p.Location, p.Safe)
		case p.Err != nil:
			fmt.Fprintf(w, "dokumentlager: %s (%s)\n", p.Safe, p.Err)
		default:
			fmt.Fprintln(w, "dokumentlager:", p.Safe)
		}
	}
}

// operator is who the audit log says gave the command.
func operator() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s *surroundings) error {
	_, err := fmt.Fprintln(s.stdout, version)
	return err
}
