package main

import (
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/server"
	"dokumentlager/migrations"
)

// where says which installation a command is about: a dev stack's folder, or a configuration, by file and environment.
type where struct {
	Dir    string `help:"Folder of a running dev stack." xor:"where" type:"path" placeholder:"DIR"`
	Config string `help:"Configuration file (YAML); the environment is read too." xor:"where" type:"path" placeholder:"FILE"`
}

func (w where) load(s *surroundings, purpose server.Purpose) (server.Config, error) {
	if w.Dir == "" {
		return server.LoadConfig(w.Config, s.environ, purpose)
	}
	dev, err := readDevFile(w.Dir)
	if err != nil {
		return server.Config{}, fmt.Errorf("no dev stack runs in %s: %w", w.Dir, err)
	}
	// The owner of a dev stack's database may take every role, so its address serves for reading too.
	return server.LoadConfig("", []string{
		server.EnvPrefix + "DATABASE_URL=" + dev.DatabaseURL, server.EnvPrefix + "DATABASE_OWNER_URL=" + dev.DatabaseURL,
	}, purpose)
}

// database connects as the service's role, with few connections.
func (w where) database(s *surroundings) (*postgres.DB, error) {
	cfg, err := w.load(s, server.Reading)
	if err != nil {
		return nil, err
	}
	return postgres.Open(s.ctx, postgres.Config{URL: cfg.Database.URL, Pools: 1, ConnsPerPool: 1, ControlConns: 2,
		StatementTimeout: 2 * time.Minute})
}

// owner connects as the owning role.
func (w where) owner(s *surroundings) (*postgres.Owner, error) {
	cfg, err := w.load(s, server.Owning)
	if err != nil {
		return nil, err
	}
	return postgres.OpenOwner(s.ctx, cfg.Database.OwnerURL, migrations.FS)
}

// administration opens the service that changes tenants; the caller closes the owner.
func (w where) administration(s *surroundings) (*administration.Service, error) {
	owner, err := w.owner(s)
	if err != nil {
		return nil, err
	}
	return &administration.Service{Owner: owner, Operator: s.operator, Now: time.Now}, nil
}

// csv joins what stands in one column of a table.
func csv(values []string) string { return strings.Join(values, ",") }
