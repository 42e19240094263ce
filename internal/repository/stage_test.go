package repository_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
)

// TestStagedBesideTheScan: the object is in the store while the scanner has not spoken, is taken over when the document is kept, and is
// there once.
func TestStagedBesideTheScan(t *testing.T) {
	t.Parallel()
	spoken := make(chan struct{})
	r := open(t, func(c *repository.Config) {
		c.Scanner = fakeClamd(t, time.Minute, func(c net.Conn) {
			readStream(c)
			<-spoken
			_, _ = io.WriteString(c, "stream: OK\x00")
		})
	})
	s, content := someSchema(), random(2_000_000)
	in := receive(t.Context(), t, r, bytes.NewReader(content))
	defer in.Discard()
	in.Stage(s)
	in.Stage(s) // does nothing more
	deadline := time.Now().Add(20 * time.Second)
	for len(objects(t, "d/"+s.Name+"/")) == 0 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	staged := objects(t, "d/"+s.Name+"/")
	close(spoken)
	// Binary noise is in no allowed format; here only where the bytes are counts.
	o, err := r.Keep(t.Context(), s, in)
	if err != nil || len(staged) != 1 || o.Received.IsZero() || o.Scanned.Before(o.Received) {
		t.Fatalf("staged %v, kept %+v, %v", staged, o, err)
	}
	in.Discard()
	if got := objects(t, "d/"+s.Name+"/"); len(got) != 1 || got[0] != staged[0] {
		t.Errorf("after Keep and Discard: %v, staged %v", got, staged)
	}
	if got := readAll(t, r, s, o, 0, -1); !bytes.Equal(got, content) {
		t.Error("other bytes")
	}
}

// readStream reads a whole INSTREAM.
func readStream(c net.Conn) {
	var head [10]byte
	_, _ = io.ReadFull(c, head[:])
	for {
		var n [4]byte
		if _, err := io.ReadFull(c, n[:]); err != nil || n == [4]byte{} {
			return
		}
		_, _ = io.CopyN(io.Discard, c, int64(n[0])<<24|int64(n[1])<<16|int64(n[2])<<8|int64(n[3]))
	}
}

// TestStagedAndNotKept: whatever else becomes of a staged document, its object goes.
func TestStagedAndNotKept(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	for name, fate := range map[string]func(*testing.T, *repository.Reception){
		"dropped at once":  func(_ *testing.T, in *repository.Reception) {},
		"dropped when put": func(t *testing.T, in *repository.Reception) { _, _ = in.Facts(t.Context()) },
		"taken back": func(t *testing.T, in *repository.Reception) {
			if err := in.Unstage(t.Context()); err != nil {
				t.Error(err)
			}
		},
	} {
		s := someSchema()
		for range 5 {
			in := receive(t.Context(), t, r, lines(300_000))
			in.Stage(s)
			fate(t, in)
			in.Discard()
			if got := objects(t, "d/"+s.Name+"/"); got != nil {
				t.Errorf("%s: left %v", name, got)
			}
		}
	}
}

// TestStagedInfected: the bytes end in quarantine only.
func TestStagedInfected(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	in := receive(t.Context(), t, r, strings.NewReader(scan.EICAR()))
	defer in.Discard()
	in.Stage(s)
	if _, err := r.Keep(t.Context(), s, in); err == nil {
		t.Error("an infected document was kept")
	}
	o, err := r.Quarantine(t.Context(), s, in)
	if err != nil || o.Scanned.IsZero() {
		t.Fatalf("%+v, %v", o, err)
	}
	if d, q := objects(t, "d/"+s.Name+"/"), objects(t, "q/"+s.Name+"/"); d != nil || len(q) != 1 {
		t.Errorf("documents %v, quarantine %v", d, q)
	}
}

// lostAnswer is a store whose puts succeed and say they did not.
type lostAnswer struct{ blob.Store }

func (l lostAnswer) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, sha256 []byte) error {
	_ = l.Store.Put(ctx, key, body, size, sha256)
	return io.ErrUnexpectedEOF
}

// TestStagedWithALostAnswer leaves nothing either.
func TestStagedWithALostAnswer(t *testing.T) {
	t.Parallel()
	r, s := open(t, func(c *repository.Config) { c.Blobs = lostAnswer{c.Blobs} }), someSchema()
	in := receive(t.Context(), t, r, lines(1000))
	defer in.Discard()
	in.Stage(s)
	if o, err := r.Keep(t.Context(), s, in); err == nil {
		t.Errorf("kept %+v", o)
	}
	if got := objects(t, "d/"+s.Name+"/"); got != nil {
		t.Errorf("left: %v", got)
	}
}
