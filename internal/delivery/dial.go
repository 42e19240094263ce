package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// dialWithin bounds connection and handshake.
const dialWithin = 10 * time.Second

var errForbidden = errors.New("the address that the name stands for is not one that is dialled")

// connect opens the connection before anything is read for the answer: a consumer that is away costs no transaction and no audit event.
func (c Consumer) connect(ctx context.Context, to address, roots *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	dialer := net.Dialer{Control: func(_, dialled string, _ syscall.RawConn) error { return c.mayDial(to, dialled) }}
	conn, err := dialer.DialContext(ctx, "tcp", to.dial())
	if err != nil || to.scheme != "https" {
		return conn, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != nil {
		config = roots.Clone()
	}
	config.ServerName = to.host
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// mayDial looks at the IP address that is really dialled, whatever the name stood for a moment ago. Addresses that belong to this machine, to its
// link or to a group are dialled only when the configuration names the IP address itself.
func (c Consumer) mayDial(to address, dialled string) error {
	at, err := netip.ParseAddrPort(dialled)
	if err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	ip := at.Addr().Unmap().WithZone("")
	if len(c.Networks) > 0 && !slices.ContainsFunc(c.Networks, func(n netip.Prefix) bool { return n.Contains(ip) }) {
		return errForbidden
	}
	named, err := netip.ParseAddr(to.host)
	if err == nil && named.Unmap() == ip {
		return nil
	}
	if !ip.IsGlobalUnicast() || slices.Contains(metadata, ip) {
		return errForbidden
	}
	return nil
}

// metadata are addresses at which clouds tell a machine its secrets, beside those of the link (169.254.169.254).
var metadata = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.0.0.192")}
