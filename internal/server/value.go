package server

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// assign reads a text into a field. Its errors say what is expected and never repeat the text, which may be a secret.
func assign(field any, text string) (err error) {
	switch f := field.(type) {
	case *string:
		*f = text
	case *int:
		if *f, err = strconv.Atoi(text); err != nil {
			return errors.New("must be a whole number")
		}
	case *bool:
		if *f, err = strconv.ParseBool(text); err != nil {
			return errors.New("must be true or false")
		}
	case *time.Duration:
		if *f, err = time.ParseDuration(text); err != nil || *f < 0 {
			return errors.New("must be a duration such as 10s or 2m")
		}
	case *Size:
		*f, err = parseSize(text)
	case *Ratio:
		share, number := strconv.ParseFloat(text, 64)
		if number != nil || !(share >= 0 && share <= 1) {
			return errors.New("must be a number from 0 to 1, such as 0.05")
		}
		*f = Ratio(share)
	case *[]string:
		*f = splitList(text)
	case *map[string]string:
		*f, err = parsePairs(text)
	case *Key:
		*f, err = parseKey(text)
	case objects:
		err = f.parse(text)
	case *slog.Level:
		if err = f.UnmarshalText([]byte(text)); err != nil {
			return errors.New("must be debug, info, warn or error")
		}
	default:
		err = fmt.Errorf("has a type we cannot read: %T", field)
	}
	return err
}

// units from the longest name to the shortest, so that a suffix means one thing.
var units = []struct {
	name string
	size Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

func parseSize(text string) (Size, error) {
	for _, u := range units {
		number, found := strings.CutSuffix(text, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/int64(u.size) {
			break
		}
		return Size(n) * u.size, nil
	}
	return 0, errors.New("must be a size such as 256MiB, 64KiB or 1000 (bytes)")
}

// String writes the largest unit that divides the size.
func (s Size) String() string {
	for _, u := range units {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return "0"
}

// splitList reads "a, b"; values of YAML lists are joined that way before.
func splitList(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func parsePairs(text string) (map[string]string, error) {
	pairs := map[string]string{}
	for _, part := range splitList(text) {
		from, to, found := strings.Cut(part, "=")
		if !found || from == "" || to == "" {
			return nil, errors.New("must be a list of spelling=canonical")
		}
		pairs[from] = to
	}
	return pairs, nil
}

// parseKey takes 64 hexadecimal digits or base64 of either alphabet, padded or not.
func parseKey(text string) (Key, error) {
	raw, err := hex.DecodeString(text)
	if err != nil {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		raw, err = base64.RawStdEncoding.DecodeString(plain)
	}
	if err != nil || len(raw) != len(Key{}) {
		return Key{}, errors.New("must be 32 bytes in hexadecimal or base64, as `openssl rand -hex 32` makes them")
	}
	if Key(raw) == (Key{}) {
		return Key{}, errors.New("must not be all zeros")
	}
	return Key(raw), nil
}

func isHostPort(text string) error {
	_, port, err := net.SplitHostPort(text)
	if n, numErr := strconv.Atoi(port); err != nil || numErr != nil || n < 0 || n > 65535 {
		return errors.New("must be host:port, such as 127.0.0.1:8080")
	}
	return nil
}

func isHTTP(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("must be an http or https URL without user, query or fragment")
	}
	return nil
}

func isPostgres(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return errors.New("must be a postgres:// URL")
	}
	return nil
}

func isDir(text string) error {
	if info, err := os.Stat(text); err != nil || !info.IsDir() {
		return errors.New("must be a folder that exists")
	}
	return nil
}

// positive refuses zero, which for a limit or deadline would mean "none".
func positive(text string) error {
	if strings.TrimLeft(text, "0.nuµmshKMGiB ") == "" {
		return errors.New("must be above zero")
	}
	return nil
}

// upTo refuses durations that are zero or longer.
func upTo(longest time.Duration) func(string) error {
	return func(text string) error {
		if d, err := time.ParseDuration(text); err != nil || d <= 0 || d > longest {
			return fmt.Errorf("must be a duration above zero, and %s at most", longest)
		}
		return nil
	}
}

// orNever lets zero through as well.
func orNever(check func(string) error) func(string) error {
	return func(text string) error {
		if d, err := time.ParseDuration(text); err == nil && d == 0 {
			return nil
		}
		return check(text)
	}
}

func between(low, high int) func(string) error {
	return func(text string) error {
		if n, err := strconv.Atoi(text); err != nil || n < low || n > high {
			return fmt.Errorf("must be a whole number from %d to %d", low, high)
		}
		return nil
	}
}
