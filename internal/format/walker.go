package format

import "fmt"

// walker drives the parser of a block format over bytes that arrive in any split: the parser asks for a few bytes, or to skip
// many, and is called when they are there.
type walker struct {
	// want bytes are collected, after skip bytes have passed unseen, and given to next, which sets the three anew.
	want int
	skip int64
	next func(p []byte)
	// rest, once set, takes all that remains as it comes.
	rest func(p []byte)
	// fault ends the walk: what is wrong, for a person.
	fault string
	buf   []byte
}

// take asks for n bytes after skipping some.
func (w *walker) take(skip int64, n int, next func(p []byte)) { w.skip, w.want, w.next = skip, n, next }

func (w *walker) fail(format string, args ...any) {
	if w.fault == "" {
		w.fault = fmt.Sprintf(format, args...)
	}
}

func (w *walker) write(p []byte) {
	for len(p) > 0 && w.fault == "" {
		if w.rest != nil {
			w.rest(p)
			return
		}
		if w.skip > 0 {
			n := min(w.skip, int64(len(p)))
			w.skip, p = w.skip-n, p[n:]
			continue
		}
		n := min(w.want-len(w.buf), len(p))
		w.buf, p = append(w.buf, p[:n]...), p[n:]
		if len(w.buf) == w.want {
			block := w.buf
			w.buf = w.buf[:0]
			w.next(block)
		}
	}
}

// padding accepts after a format's end only NULs and line breaks: what else stands there is another file riding along.
func (w *walker) padding(name string) func(p []byte) {
	return func(p []byte) {
		for _, b := range p {
			if b != 0 && b != '\r' && b != '\n' {
				w.fail("something stands after the end of the %s", name)
			}
		}
	}
}

// maxPixels is more than any scanner makes; a header that claims more is an attack on whoever decodes it.
const maxPixels = 1_000_000_000

// size judges an image's dimensions.
func (w *walker) size(width, height uint64) {
	if width == 0 || height == 0 {
		w.fail("the image has no width or no height")
	} else if width > maxPixels || height > maxPixels || width*height > maxPixels {
		w.fail("the image claims to be %d × %d pixels, and %d in all are allowed", width, height, maxPixels)
	}
}
