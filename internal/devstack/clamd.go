package devstack

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dokumentlager/internal/scan"
)

// scanner is clamd with local signatures only. All its files are made anew at each start in the scratch folder: it keeps
// nothing, and AppArmor lets it read little besides /tmp.
type scanner struct {
	parts   *Parts
	program string
	as      identity
}

func (s *scanner) spec() spec {
	return spec{prepare: s.prepare, command: s.command, ready: s.ready, stopSignal: syscall.SIGTERM}
}

func (s *scanner) path(sub string) string { return filepath.Join(s.parts.state.Scratch, "clamd", sub) }

func (s *scanner) prepare(context.Context) error {
	// What parses hostile files does not run as root.
	as, err := lesserUser("nobody")
	if err != nil {
		return err
	}
	s.as = as
	for _, sub := range []string{"", "db", "tmp"} {
		if err := as.mkdir(s.path(sub)); err != nil {
			return err
		}
	}
	return errors.Join(
		as.writeFile(s.path("db/local.ndb"), []byte(signatures())),
		as.writeFile(s.path("clamd.conf"), []byte(s.config())))
}

// signatures are the two things this clamd finds: at any offset ("*") of any file type ("0").
func signatures() string {
	return fmt.Sprintf("Local.Eicar.Test:0:*:%s\nLocal.Dokumentlager.Test:0:*:%s\n",
		hex.EncodeToString([]byte(scan.EICAR())), hex.EncodeToString([]byte(scan.TestMarker)))
}

// config has no User line: the process is started as the user it shall be. The limits are those of spec/go.md §2, where
// each is shown to fail open without the others; production needs the same (docs).
func (s *scanner) config() string {
	return strings.Join([]string{
		"Foreground yes",
		"DatabaseDirectory " + s.path("db"),
		"TemporaryDirectory " + s.path("tmp"),
		"TCPAddr 127.0.0.1",
		fmt.Sprintf("TCPSocket %d", s.parts.state.port(Clamd)),
		"LocalSocket " + s.path("sock"),
		"StreamMaxLength 64M",
		"MaxFileSize 64M",
		"MaxScanSize 400M",
		"PCREMaxFileSize 64M",
		"MaxScanTime 60000",
		"AlertExceedsMax yes",
		"ReadTimeout 30",
		"ConcurrentDatabaseReload yes",
		"",
	}, "\n")
}

func (s *scanner) command() command {
	return command{
		path: s.program, args: []string{"--config-file=" + s.path("clamd.conf")}, as: s.as, orphaned: syscall.SIGKILL,
		env:     []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}, // VERSION tells a time without a zone
		logPath: filepath.Join(s.parts.dir, "log", string(Clamd)+".log"),
	}
}

// ready asks over the unix socket, which clamd opens after it has bound its port, and which only ours has.
func (s *scanner) ready(ctx context.Context) error {
	return scan.New(scan.Config{Network: "unix", Address: s.path("sock"), Deadline: 5 * time.Second}).Ping(ctx)
}
