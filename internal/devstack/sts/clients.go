package sts

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// Client is a registered HelseID client.
type Client struct {
	ClientID string
	// Name is helseid://claims/client/client_name.
	Name string
	// PrivateJWK signs client assertions. Empty at Start means that one is made and kept in Options.Dir.
	PrivateJWK json.RawMessage
	// Organisations are the organisation numbers the client may act for. The first is meant when an assertion names none: HelseID
	// itself refuses that for a multi-tenant client.
	Organisations []string
	// Scopes are those it may ask for; a request without `scope` gets those of the first one's audience.
	Scopes []string
	// MultiTenant is a supplier's client that acts for several organisations; Supplier is the supplier's own number.
	MultiTenant bool
	Supplier    string
}

// The dev clients' scopes, as S1 and S2 spell them (rules W1, R1, R2).
var (
	writeScopes = []string{
		"nhn:phr-document-repository/mhd/create-documents-with-reference",
		"nhn:phr-document-repository/delete-documents-and-reference",
	}
	readScopes = []string{
		"nhn:phr/mhd/read-documentreferences",
		"nhn:phr/mhd/read-documentreferences/kjernejournalforskriften",
		"nhn:phr/mhd/read-document",
	}
	// Those of the audit log are ours (A2, A4).
	ownLogScope     = []string{"nhn:phr/audit/read-own"}
	inspectScope    = []string{"nhn:phr/audit/inspect"}
	helsenorgeScope = []string{"nhn:phr/audit/helsenorge"}
)

// DefaultClients are the clients of the dev stack: one that writes, one that reads and one that reads the log for each tenant, an inspector's,
// whose organisation owns no tenant, and Helsenorge's. What a health worker reads needs a personal token, which the test endpoint makes; the
// readers' own are machine tokens.
func DefaultClients() []Client {
	return []Client{
		{ClientID: "epj-betanien", Name: "Betanien - EPJ", Organisations: []string{"981275721"}, Scopes: writeScopes},
		{ClientID: "epj-oslo", Name: "Oslo kommune - EPJ", Organisations: []string{"958935420"}, Scopes: writeScopes},
		{ClientID: "epj-felles", Name: "Felles - EPJ", Organisations: []string{"960510542", "994598759"}, Scopes: writeScopes, MultiTenant: true, Supplier: "213710192"},
		{ClientID: "les-betanien", Name: "Betanien - lesetilgang", Organisations: []string{"981275721"}, Scopes: readScopes},
		{ClientID: "les-oslo", Name: "Oslo kommune - lesetilgang", Organisations: []string{"958935420"}, Scopes: readScopes},
		{ClientID: "les-felles", Name: "Felles - lesetilgang", Organisations: []string{"960510542", "994598759"}, Scopes: readScopes, MultiTenant: true, Supplier: "213710192"},
		{ClientID: "logg-betanien", Name: "Betanien - innsyn i logg", Organisations: []string{"981275721"}, Scopes: ownLogScope},
		{ClientID: "logg-oslo", Name: "Oslo kommune - innsyn i logg", Organisations: []string{"958935420"}, Scopes: ownLogScope},
		{ClientID: "logg-felles", Name: "Felles - innsyn i logg", Organisations: []string{"960510542", "994598759"}, Scopes: ownLogScope, MultiTenant: true, Supplier: "213710192"},
		{ClientID: "tilsyn", Name: "Tilsynet - innsyn i logg", Organisations: []string{"900000014"}, Scopes: inspectScope},
		{ClientID: "helsenorge", Name: "Helsenorge", Organisations: []string{"900000022"}, Scopes: helsenorgeScope},
	}
}

// registered is a client as the token endpoint sees it: with the public key only.
type registered struct {
	Client
	public jwk.Key
}

// clientIDs become file names.
var clientIDs = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// personClient is dokumentlager itself, as it is registered to ask Persontjenesten.
func personClient() Client {
	return Client{ClientID: "dokumentlager", Name: "Norsk helsenett - dokumentlager", Organisations: []string{"994598759"}, Scopes: []string{PersonScope}}
}

// registerClients completes the clients with keys and indexes them.
func registerClients(dir string, clients []Client) (map[string]*registered, []Client, error) {
	byID := make(map[string]*registered, len(clients))
	ordered := make([]Client, 0, len(clients))
	for _, client := range clients {
		if !clientIDs.MatchString(client.ClientID) || byID[client.ClientID] != nil {
			return nil, nil, fmt.Errorf("sts: client id %q is malformed or there twice", client.ClientID)
		}
		if len(client.Organisations) == 0 || len(client.Scopes) == 0 {
			return nil, nil, fmt.Errorf("sts: client %s has no organisation or no scope", client.ClientID)
		}
		r, err := withKey(dir, client)
		if err != nil {
			return nil, nil, err
		}
		byID[client.ClientID] = r
		ordered = append(ordered, r.Client)
	}
	return byID, ordered, nil
}

func withKey(dir string, client Client) (*registered, error) {
	var key jwk.Key
	var err error
	if len(client.PrivateJWK) > 0 {
		key, err = jwk.ParseKey(client.PrivateJWK)
	} else {
		key, err = loadKey(filepath.Join(dir, "client-"+client.ClientID+".jwk"), newClientKey, jwa.ES256())
	}
	if err != nil {
		return nil, fmt.Errorf("sts: key of client %s: %w", client.ClientID, err)
	}
	public, err := key.PublicKey()
	if err != nil {
		return nil, fmt.Errorf("sts: key of client %s: %w", client.ClientID, err)
	}
	if client.PrivateJWK, err = json.Marshal(key); err != nil {
		return nil, fmt.Errorf("sts: key of client %s: %w", client.ClientID, err)
	}
	return &registered{Client: client, public: public}, nil
}
