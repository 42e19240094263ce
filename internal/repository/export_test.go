package repository

import "io"

// Opened is a whole document's reader over any body.
func Opened(body io.ReadCloser, o Object) io.WriterTo {
	v, _ := openWhole(body, o) // larger than the tail: nothing is read yet
	return v.(io.WriterTo)
}
