package devstack

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"dokumentlager/internal/scan"
)

// Signatures is a dated signature set, as freshclam brings one every day: clamd tells its number and time when it is asked for VERSION.
type Signatures struct {
	Database uint32
	Built    time.Time
	// Texts are found beside the two that every development clamd finds; each name has only letters, digits and dots.
	Texts map[string]string
}

// SetSignatures gives the running clamd a dated signature set and returns when it tells its number. The set is unsigned (.cud), which
// clamd takes, and is called daily, which makes it the one that clamd tells of. A new stack forgets it.
func (p *Parts) SetSignatures(ctx context.Context, s Signatures) error {
	if p.PID(Clamd) == 0 {
		return errors.New("devstack: clamd does not run")
	}
	clamd, ok := p.scanner()
	if !ok {
		return errors.New("devstack: clamd has not been prepared")
	}
	content, err := s.database()
	if err != nil {
		return err
	}
	path := clamd.path("db/daily.cud")
	if err := errors.Join(clamd.as.writeFile(path+".new", content), os.Rename(path+".new", path)); err != nil {
		return err
	}
	return p.reload(ctx, s.Database)
}

// scanner finds clamd's folder and user again; nothing of a stack changes while it runs.
func (p *Parts) scanner() (*scanner, bool) {
	as, err := lesserUser("nobody")
	return &scanner{parts: p, as: as}, err == nil && p.state != nil
}

// reload asks until clamd tells the number: it loads beside its work.
func (p *Parts) reload(ctx context.Context, number uint32) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := p.command(ctx, "nRELOAD\n"); err != nil {
		return fmt.Errorf("devstack: telling clamd to load: %w", err)
	}
	clamd := scan.New(scan.Config{Address: p.Clamd, Deadline: 5 * time.Second})
	for {
		now, err := clamd.Signatures(ctx)
		if err == nil && now.Database == number {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("devstack: clamd does not load signature set %d: %w", number, errors.Join(err, ctx.Err()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// command sends clamd one command and waits for its answer, whatever it is.
func (p *Parts) command(ctx context.Context, text string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.Clamd)
	if err != nil {
		return err
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	if _, err := conn.Write([]byte(text)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 256))
	return err
}

// database is a container of clamd's: a header of 512 bytes, then a tar with a list of what it holds, and that.
func (s Signatures) database() ([]byte, error) {
	header := fmt.Sprintf("ClamAV-VDB:%s:%d:1:90:X:X:devstack:%d", s.Built.UTC().Format("02 Jan 2006 15-04 +0000"), s.Database, s.Built.Unix())
	lines := ""
	for name, text := range s.Texts {
		lines += fmt.Sprintf("Local.%s:0:*:%s\n", name, hex.EncodeToString([]byte(text)))
	}
	if lines == "" {
		lines = strings.SplitAfter(signatures(), "\n")[0]
	}
	sum := sha256.Sum256([]byte(lines))
	var out bytes.Buffer
	out.WriteString(header + strings.Repeat(" ", 512-len(header)))
	archive := tar.NewWriter(&out)
	for _, file := range [][2]string{{"daily.info", fmt.Sprintf("%s\ndaily.ndb:%d:%x\n", header, len(lines), sum)}, {"daily.ndb", lines}} {
		if err := archive.WriteHeader(&tar.Header{Name: file[0], Mode: 0o644, Size: int64(len(file[1])), Format: tar.FormatUSTAR}); err != nil {
			return nil, err
		}
		if _, err := archive.Write([]byte(file[1])); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), archive.Close()
}
