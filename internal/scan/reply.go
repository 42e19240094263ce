package scan

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxReply bounds what is read of an answer; clamd's are under 200 bytes.
const maxReply = 4096

var errTooLong = errors.New("answer too long or not ended")

// readReply reads one answer up to its NUL. An answer without NUL is cut off (io.ErrUnexpectedEOF); bytes after it make it
// another protocol than ours.
func readReply(r io.Reader) (string, error) {
	var buf []byte
	chunk := make([]byte, 256)
	for len(buf) < maxReply {
		n, err := r.Read(chunk)
		buf = append(buf, chunk[:n]...)
		if answer, rest, ended := strings.Cut(string(buf), "\x00"); ended {
			if rest != "" {
				return "", errTooLong
			}
			return answer, nil
		}
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%w after %d bytes of answer", io.ErrUnexpectedEOF, len(buf))
		}
		if err != nil {
			return "", err
		}
	}
	return "", errTooLong
}

// judge reads the answer to a whole stream. Everything it does not know is NotScanned.
func judge(answer string) (Verdict, error) {
	if answer == "stream: OK" {
		return Verdict{State: Clean}, nil
	}
	if strings.HasPrefix(answer, "INSTREAM size limit exceeded") {
		return Verdict{}, refuse(ErrLimits, errors.New("StreamMaxLength"))
	}
	finding, isStream := strings.CutPrefix(answer, "stream: ")
	finding, isFound := strings.CutSuffix(finding, " FOUND")
	if !isStream || !isFound || finding == "" {
		return Verdict{}, refuse(ErrReply, fmt.Errorf("%q", clip(answer)))
	}
	// With AlertExceedsMax clamd reports its own limits as a finding: it has not looked through the file (spec/go.md §2).
	if strings.HasPrefix(finding, "Heuristics.Limits.Exceeded") {
		return Verdict{}, refuse(ErrLimits, errors.New(clip(finding)))
	}
	return Verdict{State: Infected, Finding: clip(finding)}, nil
}

// clip keeps outside text short and printable: it ends up in logs and in the uploader's answer.
func clip(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}
