// Package faults holds no code of the service: its tests break it and look at what is left.
//
// It promises that every point of package failpoint is walked in all three modes over the real service (TestWalk: an error, a hang, the
// death of the process; then an honest answer, a retry with one entry, the right bytes, and a clean fsck after one sweep), that `make
// soak` kills the service and its parts at random moments under uploading clients and then compares all of it with what the clients were
// told (TestSoak), and that what compares bites: TestInspectionBites damages on purpose. docs/reliability.md tells what came of it.
package faults
