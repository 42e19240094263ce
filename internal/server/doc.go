// Package server is the wiring: configuration, the parts made from it, the router with what surrounds every request, health and
// metrics, and the process's life from start to SIGTERM (DESIGN, "The house", floor 5).
//
// It promises that a configuration with a mistake never listens, that no request takes more of the service than its limits say, that
// every answer has a request id and every error is an OperationOutcome without cause, path or SQL (R5, W6), and that a scanner
// whose self-test has not passed publishes nothing (F3). It has no rule of its own about documents, and it cannot issue tokens:
// the test HelseID lives in devstack/sts, which this package must not import.
package server
