// Package xds is the SOAP door: IHE XDS.b and XCA at three addresses (ITI-18, 38, 39, 41, 42, 43, 51, 57, 61, 62, 86, 92; spec/ihe.md 1.1-1.9).
//
// It promises to decode, to ask one use case, and to encode: no rule, SQL or store stands here. Every answer is the one of its transaction's
// profile, every refusal a RegistryError with its location or a SOAP fault, and every operation of a verified caller on documents leaves one
// audit event, written by the use case it asked.
package xds

import (
	"time"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/submission"

	"github.com/go-chi/chi/v5"
)

// Config is what the door is made of.
type Config struct {
	Front       *endpoint.Front
	Submissions *submission.Service
	Disclosures *disclosure.Service
	Now         func() time.Time
	// Objects is the most that the answer to a query holds as whole objects; 0 is the standard.
	Objects int
}

// Door answers requests. Make it with New.
type Door struct{ Config }

// New makes a door.
func New(c Config) *Door { return &Door{c} }

// The addresses.
const (
	Gateway    = "/XCA/services/RespondingGatewayService"
	Registry   = "/Registry/services/RegistryService"
	Repository = "/Repository/services/RepositoryService"
)

// Routes puts the door's addresses on a router.
func (d *Door) Routes(r chi.Router) {
	r.Post(Gateway, d.Front.Address(d.gateway()...))
	r.Post(Registry, d.Front.Address(d.registry()...))
	r.Post(Repository, d.Front.Address(d.repository()...))
}
