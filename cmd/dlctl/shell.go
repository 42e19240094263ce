package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// tokenCommand prints what a shell needs for one request. A proof is good for one method and address and a few seconds, so it is run
// anew before each call.
type tokenCommand struct {
	where        `embed:""`
	As           string `help:"doctor (dev stacks only) or a client id; by default whoever the address is for." placeholder:"WHO"`
	Organisation string `help:"Organisation number to act for." placeholder:"NUMBER"`

	Method string `arg:"" optional:"" help:"Method of the request."`
	URL    string `arg:"" optional:"" help:"Its address, or a path of the service."`
}

// Validate is asked by kong.
func (c *tokenCommand) Validate() error {
	if c.Method == "" || c.URL == "" {
		return fmt.Errorf("name the request: dlctl token METHOD URL")
	}
	c.Method = strings.ToUpper(c.Method)
	return nil
}

// Run prints assignments that eval takes.
func (c *tokenCommand) Run(s *surroundings) error {
	x, err := c.exchange(s, c.As, c.Organisation, purposeOf(c.Method, c.URL))
	if err != nil {
		return err
	}
	address := x.site.address(c.URL)
	if err := x.own(address); err != nil {
		return err
	}
	token, proof, err := x.authorization(s.ctx, c.Method, address)
	if err != nil {
		return err
	}
	for _, v := range []struct{ name, value string }{{"BASE", x.site.BaseURL}, {"URL", address}, {"TOKEN", token}, {"PROOF", proof}} {
		fmt.Fprintf(s.stdout, "%s=%s\n", v.name, quote(v.value))
	}
	return nil
}

type curlCommand struct {
	where        `embed:""`
	As           string `help:"doctor (dev stacks only) or a client id; by default whoever the address is for." placeholder:"WHO"`
	Organisation string `help:"Organisation number to act for." placeholder:"NUMBER"`
	Print        bool   `help:"Only print the command; it is good for some seconds, once."`

	Method string   `arg:"" help:"Method of the request."`
	URL    string   `arg:"" help:"Its address, or a path of the service."`
	Extra  []string `arg:"" optional:"" help:"Further arguments for curl, after --."`
}

// Run prints the command and runs it.
func (c *curlCommand) Run(s *surroundings) error {
	method := strings.ToUpper(c.Method)
	x, err := c.exchange(s, c.As, c.Organisation, purposeOf(method, c.URL))
	if err != nil {
		return err
	}
	address := x.site.address(c.URL)
	if err := x.own(address); err != nil {
		return err
	}
	token, proof, err := x.authorization(s.ctx, method, address)
	if err != nil {
		return err
	}
	args := []string{"-sS", "-X", method, address, "-H", "Authorization: DPoP " + token, "-H", "DPoP: " + proof}
	if !strings.Contains(strings.ToLower(strings.Join(c.Extra, " ")), headerSystem) {
		args = append(args, "-H", headerSystem+": dlctl "+version)
	}
	args = append(args, c.Extra...)
	if c.Print {
		_, err := fmt.Fprintln(s.stdout, commandLine("curl", args))
		return err
	}
	fmt.Fprintln(s.stderr, commandLine("curl", args))
	cmd := exec.CommandContext(s.ctx, "curl", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.stdin, s.stdout, s.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd.Run()
}

// commandLine writes a command as it could be pasted.
func commandLine(name string, args []string) string {
	words := []string{name}
	for _, arg := range args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// quote quotes for a POSIX shell, and leaves alone what needs no quotes.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
