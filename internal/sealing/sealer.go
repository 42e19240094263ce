// Package sealing puts the audit log's events in order and signs what they add up to, so that it shows when somebody changes them
// afterwards (docs/audit-seal.md); and it checks that nobody has.
//
// It promises that every event whose commit is visible gets one place in its log's tree, whatever its id or time is, within seconds
// while a sealer runs; that those who write events never wait for it; and that it signs no head of a log whose stored head was not
// signed by a trusted key or is behind what it has signed itself: such a log waits, with an alarm, for somebody to look.
package sealing

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
)

// Config is what a Sealer needs; all but Former, Every and Patience.
type Config struct {
	DB *postgres.DB
	// Key signs; Former are public keys of keys that signed before it.
	Key    *ledger.Key
	Former []string
	Now    func() time.Time
	Out    *slog.Logger
	// Every is how often the sealer looks for unsealed events; zero is a second. Patience is how long it waits for the events of logs before it
	// leaves those that cannot be read, a locked table's; zero is two seconds.
	Every, Patience time.Duration
}

// Sealer seals one database. Make it with New; Run and Round are for one goroutine, the rest for any.
type Sealer struct {
	Config
	log     audit.Log
	tenants tenant.Directory
	trust   ledger.Trust
	logs    map[int32]*sealed
	// told are the alarms that have been told of, by what is wrong; dayDone is the last day whose heads are all there.
	told    map[string]bool
	dayDone string

	mu    sync.Mutex
	state State
}

// State is what there is to measure of a sealer.
type State struct {
	// Sealing is true in the replica that seals.
	Sealing bool
	// Sealed counts events since the start. Alarms is how many notes without event and logs that cannot be gone on with the last round found.
	Sealed uint64
	Alarms int
	// Done is when the last round was done; Oldest is the time of the oldest event that it had to leave, zero for none.
	Done, Oldest time.Time
}

// sealed is what the sealer knows of one log.
type sealed struct {
	name, origin string
	schema       postgres.Schema
	// head is the last one signed here.
	head audit.StoredHead
	// held is set while the log's events cannot be read, to when it is tried again; wrong is why, where that is no matter of waiting.
	held  time.Time
	wrong string
}

// New makes a sealer; it fails for keys that are none.
func New(c Config) (*Sealer, error) {
	trust, err := ledger.Trusting(append([]string{c.Key.Public()}, c.Former...)...)
	if err != nil {
		return nil, err
	}
	if c.Every == 0 {
		c.Every = time.Second
	}
	if c.Patience == 0 {
		c.Patience = 2 * time.Second
	}
	return &Sealer{Config: c, log: audit.Log{DB: c.DB}, tenants: tenant.Directory{DB: c.DB}, trust: trust, told: map[string]bool{},
		logs: map[int32]*sealed{audit.ControlLog: {name: "control", origin: ledger.ControlOrigin}}}, nil
}

// State is what there is to measure now.
func (s *Sealer) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *Sealer) change(fn func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.state)
}

// Lag is how long the oldest event that waits for its seal has waited, as far as the sealer knows; 0 where another replica seals.
func (s *Sealer) Lag() time.Duration {
	state, now := s.State(), s.Now()
	if !state.Sealing {
		return 0
	}
	lag := max(0, now.Sub(state.Done))
	if !state.Oldest.IsZero() {
		lag = max(lag, now.Sub(state.Oldest))
	}
	return lag
}

// Run seals until ctx ends. Any number of replicas may do it: one seals, and another takes over when its connection ends.
func (s *Sealer) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		err := s.log.AsSealer(ctx, func(alive func(context.Context) error) error {
			s.change(func(st *State) {
				if !st.Sealing { // rounds that fail and begin again are no round that was done
					st.Sealing, st.Done = true, s.Now()
				}
			})
			return s.rounds(ctx, alive, func() { failures = 0 })
		})
		switch {
		case errors.Is(err, audit.ErrSealed):
			s.change(func(st *State) { st.Sealing = false })
		case ctx.Err() == nil:
			// Once a minute is enough to be seen; the metric tells the rest.
			if failures++; failures%60 == 1 {
				s.Out.WarnContext(ctx, "the audit log cannot be sealed now; events wait", "component", "postgres", "error", err)
			}
		}
		pause(ctx, s.Every)
	}
}

// rounds seals until one fails; done hears of each that did not.
func (s *Sealer) rounds(ctx context.Context, alive func(context.Context) error, done func()) error {
	for {
		begin := time.Now()
		if err := within(ctx, 5*time.Second, alive); err != nil {
			return err
		}
		if err := s.Round(ctx); err != nil {
			return err
		}
		done()
		pause(ctx, s.Every-time.Since(begin))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
