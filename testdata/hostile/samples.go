package hostile

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"unicode/utf16"
)

// formats are the nine with a small sound file of each.
var formats = []struct {
	name, media string
	sample      func() []byte
}{
	{"PNG", png, func() []byte { return pngFile(1, 1) }}, {"JPEG", jpeg, func() []byte { return jpegFile(1, 1) }}, {"GIF", gif, func() []byte { return gifFile(1, 1) }},
	{"TIFF", tiff, func() []byte { return tiffFile(1, 1) }}, {"PDF", pdf, func() []byte { return pdfFile("") }}, {"text", plain, text(note)},
	{"RTF", rtf, text(`{\rtf1\ansi\deff0 Pr\'f8vesvar, alt i orden.\par}`)}, {"XML", xml, text(cda)}, {"JSON", json, text(`{"resourceType":"Basic","id":"a","n":[1,true,null]}`)},
}

const (
	note = "Notat: pasienten føler seg bra.\r\nBlodtrykk 120/80, < 3 mmol/l.\n"
	cda  = `<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="cda.xsl"?><ClinicalDocument xmlns="urn:hl7-org:v3"><title>Epikrise</title></ClinicalDocument>`
)

func text(s string) func() []byte { return func() []byte { return []byte(s) } }

// join is files behind each other.
func join(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// mebibyte of zeros packs to a thousandth of it.
const mebibyte = 1 << 20

const pngSignature = "\x89PNG\r\n\x1a\n"

// chunk is a PNG chunk with its checksum.
func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngFile is a grey PNG whose header claims the size; its data is one row of one pixel. More chunks stand before the data.
func pngFile(width, height uint32, more ...[]byte) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	b := join(pngSignature, chunk("IHDR", append(header, 8, 0, 0, 0, 0)))
	for _, c := range more {
		b = append(b, c...)
	}
	return join(b, chunk("IDAT", deflated([]byte{0, 0})), chunk("IEND", nil))
}

func deflated(data []byte) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// segment is a JPEG segment.
func segment(code byte, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xff, code}, uint16(len(data)+2)), data...)
}

// jpegFile has the markers of a grey baseline JPEG that claims the size; more segments stand before the frame header. Its tables are left
// out: nobody decodes it.
func jpegFile(width, height uint16, more ...[]byte) []byte {
	frame := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{8}, height), width)
	b := join("\xff\xd8", segment(0xe0, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")))
	for _, s := range more {
		b = append(b, s...)
	}
	return join(b, segment(0xc0, append(frame, 1, 1, 0x11, 0)), segment(0xda, []byte{1, 1, 0, 0, 63, 0}), "\x12\x34\x56\xff\x00\x78\xff\xd9")
}

// gifFile is a GIF whose screen and one frame claim the size; extensions stand before the frame.
func gifFile(width, height uint16, extensions ...string) []byte {
	return gifOf(width, height, width, height, extensions...)
}

func gifOf(width, height, frameWidth, frameHeight uint16, extensions ...string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(le.AppendUint16([]byte("GIF89a"), width), height)
	b = join(b, "\x80\x00\x00", "\x00\x00\x00\xff\xff\xff", strings.Join(extensions, ""))
	b = le.AppendUint16(le.AppendUint16(append(b, ",\x00\x00\x00\x00"...), frameWidth), frameHeight)
	return join(b, "\x00", "\x02\x02\x44\x01\x00", ";")
}

// gifComment is a comment extension; s is at most 255 bytes.
func gifComment(s string) string { return "!\xfe" + string([]byte{byte(len(s))}) + s + "\x00" }

// tiffFile is a bilevel TIFF that claims the size, with its directory first and its strip behind it.
func tiffFile(width, height uint32) []byte { return tiffOf(width, height, nil) }

// tiffOf has something between the header and the directory.
func tiffOf(width, height uint32, between []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte("II*\x00"), uint32(8+len(between)))
	b = append(b, between...)
	return append(b, directory([][2]uint32{{256, width}, {257, height}, {258, 1}, {259, 1}, {262, 1}, {273, 8}, {277, 1}, {278, height}, {279, 1}})...)
}

// directory is a TIFF directory of LONGs and the end of the chain.
func directory(entries [][2]uint32) []byte {
	le := binary.LittleEndian
	b := le.AppendUint16(nil, uint16(len(entries)))
	for _, e := range entries {
		b = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(b, uint16(e[0])), 4), 1), e[1])
	}
	return le.AppendUint32(b, 0)
}

// pdfFile is a PDF of no pages whose catalogue holds what is given.
func pdfFile(catalogue string, objects ...string) []byte {
	return join("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog/Pages 2 0 R", catalogue, ">>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n",
		strings.Join(objects, "\n"), "\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n")
}

// archive is a ZIP file of names and contents in pairs; the names say whether it is OOXML, ODF or a JAR.
func archive(pairs ...string) []byte { return archiveEnding("", pairs...) }

// archiveEnding has a comment, which may be the end of another format.
func archiveEnding(comment string, pairs ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		f, _ := w.CreateHeader(&zip.FileHeader{Name: pairs[i], Method: zip.Store})
		_, _ = f.Write([]byte(pairs[i+1]))
	}
	_ = w.SetComment(comment)
	_ = w.Close()
	return b.Bytes()
}

func jar() []byte {
	return archive("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nMain-Class: A\n", "A.class", "\xca\xfe\xba\xbe")
}

func docx() []byte {
	return archive("[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`, "word/document.xml", "<w/>")
}

func odt() []byte {
	return archive("mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "<o/>")
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// Gzip packs a body as a client would that says Content-Encoding: gzip.
func Gzip(data []byte) []byte { return gzipped(data) }

// wide is s in UTF-16, behind a byte order mark when marked.
func wide(s string, order binary.AppendByteOrder, marked bool) (b []byte) {
	if marked {
		b = order.AppendUint16(b, 0xfeff)
	}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}
