package scan

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
)

// TestMarker is a harmless text that a scanner of ours must report: it proves that signatures are loaded and that a whole
// stream is looked through. The signature file needs a line for it (docs: deploy, and devstack's local.ndb).
const TestMarker = "DOKUMENTLAGER-SCANNER-SELF-TEST-9qV4xK2mTz7Lw0bHs3YfRj6NcGd8Ea1P-NOT-A-VIRUS"

// selfTestSize is the length of the self-test's long stream in bytes: close under the largest document (F5), and above the
// MaxFileSize of 25 MB at which a clamd with Debian's settings answers OK without having looked (spec/go.md §2).
const selfTestSize = 59 << 20

// EICAR is the industry's test file of 68 bytes that every scanner reports. It stands in pieces so that neither this file nor
// our binary is taken for it.
func EICAR() string {
	pieces := []string{`X5O!P%@AP[4\PZX54(P^)`, `7CC)7}$EICAR-`, `STANDARD-ANTIVIRUS-`, `TEST-FILE!$H+H*`}
	return strings.Join(pieces, "")
}

// SelfTest proves the scanner's settings by what it answers: EICAR is found, our marker is found at the end of 59 MiB, and a
// harmless stream is clean. It takes about a second on an idle scanner, and at most three deadlines.
func (s *Scanner) SelfTest(ctx context.Context) error {
	for _, probe := range []struct {
		name   string
		stream io.Reader
		want   State
	}{
		{"EICAR", strings.NewReader(EICAR()), Infected},
		{"a harmless text", strings.NewReader("Epikrise uten funn.\n"), Clean},
		{"the test marker at the end of 59 MiB", lateMarker(), Infected},
	} {
		verdict, err := s.scanAll(ctx, probe.stream)
		if err != nil {
			return fmt.Errorf("scan: self-test with %s: %w", probe.name, err)
		}
		if verdict.State != probe.want {
			return fmt.Errorf("scan: self-test with %s: scanner says %s, want %s: check its signatures, MaxFileSize and StreamMaxLength",
				probe.name, verdict.State, probe.want)
		}
	}
	return nil
}

// scanAll scans a reader to its end.
func (s *Scanner) scanAll(ctx context.Context, r io.Reader) (Verdict, error) {
	stream, err := s.Open(ctx)
	if err != nil {
		return Verdict{}, err
	}
	defer stream.Abort()
	// A failed Write sticks, and Verdict tells it; a failed read must never end in a verdict.
	if _, err := io.Copy(stream, r); err != nil {
		return Verdict{}, err
	}
	return stream.Verdict()
}

// lateMarker is text of selfTestSize bytes that ends in the marker.
func lateMarker() io.Reader {
	line := []byte("Pasienten er en oppdiktet tekst, og denne linjen staar her bare for lengdens skyld.\n")
	block := bytes.Repeat(line, chunkSize/len(line))
	filler := int64(selfTestSize - len(TestMarker))
	repeated := io.MultiReader(slicesOf(block, filler)...)
	return io.MultiReader(io.LimitReader(repeated, filler), strings.NewReader(TestMarker))
}

// slicesOf gives readers over the same block, enough for n bytes.
func slicesOf(block []byte, n int64) []io.Reader {
	readers := make([]io.Reader, 0, n/int64(len(block))+1)
	for covered := int64(0); covered < n; covered += int64(len(block)) {
		readers = append(readers, bytes.NewReader(block))
	}
	return readers
}
