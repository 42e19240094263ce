package api

import (
	"encoding/json"
	"html"
	"html/template"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// markup turns the few signs of Markdown that openapi.yaml uses into HTML: paragraphs, lists with "- ", fences, `code`, **strong**,
// *emphasis* and [links](#where). Everything else is text and is escaped.
func markup(text string) template.HTML {
	var out strings.Builder
	for _, block := range blocks(text) {
		switch {
		case strings.HasPrefix(block[0], "```"):
			out.WriteString("<pre><code>" + html.EscapeString(strings.Join(block[1:], "\n")) + "</code></pre>\n")
		case strings.HasPrefix(block[0], "- "):
			out.WriteString("<ul>\n" + items(block) + "</ul>\n")
		default:
			out.WriteString("<p>" + inline(strings.Join(block, " ")) + "</p>\n")
		}
	}
	return template.HTML(out.String())
}

// blocks parts a text at empty lines and fences; a fence's block begins with its opening line and lacks the closing one.
func blocks(text string) (all [][]string) {
	var block []string
	fenced := false
	end := func() {
		if len(block) > 0 {
			all = append(all, block)
		}
		block = nil
	}
	for _, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```") && fenced:
			end()
			fenced = false
		case strings.HasPrefix(line, "```"):
			end()
			block, fenced = []string{line}, true
		case strings.TrimSpace(line) == "" && !fenced:
			end()
		default:
			block = append(block, line)
		}
	}
	end()
	return all
}

// items writes list items; a line that does not begin with "- " goes on with the item before it.
func items(block []string) string {
	var texts []string
	for _, line := range block {
		if item, ok := strings.CutPrefix(line, "- "); ok {
			texts = append(texts, item)
			continue
		}
		texts[len(texts)-1] += " " + strings.TrimSpace(line)
	}
	var out strings.Builder
	for _, t := range texts {
		out.WriteString("<li>" + inline(t) + "</li>\n")
	}
	return out.String()
}

var sign = regexp.MustCompile("`[^`]+`" + `|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|\[[^\]]+\]\((?:#|/|https://)[^)\s]*\)`)

// inline escapes a text but for the signs in it.
func inline(text string) string {
	var out strings.Builder
	last := 0
	for _, at := range sign.FindAllStringIndex(text, -1) {
		out.WriteString(html.EscapeString(text[last:at[0]]))
		out.WriteString(signed(text[at[0]:at[1]]))
		last = at[1]
	}
	out.WriteString(html.EscapeString(text[last:]))
	return out.String()
}

func signed(text string) string {
	switch {
	case text[0] == '`':
		return "<code>" + html.EscapeString(strings.Trim(text, "`")) + "</code>"
	case strings.HasPrefix(text, "**"):
		return "<strong>" + inline(strings.Trim(text, "*")) + "</strong>"
	case text[0] == '*':
		return "<em>" + inline(strings.Trim(text, "*")) + "</em>"
	default:
		label, address, _ := strings.Cut(strings.TrimSuffix(text[1:], ")"), "](")
		return `<a href="` + html.EscapeString(address) + `">` + inline(label) + "</a>"
	}
}

// lineLength is how much JSON may stand on one line of an example, in characters.
const lineLength = 100

// asJSON writes a YAML value as JSON in the order it was written in; what fits stands on one line.
func asJSON(node *yaml.Node, indent string) string {
	if line := inOneLine(node); len(indent)+len(line) <= lineLength || len(node.Content) == 0 {
		return line
	}
	var parts []string
	deeper := indent + "  "
	step, open, shut := 1, "[", "]"
	if node.Kind == yaml.MappingNode {
		step, open, shut = 2, "{", "}"
	}
	for i := 0; i < len(node.Content); i += step {
		key := ""
		if step == 2 {
			key = quoted(node.Content[i].Value) + ": "
		}
		parts = append(parts, deeper+key+asJSON(node.Content[i+step-1], deeper))
	}
	return open + "\n" + strings.Join(parts, ",\n") + "\n" + indent + shut
}

func inOneLine(node *yaml.Node) string {
	var parts []string
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			parts = append(parts, quoted(node.Content[i].Value)+": "+inOneLine(node.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, c := range node.Content {
			parts = append(parts, inOneLine(c))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	default:
		if tag := node.ShortTag(); tag == "!!int" || tag == "!!float" || tag == "!!bool" || tag == "!!null" {
			return node.Value
		}
		return quoted(node.Value)
	}
}

// quoted is a JSON string as people write it: < and & stay as they are.
func quoted(text string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can always be encoded
	return strings.TrimSpace(out.String())
}
