// Command dlctl is the client a record system's developer reaches for: it gets HelseID tokens with DPoP, builds and sends ITI-65
// bundles, lists, opens, changes and deletes documents, and shows the audit log.
//
// It promises to say what the service said: every issue of an OperationOutcome is a line with where and what (W6). It talks to the
// service only as any other client does, through the documented doors (W1–W3, R1, R2, A4). Exit codes: 0 done, 1 refused or
// failed, 2 the command line cannot be understood.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version = "0.0.0-dev"

const (
	exitFailed = 1
	exitUsage  = 2
)

type commands struct {
	Token           tokenCommand           `cmd:"" help:"Print an access token and a proof for one request, for eval in a shell."`
	Curl            curlCommand            `cmd:"" help:"Run curl with a fresh token and proof. Extra arguments for curl stand after --."`
	MakeBundle      makeBundleCommand      `cmd:"" help:"Build an ITI-65 bundle around a file."`
	Validate        validateCommand        `cmd:"" help:"Ask whether a bundle would be accepted; nothing is stored."`
	Upload          uploadCommand          `cmd:"" help:"Upload a bundle."`
	List            listCommand            `cmd:"" help:"List a patient's documents."`
	Open            openCommand            `cmd:"" help:"Fetch a document and check it against its registered size and hash."`
	Confidentiality confidentialityCommand `cmd:"" help:"Change who may see a document."`
	Delete          deleteCommand          `cmd:"" help:"Take a document out of use."`
	Status          statusCommand          `cmd:"" help:"Ask what became of a document."`
	Audit           auditCommand           `cmd:"" help:"Show the audit log: of a patient, an instance, or all that the client may read."`
	Soap            soapCommands           `cmd:"" help:"List and fetch through the SOAP door, as a citizen, a parent, a proxy or a doctor (dev stacks only)."`
	Version         versionCommand         `cmd:"" help:"Print this program's version."`
}

// surroundings are what a command may touch of the process it runs in.
type surroundings struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	// bin is the folder this program stands in; dokumentlager is looked for there first.
	bin string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(&surroundings{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now,
		bin: ownFolder()}, os.Args[1:]))
}

func run(s *surroundings, args []string) int {
	var cli commands
	parser, err := kong.New(&cli, kong.Name("dlctl"), kong.Writers(s.stdout, s.stderr),
		kong.Description("A client for dokumentlager.\n\nWhich service is meant: --dir or --stack for a dev stack, --profile for a real one, or "+
			"DLCTL_STACK or DLCTL_PROFILE in the environment; without any, the stack of `make demo`."))
	if err != nil {
		fmt.Fprintln(s.stderr, "dlctl:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.stderr, "dlctl: %s\nTry `dlctl --help`.\n", err)
		return exitUsage
	}
	if err := command.Run(s); err != nil {
		fmt.Fprintln(s.stderr, "dlctl:", err)
		return exitFailed
	}
	return 0
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(s *surroundings) error {
	_, err := fmt.Fprintln(s.stdout, version)
	return err
}
