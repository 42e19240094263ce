package repository

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamedFile opens a file that never has a name: not even a crash between two system calls leaves one. File systems without
// O_TMPFILE (some overlays and network ones) get the next best.
func unnamedFile(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	file, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR|unix.O_EXCL, 0o600)
	if err != nil {
		return createAndRemove(dir)
	}
	return file, nil
}
