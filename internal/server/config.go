package server

import (
	"log/slog"
	"time"
)

// Config is the whole configuration of the service. LoadConfig makes one from a file and the environment and refuses what is
// unknown, missing or unusable, all at once; settings.go lists every key with its default.
type Config struct {
	// Listen is host:port. PublicBaseURL is scheme://host[:port][/prefix] as callers see us; a proof's htu is compared with it.
	Listen, PublicBaseURL string
	Database              DatabaseConfig
	S3                    S3Config
	Clamd                 ClamdConfig
	HelseID               HelseIDConfig
	Persontjenesten       PersontjenestenConfig
	SAML                  SAMLConfig
	Async                 AsyncConfig
	Access                AccessConfig
	Limits                Limits
	Tracing               TracingConfig
	Audit                 AuditConfig
	// RescanRate is how many bytes per second are scanned again when the scanner's signatures have changed; zero turns that off.
	RescanRate Size
	Secrets    Secrets
	// SyntheticIdentities lets synthetic national numbers pass (P2). For test environments only.
	SyntheticIdentities bool
	LogLevel            slog.Level
	// SpoolDir takes documents above 1 MiB while they are received; empty means the system's folder for temporary files.
	SpoolDir string
}

// DatabaseConfig says how to reach the registry's database.
type DatabaseConfig struct {
	// URL logs in as the service's role; OwnerURL as the owner, for administration only: serve ignores it.
	URL, OwnerURL                     string
	Pools, ConnsPerPool, ControlConns int
	AcquireTimeout, StatementTimeout  time.Duration
}

// S3Config says where the bucket is.
type S3Config struct {
	Endpoint, Region, Bucket, AccessKey, SecretKey string
	PathStyle                                      bool
	Timeout                                        time.Duration
}

// ClamdConfig says where the scanner is, how long a scan may take, and how many run at once (its MaxThreads, or fewer).
type ClamdConfig struct {
	Address  string
	Deadline time.Duration
	Slots    int
	// SignatureAge is how old the scanner's daily database may be; Undated lets one pass that tells no age.
	SignatureAge time.Duration
	Undated      bool
}

// HelseIDConfig says whose tokens are taken (W1, R1). Empty lists mean every spelling NHN has used (helseid.Defaults).
type HelseIDConfig struct {
	Issuer, JWKSURL               string
	WriteAudiences, ReadAudiences []string
	ScopeAliases                  map[string]string
	ProofLife, ProofSkew, Leeway  time.Duration
}

// PersontjenestenConfig says who is asked about patients (P2, L4, L5), and as whom. Without URL nobody is.
type PersontjenestenConfig struct {
	// URL is the address of the API's version and kind of access: https://…/api/v3/full-access.
	URL string
	// ClientID and PrivateKey (a JWK) are this service's client at HelseID, Scope what it asks for. Organisation is "parent" or
	// "parent:child" for a multi-tenant client.
	ClientID, PrivateKey, Scope, Organisation string
	Deadline, Fresh, Stale                    time.Duration
	// Known is for how long nobody asks again, at upload, whether a person exists who did (P2). Unverified takes uploads while
	// nobody can be asked.
	Known      time.Duration
	Unverified bool
}

// AccessConfig is the part of the access rules that is data (C2, C3): codes of 9060, and purposes of emergency.
type AccessConfig struct {
	// Roles may read, unless DeniedRoles names them too. BreakGlass are purposes that open what NORS bars; none is the rule.
	Roles, DeniedRoles, BreakGlass []string
}

// AuditConfig says who signs the audit log's heads, and for how long events are kept (docs/audit-seal.md).
type AuditConfig struct {
	// SigningKey is a signer key of package ledger. VerifierKeys are the public ones of keys that signed before it.
	SigningKey   string
	VerifierKeys []string
	// RetentionYears is how long events are kept at least; 0 is for ever.
	RetentionYears int
}

// TracingConfig says where spans go (A3). Without Endpoint there are none.
type TracingConfig struct {
	// Endpoint is the collector's address for OTLP over HTTP; Service is what it calls us.
	Endpoint, Service string
	// Ratio is the share of requests that is traced.
	Ratio Ratio
}

// Ratio is a share, 0 to 1.
type Ratio float64

// DocumentLimit is the largest document, in bytes: 60 MiB, in test and production alike (F5), so it is no setting.
const DocumentLimit Size = 60 << 20

// Limits bound what one caller can take of us.
type Limits struct {
	// Request is the largest body, Header the largest header, in bytes.
	Request, Header Size
	// HeaderTimeout bounds reading a header, IdleTimeout a connection without request, StallTimeout one read or write of a body.
	HeaderTimeout, IdleTimeout, StallTimeout time.Duration
	// MinRate is the slowest average at which a body may come, in bytes per second, after the first StallTimeout.
	MinRate Size
	// InFlight is how many requests are answered at once; more are told to come back.
	InFlight int
	// QueryObjects is the most whole objects in the answer to a stored query.
	QueryObjects int
	// UploadsAtWork is how many uploads are judged, scanned and stored at once, 0 for what uploadsAtWork reckons. UploadBytes is the sum of
	// the declared lengths of all uploads under way.
	UploadsAtWork int
	UploadBytes   Size
	// ShutdownGrace is how long open requests may go on after SIGTERM.
	ShutdownGrace time.Duration
}

// Secrets are keys of ours, 32 bytes each.
type Secrets struct {
	// LocatorKey hashes patients in the patient locator; changing it makes what is stored unfindable. CursorKey seals cursors.
	LocatorKey, CursorKey Key
}

// Key is a secret of 32 bytes.
type Key [32]byte

// String keeps a key out of logs and error texts.
func (Key) String() string { return "set" }

// GoString is String: %#v must not print the key either.
func (Key) GoString() string { return "set" }

// Size is a number of bytes.
type Size int64
