package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"dokumentlager/internal/atna"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"
)

type auditExport struct {
	where `embed:""`

	Tenant  string `help:"Short name of the tenant." xor:"log" required:""`
	Control bool   `help:"Events that belong to no tenant." xor:"log" required:""`
	From    string `help:"First day in Norway (2026-11-01), or a time; from the beginning when not given." placeholder:"DATE"`
	To      string `help:"Last day, whole, or a time; to the end when not given." placeholder:"DATE"`
	Format  string `help:"fhir (AuditEvents of IHE BALP, one JSON object a line), jsonl (as audit list --json) or csv." enum:"fhir,jsonl,csv" default:"jsonl"`
	Output  string `help:"File to write, for its owner alone; it must not be there. Standard output when not given." type:"path" placeholder:"FILE"`
}

// exportStatements is how long one statement of an export may take: the first counts a whole log.
const exportStatements = 30 * time.Minute

// Run exports. The log knows of it before the first byte leaves (inspection.Export).
func (c auditExport) Run(s *surroundings) error {
	span, problems := inspection.SpanOf(c.From, c.To)
	if err := problems.Err(); err != nil {
		return err
	}
	if _, err := os.Lstat(c.Output); c.Output != "" && err == nil {
		return taken(c.Output)
	}
	cfg, err := c.load(s, server.Reading)
	if err != nil {
		return err
	}
	// Two connections: one holds the moment that is exported, the other writes the event of it.
	db, err := postgres.Open(s.ctx, postgres.Config{URL: cfg.Database.URL, Pools: 1, ConnsPerPool: 2, ControlConns: 3, StatementTimeout: exportStatements})
	if err != nil {
		return err
	}
	defer db.Close()
	bar := newBar(s.stderr, "")
	x := inspection.Export{Log: audit.Log{DB: db}, Span: span, Format: c.Format, Operator: s.operator, Now: time.Now,
		Progress: func(done, total int64) {
			bar.draw(func() string {
				return shareLine(float64(done)/float64(total), fmt.Sprintf("%d of %d events", done, total))
			})
		}}
	if !c.Control {
		t, err := tenant.Directory{DB: db}.ByName(s.ctx, c.Tenant)
		if err != nil {
			return fmt.Errorf("tenant %q: %w", c.Tenant, err)
		}
		x.Tenant = &t
	}
	done, err := c.export(s, x)
	bar.clear()
	if err == nil {
		fmt.Fprintf(s.stderr, "%d events exported\n", done)
	}
	return err
}

// export writes to standard output, or to a file that comes to its name only whole.
func (c auditExport) export(s *surroundings, x inspection.Export) (int64, error) {
	if c.Output == "" {
		signal.Ignore(syscall.SIGPIPE) // a reader who leaves is an error of writing, and an event; it must not end the process first
		return c.write(s, x, s.stdout, func() error { return nil })
	}
	file, err := os.CreateTemp(filepath.Dir(c.Output), "."+filepath.Base(c.Output)+".partial-*") // mode 0600
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	return c.write(s, x, file, func() error { return publish(file, c.Output) })
}

// write runs the export through a buffer; what cannot be kept at the end is noted as failed too.
func (c auditExport) write(s *surroundings, x inspection.Export, to io.Writer, keep func() error) (int64, error) {
	buffer := bufio.NewWriterSize(to, 1<<16)
	out, flush, err := c.form(x, buffer)
	if err != nil {
		return 0, err
	}
	done, err := x.Run(s.ctx, out)
	if err != nil {
		return done, err
	}
	if err := errors.Join(flush(), buffer.Flush()); err != nil {
		return done, x.Failed(s.ctx, done, err)
	}
	if err := keep(); err != nil {
		return done, x.Failed(s.ctx, done, err)
	}
	return done, nil
}

// form is how an event is written.
func (c auditExport) form(x inspection.Export, to io.Writer) (out func(audit.Line) error, flush func() error, err error) {
	switch c.Format {
	case "csv":
		return inspection.CSV(to)
	case "fhir":
		return events(x.Tenant, to), func() error { return nil }, nil
	}
	return inspection.JSONLines(to), func() error { return nil }, nil
}

// events writes AuditEvents, one a line (NDJSON, as FHIR's bulk data has it).
func events(of *tenant.Tenant, to io.Writer) func(audit.Line) error {
	from := atna.Source{Name: "control"}
	if of != nil {
		from = atna.Source{HomeCommunity: of.HomeCommunity, Name: of.Name}
	}
	return func(line audit.Line) error {
		body, err := fhir.Marshal(atna.Encode(line, from))
		if err != nil {
			return err
		}
		_, err = to.Write(append(body, '\n'))
		return err
	}
}

// publish gives a finished file its name, on the disk for good, and never takes one that is there: a link fails then, where a rename would
// not. Where links are not possible, it looks first.
func publish(file *os.File, name string) error {
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), name); errors.Is(err, fs.ErrExist) {
		return taken(name)
	} else if err != nil {
		if _, err := os.Lstat(name); err == nil {
			return taken(name)
		}
		if err := os.Rename(file.Name(), name); err != nil {
			return err
		}
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func taken(name string) error {
	return fault.New(fault.AdministrationRefused, "%s is there already, and nothing is overwritten. Give another name.", name)
}
