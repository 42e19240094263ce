package format

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// image.DecodeConfig is not used here: it pulls, TIFF keeps its header at any offset (often the file's end), and JPEG behind
// metadata of any size. These walkers read the same headers as the bytes pass.

// pngBody follows the chunks of PNG (W3C PNG §5): IHDR first, IDAT, IEND last.
type pngBody struct {
	walker
	onChunk     func([]byte)
	data, ended bool
}

func newPNG() *pngBody {
	b := &pngBody{}
	b.onChunk = b.chunk // kept: evaluating b.chunk for every chunk would allocate
	b.take(0, 8+8+13+4, b.header)
	return b
}

func (b *pngBody) header(p []byte) {
	ihdr := p[16:29]
	if !bytes.HasPrefix(p, []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")) || crc32.ChecksumIEEE(p[12:29]) != binary.BigEndian.Uint32(p[29:]) {
		b.fail("its header is damaged")
		return
	}
	depth, colour := ihdr[8], ihdr[9]
	if !slices.Contains([]byte{1, 2, 4, 8, 16}, depth) || !slices.Contains([]byte{0, 2, 3, 4, 6}, colour) || ihdr[10]|ihdr[11] != 0 || ihdr[12] > 1 {
		b.fail("its header holds impossible values")
	}
	b.size(uint64(binary.BigEndian.Uint32(ihdr)), uint64(binary.BigEndian.Uint32(ihdr[4:])))
	b.take(0, 8, b.onChunk)
}

func (b *pngBody) chunk(p []byte) {
	const checksum = 4
	length, kind := int64(binary.BigEndian.Uint32(p)), string(p[4:])
	switch {
	case length > 1<<31-1:
		b.fail("a chunk claims an impossible length")
	case kind == "IHDR":
		b.fail("it has two headers")
	case !isChunkName(p[4:]):
		b.fail("its chunks are damaged")
	case kind == "IEND":
		b.ended = b.data && length == 0
		b.take(0, checksum, func([]byte) { b.rest = b.padding("PNG") })
		return
	case kind == "IDAT":
		b.data = true
	}
	b.take(length+checksum, 8, b.onChunk)
}

// isChunkName: four letters (W3C PNG §5.4).
func isChunkName(p []byte) bool {
	for _, c := range p {
		if c |= 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func (b *pngBody) end() string {
	if !b.ended || b.rest == nil {
		b.fail("it is cut off")
	}
	return b.fault
}

// gifBody follows the blocks of GIF89a: "GIF89a=1;alert(1)" has a header, and no block where the first should be.
type gifBody struct {
	walker
	onBlock, onSubBlock func([]byte)
	image               bool
}

func newGIF() *gifBody {
	b := &gifBody{}
	b.onBlock, b.onSubBlock = b.block, b.subBlock
	b.take(0, 13, b.header)
	return b
}

func (b *gifBody) header(p []byte) {
	if v := string(p[:6]); v != "GIF87a" && v != "GIF89a" {
		b.fail("its header is damaged")
	}
	b.size(uint64(binary.LittleEndian.Uint16(p[6:])), uint64(binary.LittleEndian.Uint16(p[8:])))
	b.take(colourTable(p[10]), 1, b.onBlock)
}

// colourTable is the length of the table that flags announce.
func colourTable(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

func (b *gifBody) block(p []byte) {
	switch p[0] {
	case 0x21: // extension: a label, then sub-blocks
		b.take(1, 1, b.onSubBlock)
	case 0x2c:
		b.image = true
		b.take(0, 9, b.descriptor)
	case 0x3b:
		b.rest = b.padding("GIF")
	default:
		b.fail("its blocks are damaged")
	}
}

// descriptor is a frame's. Browsers make the screen as large as its frames; one without pixels harms nobody.
func (b *gifBody) descriptor(p []byte) {
	b.size(max(1, uint64(binary.LittleEndian.Uint16(p[4:]))), max(1, uint64(binary.LittleEndian.Uint16(p[6:]))))
	const codeSize = 1
	b.take(colourTable(p[8])+codeSize, 1, b.onSubBlock)
}

func (b *gifBody) subBlock(p []byte) {
	if p[0] == 0 {
		b.take(0, 1, b.onBlock)
		return
	}
	b.take(int64(p[0]), 1, b.onSubBlock)
}

func (b *gifBody) end() string {
	if b.rest == nil {
		b.fail("it is cut off")
	} else if !b.image {
		b.fail("there is no image in it")
	}
	return b.fault
}

// jpegBody follows the segments of JPEG (ITU T.81 annex B) to the frame header and the scan, then looks for the end marker.
type jpegBody struct {
	walker
	onMarker, onFill, onLength, onFrame func([]byte)
	code                                byte
	length                              int64
	frame, ended                        bool
	last                                byte
}

func newJPEG() *jpegBody {
	b := &jpegBody{}
	b.onMarker, b.onFill, b.onLength, b.onFrame = b.marker, b.fill, b.segment, b.frameHeader
	b.take(2, 2, b.onMarker)
	return b
}

func (b *jpegBody) marker(p []byte) {
	if p[0] != 0xff {
		b.fail("its segments are damaged")
		return
	}
	b.fill(p[1:])
}

// fill takes the byte behind 0xff: a marker's code, or a fill byte.
func (b *jpegBody) fill(p []byte) {
	b.code = p[0]
	switch {
	case b.code == 0xff:
		b.take(0, 1, b.onFill)
	case b.code == 0x01 || b.code >= 0xd0 && b.code <= 0xd7: // these have no length
		b.take(0, 2, b.onMarker)
	default:
		b.take(0, 2, b.onLength)
	}
}

func (b *jpegBody) segment(p []byte) {
	b.length = int64(binary.BigEndian.Uint16(p)) - 2
	isFrame := b.code >= 0xc0 && b.code <= 0xcf && b.code != 0xc4 && b.code != 0xc8 && b.code != 0xcc
	switch {
	case b.length < 0 || isFrame && b.length < 6 || b.code == 0xd9:
		b.fail("its segments are damaged")
	case isFrame:
		b.take(0, 5, b.onFrame)
	case b.code == 0xda && !b.frame:
		b.fail("there is no image header before the image")
	case b.code == 0xda:
		b.rest = b.scan
	default:
		b.take(b.length, 2, b.onMarker)
	}
}

// frameHeader holds precision, height and width.
func (b *jpegBody) frameHeader(p []byte) {
	b.frame = true
	b.size(uint64(binary.BigEndian.Uint16(p[3:])), uint64(binary.BigEndian.Uint16(p[1:])))
	b.take(b.length-5, 2, b.onMarker)
}

// scan looks for the end of image; phones append videos after it, so what follows is not judged. In entropy-coded data a real 0xff is
// always followed by 0.
func (b *jpegBody) scan(p []byte) {
	if b.ended {
		return
	}
	b.ended = b.last == 0xff && p[0] == 0xd9 || bytes.Contains(p, []byte{0xff, 0xd9})
	b.last = p[len(p)-1]
}

func (b *jpegBody) end() string {
	if !b.ended {
		b.fail("it is cut off")
	}
	return b.fault
}

// tiffBody reads the first directory of TIFF 6.0 §2, in either byte order, wherever in the file it stands.
type tiffBody struct {
	walker
	order         binary.ByteOrder
	left          int
	width, height uint64
	read          bool
}

func newTIFF() *tiffBody {
	b := &tiffBody{order: binary.LittleEndian}
	b.take(0, 8, b.header)
	return b
}

func (b *tiffBody) header(p []byte) {
	if p[0] == 'M' {
		b.order = binary.BigEndian
	}
	offset := int64(b.order.Uint32(p[4:]))
	if offset < 8 {
		b.fail("its directory is damaged")
	}
	b.take(offset-8, 2, b.directory)
}

func (b *tiffBody) directory(p []byte) {
	if b.left = int(b.order.Uint16(p)); b.left == 0 {
		b.fail("its directory is empty")
	}
	b.take(0, 12, b.entry)
}

func (b *tiffBody) entry(p []byte) {
	const imageWidth, imageLength, short, long = 256, 257, 3, 4
	value := uint64(b.order.Uint32(p[8:]))
	kind := b.order.Uint16(p[2:])
	if kind == short {
		value = uint64(b.order.Uint16(p[8:]))
	}
	if number := kind == short || kind == long; number && b.order.Uint16(p) == imageWidth {
		b.width = max(b.width, value) // readers differ on which of two holds
	} else if number && b.order.Uint16(p) == imageLength {
		b.height = max(b.height, value)
	}
	if b.left--; b.left == 0 {
		b.read = true
		b.size(b.width, b.height)
		b.rest = func([]byte) {}
		return
	}
	b.take(0, 12, b.entry)
}

func (b *tiffBody) end() string {
	if !b.read {
		b.fail("it is cut off")
	}
	return b.fault
}
