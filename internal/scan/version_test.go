package scan_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/scan"
)

func TestSignatures(t *testing.T) {
	t.Parallel()
	says := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			command := make([]byte, len("zVERSION\x00"))
			if _, err := io.ReadFull(conn, command); err == nil && string(command) == "zVERSION\x00" {
				_, _ = io.WriteString(conn, text)
			}
		}
	}
	dated := scan.Signatures{Engine: "1.4.3", Database: 27800, Built: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	early := dated
	early.Built = time.Date(2026, 11, 5, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		play   func(net.Conn)
		want   scan.Signatures
		text   string
		reason error
	}{
		{"dated", says("ClamAV 1.4.3/27800/Fri Nov 20 09:00:00 2026\x00"), dated, "1.4.3/27800", nil},
		{"the name of the day does not matter", says("ClamAV 1.4.3/27800/Thu Nov 20 09:00:00 2026\x00"), dated, "1.4.3/27800", nil},
		{"a day of one digit", says("ClamAV 1.4.3/27800/Thu Nov  5 09:00:00 2026\x00"), early, "1.4.3/27800", nil},
		{"undated", says("ClamAV 1.4.3-rc\x00"), scan.Signatures{Engine: "1.4.3-rc"}, "1.4.3-rc/-", nil},
		{"database without date", says("ClamAV 1.4.3/27800\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"database 0", says("ClamAV 1.4.3/0/Fri Nov 20 09:00:00 2026\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"database with a sign", says("ClamAV 1.4.3/+1/Fri Nov 20 09:00:00 2026\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"an empty date", says("ClamAV 1.4.3/27800/\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"another form of date", says("ClamAV 1.4.3/27800/2026-11-20T09:00:00Z\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"a fraction", says("ClamAV 1.4.3/27800/Fri Nov 20 09:00:00.5 2026\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"no such day", says("ClamAV 1.4.3/27800/Fri Nov 31 09:00:00 2026\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"the epoch", says("ClamAV 1.4.3/27800/Thu Jan  1 00:00:00 1970\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"more parts", says("ClamAV 1.4.3/27800/Fri Nov 20 09:00:00 2026/x\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"no engine", says("ClamAV \x00"), scan.Signatures{}, "", scan.ErrReply},
		{"an odd engine", says("ClamAV 1.4\r\n3\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"another program", says("SophosAV 1\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"an error", says("UNKNOWN COMMAND\x00"), scan.Signatures{}, "", scan.ErrReply},
		{"half", says("ClamAV 1.4.3/27800/Fri Nov 20 09:00"), scan.Signatures{}, "", scan.ErrCutOff},
		{"nothing", says(""), scan.Signatures{}, "", scan.ErrCutOff},
		{"hang", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, scan.Signatures{}, "", scan.ErrTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := scan.New(scan.Config{Address: fake(t, c.play), Deadline: time.Second}).Signatures(t.Context())
			if got != c.want || (err == nil) != (c.reason == nil) || !errors.Is(err, c.reason) {
				t.Errorf("%+v, %v; want %+v, %v", got, err, c.want, c.reason)
			}
			if err == nil && got.String() != c.text {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestRealSignatures: what the clamd of the development stack answers, and one with a dated set. It has a stack of its own for that.
func TestRealSignatures(t *testing.T) {
	t.Parallel()
	got, err := scan.New(scan.Config{Address: stacktest.Parts(t).Clamd}).Signatures(t.Context())
	if err != nil || got.Engine == "" || got.Dated() || got.Database != 0 {
		t.Errorf("a private set: %+v, %v", got, err)
	}
	parts, err := devstack.StartParts(t.Context(), devstack.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Stop()
	built := time.Date(2026, 11, 5, 9, 30, 0, 0, time.UTC)
	if err := parts.SetSignatures(t.Context(), devstack.Signatures{Database: 27800, Built: built}); err != nil {
		t.Fatal(err)
	}
	got, err = scan.New(scan.Config{Address: parts.Clamd}).Signatures(t.Context())
	if err != nil || got.Database != 27800 || !got.Built.Equal(built) {
		t.Errorf("a dated set: %+v, %v", got, err)
	}
}
