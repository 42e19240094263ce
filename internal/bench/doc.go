// Package bench measures the whole service over its real parts against a floor taken in the same run, round by round, so that
// a ratio says what our own code costs and not what the machine does that day (issues 2 to 4, `make bench`).
//
// It promises that no figure is taken from anywhere but the run that prints it, that every measured request is answered as a
// client would want it or the run fails and writes nothing, that tokens, proofs and documents are made outside the timed part, and that no
// document's bytes are sent twice: clamd remembers what it called clean, a PDF's images one by one. What is measured is in the
// tests with the build tag bench; what they reckon with is tested without it:
//
//	go test -tags bench -count=1 -timeout 30m ./internal/bench -run TestBench -v
//
// The service runs in the test's process beside its client, and the parts are processes of their own on the same machine; memory
// alone is measured of a process that only serves. The figures go to build/bench.json under the module's folder. Ratios can be
// compared between machines, milliseconds cannot.
package bench
