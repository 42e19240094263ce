package soap_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"

	"github.com/google/go-cmp/cmp"
)

var documentElement = xml.Name{Space: "urn:ihe:iti:xds-b:2007", Local: "Document"}

const (
	simple = "application/soap+xml; charset=UTF-8"
	begin  = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">`
	action = `<a:Action s:mustUnderstand="1">urn:x</a:Action>`
	end    = `</s:Envelope>`
	body   = `<s:Body><p/></s:Body>`
)

// inbox keeps what sinks receive.
type inbox struct {
	docs   []soap.Incoming
	bytes  []*bytes.Buffer
	closed []bool
}

type slot struct {
	*bytes.Buffer
	box *inbox
	n   int
}

func (s slot) Close() error { s.box.closed[s.n] = true; return nil }

func (b *inbox) open(in soap.Incoming) (io.WriteCloser, error) {
	b.docs, b.bytes, b.closed = append(b.docs, in), append(b.bytes, new(bytes.Buffer)), append(b.closed, false)
	return slot{b.bytes[in.Number], b, in.Number}, nil
}

func (b *inbox) texts() (out []string) {
	for i, t := range b.bytes {
		s := t.String()
		if !b.closed[i] {
			s += " (not closed)"
		}
		out = append(out, s)
	}
	return out
}

func (b *inbox) options() soap.Options {
	return soap.Options{Understands: []xml.Name{soap.Security}, Documents: []xml.Name{documentElement}, Open: b.open}
}

func read(contentType, message string) (*soap.Message, *inbox, error) {
	box := &inbox{}
	var body io.Reader = strings.NewReader(message)
	if len(message) < 50<<10 {
		body = iotest.OneByteReader(body)
	}
	m, err := soap.Read(contentType, body, box.options())
	return m, box, err
}

// TestRefusals: what must not be read, and how it is told.
func TestRefusals(t *testing.T) {
	t.Parallel()
	envelope := func(header, body string) string { return begin + "<s:Header>" + header + "</s:Header>" + body + end }
	deep := strings.Repeat("<x>", 70) + strings.Repeat("</x>", 70)
	attrs, spaces := "", ""
	for i := range 40 {
		attrs += fmt.Sprintf(` a%d=""`, i)
		if i < 30 {
			spaces += fmt.Sprintf(` xmlns:n%d="urn:%d"`, i, i)
		}
	}
	for name, c := range map[string]struct {
		contentType, message string
		want                 soap.Reason
	}{
		"no Content-Type":          {"", envelope(action, body), soap.WrongMediaType},
		"JSON":                     {"application/json", envelope(action, body), soap.WrongMediaType},
		"empty":                    {simple, "", soap.Malformed},
		"SOAP 1.1":                 {"text/xml", strings.ReplaceAll(envelope(action, body), "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"), soap.WrongVersion},
		"no SOAP namespace":        {simple, "<Envelope><Body/></Envelope>", soap.WrongVersion},
		"another root":             {simple, "<html/>", soap.Malformed},
		"cut off":                  {simple, envelope(action, body)[:len(envelope(action, body))-3], soap.Malformed},
		"second root":              {simple, envelope(action, body) + "<x/>", soap.Malformed},
		"text after":               {simple, envelope(action, body) + "x", soap.Malformed},
		"text before":              {simple, "x" + envelope(action, body), soap.Malformed},
		"DOCTYPE":                  {simple, `<!DOCTYPE x [<!ENTITY a "b">]>` + envelope(action, body), soap.Malformed},
		"entity":                   {simple, envelope(action, "<s:Body><p>&a;</p></s:Body>"), soap.Malformed},
		"processing instruction":   {simple, envelope(action, "<s:Body><?x y?><p/></s:Body>"), soap.Malformed},
		"declaration of XML 1.1":   {simple, `<?xml version="1.1"?>` + envelope(action, body), soap.Malformed},
		"UTF-16":                   {simple, "\xff\xfe<\x00s\x00", soap.Malformed},
		"UTF-16 without a mark":    {simple, "<\x00s\x00", soap.Malformed},
		"windows-1252":             {`application/soap+xml; charset=windows-1252`, envelope(action, body), soap.Malformed},
		"not ASCII":                {`application/soap+xml; charset=us-ascii`, envelope(action, "<s:Body><p>æ</p></s:Body>"), soap.Malformed},
		"not UTF-8":                {simple, envelope(action, "<s:Body><p>\xe6</p></s:Body>"), soap.Malformed},
		"prefix not declared":      {simple, envelope(action, "<s:Body><x:p/></s:Body>"), soap.Malformed},
		"prefix of an attribute":   {simple, envelope(action, `<s:Body><p x:a=""/></s:Body>`), soap.Malformed},
		"prefix taken back":        {simple, envelope(action, `<s:Body><p xmlns:a=""/></s:Body>`), soap.Malformed},
		"xml bound anew":           {simple, envelope(action, `<s:Body><p xmlns:xml="urn:x"/></s:Body>`), soap.Malformed},
		"attribute twice":          {simple, envelope(action, `<s:Body><p a="" a=""/></s:Body>`), soap.Malformed},
		"attribute twice by name":  {simple, envelope(action, `<s:Body><p xmlns:x="urn:x" xmlns:y="urn:x" x:a="" y:a=""/></s:Body>`), soap.Malformed},
		"namespace twice":          {simple, envelope(action, `<s:Body><p xmlns:x="urn:x" xmlns:x="urn:y"/></s:Body>`), soap.Malformed},
		"wrong end tag":            {simple, envelope(action, `<s:Body><p></q></s:Body>`), soap.Malformed},
		"other prefix in end tag":  {simple, envelope(action, `<t:Body xmlns:t="http://www.w3.org/2003/05/soap-envelope"><p/></s:Body>`), soap.Malformed},
		"no Body":                  {simple, begin + `<s:Header>` + action + `</s:Header>` + end, soap.Malformed},
		"Body first":               {simple, begin + body + `<s:Header>` + action + `</s:Header>` + end, soap.HeaderMissing},
		"two Bodies":               {simple, envelope(action, body+body), soap.Malformed},
		"Body of two":              {simple, envelope(action, "<s:Body><p/><q/></s:Body>"), soap.Malformed},
		"Body of none":             {simple, envelope(action, "<s:Body/>"), soap.Malformed},
		"text in Body":             {simple, envelope(action, "<s:Body>x<p/></s:Body>"), soap.Malformed},
		"no Action":                {simple, envelope("", body), soap.HeaderMissing},
		"no Header":                {simple, begin + body + end, soap.HeaderMissing},
		"two Actions":              {simple, envelope(action+action, body), soap.HeaderTwice},
		"two ReplyTo":              {simple, envelope(action+strings.Repeat(`<a:ReplyTo><a:Address>x</a:Address></a:ReplyTo>`, 2), body), soap.HeaderTwice},
		"ReplyTo of two addresses": {simple, envelope(action+`<a:ReplyTo><a:Address>x</a:Address><a:Address>y</a:Address></a:ReplyTo>`, body), soap.BadReplyTo},
		"not understood":           {simple, envelope(action+`<t:x xmlns:t="urn:t" s:mustUnderstand="true"/>`, body), soap.NotUnderstood},
		"mustUnderstand maybe":     {simple, envelope(action+`<t:x xmlns:t="urn:t" s:mustUnderstand="maybe"/>`, body), soap.Malformed},
		"too deep":                 {simple, envelope(action, "<s:Body>"+deep+"</s:Body>"), soap.TooLarge},
		"too many attributes":      {simple, envelope(action, "<s:Body><p"+attrs+"/></s:Body>"), soap.TooLarge},
		"too many namespaces":      {simple, envelope(action+strings.Repeat("<x"+spaces+"/>", 5), body), soap.TooLarge},
		"too deep in namespaces":   {simple, envelope(action, "<s:Body>"+strings.Repeat("<x"+spaces+">", 5)+strings.Repeat("</x>", 5)+"</s:Body>"), soap.TooLarge},
		"header too long":          {simple, envelope(action+"<x>"+strings.Repeat(" ", 300<<10)+"</x>", body), soap.TooLarge},
		"envelope too long":        {simple, envelope(action, "<s:Body><x>"+strings.Repeat(" ", 3<<20)+"</x></s:Body>"), soap.TooLarge},
		"include without a part":   {simple, envelope(action, `<s:Body><p><x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:x"/></p></s:Body>`), soap.Malformed},
		"include of our own name":  {simple, envelope(action, `<s:Body><p><x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="inline:0"/></p></s:Body>`), soap.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := read(c.contentType, c.message)
			var f *soap.Fault
			if !errors.As(err, &f) || f.Reason != c.want {
				t.Fatalf("got %v, want reason %d", err, c.want)
			}
			checkFault(t, f)
		})
	}
}

// checkFault: what is written of a fault can be read, and says nothing of the message.
func checkFault(t *testing.T, f *soap.Fault) {
	t.Helper()
	text := soap.AppendFault(nil, f, soap.Outbound{RelatesTo: "urn:uuid:<&\">"})
	if f.Legacy {
		if !strings.Contains(string(text), "VersionMismatch") || !strings.Contains(string(text), "SupportedEnvelope") {
			t.Errorf("%s", text)
		}
		return
	}
	m, err := soap.Read(soap.FaultContentType(f), bytes.NewReader(text), soap.Options{})
	if err != nil {
		t.Fatalf("%s cannot be read: %v", text, err)
	}
	codes, told := soap.FaultIn(m)
	if len(codes) == 0 || told != f.Text() || m.Header.RelatesTo != `urn:uuid:<&">` || f.Status() < 400 {
		t.Errorf("%s: codes %v, text %q, relates to %q", text, codes, told, m.Header.RelatesTo)
	}
}

// TestUnderstood: what looks odd and is right.
func TestUnderstood(t *testing.T) {
	t.Parallel()
	full := begin + `<s:Header>` + action + `</s:Header>` + body + end
	for name, message := range map[string]string{
		"comments":          `<!-- a --> ` + strings.Replace(full, "<s:Body>", "<!-- b --><s:Body> <!-- c -->", 1) + "<!-- d -->\n",
		"byte order mark":   "\xef\xbb\xbf" + full,
		"declaration":       `<?xml version='1.0' encoding='utf-8' standalone="yes"?>` + "\n" + full,
		"UTF8":              `<?xml version="1.0" encoding="UTF8"?>` + full,
		"default namespace": `<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Header><Action xmlns="http://www.w3.org/2005/08/addressing" mustUnderstand="1"> urn:x </Action></Header><Body><p xmlns=""/></Body></Envelope>`,
		"block not for us":  strings.Replace(full, "</s:Header>", `<t:x xmlns:t="urn:t" s:mustUnderstand="1" s:role="http://www.w3.org/2003/05/soap-envelope/role/none"/></s:Header>`, 1),
		"unprefixed":        strings.Replace(full, "</s:Header>", `<t:x xmlns:t="urn:t" mustUnderstand="1"/></s:Header>`, 1),
		"security":          strings.Replace(full, "</s:Header>", `<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="1"/></s:Header>`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, _, err := read(simple, message)
			if err != nil {
				t.Fatal(err)
			}
			if m.Header.Action != "urn:x" || m.Payload.Local != "p" || m.MTOM {
				t.Errorf("%+v", m)
			}
		})
	}
}

// TestLatin1: characters arrive as UTF-8 whatever they were sent in, and the header's word goes before the declaration's.
func TestLatin1(t *testing.T) {
	t.Parallel()
	message := `<?xml version="1.0" encoding="%s"?>` + begin + `<s:Header>` + action + `</s:Header><s:Body><p>%s</p></s:Body>` + end
	for _, c := range []struct{ contentType, declared, text string }{
		{"application/soap+xml", "ISO-8859-1", "bl\xe5b\xe6r"}, {"application/soap+xml; charset=latin1", "utf-8", "bl\xe5b\xe6r"},
		{"application/soap+xml; charset=utf-8", "ISO-8859-1", "blåbær"}, {"application/soap+xml", "", "blåbær"},
	} {
		m, _, err := read(c.contentType, fmt.Sprintf(message, c.declared, c.text))
		if err != nil || !bytes.Contains(m.Body, []byte("blåbær")) {
			t.Errorf("%q, declared %q: %v", c.contentType, c.declared, err)
		}
	}
}

// TestMarked: a byte order mark goes before every word.
func TestMarked(t *testing.T) {
	t.Parallel()
	m, _, err := read("application/soap+xml; charset=latin1", "\xef\xbb\xbf"+begin+`<s:Header>`+action+`</s:Header><s:Body><p>blåbær</p></s:Body>`+end)
	if err != nil || !bytes.Contains(m.Body, []byte("blåbær")) {
		t.Error(err)
	}
}

// TestHeader: addressing is read, the body's reader gets what is in force around it, and so does a block's; blocks keep their bytes.
func TestHeader(t *testing.T) {
	t.Parallel()
	block := `<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" u:Id="a"><u:T  x='1'>&#13;æ<!-- c --></u:T></w:Security>`
	message := `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns="urn:d" xmlns:u="urn:outer"><s:Header xmlns:u="urn:u" xmlns:a="http://www.w3.org/2005/08/addressing">` +
		`<a:Action>urn:x</a:Action><a:MessageID> not a URI </a:MessageID><a:To>t</a:To><a:ReplyTo><a:Address>http://x/</a:Address></a:ReplyTo>` + block +
		`</s:Header><s:Body><p xmlns:q="urn:q"><q:r u:a=""/></p></s:Body></s:Envelope>`
	m, _, err := read(simple, message)
	if err != nil {
		t.Fatal(err)
	}
	h := m.Header
	h.Blocks = nil
	if diff := cmp.Diff(soap.Header{Action: "urn:x", MessageID: "not a URI", To: "t", ReplyTo: "http://x/"}, h); diff != "" {
		t.Error(diff)
	}
	if m.Payload != (xml.Name{Space: "urn:d", Local: "p"}) || h.Synchronous() {
		t.Errorf("payload %v", m.Payload)
	}
	if want := `<p xmlns:u="urn:outer" xmlns="urn:d" xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:q="urn:q"><q:r u:a=""/></p>`; string(m.Body) != want {
		t.Errorf("body  %s\nwant  %s", m.Body, want)
	}
	s, err := m.Header.Block(soap.Security)
	if err != nil || s == nil {
		t.Fatal(s, err)
	}
	if _, inner, _ := strings.Cut(block, ">"); !strings.HasSuffix(string(s.XML), inner) {
		t.Errorf("the block's bytes changed: %s", s.XML)
	}
	if !strings.Contains(string(s.XML), `xmlns:u="urn:u"`) || strings.Contains(string(s.XML), "urn:outer") {
		t.Errorf("the namespace in force is the nearest: %s", s.XML)
	}
	m.Header.Blocks = append(m.Header.Blocks, *s)
	if _, err := m.Header.Block(soap.Security); err == nil {
		t.Error("two blocks of one name pass")
	}
}

// TestDoorErrors: what the door's functions return comes back as it was, even when it looks like the end of the message.
func TestDoorErrors(t *testing.T) {
	t.Parallel()
	message := begin + `<s:Header>` + action + `</s:Header>` + body + end
	for _, want := range []error{io.EOF, io.ErrUnexpectedEOF, fault.New(fault.TooBusy, "x"), errors.New("x")} {
		_, err := soap.Read(simple, strings.NewReader(message), soap.Options{Header: func(*soap.Header) error { return want }})
		if err != want {
			t.Errorf("%v became %v", want, err)
		}
	}
	broken := errors.New("connection reset")
	_, err := soap.Read(simple, io.MultiReader(strings.NewReader(message[:50]), iotest.ErrReader(broken)), soap.Options{})
	if !errors.Is(err, broken) {
		t.Errorf("a broken connection became %v", err)
	}
	if soap.FaultOf(err).Reason != soap.Internal || soap.FaultOf(fault.New(fault.TooBusy, "x")).Reason != soap.Busy {
		t.Error("the house's problems become other faults")
	}
}
