package delivery

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"dokumentlager/internal/audit"
)

// Consumer is who may have answers sent to an address of its own.
type Consumer struct {
	// Name is ours, short: operators see it.
	Name string
	// Clients and Organisations are the senders, by the assertion's client_id and organisation number; one that is named suffices.
	Clients, Organisations []string
	// Addresses are the whole URLs that it may name as ReplyTo.
	Addresses []string
	// Networks, if there are any, are where its addresses must be when they are dialled.
	Networks []netip.Prefix
	// Waiting is how many answers may wait for it, and Parallel how many one process sends to it at once.
	Waiting, Parallel int
}

var consumerName = regexp.MustCompile(`^[a-z][a-z0-9]{0,19}$`)

// Check refuses consumers that could get what is not meant for them, or nothing.
func Check(all []Consumer) error {
	var names []string
	for _, c := range all {
		if err := c.check(); err != nil {
			return fmt.Errorf("consumer %q: %w", c.Name, err)
		}
		if slices.Contains(names, c.Name) {
			return fmt.Errorf("the consumer %q stands twice", c.Name)
		}
		names = append(names, c.Name)
	}
	return nil
}

func (c Consumer) check() error {
	switch {
	case !consumerName.MatchString(c.Name):
		return errors.New("its name must be 1 to 20 small letters and digits, a letter first")
	case len(c.Clients)+len(c.Organisations) == 0 || slices.Contains(c.Clients, "") || slices.Contains(c.Organisations, ""):
		return errors.New("neither a client nor an organisation is named, or an empty one")
	case len(c.Addresses) == 0:
		return errors.New("it has no address")
	case c.Waiting < 1 || c.Parallel < 1 || c.Parallel > 20:
		return errors.New("waiting must be above zero, and parallel from 1 to 20")
	}
	for _, address := range c.Addresses {
		if _, err := parseAddress(address); err != nil {
			return err
		}
	}
	return nil
}

// serves tells whether the caller is this consumer.
func (c Consumer) serves(actor audit.Actor) bool {
	return actor.ClientID != "" && slices.Contains(c.Clients, actor.ClientID) ||
		actor.Organisation != "" && slices.Contains(c.Organisations, actor.Organisation)
}

// allows tells whether an address is one of the consumer's: scheme, host, port and path, all of them.
func (c Consumer) allows(replyTo string) bool {
	asked, err := parseAddress(replyTo)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(c.Addresses, func(allowed string) bool {
		known, err := parseAddress(allowed)
		return err == nil && known == asked
	})
}

// address is where an answer goes, in parts that can be compared.
type address struct{ scheme, host, port, path string }

// dial is host and port.
func (a address) dial() string { return net.JoinHostPort(a.host, a.port) }

func (a address) String() string { return a.scheme + "://" + a.dial() + a.path }

// parseAddress takes http and https without user, query and fragment. A path that other programs may read as another one is none.
func parseAddress(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#") {
		return address{}, errors.New("an address must be an http or https URL without user, query and fragment")
	}
	a := address{scheme: u.Scheme, host: strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), port: u.Port(), path: u.EscapedPath()}
	standard, known := map[string]string{"http": "80", "https": "443"}[a.scheme]
	if !known {
		return address{}, errors.New("an address must be of http or https")
	}
	if a.port == "" {
		a.port = standard
	}
	if a.path == "" {
		a.path = "/"
	}
	if strings.ContainsAny(a.path, `\`) || slices.ContainsFunc(strings.Split(a.path, "/"), func(part string) bool { return part == "." || part == ".." }) {
		return address{}, errors.New("an address must not have . or .. in its path")
	}
	return a, nil
}
