package ledger_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/ledger"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/transparency-dev/merkle/rfc6962"
)

func ptr[T any](v T) *T { return &v }

var sample = ledger.Event{ID: uuid.MustParse("01931d7e-0000-7000-8000-000000000001"), At: 848_000_000_123_456, Action: 'R', Outcome: 'S', Operation: "read",
	PatientID: ptr("13116900216^^^&2.16.578.1.12.4.1.4.1&ISO"), EntryID: ptr(uuid.MustParse("01931d7e-0000-7000-8000-000000000002")),
	Actor: ptr(`{"kind": "personnel"}`), Detail: ptr(`{}`)}

// TestBytes holds the form of an event to what its comment says: leaves that were sealed must come out the same for ever.
func TestBytes(t *testing.T) {
	t.Parallel()
	want := "01" + "01" + "00000010" + "01931d7e000070008000000000000001" + "01" + "00000008" + fmt.Sprintf("%016x", sample.At) + "01" + "00000001" + "52" + "01" + "00000001" + "53" +
		"01" + "00000004" + hex.EncodeToString([]byte("read")) + "01" + "00000028" + hex.EncodeToString([]byte(*sample.PatientID)) +
		"01" + "00000010" + "01931d7e000070008000000000000002" + "01" + "00000015" + hex.EncodeToString([]byte(*sample.Actor)) + "01" + "00000002" + "7b7d"
	if got := hex.EncodeToString(sample.Bytes()); got != want {
		t.Errorf("an event is written as\n%s, want\n%s", got, want)
	}
	empty := ledger.Event{}
	if got := hex.EncodeToString(empty.Bytes()); got != "01"+"0100000010"+strings.Repeat("00", 16)+"0100000008"+strings.Repeat("00", 8)+"010000000100"+"010000000100"+"0100000000"+"00000000" {
		t.Errorf("an event without values is written as %s", got)
	}
}

// TestNoTwoEventsHaveTheSameBytes: what differs in any column differs, also where one column's text could be another's.
func TestNoTwoEventsHaveTheSameBytes(t *testing.T) {
	t.Parallel()
	changes := []func(*ledger.Event){
		func(*ledger.Event) {}, func(e *ledger.Event) { e.ID[15]++ }, func(e *ledger.Event) { e.At++ }, func(e *ledger.Event) { e.Action = 'U' },
		func(e *ledger.Event) { e.Outcome = 'R' }, func(e *ledger.Event) { e.Action, e.Outcome = e.Outcome, e.Action }, func(e *ledger.Event) { e.Operation += "1" },
		func(e *ledger.Event) { e.Operation, e.PatientID = "rea", ptr("d"+*e.PatientID) }, func(e *ledger.Event) { e.PatientID = nil },
		func(e *ledger.Event) { e.PatientID = ptr("") }, func(e *ledger.Event) { e.EntryID = nil }, func(e *ledger.Event) { e.EntryID = &uuid.UUID{} },
		func(e *ledger.Event) { e.Actor, e.Detail = e.Detail, e.Actor }, func(e *ledger.Event) { e.Actor = nil }, func(e *ledger.Event) { e.Actor, e.Detail = nil, e.Actor },
		func(e *ledger.Event) { e.Detail = nil }, func(e *ledger.Event) { e.Detail = ptr("null") }, func(e *ledger.Event) { e.PatientID, e.EntryID = ptr(string(e.EntryID[:])), nil },
	}
	seen := map[ledger.Hash]int{}
	for i, change := range changes {
		e := sample
		change(&e)
		if other, twice := seen[e.Leaf()]; twice {
			t.Errorf("changes %d and %d have the same leaf", other, i)
		}
		seen[e.Leaf()] = i
	}
}

// TestTree against the roots that the reference tests of certificate transparency have, also when it is put away and taken up between leaves.
func TestTree(t *testing.T) {
	t.Parallel()
	tree := ledger.NewTree()
	roots := []string{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}
	leaves := []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	for i, want := range roots {
		if root := tree.Root(); hex.EncodeToString(root[:]) != want || tree.Size() != uint64(i) {
			t.Errorf("%d leaves: %x", tree.Size(), root)
		}
		if i == len(leaves) {
			break
		}
		var err error
		if tree, err = ledger.GrownTree(tree.Size(), tree.Nodes()); err != nil {
			t.Fatal(err)
		}
		leaf, _ := hex.DecodeString(leaves[i])
		if err := tree.Append(ledger.Hash(rfc6962.DefaultHasher.HashLeaf(leaf))); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []uint64{0, 7, 9, 1 << 63, 1<<64 - 1} {
		if _, err := ledger.GrownTree(size, tree.Nodes()); err == nil {
			t.Errorf("the nodes of 8 leaves were taken for %d", size)
		}
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	rows := []ledger.Row{{ID: uuid.New(), Leaf: sample.Leaf()}, {ID: uuid.New()}}
	got, err := ledger.SplitRows(ledger.JoinRows(rows))
	if diff := cmp.Diff(rows, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if _, err := ledger.SplitRows(make([]byte, 49)); err == nil {
		t.Error("49 bytes are rows")
	}
}

// TestLink: whatever a seal says is in its link.
func TestLink(t *testing.T) {
	t.Parallel()
	b := ledger.Batch{No: 1, TenantID: 2, Seq: 3, N: 4, At: time.UnixMicro(5)}
	seen := map[ledger.Hash]bool{b.Link(ledger.Hash{}, nil): true, b.Link(ledger.Hash{1}, nil): true, b.Link(ledger.Hash{}, []byte{0}): true}
	for _, other := range []ledger.Batch{{2, 2, 3, 4, b.At, b.Root}, {1, 3, 3, 4, b.At, b.Root}, {1, 2, 4, 4, b.At, b.Root}, {1, 2, 3, 5, b.At, b.Root},
		{1, 2, 3, 4, time.UnixMicro(6), b.Root}, {1, 2, 3, 4, b.At, ledger.Hash{1}}} {
		seen[other.Link(ledger.Hash{}, nil)] = true
	}
	if len(seen) != 9 {
		t.Errorf("%d of 9 links differ", len(seen))
	}
}

func newKey(t testing.TB) *ledger.Key {
	t.Helper()
	for { // base64 may hold the + that stands between a key's parts
		secret, public, err := ledger.NewKey(rand.Reader, "ledger.test")
		if err != nil {
			t.Fatal(err)
		}
		key, err := ledger.ParseKey(" " + secret + "\n")
		if err != nil || key.Public() != public || key.Name() != "ledger.test" {
			t.Fatalf("%v %s", err, public)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v %s", key, key, key, key), secret[len(secret)-40:]) {
			t.Error("a key prints itself")
		}
		if strings.Count(secret, "+") > 4 {
			return key
		}
	}
}

var full = ledger.Head{Origin: ledger.Origin("2.16.578.1"), Size: 7, Root: ledger.Hash{1}, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Link: ledger.Hash{2}}

func TestHeads(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	trust, err := ledger.Trusting(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	day, pruned := full, full
	day.Day, day.DayNote = "2026-11-20", ledger.Hash{3}
	pruned.Origin, pruned.Before = ledger.Pruned(full.Origin), full.At
	var notes []string
	for _, h := range []ledger.Head{full, day, pruned, {Origin: ledger.ControlOrigin, At: full.At}} {
		note, err := key.Sign(h)
		if err != nil {
			t.Fatal(err)
		}
		got, err := trust.Open(note)
		if diff := cmp.Diff(h, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if other, _ := ledger.Trusting(newKey(t).Public()); true {
			if _, err := other.Open(note); err == nil {
				t.Error("a stranger's signature counts")
			}
		}
		for i := range note {
			if changed := note[:i] + "9" + note[i+1:]; changed != note {
				if got, err := trust.Open(changed); err == nil && got != h {
					t.Errorf("changed at %d it is read as %+v", i, got)
				}
			}
		}
		notes = append(notes, note)
	}
	if lines := strings.Split(notes[0], "\n"); lines[0] != "dokumentlager.no/audit/2.16.578.1" || lines[1] != "7" || lines[2] != "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" ||
		lines[6] != "" || !strings.HasPrefix(lines[7], "— ledger.test ") {
		t.Errorf("a head is no checkpoint: %q", lines)
	}
	for _, between := range []string{"\n", "\n\n\n", ""} {
		if diff := cmp.Diff(notes, ledger.SplitNotes("\n"+strings.Join(notes, between)+"\n\n")); diff != "" {
			t.Errorf("with %q between: %s", between, diff)
		}
	}
	for _, text := range []string{"", "PRIVATE+KEY+", "x+1+y", newKey(t).Public()} {
		if _, err := ledger.ParseKey(text); err == nil || len(text) > 20 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ledger.Trusting("x"); err == nil {
		t.Error("x is a key")
	}
}

// FuzzNotes: whatever is read as notes, nothing but what a trusted key signed comes out, and what comes out is written the same again.
func FuzzNotes(f *testing.F) {
	key := newKey(f)
	trust, err := ledger.Trusting(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	good, err := key.Sign(full)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "\n\n", good, good + "\n" + good, good[:len(good)-2], "— x y\n", strings.Replace(good, "7", "07", 1), "a\n\n— a b\n\n\n— c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.InTime(t)()
		if len(text) > 1<<16 {
			return
		}
		total := 0
		for _, note := range ledger.SplitNotes(text) {
			total += len(note)
			if h, err := trust.Open(note); err == nil && h != full {
				t.Errorf("%q was never signed", note)
			}
		}
		if total > len(text) {
			t.Errorf("%d bytes of notes in %d", total, len(text))
		}
		rows, err := ledger.SplitRows([]byte(text))
		if err == nil && !bytes.Equal(ledger.JoinRows(rows), []byte(text)) {
			t.Error("rows come out otherwise")
		}
	})
}
