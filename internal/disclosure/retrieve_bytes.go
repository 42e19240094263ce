package disclosure

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// What is found out of a retrieval's bytes before the first of them leaves (spec/soap.md 3): documents up to smallDocument are read and compared
// whole, as long as they are no more than smallTogether, and of the others it is asked whether they are there in the registered size.
const (
	smallDocument = 1 << 20
	smallTogether = 16 << 20
	bytesAtOnce   = 8
)

// sizeUp looks for the bytes of all documents that may be opened, some at a time.
func (s *Service) sizeUp(ctx context.Context, all []Delivery) {
	var group errgroup.Group
	group.SetLimit(bytesAtOnce)
	left := int64(smallTogether)
	for i := range all {
		d := &all[i]
		if d.Problem != nil {
			continue
		}
		small := d.Entry.Size <= min(smallDocument, left)
		if small {
			left -= d.Entry.Size
		}
		group.Go(func() error {
			if err := s.sound(ctx, d, small); err != nil {
				d.Problem = fault.Of(s.quarantined(ctx, &Opened{Entry: d.Entry, Tenant: d.Tenant}, err)).Leading()
			}
			return nil
		})
	}
	_ = group.Wait() // failures stand on their documents
}

// sound reports whether a document's bytes are there, as far as is looked. One that turned out damaged on its way out is looked at whole.
func (s *Service) sound(ctx context.Context, d *Delivery, small bool) error {
	o, schema := objectOf(d), d.Tenant.Schema()
	switch {
	case small:
		body, err := s.Objects.Open(ctx, schema, o, 0, -1)
		if err != nil {
			return err
		}
		defer body.Close()
		d.small, err = io.ReadAll(io.LimitReader(body, o.Size+1))
		return err
	case s.suspects.has(o.Key):
		if err := s.Objects.Verify(ctx, schema, repository.Documents, o); !errors.Is(err, repository.ErrDamaged) {
			return err
		}
		return missingBytes(repository.ErrDamaged)
	}
	held, err := s.Objects.Look(ctx, schema, repository.Documents, o.Key)
	if err == nil && (held == nil || held.Size != o.Size) {
		err = missingBytes(errors.New("the object is not there in the registered size"))
	}
	return err
}

func missingBytes(cause error) *fault.Problem {
	return fault.New(fault.StoredBytesDamaged, "The stored document is damaged, so it cannot be shown. The error has been logged; give the request id to support.").
		From(fault.ObjectStore).Because(cause)
}

func objectOf(d *Delivery) repository.Object {
	return repository.Object{Key: d.Entry.ObjectKey, Size: d.Entry.Size, SHA256: d.Entry.SHA256}
}

// opener gives a document's bytes: those that were read already, or those of the store, compared while they pass.
func (s *Service) opener(d *Delivery) func(context.Context) (io.ReadCloser, error) {
	o, schema, small := objectOf(d), d.Tenant.Schema(), d.small
	d.small = nil
	if int64(len(small)) == o.Size && small != nil {
		return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(small)), nil }
	}
	return func(ctx context.Context) (io.ReadCloser, error) {
		body, err := s.Objects.Open(ctx, schema, o, 0, -1)
		if err != nil {
			s.suspects.note(o.Key, err)
			return nil, err
		}
		return &suspicious{body, o.Key, &s.suspects}, nil
	}
}

// suspicious remembers whose bytes turned out others than registered, so that the next one to ask is told in the answer, and not by its breaking off.
type suspicious struct {
	io.ReadCloser
	key      uuid.UUID
	suspects *suspects
}

func (r *suspicious) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.suspects.note(r.key, err)
	}
	return n, err
}

// WriteTo lets the bytes be copied as their reader does it, which sums beside the sending.
func (r *suspicious) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, r.ReadCloser)
	if err != nil {
		r.suspects.note(r.key, err)
	}
	return n, err
}

// mostSuspects bounds what one process remembers; of more it forgets all.
const mostSuspects = 1000

// suspects are objects whose bytes were found damaged while they were sent.
type suspects struct {
	mu   sync.Mutex
	keys map[uuid.UUID]bool
}

func (s *suspects) note(key uuid.UUID, err error) {
	if lead := fault.Of(err).Leading(); lead.Code != fault.StoredBytesDamaged {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || len(s.keys) >= mostSuspects {
		s.keys = map[uuid.UUID]bool{}
	}
	s.keys[key] = true
}

func (s *suspects) has(key uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[key]
}
