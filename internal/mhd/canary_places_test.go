package mhd_test

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"dokumentlager/internal/devstack/otlptest"
	"dokumentlager/internal/devstack/servicetest"
)

// places are all where she must not be, as text.
func (c *cage) places() map[string]string {
	metrics := servicetest.Send(c.t, c.request(http.MethodGet, "/metrics", ""))
	// The request for the metrics is the last; when its span is there, all are.
	c.spans.Await(c.t, "the request for metrics", func(s otlptest.Span) bool {
		return s.Attributes["dokumentlager.request_id"] == metrics.Header.Get("X-Request-Id")
	})
	return map[string]string{"traces": c.spans.Text(), "the log": c.Log.String(), "metrics": string(metrics.Body), "object keys": strings.Join(keys(c.t, c.store, ""), "\n"),
		"the control schema": c.rowsOf("control"), "the job schema": c.rowsOf("jobs"), "the spool": "(" + c.spoolText() + ")"}
}

// rowsOf is every row of every table of a schema as text, but for the audit events, which name her by design.
func (c *cage) rowsOf(schema string) string {
	c.t.Helper()
	var text strings.Builder
	tables, err := c.Owner.Pool().Query(c.t.Context(), `select tablename from pg_tables where schemaname = $1 and tablename <> 'audit_event'`, schema)
	if err != nil {
		c.t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			c.t.Fatal(err)
		}
		names = append(names, name)
	}
	tables.Close()
	for _, name := range names {
		rows, err := c.Owner.Pool().Query(c.t.Context(), `select r::text from "`+schema+`"."`+name+`" r`)
		if err != nil {
			c.t.Fatal(err)
		}
		for rows.Next() {
			var row string
			if err := rows.Scan(&row); err != nil {
				c.t.Fatal(err)
			}
			fmt.Fprintf(&text, "%s: %s\n", name, row)
		}
		rows.Close()
	}
	return text.String()
}

// spoolText is the name and content of every file that has a name in the spool.
func (c *cage) spoolText() string {
	var text strings.Builder
	err := filepath.WalkDir(c.spool, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == c.spool {
			return err
		}
		text.WriteString(d.Name() + "\n")
		if content, err := os.ReadFile(path); err == nil {
			text.Write(content)
		}
		return nil
	})
	if err != nil {
		c.t.Error(err)
	}
	return text.String()
}

// leaks tells where she stands: in clear, in hexadecimal, escaped as in an address, or with blanks between.
func leaks(places map[string]string) (found []string) {
	for place, text := range places {
		for _, secret := range []string{canary, canaryBirth, canaryName, hex.EncodeToString([]byte(canary)), canary[:6] + " " + canary[6:], url.QueryEscape("|" + canary)} {
			if i := strings.Index(text, secret); i >= 0 {
				found = append(found, fmt.Sprintf("%s holds %q: …%s…", place, secret, text[max(0, i-300):min(len(text), i+150)]))
				break
			}
		}
	}
	return found
}
