package api

import (
	"strings"
)

// shortBody is how long a body may be to stand in the command itself, in characters; longer ones come from a file.
const shortBody = 500

// command is a curl call of one operation that can be pasted, with the shell variables BASE, TOKEN and PROOF. A proof is for one method
// and address (RFC 9449 §4.2), so the line that makes it stands before every call.
type command struct {
	method, path string
	guarded      bool
	authorize    string
	parameters   []parameter
	// body is the request's example, bodyType its media type; form holds its fields instead when it is a form.
	body, bodyType, file string
	form                 []string
	output               string
}

func (c command) String() string {
	path := c.escapedPath()
	lines := []string{c.call() + ` "$BASE` + path + c.query() + `"`}
	if c.guarded {
		lines = append(lines, `-H "Authorization: DPoP $TOKEN" -H "DPoP: $PROOF"`)
	}
	for _, p := range c.parameters {
		if p.In == "header" && p.Example.first() != "" {
			lines = append(lines, "-H "+single(p.Name+": "+p.Example.first()))
		}
	}
	lines = append(lines, c.data()...)
	if c.output != "" {
		lines = append(lines, "-o "+c.output)
	}
	text := strings.Join(lines, " \\\n  ")
	if c.guarded {
		text = strings.NewReplacer("{method}", c.method, "{path}", path).Replace(c.authorize) + "\n" + text
	}
	return text
}

// call names the method only where curl would not choose it by itself.
func (c command) call() string {
	show := " -i" // people want to see the status
	if c.output != "" {
		show = " -D -"
	}
	if c.method == "GET" || (c.method == "POST" && c.bodyType != "") {
		return "curl -sS" + show
	}
	return "curl -sS" + show + " -X " + c.method
}

// escapedPath is without query, as a proof's htu is; a $ of ours is kept from the shell.
func (c command) escapedPath() string {
	path := strings.ReplaceAll(c.path, "$", `\$`)
	for _, p := range c.parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", p.Example.first())
		}
	}
	return path
}

func (c command) query() string {
	var pairs []string
	for _, p := range c.parameters {
		if p.In != "query" {
			continue
		}
		for _, value := range p.Example {
			pairs = append(pairs, p.Name+"="+value)
		}
	}
	if len(pairs) == 0 {
		return ""
	}
	return "?" + strings.Join(pairs, "&")
}

func (c command) data() (lines []string) {
	for _, field := range c.form {
		lines = append(lines, "--data-urlencode "+single(field))
	}
	if len(c.form) > 0 || c.bodyType == "" {
		return lines // curl gives a form its Content-Type
	}
	lines = append(lines, "-H "+single("Content-Type: "+c.bodyType))
	if c.file != "" || len(c.body) > shortBody {
		return append(lines, "--data-binary @"+c.file)
	}
	return append(lines, "--data-binary "+single(c.body))
}

// single quotes a text for the shell.
func single(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
