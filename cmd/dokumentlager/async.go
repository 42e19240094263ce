package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/server"

	"github.com/jackc/pgx/v5"
)

type asyncCommands struct {
	List  asyncList  `cmd:"" help:"List answers that were not sent yet, from the oldest on. Nothing of it is of a patient."`
	Retry asyncRetry `cmd:"" help:"Put answers in line again, at once."`
}

// answers is the queue with the database it is in; close that.
func (w where) answers(s *surroundings) (*job.Queue, *postgres.DB, error) {
	cfg, err := w.load(s, server.Reading)
	if err != nil {
		return nil, nil, err
	}
	db, err := w.database(s)
	if err != nil {
		return nil, nil, err
	}
	queue, err := job.NewQueue(db, obs.NewLogger(s.stderr, cfg.LogLevel, nil))
	if err != nil {
		db.Close()
	}
	return queue, db, err
}

type asyncList struct {
	where  `embed:""`
	output `embed:""`

	Dead  bool `help:"Only those that were given up."`
	Limit int  `default:"1000" help:"How many at most."`
}

// Run lists.
func (c asyncList) Run(s *surroundings) error {
	queue, db, err := c.answers(s)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := queue.Answers(s.ctx, c.Dead, c.Limit)
	if err != nil {
		return err
	}
	return printer[job.Answer]{s.stdout, c.JSON, []string{"ID", "CONSUMER", "TRANSACTION", "STATE", "ACCEPTED", "ATTEMPTS", "NEXT", "LAST ERROR"}, func(a job.Answer) []string {
		next := ""
		if !a.Next.IsZero() {
			next = a.Next.Format(time.RFC3339)
		}
		return []string{strconv.FormatInt(a.ID, 10), a.Consumer, a.Transaction, a.State, a.Accepted.Format(time.RFC3339), strconv.Itoa(a.Attempts), next, a.LastError}
	}}.print(all)
}

type asyncRetry struct {
	where `embed:""`

	ID  []int64 `arg:"" optional:"" help:"Numbers of answers, as the list has them."`
	All bool    `help:"All that were given up."`
}

// Validate is asked by kong.
func (c asyncRetry) Validate() error {
	if c.All == (len(c.ID) > 0) {
		return errors.New("say which answers, by number, or --all")
	}
	return nil
}

// Run puts answers in line again, and writes the event in the same transaction (A1).
func (c asyncRetry) Run(s *surroundings) error {
	queue, db, err := c.answers(s)
	if err != nil {
		return err
	}
	defer db.Close()
	retried, err := queue.RetryAnswers(s.ctx, c.ID, func(ctx context.Context, tx pgx.Tx, ids []int64) error {
		e := audit.New(time.Now(), audit.Operator(s.operator), audit.Execute, "async-retry")
		hits := len(ids)
		e.Detail = audit.Detail{Hits: &hits, Reason: "answers " + numbers(ids)}
		return audit.AppendControl(ctx, tx, e)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%d answers are in line again\n", len(retried))
	if len(retried) < len(c.ID) {
		return fmt.Errorf("%d of %d are not there, sent or being sent", len(c.ID)-len(retried), len(c.ID))
	}
	return nil
}

// numbers are as many as a line of the log should hold.
func numbers(ids []int64) string {
	const most = 100
	var all []string
	for _, id := range ids[:min(len(ids), most)] {
		all = append(all, strconv.FormatInt(id, 10))
	}
	if len(ids) > most {
		all = append(all, "...")
	}
	return strings.Join(all, " ")
}
