package server

import (
	"fmt"
	"log/slog"
	"net/url"
	"sort"
	"strings"
	"time"
)

// Log is the effective configuration for the log line at start: secrets as "set" or "empty", the database's address without
// password.
func (c Config) Log() slog.Attr {
	attrs := make([]any, 0, len(settings)+1)
	for _, s := range settings {
		attrs = append(attrs, slog.String(s.key, s.show(&c)))
	}
	attrs = append(attrs, slog.String("limits.document", DocumentLimit.String()))
	return slog.Group("config", attrs...)
}

func (s setting) show(c *Config) string {
	text := format(s.at(c))
	switch {
	case text == "":
		return "empty"
	case strings.HasPrefix(s.key, "database.") && s.secret:
		return withoutPassword(text)
	case s.secret:
		return "set"
	default:
		return text
	}
}

func format(field any) string {
	switch f := field.(type) {
	case *string:
		return *f
	case *[]string:
		return strings.Join(*f, ",")
	case *map[string]string:
		pairs := make([]string, 0, len(*f))
		for from, to := range *f {
			pairs = append(pairs, from+"="+to)
		}
		sort.Strings(pairs)
		return strings.Join(pairs, ",")
	case *Key:
		if *f == (Key{}) {
			return ""
		}
		return f.String()
	case *time.Duration:
		return f.String()
	case *Size:
		return f.String()
	case *slog.Level:
		return f.String()
	case *int:
		return fmt.Sprint(*f)
	case *bool:
		return fmt.Sprint(*f)
	case objects:
		return f.show()
	case *Ratio:
		return fmt.Sprint(float64(*f))
	default:
		return "?"
	}
}

// withoutPassword keeps user, host and database; parameters go, since a password may stand among them.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "set"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return shown.String()
}
