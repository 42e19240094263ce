package repository

import (
	"context"
	"errors"
	"io"

	"dokumentlager/internal/postgres"
)

// Carry copies an object from its area to the other one under a new key, its SHA-256 checked on the way out and by the store on the way
// in, and returns the copy. Nothing names the copy yet: Record its row in the transaction that decides, or Forget it when that fails. The
// new key keeps apart what was let in from what was held: who holds on to the old key reaches nothing.
func (r *Repository) Carry(ctx context.Context, s postgres.Schema, from Area, o Object) (Object, error) {
	to := documents
	if from == documents {
		to = quarantine
	}
	content, err := r.fetch(ctx, s, from, o)
	if err != nil {
		return Object{}, err
	}
	defer content.discard()
	copied := o
	copied.Key = r.cfg.NewKey()
	if err := r.cfg.Blobs.Put(ctx, storeKey(to, s, copied.Key), content.reader(), o.Size, o.SHA256); err != nil {
		// It may be there all the same: the answer was lost, say.
		return Object{}, storeUnavailable(errors.Join(err, r.Forget(ctx, s, copied.Key)))
	}
	return copied, nil
}

// fetch spools an object that is verified to its end. The caller discards the spool.
func (r *Repository) fetch(ctx context.Context, s postgres.Schema, a Area, o Object) (*spool, error) {
	content := r.spool()
	if err := r.read(ctx, s, a, o, content); err != nil {
		content.discard()
		return nil, err
	}
	if err := content.end(); err != nil {
		content.discard()
		return nil, noRoom(err)
	}
	return content, nil
}

// read writes a whole object, verified, to somewhere.
func (r *Repository) read(ctx context.Context, s postgres.Schema, a Area, o Object, to io.Writer) error {
	body, err := r.cfg.Blobs.Open(ctx, storeKey(a, s, o.Key), 0, -1)
	if err != nil {
		return unreadable(err)
	}
	whole, err := openWhole(body, o)
	if err != nil {
		return err
	}
	defer whole.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{whole}, make([]byte, piece))
	return err
}

// Examine scans an object in either area anew, with all it carries, as an upload is scanned. An error means that it was not scanned
// (fault.NotScanned) or could not be read (fault.StoredBytesDamaged, fault.PartUnavailable).
func (r *Repository) Examine(ctx context.Context, s postgres.Schema, a Area, o Object) (Facts, error) {
	in := r.Receive(ctx)
	defer in.Discard()
	if err := r.read(ctx, s, a, o, in); err != nil {
		return Facts{}, err
	}
	if err := in.Close(); err != nil {
		return Facts{}, err
	}
	return in.Facts(ctx)
}
