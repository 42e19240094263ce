package bench

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
)

// press makes documents of an exact size and never the same one twice. It owns its buffers: the document and the message that it
// gave last are gone when it makes the next, so that a run does not measure its own garbage.
type press struct {
	random  *rand.ChaCha8
	header  []byte // of a JPEG, up to where its picture begins
	page    []byte
	message []byte
}

func newPress(t testing.TB, seed [32]byte) *press {
	t.Helper()
	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, image.NewGray(image.Rect(0, 0, pictureSide, pictureSide)), nil); err != nil {
		t.Fatal(err)
	}
	scan := bytes.Index(picture.Bytes(), []byte{0xFF, 0xDA}) // start of scan; two bytes of length follow, which count themselves
	length := int(picture.Bytes()[scan+2])<<8 | int(picture.Bytes()[scan+3])
	return &press{random: rand.NewChaCha8(seed), header: picture.Bytes()[:scan+2+length]}
}

// kind is a document's media type and how it is made.
type kind struct {
	name, media string
	make        func(p *press, size int) []byte
}

var (
	pdfOfImages = kind{"PDF of images", "application/pdf", (*press).pdf}
	plainText   = kind{"plain text", "text/plain", (*press).text}
)

// letters are 64, so that six random bits are one.
const letters = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNO 0123456789 .,;:-    \n"

// text is lines of letters that mean nothing.
func (p *press) text(size int) []byte {
	p.page = append(p.page[:0], make([]byte, size)...)
	_, _ = p.random.Read(p.page) // a ChaCha8 never fails
	for i, b := range p.page {
		p.page[i] = letters[b&63]
	}
	return p.page
}

// pictureSide is in pixels; pictures is how many pages with one picture each a PDF has: 2 MiB each at the limit of F5.
const (
	pictureSide = 2048
	pictures    = 30
)

// pdf is what a scanner that takes paper makes: a page is one JPEG. The pictures are noise, so that nothing can be packed or
// remembered. All numbers have a fixed width, so that the size is known before the pictures are made.
func (p *press) pdf(size int) []byte {
	room := size - len(p.layout(func(int) int { return 0 }))
	each := room / pictures
	return p.layout(func(n int) int {
		if n == 0 {
			return each + room%pictures
		}
		return each
	})
}

// layout writes the whole file with pictures of the given sizes (ISO 32000-1 §7.5).
func (p *press) layout(sizeOf func(picture int) int) []byte {
	p.page = p.page[:0]
	var places []int
	object := func(format string, args ...any) {
		places = append(places, len(p.page))
		p.page = fmt.Appendf(p.page, "%d 0 obj\n"+format, append([]any{len(places)}, args...)...)
	}
	p.page = append(p.page, "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"...)
	object("<</Type/Catalog/Pages 2 0 R>>\nendobj\n")
	object("<</Type/Pages/Count %d/Kids[", pictures)
	for n := range pictures {
		p.page = fmt.Appendf(p.page, "%d 0 R ", 3+3*n)
	}
	p.page = append(p.page, "]>>\nendobj\n"...)
	for n := range pictures {
		const content = "q 595 0 0 842 0 0 cm /I Do Q"
		object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<</XObject<</I %d 0 R>>>>>>\nendobj\n", 4+3*n, 5+3*n)
		object("<</Length %d>>\nstream\n%s\nendstream\nendobj\n", len(content), content)
		size := sizeOf(n)
		object("<</Type/XObject/Subtype/Image/Width %d/Height %[2]d/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode/Length %010[3]d>>\nstream\n",
			pictureSide, pictureSide, size)
		p.picture(size)
		p.page = append(p.page, "\nendstream\nendobj\n"...)
	}
	start := len(p.page)
	p.page = fmt.Appendf(p.page, "xref\n0 %d\n0000000000 65535 f \n", len(places)+1)
	for _, place := range places {
		p.page = fmt.Appendf(p.page, "%010d 00000 n \n", place)
	}
	p.page = fmt.Appendf(p.page, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%010d\n%%%%EOF\n", len(places)+1, start)
	return p.page
}

// picture appends a JPEG of so many bytes whose picture is noise; none at all for 0.
func (p *press) picture(size int) {
	if size == 0 {
		return
	}
	p.page = append(p.page, p.header...)
	from := len(p.page)
	p.page = append(p.page, make([]byte, size-len(p.header)-2)...)
	noise := p.page[from:]
	_, _ = p.random.Read(noise)
	for i, b := range noise {
		if b == 0xFF { // would begin a marker
			noise[i] = 0x7F
		}
	}
	p.page = append(p.page, 0xFF, 0xD9)
}

// bundle is b with the press's document as its first, in a buffer that the next call overwrites. The document is put into the finished
// JSON, which no encoder that copies 80 MiB a few times has to do.
func (p *press) bundle(t testing.TB, b servicetest.Bundle, k kind, content []byte) []byte {
	t.Helper()
	const place = "the document's bytes"
	b.Docs[0].Type = k.media
	b.Change = func(message servicetest.Object) {
		sum := sha1.Sum(content)
		attachment := servicetest.Attachment(message)
		attachment["size"], attachment["hash"] = len(content), base64.StdEncoding.EncodeToString(sum[:])
		servicetest.Resource(message, 2)["data"] = place
	}
	before, after, found := bytes.Cut(b.JSON(t), []byte(place))
	if !found {
		t.Fatal("the bundle has no place for its document")
	}
	p.message = append(p.message[:0], before...)
	p.message = base64.StdEncoding.AppendEncode(p.message, content)
	p.message = append(p.message, after...)
	return p.message
}
