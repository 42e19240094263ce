package sts

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// authorizationDetail is HelseID's way to name the organisation a client acts for; only what we use of it.
type authorizationDetail struct {
	Type             string `json:"type"`
	PractitionerRole struct {
		Organization struct {
			Identifier struct {
				Value string `json:"value"`
			} `json:"identifier"`
		} `json:"organization"`
	} `json:"practitioner_role"`
}

// orgNumber is the form of a Norwegian organisation number; test numbers need not have valid check digits.
var orgNumber = regexp.MustCompile(`^[0-9]{9}$`)

// chooseOrganisation sets parent and child from the assertion's authorization_details.
func (g *grant) chooseOrganisation(raw json.RawMessage) *refusal {
	g.parent = g.client.Organisations[0]
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	details, err := listOf(raw)
	if err != nil {
		return refuse("invalid_authorization_details", "authorization_details must be an object or a list of objects")
	}
	for _, detail := range details {
		if detail.Type != authorizationType {
			continue
		}
		return g.actFor(detail.PractitionerRole.Organization.Identifier.Value)
	}
	return refuse("invalid_authorization_details", "authorization_details has no element of type %s", authorizationType)
}

// actFor reads NO:ORGNR:parent[:child], or a bare number, which is a child organisation of a single-tenant client.
func (g *grant) actFor(value string) *refusal {
	parent, child := "", value
	if rest, ok := strings.CutPrefix(value, "NO:ORGNR:"); ok {
		parent, child, _ = strings.Cut(rest, ":")
	}
	if parent == "" {
		parent = g.client.Organisations[0]
	}
	if !orgNumber.MatchString(parent) || child != "" && !orgNumber.MatchString(child) {
		return refuse("invalid_authorization_details", "the organisation must be written NO:ORGNR:parent[:child] with numbers of nine digits")
	}
	if !slices.Contains(g.client.Organisations, parent) {
		return refuse("invalid_authorization_details", "the client %s may not act for the organisation %s", g.client.ClientID, parent)
	}
	g.parent, g.child = parent, child
	return nil
}

func listOf(raw json.RawMessage) ([]authorizationDetail, error) {
	var one authorizationDetail
	if json.Unmarshal(raw, &one) == nil {
		return []authorizationDetail{one}, nil
	}
	var several []authorizationDetail
	err := json.Unmarshal(raw, &several)
	return several, err
}
