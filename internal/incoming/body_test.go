package incoming

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"dokumentlager/internal/admission"
)

// TestBodyWaitsForItsPlace: the last byte of an upload is given away when there is a place, and a body that was whole before it was an upload's waits
// where it becomes one; what came before counts.
func TestBodyWaitsForItsPlace(t *testing.T) {
	t.Parallel()
	for name, declared := range map[string]int64{"declared": 5, "not declared": -1} {
		for _, early := range []bool{true, false} {
			gate := admission.New(admission.Capacity{Requests: 10, Work: 1, Bytes: 1 << 20, Unsized: 1}, time.Now, admission.Jitter(func() float64 { return 0 }), nil)
			first, err := gate.Upload("a", 1)
			if err != nil || first.Whole(t.Context()) != nil {
				t.Fatal(err)
			}
			upload, err := gate.Upload("b", declared)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			body := NewBody(ctx, iotest.OneByteReader(strings.NewReader("12345")), declared)
			var got []byte
			if early {
				if err = body.Admit(upload); err == nil {
					got, err = io.ReadAll(body)
				}
			} else if got, err = io.ReadAll(body); err == nil {
				err = body.Admit(upload)
			}
			if !errors.Is(err, context.DeadlineExceeded) || early && len(got) == 5 && declared > 0 {
				t.Errorf("%s: %q, %v while another works", name, got, err)
			}
			first.Done()
			if err := upload.Whole(t.Context()); err != nil || gate.State().Working != 1 || gate.State().Bytes != 5 {
				t.Errorf("%s: %v, %+v", name, err, gate.State())
			}
			upload.Done()
		}
	}
	free := NewBody(t.Context(), strings.NewReader("12345"), 5)
	if got, err := io.ReadAll(free); string(got) != "12345" || err != nil {
		t.Errorf("a body of no upload: %q, %v", got, err)
	}
}
