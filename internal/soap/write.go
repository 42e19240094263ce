package soap

import (
	"bytes"
	"encoding/xml"
)

// ContentType is that of an envelope which goes alone.
func ContentType(action string) string {
	if action == "" {
		return typeSOAP + "; charset=UTF-8"
	}
	return typeSOAP + `; charset=UTF-8; action="` + action + `"`
}

// Outbound is what WS-Addressing says of a message that we send. Empty fields are left out.
type Outbound struct {
	Action, MessageID, RelatesTo, To, ReplyTo string
	// Blocks are further header blocks, as whole XML.
	Blocks [][]byte
}

const (
	envelopeBegin = `<s:Envelope xmlns:s="` + Namespace + `" xmlns:a="` + Addressing + `"><s:Header>`
	envelopeBody  = `</s:Header><s:Body>`
	envelopeEnd   = `</s:Body></s:Envelope>`
)

// AppendEnvelope appends a message whose payload, one element as whole XML, the given function appends.
func AppendEnvelope(dst []byte, o Outbound, payload func([]byte) []byte) []byte {
	dst = append(dst, envelopeBegin...)
	dst = appendAddressing(dst, o)
	for _, b := range o.Blocks {
		dst = append(dst, b...)
	}
	dst = append(dst, envelopeBody...)
	return append(payload(dst), envelopeEnd...)
}

func appendAddressing(dst []byte, o Outbound) []byte {
	dst = appendText(dst, `<a:Action s:mustUnderstand="1">`, o.Action, `</a:Action>`)
	dst = appendText(dst, `<a:MessageID>`, o.MessageID, `</a:MessageID>`)
	dst = appendText(dst, `<a:RelatesTo>`, o.RelatesTo, `</a:RelatesTo>`)
	dst = appendText(dst, `<a:To s:mustUnderstand="1">`, o.To, `</a:To>`)
	return appendText(dst, `<a:ReplyTo><a:Address>`, o.ReplyTo, `</a:Address></a:ReplyTo>`)
}

// appendText appends an element with text; nothing when there is none.
func appendText(dst []byte, before, text, after string) []byte {
	if text == "" {
		return dst
	}
	return append(appendEscaped(append(dst, before...), text), after...)
}

// appendEscaped writes text or the value of an attribute. Characters that XML 1.0 does not have become U+FFFD.
func appendEscaped(dst []byte, s string) []byte {
	out := bytes.NewBuffer(dst)
	_ = xml.EscapeText(out, []byte(s)) // a buffer takes everything
	return out.Bytes()
}

// AppendFault appends a fault as a message, with what WS-Addressing says of it but the action, which is the fault's. RelatesTo is the MessageID of the
// message that it answers, empty when that is not known.
func AppendFault(dst []byte, f *Fault, o Outbound) []byte {
	if f.Legacy {
		return appendLegacyFault(dst, f)
	}
	c := reasons(f.Reason)
	o.Action = faultAction(c)
	dst = append(dst, envelopeBegin...)
	dst = appendAddressing(dst, o)
	for _, n := range f.Names {
		dst = appendQName(append(dst, `<s:NotUnderstood`...), n)
		dst = append(dst, `/>`...)
	}
	if f.Reason == WrongVersion {
		dst = append(dst, `<s:Upgrade><s:SupportedEnvelope qname="s:Envelope"/></s:Upgrade>`...)
	}
	dst = append(dst, envelopeBody+`<s:Fault><s:Code><s:Value>s:`...)
	dst = append(append(dst, c.code...), `</s:Value>`...)
	dst = appendSubcodes(dst, c.sub)
	dst = append(dst, `</s:Code><s:Reason><s:Text xml:lang="en">`...)
	dst = appendEscaped(dst, c.text)
	return append(dst, `</s:Text></s:Reason></s:Fault>`+envelopeEnd...)
}

// faultAction is the action of a fault: WS-Addressing has one for its own.
func faultAction(c codes) string {
	if len(c.sub) > 0 && c.sub[0].Space == Addressing {
		return Addressing + "/fault"
	}
	return Addressing + "/soap/fault"
}

func appendSubcodes(dst []byte, names []xml.Name) []byte {
	if len(names) == 0 {
		return dst
	}
	dst = append(append(dst, `<s:Subcode><s:Value xmlns:f="`...), names[0].Space...)
	dst = append(append(dst, `">f:`...), names[0].Local...)
	dst = append(dst, `</s:Value>`...)
	return append(appendSubcodes(dst, names[1:]), `</s:Subcode>`...)
}

// appendQName appends an attribute that names a header block; the name is the caller's own and vetted by the reader.
func appendQName(dst []byte, n xml.Name) []byte {
	if n.Space == "" {
		return append(appendEscaped(append(dst, ` qname="`...), n.Local), '"')
	}
	dst = appendEscaped(append(dst, ` xmlns:q="`...), n.Space)
	return append(appendEscaped(append(dst, `" qname="q:`...), n.Local), '"')
}

// appendLegacyFault tells a sender of SOAP 1.1 in its own words that 1.2 is spoken here.
func appendLegacyFault(dst []byte, f *Fault) []byte {
	dst = append(dst, `<e:Envelope xmlns:e="`+namespace11+`"><e:Header><s:Upgrade xmlns:s="`+Namespace+`"><s:SupportedEnvelope qname="s:Envelope"/></s:Upgrade></e:Header>`...)
	dst = append(dst, `<e:Body><e:Fault><faultcode>e:VersionMismatch</faultcode><faultstring>`...)
	dst = appendEscaped(dst, f.Text())
	return append(dst, `</faultstring></e:Fault></e:Body></e:Envelope>`...)
}

// FaultContentType is the Content-Type of a fault.
func FaultContentType(f *Fault) string {
	if f.Legacy {
		return typeXML + "; charset=UTF-8"
	}
	return ContentType("")
}

// FaultIn reads a fault that an answer's payload is: its codes from the outermost to the innermost, without prefixes, and its text; nil codes
// when the payload is none.
func FaultIn(m *Message) (codes []string, text string) {
	if m.Payload != (xml.Name{Space: Namespace, Local: "Fault"}) {
		return nil, ""
	}
	type code struct {
		Value   string `xml:"Value"`
		Subcode *code  `xml:"Subcode"`
	}
	var v struct {
		Code code   `xml:"Code"`
		Text string `xml:"Reason>Text"`
	}
	if xml.Unmarshal(m.Body, &v) != nil {
		return []string{"Receiver"}, ""
	}
	for c := &v.Code; c != nil; c = c.Subcode {
		local := c.Value
		for i := range len(local) {
			if c.Value[i] == ':' {
				local = c.Value[i+1:]
			}
		}
		codes = append(codes, local)
	}
	return codes, v.Text
}
