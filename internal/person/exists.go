package person

import (
	"context"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// Exists tells in Answer.Registered whether the register knows a National patient (P2). Who was known no longer than Config.Known ago is
// not asked about again, because a number that somebody was given stays his. Nobody's number may be somebody's in the next minute, with a new
// D-nummer: that is believed for Config.Fresh, and not at all while the service is down. The error is PartUnavailable when nobody can
// tell; it is the context's own when the caller left.
func (c *Client) Exists(ctx context.Context, p document.PatientID) (Answer, error) {
	key := c.key("patient", p.Value)
	if a, ok := c.remembered(key, c.cfg.Known); ok && a.Registered {
		return a, nil
	}
	a, err := c.facts(ctx, key, p.Value)
	switch {
	case ctx.Err() != nil && err != nil:
		return Answer{}, ctx.Err()
	case err != nil:
		return Answer{}, c.unverifiable(err)
	case a.Stale && !a.Registered:
		return Answer{}, c.unverifiable(nil)
	}
	return a, nil
}

func (c *Client) unverifiable(cause error) error {
	return fault.New(fault.PartUnavailable, "Persontjenesten does not answer, and without it nobody can tell whether somebody has the patient's national "+
		"identity number. Nothing was stored; send the same message again.").By("P2").From(fault.Persontjenesten).RetryIn(c.cfg.Rest).Because(cause)
}
