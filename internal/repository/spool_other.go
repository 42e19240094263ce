//go:build !linux

package repository

import "os"

func unnamedFile(dir string) (*os.File, error) { return createAndRemove(dir) }
