// Package conformance holds no code of the service: its tests replay messages that others wrote against the whole of it, over
// PostgreSQL, S3 and clamd.
//
// It promises that docs/conformance.md is what happened: every message of the collections stands there with what its authors expect and what we answer,
// and the comparison fails when either changes. Over FHIR the collections are NHN's XCA document source, NIST's Asbestos and IHE's MHD examples; over SOAP
// all test plans of NIST's Toolkit 2 (package toolkit interprets them; DOKUMENTLAGER_PLANS=all, else a sample), the messages of NHN, the Swiss EPD, CONNECT,
// OpenXDS and IPF, and IPF itself as a living client (DOKUMENTLAGER_IPF names its jars). They are not ours to pass on, so they are read from the folder that the
// environment variable DOKUMENTLAGER_THIRDPARTY names, or ../shared/thirdparty beside the repository, and every replay says that it was skipped when the
// folder is not there. Protocol facts: spec/nhn.md (b), spec/ihe.md 1 and 2, spec/soap.md; the profiles are told in docs/profiles.md.
package conformance
