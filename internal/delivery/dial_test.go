package delivery

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
)

// TestWhatIsDialled: the IP address counts at the moment when it is dialled, whatever a name server says (spec/soap.md 5).
func TestWhatIsDialled(t *testing.T) {
	t.Parallel()
	inside := Consumer{Networks: []netip.Prefix{netip.MustParsePrefix("10.2.0.0/16")}}
	for _, c := range []struct {
		consumer      Consumer
		host, dialled string
		want          bool
	}{
		{Consumer{}, "gw.example.no", "203.0.113.7:443", true}, {Consumer{}, "gw.example.no", "10.9.9.9:443", true}, {Consumer{}, "gw.example.no", "[2001:db8::1]:443", true},
		{Consumer{}, "gw.example.no", "127.0.0.1:443", false}, {Consumer{}, "gw.example.no", "[::1]:443", false}, {Consumer{}, "gw.example.no", "[::ffff:127.0.0.1]:443", false},
		{Consumer{}, "gw.example.no", "169.254.169.254:443", false}, {Consumer{}, "gw.example.no", "[::ffff:169.254.169.254]:443", false}, {Consumer{}, "gw.example.no", "[fe80::1%eth0]:443", false},
		{Consumer{}, "gw.example.no", "[fd00:ec2::254]:443", false}, {Consumer{}, "gw.example.no", "100.100.100.200:443", false}, {Consumer{}, "gw.example.no", "0.0.0.0:443", false},
		{Consumer{}, "gw.example.no", "224.0.0.1:443", false}, {Consumer{}, "gw.example.no", "255.255.255.255:443", false}, {Consumer{}, "gw.example.no", "gw.example.no:443", false},
		{Consumer{}, "127.0.0.1", "127.0.0.1:443", true}, {Consumer{}, "169.254.169.254", "169.254.169.254:80", true}, {Consumer{}, "::1", "[::1]:80", true},
		{Consumer{}, "127.0.0.1", "127.0.0.2:443", false},
		{Consumer{}, "gw.example.no", "[::ffff:100.100.100.200]:443", false}, {inside, "gw.example.no", "[::ffff:10.2.3.4]:443", true},
		{inside, "gw.example.no", "10.2.3.4:443", true}, {inside, "gw.example.no", "10.3.3.4:443", false}, {inside, "10.3.3.4", "10.3.3.4:443", false},
		{inside, "gw.example.no", "203.0.113.7:443", false},
	} {
		if err := c.consumer.mayDial(address{host: c.host}, c.dialled); (err == nil) != c.want || err != nil && !errors.Is(err, errForbidden) {
			t.Errorf("%s at %s: %v, want %t", c.host, c.dialled, err, c.want)
		}
	}
}

// TestNameOfThisMachineIsNotDialled: the dialler really asks, before a byte is sent.
func TestNameOfThisMachineIsNotDialled(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	conn, err := Consumer{}.connect(context.Background(), address{scheme: "http", host: "127.0.0.1", port: port}, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if conn, err := (Consumer{}).connect(context.Background(), address{scheme: "http", host: "localhost", port: port}, nil); !errors.Is(err, errForbidden) {
		t.Errorf("%v, %v", conn, err)
	}
}
