package atna

import (
	"net/url"
	"slices"
	"strings"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fhir"
)

// agents are who took part: client and server of a request, the person, the organisations; of a command, who gave it.
func agents(line audit.Line, op Operation, from Source) []fhir.AuditEventAgent {
	if line.Caller.Kind == access.Operator.String() {
		return []fhir.AuditEventAgent{operator(line)}
	}
	client, server := sides(op)
	all := []fhir.AuditEventAgent{clientAgent(line, client), {Type: concept(server), Who: observer(from), Network: network(from.Address)}}
	if isPerson(line) {
		all = append(all, userAgent(line))
	}
	return append(all, organisations(line)...)
}

// sides are the roles of client and server, as BALP's patterns have them: data flow from source to destination, and a query flows like
// data that are sent.
func sides(op Operation) (client, server fhir.Coding) {
	switch op.Flow {
	case Reading:
		return destinationRole, sourceRole
	case Deleting:
		return application, custodian
	}
	return sourceRole, destinationRole
}

// clientAgent is the HelseID client, or the one that an assertion names. It is an application too (OAUTHaccessTokenUse.Comprehensive); the token's id stands here when no
// person is behind it.
func clientAgent(line audit.Line, role fhir.Coding) fhir.AuditEventAgent {
	types := []fhir.Coding{role}
	if role != application {
		types = append(types, application)
	}
	c := line.Caller
	a := fhir.AuditEventAgent{Type: concept(types...), Name: told(c.ClientName), Requestor: !isPerson(line), Network: network(""),
		Who: &fhir.Reference{Type: "Device", Display: told(c.ClientName)}}
	if c.ClientID != "" {
		a.Who.Identifier = &fhir.Identifier{Value: told(c.ClientID)}
	}
	if a.Who.Identifier == nil && a.Who.Display == "" {
		a.Who.Display = "unknown client"
	}
	if !isPerson(line) {
		a.Policy = policy(c.TokenID)
	}
	return a
}

// isPerson: somebody stands behind the client.
func isPerson(line audit.Line) bool {
	return slices.Contains([]string{access.Personnel.String(), access.Citizen.String(), access.Guardian.String(), access.Proxy.String()}, line.Caller.Kind)
}

// userAgent is the person by the token. The national identity number is not in the log, so who has no HPR number has no identifier, and
// BALP's Minimal profile of token use is what is left.
func userAgent(line audit.Line) fhir.AuditEventAgent {
	c := line.Caller
	a := fhir.AuditEventAgent{Type: concept(recipient), Name: told(c.Name), Requestor: true, Policy: policy(c.TokenID), PurposeOfUse: purposes(line),
		Who: &fhir.Reference{Display: told(c.Name)}}
	if c.Role != "" {
		a.Role = []fhir.CodeableConcept{*concept(fhir.Coding{System: personnelSystem, Code: told(c.Role)})}
	}
	if c.HPR != "" {
		a.Who.Type, a.Who.Identifier = "Practitioner", &fhir.Identifier{System: hprSystem, Value: told(c.HPR)}
	}
	if a.Who.Display == "" && c.HPR == "" {
		a.Who.Display = "unknown person"
	}
	if c.Issuer != "" {
		return samlAgent(line, a)
	}
	if c.HPR == "" {
		a.Type.Coding = append(a.Type.Coding, tokenUser)
	}
	return a
}

// policy is where BALP puts a token's jti. FHIR has a URI there, which may not have spaces.
func policy(jti string) []string {
	if jti == "" {
		return nil
	}
	if strings.ContainsFunc(jti, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		jti = url.PathEscape(jti)
	}
	return []string{jti}
}

// organisations are those of the token, by organisation number (ENH).
func organisations(line audit.Line) (all []fhir.AuditEventAgent) {
	c := line.Caller
	for _, o := range []struct {
		number, name string
		kind, role   fhir.Coding
	}{
		{c.Organisation, c.OrganisationTxt, provider, legalEntity},
		{c.PointOfCare, c.PointOfCareTxt, provider, pointOfCare},
		{c.Supplier, "", actingFor, supplier},
	} {
		if o.number != "" {
			all = append(all, fhir.AuditEventAgent{Type: concept(o.kind), Role: []fhir.CodeableConcept{*concept(o.role)}, Name: told(o.name),
				Who: &fhir.Reference{Type: "Organization", Identifier: &fhir.Identifier{System: organisationSystem, Value: told(o.number)}, Display: told(o.name)}})
		}
	}
	return all
}

// itself is how the service's own work names its operator (internal/server); no account has such a name.
const itself = "dokumentlager serve"

// operator is who gave a command: a person's account on a machine, or the service itself.
func operator(line audit.Line) fhir.AuditEventAgent {
	name := told(line.Caller.Name)
	a := fhir.AuditEventAgent{Type: concept(humanUser), AltID: name, Name: name, Requestor: true, Who: &fhir.Reference{Display: name}}
	if name == itself {
		a.Type, a.AltID = concept(application), ""
	}
	return a
}

// network is an address, or that nobody knows it: the log does not keep the caller's, which behind a load balancer would be the balancer's.
func network(address string) *fhir.AuditEventNetwork {
	if address == "" {
		return &fhir.AuditEventNetwork{Extension: fhir.AbsentBecause("unknown").Extension}
	}
	return &fhir.AuditEventNetwork{Address: address, Type: "5"}
}
