package soap

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// A declaration that is longer is none.
const maxDeclaration = 256

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// plain gives the envelope's characters in UTF-8, from behind byte order mark and XML declaration. What the HTTP or MIME header says of the
// character set goes before what the declaration says (RFC 7303). Beside UTF-8 its part ASCII and Latin-1 are taken; everything else is
// refused, UTF-16 by its first bytes (spec/soap.md 4).
func plain(r io.Reader, stated string) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	marked := false
	if head, _ := b.Peek(len(byteOrderMark)); bytes.Equal(head, byteOrderMark) {
		_, _ = b.Discard(len(byteOrderMark))
		marked = true
	}
	head, err := b.Peek(2)
	if len(head) == 0 {
		if err == io.EOF {
			return nil, malformed("the envelope is empty")
		}
		return nil, err
	}
	if len(head) == 2 && (head[0] == 0 || head[1] == 0 || head[0] >= 0xFE) {
		return nil, malformed("the envelope is in UTF-16 or UTF-32")
	}
	declared, err := declaration(b)
	if err != nil {
		return nil, err
	}
	if stated == "" {
		stated = declared
	}
	if marked {
		stated = "utf-8"
	}
	return decoded(b, stated)
}

func decoded(r *bufio.Reader, charset string) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8":
		return r, nil
	case "us-ascii", "ascii":
		return &latin1{r: r, ascii: true}, nil
	case "iso-8859-1", "iso8859-1", "latin1", "latin-1", "iso_8859-1":
		return &latin1{r: r}, nil
	default:
		return nil, malformed("the envelope is in a character set that is not taken")
	}
}

// declaration reads over <?xml …?> and tells its encoding.
func declaration(b *bufio.Reader) (encoding string, err error) {
	head, _ := b.Peek(maxDeclaration)
	if !bytes.HasPrefix(head, []byte("<?xml")) || len(head) < 6 || !isSpace(head[5]) {
		return "", nil
	}
	end := bytes.Index(head, []byte("?>"))
	if end < 0 {
		return "", malformed("the XML declaration does not end")
	}
	text := string(head[5:end])
	if version := pseudoAttribute(text, "version"); version != "1.0" {
		return "", malformed("the envelope is not of XML version 1.0")
	}
	_, err = b.Discard(end + 2)
	return pseudoAttribute(text, "encoding"), err
}

func pseudoAttribute(text, name string) string {
	_, after, found := strings.Cut(text, name)
	after = strings.TrimLeft(after, " \t\r\n")
	if !found || len(after) < 2 || after[0] != '=' {
		return ""
	}
	after = strings.TrimLeft(after[1:], " \t\r\n")
	if after == "" || after[0] != '"' && after[0] != '\'' {
		return ""
	}
	value, _, found := strings.Cut(after[1:], after[:1])
	if !found {
		return ""
	}
	return value
}

// latin1 turns ISO 8859-1 into UTF-8; told that the text is ASCII, it refuses what is not.
type latin1 struct {
	r     io.Reader
	ascii bool
	in    [4096]byte
	out   []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	for len(l.out) == 0 {
		n, err := l.r.Read(l.in[:])
		if n == 0 && err != nil {
			return 0, err
		}
		for _, c := range l.in[:n] {
			if l.ascii && c >= utf8.RuneSelf {
				return 0, malformed("the envelope says that it is ASCII and is not")
			}
			l.out = utf8.AppendRune(l.out, rune(c))
		}
	}
	n := copy(p, l.out)
	l.out = append(l.out[:0], l.out[n:]...)
	return n, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
