package hostile

import "bytes"

// Images are headers that claim more than their bytes hold. A thousand million pixels is the most an image may claim (F2: made to harm its
// reader); nothing is ever decoded here, so what unpacks to much within that claim costs us nothing.
func Images() []Case {
	t := &table{group: "image"}
	const flood, fits = "more pixels than anybody's decoder should be asked for", "large, and within the limit"
	for _, c := range []struct {
		want          Decision
		name, why     string
		width, height uint32
	}{
		{Damaged, "50,000 by 50,000", flood, 50_000, 50_000}, {Damaged, "65,535 by 65,535", flood, 65_535, 65_535},
		{Accept, "50,000 by 1", fits, 50_000, 1}, {Accept, "1 by 50,000", fits, 1, 50_000}, {Accept, "30,000 by 30,000", fits, 30_000, 30_000},
		{Damaged, "no width", "no pixels at all", 0, 10}, {Damaged, "no height", "no pixels at all", 10, 0},
	} {
		t.add(c.want, "PNG of "+c.name, png, c.why, func() []byte { return pngFile(c.width, c.height) })
		t.add(c.want, "JPEG of "+c.name, jpeg, c.why, func() []byte { return jpegFile(uint16(c.width), uint16(c.height)) })
		t.add(c.want, "GIF of "+c.name, gif, c.why, func() []byte { return gifFile(uint16(c.width), uint16(c.height)) })
		t.add(c.want, "TIFF of "+c.name, tiff, c.why, func() []byte { return tiffFile(c.width, c.height) })
	}
	for _, c := range []struct {
		name          string
		width, height uint32
	}{{"2^31 by 1", 1 << 31, 1}, {"2^31 by 2^31", 1 << 31, 1 << 31}, {"2^32-1 by 2^32-1", 1<<32 - 1, 1<<32 - 1}, {"2^16 by 2^16", 1 << 16, 1 << 16}} {
		t.add(Damaged, "PNG of "+c.name, png, flood, func() []byte { return pngFile(c.width, c.height) })
		t.add(Damaged, "TIFF of "+c.name, tiff, flood, func() []byte { return tiffFile(c.width, c.height) })
	}
	t.add(Damaged, "GIF with a frame above its screen", gif, flood, func() []byte { return gifOf(1, 1, 65_535, 65_535) })
	t.add(Damaged, "TIFF that says its width twice", tiff, flood, func() []byte {
		return join("II*\x00\x08\x00\x00\x00", directory([][2]uint32{{256, 1 << 31}, {256, 1}, {257, 1}}))
	})
	t.add(Damaged, "TIFF whose directory is behind its end", tiff, "cut off", func() []byte { return []byte("II*\x00\xff\xff\xff\xffxxxx") })
	t.add(Damaged, "TIFF whose directory is in its header", tiff, "damaged", func() []byte { return []byte("II*\x00\x02\x00\x00\x00xxxx") })
	t.add(Damaged, "PNG with a chunk of 2^31 bytes", png, "no chunk may be that long", func() []byte {
		return join(pngFile(1, 1)[:33], "\x80\x00\x00\x00IDAT", make([]byte, 64))
	})
	t.add(Damaged, "PNG with a chunk of 2^31-1 bytes", png, "cut off", func() []byte {
		return join(pngFile(1, 1)[:33], "\x7f\xff\xff\xffIDAT", make([]byte, 64))
	})
	t.bombs()
	return t.cases
}

// bombs unpack to a thousand times their size; nobody here unpacks.
func (t *table) bombs() {
	zeros := make([]byte, mebibyte)
	t.add(Accept, "PNG whose text unpacks to 1 MiB", png, "nothing is unpacked here", func() []byte {
		return pngFile(1, 1, chunk("zTXt", join("c\x00\x00", deflated(zeros))))
	})
	t.add(Accept, "PNG whose profile unpacks to 1 MiB", png, "nothing is unpacked here", func() []byte {
		return pngFile(1, 1, chunk("iCCP", join("p\x00\x00", deflated(zeros))))
	})
	t.add(Accept, "PNG whose pixels unpack to 1 MiB more than it has", png, "nothing is unpacked here", func() []byte {
		b := pngFile(1, 1)
		return bytes.Replace(b, chunk("IDAT", deflated([]byte{0, 0})), chunk("IDAT", deflated(zeros)), 1)
	})
	t.add(Accept, "PNG of 100,000 empty chunks", png, "tedious, and sound", func() []byte { return pngFile(1, 1, bytes.Repeat(chunk("tEXt", nil), 100_000)) })
	t.add(Accept, "GIF of 100,000 frames", gif, "tedious, and sound", func() []byte {
		one := gifFile(1, 1)
		return join(one[:19], bytes.Repeat(one[19:len(one)-1], 100_000), ";")
	})
	t.add(Accept, "JPEG with 10,000 fill bytes", jpeg, "fill bytes may stand before any marker", func() []byte {
		return jpegFile(1, 1, bytes.Repeat([]byte{0xff}, 10_000))
	})
}
