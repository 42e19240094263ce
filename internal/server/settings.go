package server

import (
	"strings"
	"time"

	"dokumentlager/internal/access"
)

// setting is one key of the configuration.
type setting struct {
	key string
	// otherwise is the default; a setting without one and not needed by anybody stays empty.
	otherwise string
	// need says which commands cannot do without it.
	need Purpose
	// secret values are never shown, and may be given as <key>_file.
	secret bool
	check  func(string) error
	at     func(*Config) any
	// help is one line for docs/configuration.md.
	help string
}

// settings is every key there is. In the environment database.url is DOKUMENTLAGER_DATABASE_URL.
var settings = []setting{
	{key: "listen", otherwise: "127.0.0.1:8080", check: isHostPort, at: func(c *Config) any { return &c.Listen },
		help: "host:port to listen on; TLS ends before us"},
	{key: "public_base_url", need: Serving, check: isHTTP, at: func(c *Config) any { return &c.PublicBaseURL },
		help: "how callers reach us; DPoP proofs name it"},

	{key: "database.url", need: Serving | Reading, secret: true, check: isPostgres, at: func(c *Config) any { return &c.Database.URL },
		help: "PostgreSQL address of the service's role (NOINHERIT, owns nothing)"},
	{key: "database.owner_url", need: Owning, secret: true, check: isPostgres, at: func(c *Config) any { return &c.Database.OwnerURL },
		help: "PostgreSQL address of the owning role; only migrate and tenant commands use it"},
	{key: "database.pools", otherwise: "4", check: between(1, 64), at: func(c *Config) any { return &c.Database.Pools },
		help: "small pools that tenants are spread over"},
	{key: "database.conns_per_pool", otherwise: "5", check: between(1, 100), at: func(c *Config) any { return &c.Database.ConnsPerPool },
		help: "connections of each pool"},
	{key: "database.control_conns", otherwise: "8", check: between(4, 100), at: func(c *Config) any { return &c.Database.ControlConns },
		help: "connections for what belongs to no tenant"},
	{key: "database.acquire_timeout", otherwise: "10s", check: positive, at: func(c *Config) any { return &c.Database.AcquireTimeout },
		help: "longest wait for a connection"},
	{key: "database.statement_timeout", otherwise: "15s", check: positive, at: func(c *Config) any { return &c.Database.StatementTimeout },
		help: "longest statement"},

	{key: "s3.endpoint", need: Serving, check: isHTTP, at: func(c *Config) any { return &c.S3.Endpoint }, help: "base URL of the object store"},
	{key: "s3.region", otherwise: "us-east-1", at: func(c *Config) any { return &c.S3.Region }, help: "region, part of the signature"},
	{key: "s3.bucket", need: Serving, at: func(c *Config) any { return &c.S3.Bucket }, help: "bucket, without versions"},
	{key: "s3.access_key", need: Serving, at: func(c *Config) any { return &c.S3.AccessKey }, help: "access key"},
	{key: "s3.secret_key", need: Serving, secret: true, at: func(c *Config) any { return &c.S3.SecretKey }, help: "secret key"},
	{key: "s3.path_style", otherwise: "true", at: func(c *Config) any { return &c.S3.PathStyle }, help: "bucket in the path instead of the host name"},
	{key: "s3.timeout", otherwise: "15s", check: positive, at: func(c *Config) any { return &c.S3.Timeout }, help: "longest silence of the store"},

	{key: "clamd.address", need: Serving, check: isHostPort, at: func(c *Config) any { return &c.Clamd.Address }, help: "host:port of clamd"},
	{key: "clamd.deadline", otherwise: "90s", check: positive, at: func(c *Config) any { return &c.Clamd.Deadline }, help: "longest scan"},
	{key: "clamd.slots", otherwise: "8", check: between(1, 500), at: func(c *Config) any { return &c.Clamd.Slots },
		help: "scans at once; at most clamd's MaxThreads less one for the re-scan"},
	{key: "clamd.signature_age", otherwise: "48h", check: positive, at: func(c *Config) any { return &c.Clamd.SignatureAge },
		help: "age of the scanner's daily database above which nothing counts as scanned"},
	{key: "clamd.undated_signatures", otherwise: "false", at: func(c *Config) any { return &c.Clamd.Undated },
		help: "take a scanner that tells no age of its signatures; development only"},
	{key: "rescan.rate", otherwise: "4MiB", at: func(c *Config) any { return &c.RescanRate },
		help: "bytes per second scanned again when signatures change; 0 turns it off"},

	{key: "helseid.issuer", need: Serving, check: isHTTP, at: func(c *Config) any { return &c.HelseID.Issuer }, help: "issuer of access tokens"},
	{key: "helseid.jwks_url", check: isHTTP, at: func(c *Config) any { return &c.HelseID.JWKSURL }, help: "its keys; by discovery when empty"},
	{key: "helseid.write_audiences", at: func(c *Config) any { return &c.HelseID.WriteAudiences }, help: "accepted audiences for writing"},
	{key: "helseid.read_audiences", at: func(c *Config) any { return &c.HelseID.ReadAudiences }, help: "accepted audiences for reading"},
	{key: "helseid.scope_aliases", at: func(c *Config) any { return &c.HelseID.ScopeAliases },
		help: "other spellings of scopes, each \"spelling=canonical\", added to those NHN has used"},
	{key: "helseid.proof_life", otherwise: "10s", check: positive, at: func(c *Config) any { return &c.HelseID.ProofLife }, help: "age a DPoP proof may have"},
	{key: "helseid.proof_skew", otherwise: "5s", at: func(c *Config) any { return &c.HelseID.ProofSkew }, help: "difference of clocks for proofs"},
	{key: "helseid.leeway", otherwise: "10s", at: func(c *Config) any { return &c.HelseID.Leeway }, help: "difference of clocks for tokens"},

	{key: "persontjenesten.url", check: isHTTP, at: func(c *Config) any { return &c.Persontjenesten.URL },
		help: "base URL of Persontjenesten with version and kind of access, `https://…/api/v3/full-access`; when empty, nobody is asked whether a patient exists (P2), is dead or has a protected address (L4, L5)"},
	{key: "persontjenesten.client_id", at: func(c *Config) any { return &c.Persontjenesten.ClientID }, help: "our client at HelseID for it"},
	{key: "persontjenesten.private_key", secret: true, check: isPrivateJWK, at: func(c *Config) any { return &c.Persontjenesten.PrivateKey },
		help: "that client's private key, a JWK"},
	{key: "persontjenesten.scope", otherwise: "nhn:hgd-persontjenesten-api/full-access", at: func(c *Config) any { return &c.Persontjenesten.Scope }, help: "scope of its machine token"},
	{key: "persontjenesten.organisation", at: func(c *Config) any { return &c.Persontjenesten.Organisation },
		help: "organisation number of a multi-tenant client, `parent` or `parent:child`"},
	{key: "persontjenesten.deadline", otherwise: "3s", check: upTo(30 * time.Second), at: func(c *Config) any { return &c.Persontjenesten.Deadline },
		help: "longest question, its token included; at most 30s"},
	{key: "persontjenesten.fresh", otherwise: "30s", check: upTo(time.Minute), at: func(c *Config) any { return &c.Persontjenesten.Fresh },
		help: "how long an answer is used again, at most 1m: a protected address must be out of reach within a minute"},
	{key: "persontjenesten.stale", otherwise: "1h", check: orNever(upTo(7 * 24 * time.Hour)), at: func(c *Config) any { return &c.Persontjenesten.Stale },
		help: "how old an answer may be while Persontjenesten is down, at most 168h; 0 is never: readers are then refused with 503"},
	{key: "persontjenesten.known", otherwise: "24h", check: orNever(upTo(7 * 24 * time.Hour)), at: func(c *Config) any { return &c.Persontjenesten.Known },
		help: "for how long uploads are taken for a patient who was found to exist without asking again (P2), at most 168h; 0 asks for each upload, but for `persontjenesten.fresh`"},
	{key: "persontjenesten.unverified_uploads", otherwise: "false", at: func(c *Config) any { return &c.Persontjenesten.Unverified },
		help: "take uploads, with a warning, while Persontjenesten cannot say whether the patient exists (P2); otherwise they are refused with 503 and Retry-After"},

	{key: "saml.issuers", at: func(c *Config) any { return &c.SAML.Issuers },
		help: "issuers of the SAML assertions (XUA) that the SOAP doors take; their fields below. Without one, the SOAP doors answer nobody"},
	{key: "saml.skew", otherwise: "10s", check: orNever(upTo(5 * time.Minute)), at: func(c *Config) any { return &c.SAML.Skew },
		help: "difference of clocks for assertions, at most 5m"},
	{key: "saml.acp_meanings", check: areMeanings, at: func(c *Config) any { return &c.SAML.Meanings },
		help: "what codes of `urn:ihe:iti:xua:2012:acp` mean, each \"oid=kind\" where kind is citizen, guardian, proxy or personnel; laid over the defaults below (C4, C5)"},

	{key: "async.consumers", at: func(c *Config) any { return &c.Async.Consumers },
		help: "who may have answers of ITI-38 and ITI-39 sent to an address of its own (a ReplyTo that is not anonymous); their fields below. Without one, nobody"},
	{key: "async.deadline", otherwise: "2m", check: upTo(15 * time.Minute), at: func(c *Config) any { return &c.Async.Deadline },
		help: "longest attempt to send an answer, at most 15m"},
	{key: "async.retry_for", otherwise: "24h", check: upTo(7 * 24 * time.Hour), at: func(c *Config) any { return &c.Async.RetryFor },
		help: "how long after its question an answer is tried, at most 168h; then it is on the list of `dokumentlager async`"},
	{key: "async.keep", otherwise: "168h", check: upTo(31 * 24 * time.Hour), at: func(c *Config) any { return &c.Async.Keep },
		help: "how long an answer that was given up can be tried again by hand, at most 744h; what it needs is kept sealed till then"},

	{key: "access.roles", otherwise: strings.Join(access.DefaultPolicy().Roles, ","), check: areRoles, at: func(c *Config) any { return &c.Access.Roles },
		help: "roles of 9060 whose holders may read (C3)"},
	{key: "access.denied_roles", otherwise: strings.Join(access.DefaultPolicy().DeniedRoles, ","), check: areRoles, at: func(c *Config) any { return &c.Access.DeniedRoles },
		help: "roles of 9060 that may not, also when `access.roles` has them (C3)"},
	{key: "access.break_glass", check: areBreakGlass, at: func(c *Config) any { return &c.Access.BreakGlass },
		help: "purposes of emergency that open what a patient has barred to health personnel (NORS, C2): some of ETREAT and BTG; empty is none"},

	{key: "limits.request", otherwise: "256MiB", check: positive, at: func(c *Config) any { return &c.Limits.Request }, help: "largest request body"},
	{key: "limits.header", otherwise: "64KiB", check: positive, at: func(c *Config) any { return &c.Limits.Header }, help: "largest request header"},
	{key: "limits.header_timeout", otherwise: "10s", check: positive, at: func(c *Config) any { return &c.Limits.HeaderTimeout }, help: "longest wait for a header"},
	{key: "limits.idle_timeout", otherwise: "75s", check: positive, at: func(c *Config) any { return &c.Limits.IdleTimeout }, help: "longest idle connection"},
	{key: "limits.stall_timeout", otherwise: "30s", check: positive, at: func(c *Config) any { return &c.Limits.StallTimeout },
		help: "longest pause of a sender or receiver"},
	{key: "limits.min_rate", otherwise: "32KiB", check: positive, at: func(c *Config) any { return &c.Limits.MinRate }, help: "slowest sender, bytes per second"},
	{key: "limits.in_flight", otherwise: "128", check: between(1, 10000), at: func(c *Config) any { return &c.Limits.InFlight }, help: "requests at once"},
	{key: "limits.query_objects", otherwise: "1000", check: between(1, 10000), at: func(c *Config) any { return &c.Limits.QueryObjects },
		help: "whole objects that the answer to a stored query (ITI-18, 38, 51) may hold; of more it is refused (XDSTooManyResults), and 10,000 references can be asked for"},
	{key: "limits.uploads_at_work", otherwise: "0", check: between(0, 500), at: func(c *Config) any { return &c.Limits.UploadsAtWork },
		help: "uploads judged, scanned and stored at once, at most `clamd.slots`; 0 means two for each processor"},
	{key: "limits.upload_bytes", otherwise: "2GiB", check: positive, at: func(c *Config) any { return &c.Limits.UploadBytes },
		help: "bytes of all uploads under way, as declared; at least `limits.request`. Keep room for three quarters of it in `spool_dir`"},
	{key: "limits.shutdown_grace", otherwise: "20s", check: positive, at: func(c *Config) any { return &c.Limits.ShutdownGrace },
		help: "time for open requests after SIGTERM"},

	{key: "secrets.locator_key", need: Serving, secret: true, at: func(c *Config) any { return &c.Secrets.LocatorKey },
		help: "32 bytes, hex or base64; must never change"},
	{key: "secrets.cursor_key", need: Serving, secret: true, at: func(c *Config) any { return &c.Secrets.CursorKey },
		help: "32 bytes, hex or base64; the same in every replica"},

	{key: "tracing.endpoint", check: isHTTP, at: func(c *Config) any { return &c.Tracing.Endpoint },
		help: "base URL of a collector that takes OpenTelemetry traces (OTLP over HTTP, `http://…:4318`); when empty, there are no traces"},
	{key: "tracing.sample_ratio", otherwise: "0.05", at: func(c *Config) any { return &c.Tracing.Ratio }, help: "share of requests and of background work that is traced; what a caller's traceparent asks for is not obeyed"},
	{key: "tracing.service_name", otherwise: "dokumentlager", at: func(c *Config) any { return &c.Tracing.Service }, help: "service.name in the traces"},

	{key: "audit.signing_key", need: Serving, secret: true, check: isSignerKey, at: func(c *Config) any { return &c.Audit.SigningKey },
		help: "key that signs the audit log's heads, as `dokumentlager audit key` makes one; the same in every replica"},
	{key: "audit.verifier_keys", check: areVerifierKeys, at: func(c *Config) any { return &c.Audit.VerifierKeys },
		help: "public keys of those that signed before it, so that their heads still count"},
	{key: "audit.retention_years", otherwise: "10", check: between(0, 200), at: func(c *Config) any { return &c.Audit.RetentionYears },
		help: "years that `dokumentlager audit prune` keeps events; 0 keeps them for ever"},

	{key: "synthetic_identities", otherwise: "false", at: func(c *Config) any { return &c.SyntheticIdentities },
		help: "let synthetic national numbers pass; test environments only"},
	{key: "log_level", otherwise: "info", at: func(c *Config) any { return &c.LogLevel }, help: "debug, info, warn or error"},
	{key: "spool_dir", check: isDir, at: func(c *Config) any { return &c.SpoolDir }, help: "folder for documents while they are received"},
}
