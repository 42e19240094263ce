package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// auditCommand shows the audit log (A1) so that a person can read it. It has no door of its own: `dokumentlager audit list` reads it.
type auditCommand struct {
	where   `embed:""`
	Tenant  string    `help:"Short name of the tenant." xor:"log" required:"" placeholder:"NAME"`
	Control bool      `help:"Events that belong to no tenant." xor:"log" required:""`
	Config  string    `help:"Configuration file of dokumentlager, instead of a dev stack." type:"path" placeholder:"FILE"`
	Last    int       `default:"30" help:"How many events, counted from the newest; 0 for all."`
	Since   time.Time `help:"Only events from this time on (RFC 3339)." placeholder:"TIME"`
}

// event is what of `dokumentlager audit list --json` stands in the table.
type event struct {
	Time      time.Time `json:"time"`
	Action    string    `json:"action"`
	Outcome   string    `json:"outcome"`
	Operation string    `json:"operation"`
	Caller    struct {
		Name     string `json:"name"`
		ClientID string `json:"client_id"`
	} `json:"caller"`
	Organisation string `json:"organisation"`
	Patient      string `json:"patient"`
	Document     string `json:"document"`
	Rule         string `json:"rule"`
	Code         string `json:"code"`
	RequestID    string `json:"request_id"`
}

// Run reads by way of dokumentlager and prints.
func (c auditCommand) Run(s *surroundings) error {
	args, err := c.arguments(s)
	if err != nil {
		return err
	}
	program, err := dokumentlager(s.bin)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(s.ctx, program, args...)
	cmd.Stderr = s.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	events, readErr := readEvents(out)
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return fmt.Errorf("dokumentlager audit list: %w", err)
	}
	return printEvents(s.stdout, c.choose(events))
}

func (c auditCommand) arguments(s *surroundings) ([]string, error) {
	args := []string{"audit", "list", "--json"}
	if c.Control {
		args = append(args, "--control")
	} else {
		args = append(args, "--tenant", c.Tenant)
	}
	if c.Config != "" {
		return append(args, "--config", c.Config), nil
	}
	at, err := c.site(s)
	if err != nil {
		return nil, err
	}
	if at.dir == "" {
		return nil, errors.New("the audit log of a real environment is read where its database is reached: use --config FILE there")
	}
	return append(args, "--dir", at.dir), nil
}

// dokumentlager is the program beside this one, or the one in PATH.
func dokumentlager(bin string) (string, error) {
	if beside := filepath.Join(bin, "dokumentlager"); bin != "" {
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	path, err := exec.LookPath("dokumentlager")
	if err != nil {
		return "", errors.New("the program dokumentlager is neither beside dlctl nor in PATH; `make build` makes both")
	}
	return path, nil
}

// maxEvent bounds one line of the log, in bytes.
const maxEvent = 1 << 20

func readEvents(r io.Reader) (events []event, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			_, _ = io.Copy(io.Discard, r) // the program must be able to end
			return nil, fmt.Errorf("event %d cannot be read: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
	return events, lines.Err()
}

func (c auditCommand) choose(events []event) []event {
	for len(events) > 0 && events[0].Time.Before(c.Since) {
		events = events[1:]
	}
	if c.Last > 0 && len(events) > c.Last {
		events = events[len(events)-c.Last:]
	}
	return events
}

// actions are the words for A1's letters.
var actions = map[string]string{"C": "C create", "R": "R read", "U": "U update", "D": "D delete", "E": "E execute"}

func printEvents(out io.Writer, events []event) error {
	layout := time.TimeOnly
	if len(events) > 0 && day(events[0]) != day(events[len(events)-1]) {
		layout = time.DateTime
	}
	rows := make([][]string, 0, len(events))
	for _, e := range events {
		rows = append(rows, e.row(layout))
	}
	return printTable(out, []string{"TIME", "ACTION", "OPERATION", "OUTCOME", "WHO", "ORGANISATION", "PATIENT", "DOCUMENT", "WHY"}, rows)
}

// day is the event's, on the reader's clock.
func day(e event) string { return e.Time.Local().Format(time.DateOnly) }

func (e event) row(layout string) []string {
	action := actions[e.Action]
	if action == "" {
		action = e.Action
	}
	who := e.Caller.Name
	if who == "" {
		who = e.Caller.ClientID
	}
	patient, _, _ := strings.Cut(e.Patient, "^")
	return []string{e.Time.Local().Format(layout), action, e.Operation, e.Outcome, shorten(who, 24), e.Organisation, patient,
		shorten(e.Document, 14), strings.TrimSpace(e.Rule + " " + e.Code)}
}
