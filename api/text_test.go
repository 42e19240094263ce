package api

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestMarkup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"paragraphs", "one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>\n"},
		{"list", "- a\n  more\n- b", "<ul>\n<li>a more</li>\n<li>b</li>\n</ul>\n"},
		{"fence keeps lines", "```\na <b>\n\n  c\n```\nd", "<pre><code>a &lt;b&gt;\n\n  c</code></pre>\n<p>d</p>\n"},
		{"signs", "**s `c`** *e* `x*y*z`", "<p><strong>s <code>c</code></strong> <em>e</em> <code>x*y*z</code></p>\n"},
		{"link", "[see & go](#there)", "<p><a href=\"#there\">see &amp; go</a></p>\n"},
		{"foreign scheme is no link", "[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"},
		{"escaped", "<script> & \"q\"", "<p>&lt;script&gt; &amp; &#34;q&#34;</p>\n"},
		{"lone star", "2 * 3", "<p>2 * 3</p>\n"},
		{"empty", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := string(markup(c.text)); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAsJSON(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 90)
	source := "z: 1\na: [true, null, 1.5, \"007\", æ<&]\nlong: [{k: " + long + "}, {}]\n"
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(source), &node); err != nil {
		t.Fatal(err)
	}
	got := asJSON(node.Content[0], "")
	want := `{
  "z": 1,
  "a": [true, null, 1.5, "007", "æ<&"],
  "long": [
    {
      "k": "` + long + `"
    },
    {}
  ]
}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !json.Valid([]byte(got)) {
		t.Error("not JSON")
	}
}

// TestBrokenDocumentIsRefused: a page is whole or is not made.
func TestBrokenDocumentIsRefused(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"not YAML":          "a: [",
		"dangling response": strings.Replace(string(document), `"#/components/responses/Deleted"`, `"#/components/responses/Gone"`, 1),
		"dangling example":  strings.Replace(string(document), "    Provided:\n", "    Elsewhere:\n", 1),
		"not a mapping":     strings.Replace(string(document), "paths:\n", "paths: []\nother:\n", 1),
	} {
		if _, err := render([]byte(source)); err == nil {
			t.Errorf("%s: rendered", name)
		}
	}
}

// TestCommandsAreShell gives every command to a shell with a curl that prints its arguments: quotes and dollars must survive.
func TestCommandsAreShell(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	script := "#!/bin/sh\nfor a in \"$@\"; do printf '%s\\n' \"[$a]\"; done\n"
	if err := os.WriteFile(filepath.Join(bin, "curl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	c := command{method: "PATCH", path: "/R4/$x/{id}", guarded: true, authorize: `PROOF="$(printf %s "{method}:{path}")"`, bodyType: "text/x", body: `{"it's": "$1"}`,
		parameters: []parameter{{Name: "id", In: "path", Example: texts{"7"}}, {Name: "q", In: "query", Example: texts{"1"}}, {Name: "X-Name", In: "header", Example: texts{"o'b"}}, {Name: "none", In: "query"}}}
	sh := exec.CommandContext(t.Context(), "sh", "-euc", c.String())
	sh.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "BASE=http://here", "TOKEN=tok"}
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, out, c)
	}
	want := strings.Join([]string{"[-sS]", "[-i]", "[-X]", "[PATCH]", "[http://here/R4/$x/7?q=1]", "[-H]", "[Authorization: DPoP tok]", "[-H]",
		"[DPoP: PATCH:/R4/$x/7]", "[-H]", "[X-Name: o'b]", "[-H]", "[Content-Type: text/x]", "[--data-binary]", `[{"it's": "$1"}]`, ""}, "\n")
	if string(out) != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}
