package soap

import (
	"encoding/xml"
	"slices"
	"strings"
)

// header reads the header's blocks and what WS-Addressing says.
func (r *reader) header(s *scanner) error {
	h := &r.m.Header
	for {
		e, err := child(s)
		if err != nil {
			return err
		}
		if e == nil {
			return nil
		}
		must, err := mustUnderstand(e.attrs)
		if err != nil {
			return err
		}
		b := Block{Name: e.name, MustUnderstand: must}
		if b.XML, err = s.whole(nil); err != nil {
			return err
		}
		if b.Name.Space == Addressing {
			if err := h.address(b); err != nil {
				return err
			}
		}
		h.Blocks = append(h.Blocks, b)
	}
}

// mustUnderstand is whether a block must be understood, here: what is for another role is not for us. Without the namespace the attribute
// means nothing, however it is meant.
func mustUnderstand(attrs []xml.Attr) (bool, error) {
	must := false
	for _, a := range attrs {
		if a.Name.Space != Namespace {
			continue
		}
		switch a.Name.Local {
		case "mustUnderstand":
			switch strings.TrimSpace(a.Value) {
			case "1", "true":
				must = true
			case "0", "false":
			default:
				return false, malformed("mustUnderstand is neither true nor false")
			}
		case "role":
			switch strings.TrimSpace(a.Value) {
			case "", Namespace + "/role/next", Namespace + "/role/ultimateReceiver":
			default:
				return false, nil
			}
		}
	}
	return must, nil
}

// ready judges the header when it is whole, and lets the door do so.
func (r *reader) ready() error {
	var strange []xml.Name
	for _, b := range r.m.Header.Blocks {
		known := b.Name.Space == Addressing && fieldOf(&Header{}, b.Name.Local) != nil || slices.Contains(r.opt.Understands, b.Name)
		if b.MustUnderstand && !known {
			strange = append(strange, b.Name)
		}
	}
	if strange != nil {
		return &Fault{Reason: NotUnderstood, Names: strange}
	}
	if r.m.Header.Action == "" {
		return &Fault{Reason: HeaderMissing}
	}
	if r.opt.Header == nil {
		return nil
	}
	if err := r.opt.Header(&r.m.Header); err != nil {
		return &doorError{err}
	}
	return nil
}

// fieldOf is where an addressing header is kept; nil for one that is not looked at.
func fieldOf(h *Header, local string) *string {
	switch local {
	case "Action":
		return &h.Action
	case "MessageID":
		return &h.MessageID
	case "To":
		return &h.To
	case "RelatesTo":
		return &h.RelatesTo
	case "ReplyTo":
		return &h.ReplyTo
	case "FaultTo":
		return &h.FaultTo
	case "From":
		return new(string)
	default:
		return nil
	}
}

// address takes an addressing header; each stands once at the most (WS-Addressing 1.0 SOAP binding §2.2).
func (h *Header) address(b Block) error {
	field := fieldOf(h, b.Name.Local)
	if field == nil {
		return nil
	}
	if slices.ContainsFunc(h.Blocks, func(have Block) bool { return have.Name == b.Name }) {
		return &Fault{Reason: HeaderTwice}
	}
	var v struct {
		Text    string   `xml:",chardata"`
		Address []string `xml:"http://www.w3.org/2005/08/addressing Address"`
	}
	if err := xml.Unmarshal(b.XML, &v); err != nil {
		return malformed("an addressing header cannot be read")
	}
	switch b.Name.Local {
	case "ReplyTo", "FaultTo", "From":
		if len(v.Address) != 1 {
			return &Fault{Reason: BadReplyTo}
		}
		*field = strings.TrimSpace(v.Address[0])
	default:
		*field = strings.TrimSpace(v.Text)
	}
	return nil
}
