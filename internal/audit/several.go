package audit

import (
	"context"

	"dokumentlager/internal/postgres"

	"golang.org/x/sync/errgroup"
)

// atATime bounds how many logs are written to side by side.
const atATime = 8

// RecordWhatCan is RecordAll where one log that cannot be written must not keep the others from being: it says of each event whether it could
// not be committed, none when all are there. One that is there after all, because nobody heard of the common commit, is a duplicate then.
func (l Log) RecordWhatCan(ctx context.Context, events []TenantEvent) (failed []bool) {
	failed = make([]bool, len(events))
	if l.RecordAll(ctx, events) == nil {
		return failed
	}
	var group errgroup.Group
	group.SetLimit(atATime)
	for i := range events {
		group.Go(func() error {
			err := l.RecordAll(ctx, events[i:i+1])
			_, there := postgres.IsDuplicate(err)
			failed[i] = err != nil && !there
			return nil
		})
	}
	_ = group.Wait() // failures are gathered
	return failed
}
