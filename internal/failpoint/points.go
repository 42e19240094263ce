package failpoint

// Name is a point: operation, slash, step.
type Name string

// The way of a document from its first byte to the answer. Replacing goes the same way.
const (
	ClaimBegin   Name = "upload/claim-begin"
	ClaimEnd     Name = "upload/claim-end"
	ClaimRenew   Name = "upload/claim-renew"
	ClaimRelease Name = "upload/claim-release"
	SpoolWrite   Name = "upload/spool-write"
	SpoolEnd     Name = "upload/spool-end"
	ScanBegin    Name = "upload/scan-begin"
	ScanEnd      Name = "upload/scan-end"
	TenantFound  Name = "upload/tenant-found"
	PutBegin     Name = "upload/put-begin"
	PutEnd       Name = "upload/put-end"
	Judged       Name = "upload/judged"
	Kept         Name = "upload/kept"
	RowsBegin    Name = "upload/rows-begin"
	RowsSent     Name = "upload/rows-sent"
	CommitLost   Name = "upload/commit-lost"
	Committed    Name = "upload/committed"
	UndoBegin    Name = "upload/undo-begin"
	UndoEnd      Name = "upload/undo-end"
)

// What a refusal leaves: its event, and the bytes of an infected document.
const (
	RefusalBegin         Name = "refusal/record-begin"
	RefusalEnd           Name = "refusal/record-end"
	QuarantineBegin      Name = "quarantine/put-begin"
	QuarantinePut        Name = "quarantine/put-end"
	QuarantineSent       Name = "quarantine/rows-sent"
	QuarantineCommitLost Name = "quarantine/commit-lost"
	QuarantineCommitted  Name = "quarantine/committed"
)

// A change of what is registered, and a deletion.
const (
	UpdateLocked     Name = "update/locked"
	DeleteLocked     Name = "delete/locked"
	DeleteQueued     Name = "delete/job-queued"
	ChangeSent       Name = "change/rows-sent"
	ChangeCommitLost Name = "change/commit-lost"
	ChangeCommitted  Name = "change/committed"
)

// The removal of a deleted document's bytes, and the sweep.
const (
	RemovalBegin   Name = "removal/begin"
	RemovalMarked  Name = "removal/marked"
	RemoveArea     Name = "removal/area"
	RemovalRemoved Name = "removal/removed"
	RemovalEnd     Name = "removal/committed"
	SweepClaimed   Name = "sweep/claimed"
	SweepCommitted Name = "sweep/committed"
	SweepRemoved   Name = "sweep/removed"
)

// Point is a name with where it stands.
type Point struct {
	Name Name
	// Says is a sentence for docs/reliability.md.
	Says string
}

// All lists every point.
func All() []Point {
	return []Point{
		{ClaimBegin, "An upload with an Idempotency-Key is about to take its key."},
		{ClaimEnd, "The key is taken, and the attempt does not know it yet."},
		{ClaimRenew, "A long upload is about to renew the lease on its key."},
		{ClaimRelease, "An upload is over and is about to give its key free, if it stored nothing."},
		{SpoolWrite, "Bytes of a document arrived and are about to be spooled."},
		{SpoolEnd, "A document has arrived whole."},
		{ScanBegin, "A document has its turn at the scanner, and the scanner has not been asked."},
		{ScanEnd, "The scanner has spoken, and nobody has heard it."},
		{TenantFound, "The message is read and its instance looked up."},
		{PutBegin, "A document is about to go into the object store."},
		{PutEnd, "A document is in the object store, and nobody knows."},
		{Judged, "The message is judged and nothing speaks against it."},
		{Kept, "One of the message's documents is in the store for good, for all that is known; the others may not be."},
		{RowsBegin, "The registering transaction has locked what it relates to, and written nothing."},
		{RowsSent, "All rows are written; the commit is not sent. Of a replacement, the old version is deprecated in the same rows."},
		{CommitLost, "The commit has happened and its answer is lost."},
		{Committed, "The upload is registered and its answer not sent."},
		{UndoBegin, "What a failed upload put into the store is about to be removed."},
		{UndoEnd, "What a failed upload put into the store has been removed."},
		{RefusalBegin, "A refusal's audit event is about to be written."},
		{RefusalEnd, "A refusal's audit event is committed, and its answer not sent."},
		{QuarantineBegin, "An infected document is about to go into quarantine."},
		{QuarantinePut, "An infected document is in quarantine, and nobody knows."},
		{QuarantineSent, "The rows of a quarantined document are written; the commit is not sent."},
		{QuarantineCommitLost, "A quarantined document is committed, and the commit's answer lost."},
		{QuarantineCommitted, "A quarantined document is committed, and the refusal not answered."},
		{UpdateLocked, "An entry whose confidentiality is to change, or what an update changes, is found and locked."},
		{DeleteLocked, "What is to be deleted or removed is found and locked."},
		{DeleteQueued, "The job that removes a deleted document's bytes is queued; nothing is committed."},
		{ChangeSent, "The rows of a change or deletion are written; the commit is not sent."},
		{ChangeCommitLost, "A change or deletion is committed, and the commit's answer lost."},
		{ChangeCommitted, "A change or deletion is committed, and its answer not sent."},
		{RemovalBegin, "The job that removes a deleted document's bytes is picked up."},
		{RemovalMarked, "The object's row says gone; nothing is removed or committed."},
		{RemoveArea, "Bytes are removed from one of the store's two areas."},
		{RemovalRemoved, "The bytes are removed; that they are is not committed."},
		{RemovalEnd, "The removal is committed; the job does not know."},
		{SweepClaimed, "A sweep has claimed orphans; the claim is not committed."},
		{SweepCommitted, "A sweep's claim is committed; nothing is removed."},
		{SweepRemoved, "A sweep has removed one object, and may have more."},
	}
}
