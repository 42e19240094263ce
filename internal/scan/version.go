package scan

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Signatures is what clamd says of itself (VERSION): "ClamAV 1.4.3/27800/Thu Nov 20 09:00:00 2026", or "ClamAV 1.4.3" alone when it has
// no daily database: a private signature set, which tells neither version nor date.
type Signatures struct {
	Engine string
	// Database is the number of the daily database, Built when its maker made it; both zero when the scanner does not say. clamd writes the
	// time by its own clock on the wall and without a zone. It is read as UTC, so clamd is to run with TZ=UTC (docs/operations.md).
	Database uint32
	Built    time.Time
}

// Dated reports whether the scanner said how old its signatures are.
func (s Signatures) Dated() bool { return !s.Built.IsZero() }

// String is the version in logs and notes, "1.4.3/27800". Two that differ may judge the same bytes differently, be it by their
// signatures or by the engine that reads them.
func (s Signatures) String() string {
	if !s.Dated() {
		return s.Engine + "/-"
	}
	return s.Engine + "/" + strconv.FormatUint(uint64(s.Database), 10)
}

// Signatures asks clamd for its version. It takes at most 5 s, or the scanner's deadline if that is shorter. ErrReply when the answer is
// not one of the two forms.
func (s *Scanner) Signatures(ctx context.Context) (Signatures, error) {
	answer, err := s.ask(ctx, "VERSION")
	if err != nil {
		return Signatures{}, err
	}
	version, err := parseVersion(answer)
	if err != nil {
		return Signatures{}, refuse(ErrReply, fmt.Errorf("%q to VERSION: %w", clip(answer), err))
	}
	return version, nil
}

// ask sends one command and reads its one answer.
func (s *Scanner) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, min(5*time.Second, s.cfg.Deadline))
	defer cancel()
	conn, _, stop, err := s.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer stop()
	if _, err := conn.Write([]byte("z" + command + "\x00")); err != nil {
		return "", refuse(reason(ctx, err))
	}
	answer, err := readReply(conn)
	if err != nil {
		return "", refuse(reason(ctx, err))
	}
	return answer, nil
}

var errVersion = errors.New("neither \"ClamAV engine\" nor \"ClamAV engine/database/date\"")

// maxEngine bounds an engine's name; clamd's have ten characters or fewer.
const maxEngine = 40

func parseVersion(answer string) (Signatures, error) {
	rest, ours := strings.CutPrefix(answer, "ClamAV ")
	parts := strings.Split(rest, "/")
	if !ours || !isEngine(parts[0]) || len(parts) != 1 && len(parts) != 3 {
		return Signatures{}, errVersion
	}
	s := Signatures{Engine: parts[0]}
	if len(parts) == 1 {
		return s, nil
	}
	number, err := strconv.ParseUint(parts[1], 10, 32)
	if err != nil || number == 0 || strconv.FormatUint(number, 10) != parts[1] {
		return Signatures{}, errVersion
	}
	s.Database = uint32(number)
	if s.Built, err = parseDate(parts[2]); err != nil {
		return Signatures{}, errVersion
	}
	return s, nil
}

// parseDate reads C's ctime. The name of the day follows from the rest and decides nothing.
func parseDate(text string) (time.Time, error) {
	at, err := time.ParseInLocation(time.ANSIC, text, time.UTC)
	if err != nil {
		return time.Time{}, err
	}
	// ParseInLocation is generous with blanks and fractions.
	if written := at.Format(time.ANSIC); len(text) != len(written) || text[3:] != written[3:] || at.Year() < 2000 {
		return time.Time{}, errVersion
	}
	return at, nil
}

func isEngine(s string) bool {
	return s != "" && len(s) <= maxEngine && strings.Trim(s, "0123456789.-+_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
