package main

import (
	"fmt"

	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
)

type serveCommand struct {
	Config string `help:"Configuration file (YAML); the environment (DOKUMENTLAGER_…) wins over it." type:"path" placeholder:"FILE"`
}

// Run serves until a signal.
func (c serveCommand) Run(s *surroundings) error {
	cfg, err := server.LoadConfig(c.Config, s.environ, server.Serving)
	if err != nil {
		return err
	}
	return server.Run(s.ctx, cfg, version, obs.NewLogger(s.stderr, cfg.LogLevel, nil))
}

type migrateCommand struct {
	where `embed:""`
}

// Run migrates the control schema, the job queue and every tenant; it may be broken off and run again.
func (c migrateCommand) Run(s *surroundings) error {
	owner, err := c.owner(s)
	if err != nil {
		return err
	}
	defer owner.Close()
	err = owner.Migrate(s.ctx, func(done, total int) {
		if done%100 == 0 || done == total {
			fmt.Fprintf(s.stderr, "tenants: %d of %d\n", done, total)
		}
	})
	if err == nil {
		_, err = fmt.Fprintln(s.stdout, "The database is up to date.")
	}
	return err
}
