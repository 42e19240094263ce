// Package sts is the development HelseID: it issues tokens of the real shape by the real protocol, in process and on loopback.
//
// It promises that what a client learns here holds at HelseID: discovery, JWKS, /connect/token for client_credentials with
// private_key_jwt client assertion, DPoP (RFC 9449) with nonce challenge, at+jwt access tokens (RFC 9068) with the claims of
// spec/tokens, organisations of multi-tenant clients by authorization_details (spec/nhn.md, Tokens). What differs is said
// where it differs. Besides, it signs any claims asked for at /test/token, plays the two issuers of SAML assertions (HelseID's XUA and
// Helsenorge's STS) at /test/saml, and Persontjenesten, which is why it must never be reachable outside a developer's machine: only
// `dokumentlager dev` and tests import it.
package sts

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The addresses below the issuer.
const (
	discoveryPath = "/.well-known/openid-configuration"
	jwksPath      = "/.well-known/openid-configuration/jwks"
	tokenPath     = "/connect/token"
	testTokenPath = "/test/token"
	// testPersonPath changes a synthetic person, and below it /outage what the person endpoint does.
	testPersonPath = "/test/person"
	testSAMLPath   = "/test/saml"
)

// Options says how a server is started.
type Options struct {
	// Dir keeps signing key, client keys and port, so that issuer and tokens survive a restart; it is made when missing.
	Dir string
	// Listen is the address to listen on; empty means 127.0.0.1:0. Port 0 takes the port of the last start while it is free.
	Listen string
	// Clients are the registered clients; nil means DefaultClients. A client without a key is given one, which is kept.
	Clients []Client
	// Persons are added to those of persons.json, or replace them.
	Persons []Person
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log receives refusals, without their values; nil discards them.
	Log *slog.Logger
}

// Server is a running HelseID.
type Server struct {
	issuer   string
	now      func() time.Time
	log      *slog.Logger
	key      signingKey
	saml     []SAMLIssuer
	clients  map[string]*registered
	ordered  []Client
	register *register
	// personClient is the client of the service itself towards the Persontjenesten played here.
	personClient Client
	nonces       nonces
	seen         *seen
	http         *http.Server
	done         chan struct{}
}

// Start listens and serves until Close or until ctx ends.
func Start(ctx context.Context, opt Options) (*Server, error) {
	if opt.Dir == "" {
		return nil, errors.New("sts: no folder given")
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("sts: %w", err)
	}
	s := &Server{now: opt.Now, log: opt.Log, seen: newSeen(), done: make(chan struct{})}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if _, err := rand.Read(s.nonces.key[:]); err != nil {
		return nil, err
	}
	if err := s.load(opt); err != nil {
		return nil, err
	}
	return s, s.serve(ctx, opt)
}

// load reads or makes what the folder keeps.
func (s *Server) load(opt Options) (err error) {
	if s.key, err = loadSigningKey(filepath.Join(opt.Dir, "signing.jwk")); err != nil {
		return err
	}
	if err = s.loadSAML(opt.Dir); err != nil {
		return err
	}
	clients := opt.Clients
	if clients == nil {
		clients = DefaultClients()
	}
	if s.clients, s.ordered, err = registerClients(opt.Dir, append(slices.Clone(clients), personClient())); err != nil {
		return err
	}
	s.ordered, s.personClient = s.ordered[:len(clients)], s.ordered[len(clients)]
	s.register, err = newRegister(opt.Persons)
	return err
}

func (s *Server) serve(ctx context.Context, opt Options) error {
	listener, err := listen(opt.Listen, filepath.Join(opt.Dir, "port"))
	if err != nil {
		return err
	}
	s.issuer = "http://" + listener.Addr().String()
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() {
		defer close(s.done)
		defer stop()
		_ = s.http.Serve(listener)
	}()
	return nil
}

// listen takes the port of the last start when any will do: the issuer is part of every token.
func listen(address, portFile string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("sts: %w", err)
	}
	if last, err := os.ReadFile(portFile); err == nil && port == "0" {
		if listener, err := net.Listen("tcp", net.JoinHostPort(host, strings.TrimSpace(string(last)))); err == nil {
			return listener, nil
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("sts: %w", err)
	}
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err = errors.Join(err, os.WriteFile(portFile, []byte(port+"\n"), 0o600)); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// Close stops serving; requests under way have two seconds.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close()
	}
	<-s.done
	return err
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+discoveryPath, s.discovery)
	mux.HandleFunc("GET "+jwksPath, s.jwks)
	mux.HandleFunc("POST "+tokenPath, s.token)
	mux.HandleFunc("POST "+testTokenPath, s.testToken)
	mux.HandleFunc("POST "+testSAMLPath, s.testSAML)
	mux.HandleFunc("POST "+personPath, s.person)
	for _, method := range []string{"POST ", "PUT "} {
		mux.HandleFunc(method+testPersonPath, s.testPerson)
		mux.HandleFunc(method+testPersonPath+"/outage", s.testOutage)
	}
	return mux
}

// Issuer is the `iss` of every token, and the base of all addresses.
func (s *Server) Issuer() string { return s.issuer }

// TokenEndpoint is where clients get tokens.
func (s *Server) TokenEndpoint() string { return s.issuer + tokenPath }

// TestTokenEndpoint is where tests get tokens with any claims.
func (s *Server) TestTokenEndpoint() string { return s.issuer + testTokenPath }

// JWKSEndpoint is where the public signing key is.
func (s *Server) JWKSEndpoint() string { return s.issuer + jwksPath }

// TestSAMLEndpoint is where tests get assertions of the two SAML issuers, with any attributes.
func (s *Server) TestSAMLEndpoint() string { return s.issuer + testSAMLPath }

// PersonURL is the base address of the Persontjenesten that this server plays; PersonEndpoint is its one operation.
func (s *Server) PersonURL() string { return s.issuer + personBase }

// PersonEndpoint is PersonURL's operation get-by-nin.
func (s *Server) PersonEndpoint() string { return s.issuer + personPath }

// TestPersonEndpoint is where tests change a person's facts, and below it /outage what becomes of questions.
func (s *Server) TestPersonEndpoint() string { return s.issuer + testPersonPath }

// PersonClient is the service's own client at Persontjenesten, with its private key. It is not among Clients.
func (s *Server) PersonClient() Client { return s.personClient }

// Clients are the registered clients with their private keys, in the order given.
func (s *Server) Clients() []Client { return s.ordered }
