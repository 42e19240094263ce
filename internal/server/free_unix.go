//go:build unix

package server

import "golang.org/x/sys/unix"

// freeBytes is how much may still be written to a folder's file system; 0 where nobody can tell.
func freeBytes(dir string) uint64 {
	var at unix.Statfs_t
	if err := unix.Statfs(dir, &at); err != nil {
		return 0
	}
	return at.Bavail * uint64(at.Bsize)
}
