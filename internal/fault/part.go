package fault

import "cmp"

// Part is where something failed, as operations name it (A3): one of those below, whatever went wrong.
type Part string

// The outside things the service stands on, and the service itself, which also answers for its callers' mistakes.
const (
	Self            Part = "self"
	Postgres        Part = "postgres"
	ObjectStore     Part = "s3"
	Clamd           Part = "clamd"
	HelseID         Part = "helseid"
	Persontjenesten Part = "persontjenesten"
)

// Parts are all of them.
func Parts() []Part {
	return []Part{Self, Postgres, ObjectStore, Clamd, HelseID, Persontjenesten}
}

// FromPart is an error of a part's that is no problem yet: the part answered, and we do not know what to do with what it said. Nil stays nil.
func FromPart(part Part, err error) error {
	if err == nil {
		return nil
	}
	return partError{part, err}
}

type partError struct {
	part Part
	err  error
}

func (e partError) Error() string { return e.err.Error() }
func (e partError) Unwrap() error { return e.err }

// PartOf is the part that err's leading problem comes from: the innermost one that it or its causes name, since that is where it began; Self
// when none is.
func PartOf(err error) Part {
	var lead error = Of(err).Leading()
	if lead == error((*Problem)(nil)) {
		lead = err
	}
	if part := named(lead); part != "" {
		return part
	}
	return Self
}

// named is the innermost part that err names, of several joined errors the first one's.
func named(err error) Part {
	switch e := err.(type) {
	case nil:
		return ""
	case *Problem:
		return cmp.Or(named(e.Err), e.Part)
	case partError:
		return cmp.Or(named(e.err), e.part)
	case interface{ Unwrap() error }:
		return named(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if part := named(inner); part != "" {
				return part
			}
		}
	}
	return ""
}
