package faults

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/scan"

	"github.com/google/uuid"
)

// cases walk to every point, to some of them by several ways.
var cases = marked(slices.Concat(
	by(replaceOne, failpoint.RowsBegin, failpoint.RowsSent, failpoint.CommitLost, failpoint.Committed),
	by(uploadOne, failpoint.SpoolWrite, failpoint.SpoolEnd, failpoint.ScanBegin, failpoint.ScanEnd, failpoint.TenantFound, failpoint.PutBegin,
		failpoint.PutEnd, failpoint.Judged, failpoint.Kept, failpoint.RowsBegin, failpoint.RowsSent, failpoint.CommitLost, failpoint.Committed),
	by(uploadKeyed, failpoint.ClaimBegin, failpoint.ClaimEnd, failpoint.ClaimRelease, failpoint.CommitLost, failpoint.Committed),
	[]walkCase{
		{point: failpoint.ClaimRenew, deed: uploadKeyed, hang: failpoint.ScanBegin},
		{point: failpoint.PutBegin, deed: uploadTwo, skip: 1},
		{point: failpoint.PutEnd, deed: uploadTwo, skip: 1},
		{point: failpoint.Kept, deed: uploadTwo, skip: 1},
		{point: failpoint.UndoBegin, deed: uploadTwo, also: failpoint.RowsSent},
		{point: failpoint.UndoEnd, deed: uploadTwo, also: failpoint.RowsSent},
	},
	by(patchOne, failpoint.UpdateLocked, failpoint.ChangeSent, failpoint.ChangeCommitLost, failpoint.ChangeCommitted),
	by(deleteOne, failpoint.DeleteLocked, failpoint.DeleteQueued, failpoint.ChangeSent, failpoint.ChangeCommitLost, failpoint.ChangeCommitted,
		failpoint.RemovalBegin, failpoint.RemovalMarked, failpoint.RemoveArea, failpoint.RemovalRemoved, failpoint.RemovalEnd),
	by(refusedOne, failpoint.RefusalBegin, failpoint.RefusalEnd),
	by(infectedOne, failpoint.QuarantineBegin, failpoint.QuarantinePut, failpoint.QuarantineSent, failpoint.QuarantineCommitLost, failpoint.QuarantineCommitted),
	by(sweepTwo, failpoint.SweepClaimed, failpoint.SweepCommitted, failpoint.SweepRemoved),
))

// marked notes which points were walked to before.
func marked(all []walkCase) []walkCase {
	seen := map[failpoint.Name]bool{}
	for i := range all {
		all[i].again, seen[all[i].point] = seen[all[i].point], true
	}
	return all
}

func by(deed func(*scene) *errand, points ...failpoint.Name) (out []walkCase) {
	for _, p := range points {
		out = append(out, walkCase{point: p, deed: deed})
	}
	return out
}

// errand is what a case wants done. Each field but try may be nil.
type errand struct {
	try func(context.Context) reply
	// local tells that no client waits for it.
	local bool
	// good tells whether an answer says that it is done; reply.kept otherwise.
	good func(reply) bool
	// book takes it into the books.
	book func(reply) error
	// finish waits for what is done later.
	finish func()
}

// send is an errand of a record system.
func send(d *deed) *errand {
	return &errand{try: func(ctx context.Context) reply { return d.send(ctx, time.Minute) }, good: d.finished, book: d.done}
}

// must does a deed undisturbed.
func (sc *scene) must(d *deed) *paper {
	sc.t.Helper()
	r := d.send(sc.t.Context(), 30*time.Second)
	if !r.kept() {
		sc.t.Fatalf("%s: %s", d.name, r)
	}
	if err := d.done(r); err != nil {
		sc.t.Fatal(err)
	}
	return sc.papers[len(sc.papers)-1]
}

func uploadOne(sc *scene) *errand { return send(sc.upload("", servicetest.NewDoc())) }

func uploadKeyed(sc *scene) *errand { return send(sc.upload(newKey(), servicetest.NewDoc())) }

func uploadTwo(sc *scene) *errand {
	return send(sc.upload("", servicetest.NewDoc(), servicetest.NewDoc()))
}

func replaceOne(sc *scene) *errand {
	old := sc.must(sc.upload("", servicetest.NewDoc()))
	return send(sc.replace(newKey(), old, servicetest.NewDoc()))
}

func patchOne(sc *scene) *errand {
	return send(sc.patch(sc.must(sc.upload("", servicetest.NewDoc())), "R"))
}

// deleteOne is over when the bytes are gone.
func deleteOne(sc *scene) *errand {
	e := send(sc.delete(sc.must(sc.upload("", servicetest.NewDoc()))))
	e.finish = func() { sc.t.Helper(); awaitRemovals(sc.t, sc.service, sc.of) }
	return e
}

// refusedOne is an upload that is wrong whenever it comes.
func refusedOne(sc *scene) *errand {
	d := sc.upload("", servicetest.NewDoc())
	b := servicetest.BundleFor(sc.of)
	b.Change = func(m servicetest.Object) { servicetest.Attachment(m)["size"] = 1 }
	d.body = b.JSON(sc.t)
	return refusedBy(send(d))
}

// infectedOne goes to quarantine each time it is sent.
func infectedOne(sc *scene) *errand {
	sc.quarantined = 2
	doc := servicetest.NewDoc()
	doc.Bytes = []byte(scan.EICAR())
	return refusedBy(send(sc.upload("", doc)))
}

// refusedBy makes a refusal of the message the good answer.
func refusedBy(e *errand) *errand {
	e.good = func(r reply) bool {
		return r.err == nil && r.status/100 == 4 && r.status != http.StatusConflict && r.status != http.StatusTooManyRequests
	}
	e.book = nil
	return e
}

// sweepTwo sweeps two objects that no row names.
func sweepTwo(sc *scene) *errand {
	store, err := storeOf(sc.service)
	if err != nil {
		sc.t.Fatal(err)
	}
	for range 2 {
		content := []byte(rand.Text())
		sum := sha256.Sum256(content)
		if err := store.Put(sc.t.Context(), "d/"+sc.of.SchemaName+"/"+uuid.NewString(), bytes.NewReader(content), int64(len(content)), sum[:]); err != nil {
			sc.t.Fatal(err)
		}
	}
	return &errand{local: true, try: func(context.Context) reply {
		r, err := sc.lane.process.tell(order{Sweep: sc.of.Name})
		switch {
		case err != nil:
			return reply{err: err}
		case r.Error != "":
			return reply{status: http.StatusInternalServerError, body: []byte(r.Error)}
		}
		return reply{status: http.StatusOK}
	}}
}
