package xds

import (
	"context"
	"slices"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
)

// How many objects an answer holds: whole ones, unless Config.Objects says otherwise, and references to them.
const (
	mostObjects    = 1000
	mostReferences = 10_000
)

// iti18 is Registry Stored Query: of the caller's own organisation, or of the home that it names.
func (d *Door) iti18(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.stored(ctx, r, false)
}

// iti38 is Cross Gateway Query: of all that hold the patient, or of the home that it names.
func (d *Door) iti38(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.stored(ctx, r, false)
}

// iti51 is Multi-Patient Stored Query: iti18 with the queries of its own.
func (d *Door) iti51(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.stored(ctx, r, true)
}

// stored asks a stored query; several tells those of ITI-51 from the others.
func (d *Door) stored(ctx context.Context, r *endpoint.Request, several bool) (*endpoint.Answer, error) {
	q, err := ebxml.ReadQuery(r.Message.Body)
	if err == nil && q.Query.MultiPatient() != several {
		err = fault.New(fault.UnknownStoredQuery, "This stored query belongs to another transaction.").At("AdhocQuery.id")
	}
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	reader, err := d.lister(r)
	if err != nil {
		return nil, err
	}
	asked := disclosure.Stored{Query: q, Gateway: r.Actor.Transaction == "ITI-38", Limit: d.mostObjects(q.References)}
	found, err := d.Disclosures.Stored(ctx, reader, asked)
	if err != nil {
		return nil, located(err, q.Home)
	}
	errors := endpoint.Errors(r.Actor.Transaction, silent(found.Warnings), q.Home)
	objects := objectsOf(found.Objects, q.References)
	return &endpoint.Answer{Body: func(dst []byte) []byte {
		return ebxml.AppendQueryResponse(dst, ebxml.StatusOf(errors, true), errors, objects)
	}}, nil
}

func (d *Door) mostObjects(references bool) int {
	switch {
	case references:
		return max(mostReferences, d.Objects)
	case d.Objects > 0:
		return d.Objects
	default:
		return mostObjects
	}
}

// located says of problems that have no place of their own that they are the home's (XCA).
func located(err error, home string) error {
	problems := slices.Clone(fault.Of(err))
	for i, p := range problems {
		if home != "" && p.Location == "" {
			there := *p
			there.Location = document.URN(home)
			problems[i] = &there
		}
	}
	return problems
}

// silent communities are errors of XCA, which make the answer a partial one; in lists at the REST doors they are warnings.
func silent(warnings fault.Problems) fault.Problems {
	told := slices.Clone(warnings)
	for i, w := range told {
		severe := *w
		severe.Severity = fault.Error
		told[i] = &severe
	}
	return told
}
