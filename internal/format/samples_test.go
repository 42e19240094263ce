package format

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/image/tiff"
)

// picture is a small image with some content.
func picture() image.Image {
	img := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.Black, color.White, color.RGBA{200, 10, 10, 255}})
	for i := range img.Pix {
		img.Pix[i] = uint8(i % 3)
	}
	return img
}

func encoded(encode func(*bytes.Buffer) error) []byte {
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func pngFile() []byte {
	return encoded(func(b *bytes.Buffer) error { return png.Encode(b, picture()) })
}
func jpegFile() []byte {
	return encoded(func(b *bytes.Buffer) error { return jpeg.Encode(b, picture(), nil) })
}
func gifFile() []byte {
	return encoded(func(b *bytes.Buffer) error { return gif.Encode(b, picture(), nil) })
}
func tiffFile() []byte {
	return encoded(func(b *bytes.Buffer) error { return tiff.Encode(b, picture(), nil) })
}

// handTIFF is a 16 × 8 bilevel TIFF with its directory at the end, in either byte order.
func handTIFF(order binary.AppendByteOrder, mark string) []byte {
	const strip = 16
	b := order.AppendUint16([]byte(mark), 42)
	b = order.AppendUint32(b, 8+strip)
	b = append(b, make([]byte, strip)...)
	entries := [][2]uint32{{256, 16}, {257, 8}, {258, 1}, {259, 1}, {262, 1}, {273, 8}, {277, 1}, {278, 8}, {279, strip}}
	b = order.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = order.AppendUint16(b, uint16(e[0]))
		b = order.AppendUint16(b, 4)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint32(b, e[1])
	}
	return order.AppendUint32(b, 0)
}

// bigJPEG carries 200,000 bytes of metadata before its header.
func bigJPEG() []byte {
	plain := jpegFile()
	b := append([]byte(nil), plain[:2]...)
	for range 4 {
		b = append(b, 0xff, 0xe2, 0xc3, 0x52)
		b = append(b, make([]byte, 0xc350)...)
	}
	return append(b, plain[2:]...)
}

func utf16File(s string, order binary.AppendByteOrder, bom bool) (b []byte) {
	if bom {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}

const (
	pdfFile  = "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n"
	rtfFile  = `{\rtf1\ansi{\fonttbl\f0\fswiss Helvetica;}\f0 Pr\'f8vesvar\par}` + "\r\n\x00"
	note     = "Pasienten føler seg bra.\r\nBlodtrykk 120/80.\n\tÆrlig talt, på Åsen < 3 mmol/l.\f\n"
	cdaFile  = `<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="cda.xsl"?><!-- epikrise --><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Bl&#xE5; &amp; <![CDATA[<grønn>]]></title></ClinicalDocument>`
	jsonFile = `{"resourceType":"Bundle","type":"document","entry":[{"n":-1.5e+3,"t":true,"x":null,"s":"\u00e6\/"}]}`
)

// samples are one sound file of each format.
func samples() map[Type][]byte {
	return map[Type][]byte{PNG: pngFile(), JPEG: jpegFile(), GIF: gifFile(), TIFF: tiffFile(), PDF: []byte(pdfFile), Text: []byte(note),
		RTF: []byte(rtfFile), XML: []byte(cdaFile), JSON: []byte(jsonFile)}
}

// inspect gives the bytes in writes of at most step bytes; all at once for zero.
func inspect(t testing.TB, data []byte, step int, options ...Option) Result {
	t.Helper()
	in := NewInspector(options...)
	if step == 0 {
		step = max(1, len(data))
	}
	for len(data) > 0 {
		n := min(step, len(data))
		if wrote, err := in.Write(data[:n]); err != nil || wrote != n {
			t.Fatalf("Write of %d bytes: %d, %v", n, wrote, err)
		}
		data = data[n:]
	}
	return in.Result()
}

// codes are the codes of what Check says, joined.
func codes(r Result, contentType, name string) string {
	var all []string
	for _, p := range r.Check(contentType, name) {
		all = append(all, string(p.Code)+"@"+p.Location)
	}
	return strings.Join(all, " ")
}
