package job

import (
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
)

func TestRetryNeverWaitsLongerThanAnHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for failures, want := range map[int]time.Duration{0: time.Second, 1: 16 * time.Second, 2: 81 * time.Second, 8: time.Hour, 330: time.Hour, 9999: time.Hour} {
		row := &rivertype.JobRow{Errors: make([]rivertype.AttemptError, failures)}
		if got := (retry{func() time.Time { return now }}).NextRetry(row).Sub(now); got != want {
			t.Errorf("after %d failures: %s, want %s", failures, got, want)
		}
	}
}
