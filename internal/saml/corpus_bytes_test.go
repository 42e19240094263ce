package saml

import (
	"fmt"
	"strings"
	"testing"
)

// bytesOf are messages that parsers read differently: comments that end a text, entities, two roots, letters that are none.
func bytesOf(t testing.TB, r *rig) (all []message) {
	good := sign(t, r.helseID, r.doctor())
	add := func(name string, edits ...string) {
		all = append(all, message{name, ErrShape, edit(t, enclosed(good), edits...)})
	}
	add("a comment in the NameID", doctor, doctor[:6]+"<!-- -->"+doctor[6:])
	add("a comment that hides the rest", doctor, doctor+"<!--.evil-->")
	add("a comment in Security", "<saml:Assertion", "<!-- x --><saml:Assertion")
	add("a comment in the signature", "<SignatureValue>", "<SignatureValue><!-- x -->")
	add("a processing instruction in the NameID", doctor, doctor[:6]+"<?x y?>"+doctor[6:])
	add("a DOCTYPE", "<s:Envelope", "<!DOCTYPE s:Envelope><s:Envelope")
	add("an entity of one's own", "<s:Envelope", `<!DOCTYPE x [<!ENTITY e "`+citizen+`">]><s:Envelope`)
	add("a thousand laughs", "<s:Envelope", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><s:Envelope`)
	add("an external entity", "<s:Envelope", `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><s:Envelope`)
	add("an entity nobody declared", doctor, doctor+"&nbsp;")
	add("an & alone", doctor, doctor+" & ")
	add("a reference to no character", doctor, doctor+"&#0;")
	add("a reference to half a character", doctor, doctor+"&#xD800;")
	add("a zero byte", doctor, doctor+"\x00")
	add("a control character", doctor, doctor+"\x0b")
	add("bytes that are no UTF-8", doctor, doctor+"\xff")
	add("two roots", "</s:Envelope>", "</s:Envelope><s:Envelope xmlns:s=\"urn:x\"></s:Envelope>")
	add("text after the root", "</s:Envelope>", "</s:Envelope>x")
	add("a declaration after a space", "<s:Envelope", " <?xml version=\"1.0\"?><s:Envelope")
	add("UTF-16 by declaration", "<s:Envelope", "<?xml version=\"1.0\" encoding=\"UTF-16\"?><s:Envelope")
	add("XML 1.1", "<s:Envelope", "<?xml version=\"1.1\"?><s:Envelope")
	add("an attribute twice", `Version="2.0"`, `Version="2.0" Version="2.0"`)
	add("an id twice", ` ID="`, ` ID="_x" ID="`)
	add("an attribute twice under two prefixes", `Version="2.0"`, `xmlns:p="urn:p" xmlns:q="urn:p" p:x="1" q:x="2" Version="2.0"`)
	add("a prefix nobody declared", "<saml:Subject>", "<evil:x></evil:x><saml:Subject>")
	add("an attribute's prefix nobody declared", `Version="2.0"`, `evil:x="1" Version="2.0"`)
	add("a prefix taken back", `Version="2.0"`, `xmlns:p="" Version="2.0"`)
	add("the prefix xmlns declared", `Version="2.0"`, `xmlns:xmlns="urn:x" Version="2.0"`)
	add("the prefix xml for something else", `Version="2.0"`, `xmlns:xml="urn:x" Version="2.0"`)
	add("the namespace of xml under another name", `Version="2.0"`, `xmlns:p="http://www.w3.org/XML/1998/namespace" Version="2.0"`)
	add("attributes without a space", `" Version="2.0"`, `"Version="2.0"`)
	add("a value without quotes", `Version="2.0"`, `Version=2.0`)
	add("a < in a value", `Version="2.0"`, `Version="2<0"`)
	add("tags that cross", "</saml:Audience></saml:AudienceRestriction>", "</saml:AudienceRestriction></saml:Audience>")
	add("an end too many", "</s:Envelope>", "</s:Envelope></s:Envelope>")
	add("an end too few", "</s:Envelope>", "")
	add("two colons", "<saml:Subject>", "<a:b:c></a:b:c><saml:Subject>")
	add("a name outside ASCII", "<saml:Subject>", "<é></é><saml:Subject>")
	add("]]> in text", doctor, doctor+"]]>")
	return append(all, message{"nothing", ErrShape, ""}, message{"no XML", ErrShape, "POST / HTTP/1.1"})
}

// floods cost a verifier without limits seconds of processor time before it has verified anything.
func floods(t testing.TB, r *rig) []message {
	good := sign(t, r.helseID, r.doctor())
	spaces := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ` xmlns:n%d="u"`, i)
		}
		return b.String()
	}
	nested := func(n int) string { return strings.Repeat("<x>", n) + strings.Repeat("</x>", n) }
	var attributes strings.Builder
	for i := range 40 {
		fmt.Fprintf(&attributes, ` n%d="u"`, i)
	}
	at := func(text string) string { return enclosed(edit(t, good, "<saml:Subject>", text+"<saml:Subject>")) }
	return []message{
		{"15,000 declarations", ErrShape, edit(t, enclosed(good), "<s:Envelope", "<s:Envelope"+spaces(15_000))},
		{"15,000 declarations and 900 children", ErrShape, edit(t, at(strings.Repeat("<x/>", 900)), "<s:Envelope", "<s:Envelope"+spaces(13_000))},
		{"32 declarations each on many elements", ErrShape, at(strings.Repeat("<x"+spaces(30)+"/>", 60))},
		{"10,000 elements", ErrShape, at(strings.Repeat("<x/>", 10_000))},
		{"10,000 elements outside the assertion", ErrShape, enclosed(good + strings.Repeat("<x/>", 10_000))},
		{"10,000 levels", ErrShape, at(nested(10_000))},
		{"65 levels", ErrShape, at(nested(65))},
		{"40 attributes", ErrShape, at("<x" + attributes.String() + "/>")},
		{"one byte too many", ErrShape, at(strings.Repeat(" ", maxHeader))},
		{"200 KB of references", ErrSignature, at(strings.Repeat("&amp;", 40_000))},
		{"200 KB of text in the signature", ErrShape, enclosed(edit(t, good, "<SignedInfo>", "<SignedInfo>"+strings.Repeat("x", 200_000)))},
		{"200 KB of signature", ErrSignature, enclosed(edit(t, good, "<SignatureValue>", "<SignatureValue>"+strings.Repeat("AAAA", 50_000)))},
		{"everything just within the limits", ErrSignature, edit(t, at(strings.Repeat("<x"+strings.Repeat(" ", 100)+"/>", 690)), "<s:Envelope", "<s:Envelope"+spaces(25))},
	}
}
