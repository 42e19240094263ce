package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"dokumentlager/internal/fault"
)

// TestPartOf: whatever an error is wrapped in, operations hear of one part, and of ours when nobody named one (A3).
func TestPartOf(t *testing.T) {
	t.Parallel()
	plain := errors.New("x")
	store := func() *fault.Problem { return fault.New(fault.PartUnavailable, "away").From(fault.ObjectStore) }
	for name, c := range map[string]struct {
		err  error
		want fault.Part
	}{
		"nothing":                    {nil, fault.Self},
		"no problem":                 {plain, fault.Self},
		"deadline":                   {context.DeadlineExceeded, fault.Self},
		"a caller's mistake":         {fault.New(fault.BadRequest, "x"), fault.Self},
		"named":                      {store(), fault.ObjectStore},
		"wrapped":                    {fmt.Errorf("a: %w", store()), fault.ObjectStore},
		"joined":                     {errors.Join(plain, store()), fault.ObjectStore},
		"named in the cause":         {fault.New(fault.PartUnavailable, "x").Because(fmt.Errorf("b: %w", store())), fault.ObjectStore},
		"where it began counts":      {fault.New(fault.PartUnavailable, "x").From(fault.HelseID).Because(store()), fault.ObjectStore},
		"also below a part's error":  {fault.FromPart(fault.HelseID, store()), fault.ObjectStore},
		"no problem, of a part":      {fmt.Errorf("c: %w", fault.FromPart(fault.Postgres, plain)), fault.Postgres},
		"the first of those joined":  {fmt.Errorf("c: %w", errors.Join(plain, fault.FromPart(fault.Postgres, plain), store())), fault.ObjectStore},
		"the leading problem's":      {fault.Problems{fault.New(fault.BadRequest, "x").From(fault.Clamd), store()}, fault.ObjectStore},
		"not that of a warning":      {fault.Problems{store().AsWarning(), fault.New(fault.BadRequest, "x")}, fault.Self},
		"only warnings, which is ok": {fault.Problems{store().AsWarning()}, fault.ObjectStore},
	} {
		if got := fault.PartOf(c.err); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if fault.FromPart(fault.Postgres, nil) != nil {
		t.Error("no error became one")
	}
	if err := fault.FromPart(fault.Postgres, plain); !errors.Is(err, plain) || err.Error() != "x" {
		t.Errorf("the error itself is lost: %v", err)
	}
}
