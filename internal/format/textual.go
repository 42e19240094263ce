package format

import "bytes"

// textual judges what no magic bytes name: XML, JSON and text at the same time, since the declared type may come last. At most
// one of XML and JSON outlives the first character.
type textual struct {
	text *textBody
	xml  *xmlBody
	json *jsonBody
	skip int
	// mark is the length of the byte order mark.
	mark int
	// declaresXML: it begins with an XML declaration, so it is XML and nothing else, sound or not.
	declaresXML bool
	first       byte
}

func newTextual(head []byte, parts *extractor) *textual {
	s, mark := byteOrder(head)
	plain := plainHead(head)
	t := &textual{text: newText(s, mark > 0), json: newJSON(parts), skip: mark, mark: mark}
	t.declaresXML = bytes.HasPrefix(plain, []byte("<?xml"))
	t.xml = newXML(s, mark > 0, plain, parts)
	if trimmed := bytes.TrimLeft(plain, " \t\r\n"); len(trimmed) > 0 {
		t.first = trimmed[0]
	}
	return t
}

// write shows the bytes behind the byte order mark to all three.
func (t *textual) write(p []byte) {
	n := min(t.skip, len(p))
	t.skip, p = t.skip-n, p[n:]
	if len(p) == 0 {
		return
	}
	t.text.write(p)
	t.xml.write(p)
	t.json.write(p)
}

// judge writes what was found: whole-document soundness decides before the first bytes do.
func (t *textual) judge(r *Result, g guess) {
	if r.Size == int64(t.mark) {
		r.empty = true
		return
	}
	textFault, xmlFault, jsonFault := t.text.end(), t.xml.end(), t.json.end()
	if !t.text.isUTF8() {
		jsonFault = "it is not valid utf-8, which JSON must be"
	}
	// A broken page has a DOCTYPE or a root that says so; broken XML may look like a page to mimetype ("<a>").
	r.seemsXML = t.first == '<' && t.xml.active == "" && (t.xml.root || g.active == "")
	r.seemsJSON = t.first == '{' || t.first == '['
	r.why = map[Type]string{Text: textFault, XML: xmlFault, JSON: jsonFault}
	switch {
	case xmlFault == "" && t.xml.active != "":
		r.kind = t.xml.active
	case xmlFault == "":
		r.Found, r.Charset = XML, t.xml.charset().String()
	case t.declaresXML:
		r.Found, r.Damage = XML, xmlFault
	case jsonFault == "" && t.json.composite():
		r.Found, r.Charset = JSON, utf8Set.String()
	case g.active != "":
		r.kind = g.active
	case textFault == "":
		r.Found, r.Charset, r.alsoJSON = Text, t.text.charset().String(), jsonFault == ""
	default:
		r.unknown(g.kind)
	}
}

// unknown is content that is none of the nine: its kind, or that it pretends to be one of them.
func (r *Result) unknown(kind string) {
	if t, ok := Parse(kind); ok {
		r.Found, r.Damage = t, "its header is damaged"
		return
	}
	r.kind = kind
}
