package devstack

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	scratchPattern = "dl-dev-"
	// scratchName is the only last element that Options.Scratch may have besides.
	scratchName = "scratch"
)

// newScratch makes the scratch folder anew, and removes those that killed stacks left. It lies under /tmp because a socket's
// path has at most 107 bytes, and because AppArmor lets clamd read little else (spec/go.md §2).
func (s *state) newScratch(chosen string) error {
	sweepScratch("/tmp", time.Minute)
	// The name is checked because the path comes from a file and everything below it is removed.
	for _, old := range []string{s.Scratch, chosen} {
		if name := filepath.Base(old); strings.HasPrefix(name, scratchPattern) || name == scratchName {
			if err := os.RemoveAll(old); err != nil {
				return fmt.Errorf("devstack: %w", err)
			}
		}
	}
	if err := s.makeScratch(chosen); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	// Users that parts run as must get through to their own folder below, which only they can read.
	return errors.Join(os.Chmod(s.Scratch, 0o711), s.save())
}

func (s *state) makeScratch(chosen string) (err error) {
	if chosen != "" {
		s.Scratch = chosen
		return os.Mkdir(chosen, 0o711)
	}
	if s.Scratch, err = os.MkdirTemp("/tmp", scratchPattern); err != nil {
		return err
	}
	s.held, err = lockFolder(s.Scratch)
	return err
}

// removeScratch ends the folder together with its stack.
func (s *state) removeScratch() error {
	if s.Scratch == "" {
		return nil
	}
	err := os.RemoveAll(s.Scratch)
	if s.held != nil {
		err = errors.Join(err, s.held.Close())
	}
	return err
}

// sweepScratch removes folders whose stack was killed and never started again. A living stack holds a lock on its folder; one
// just made may not have it yet, so young folders are left alone.
func sweepScratch(base string, minAge time.Duration) {
	folders, _ := filepath.Glob(filepath.Join(base, scratchPattern+"*"))
	for _, folder := range folders {
		info, err := os.Lstat(folder)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < minAge {
			continue
		}
		if lock, err := lockFolder(folder); err == nil {
			_ = os.RemoveAll(folder)
			_ = lock.Close()
		}
	}
}

func lockFolder(path string) (*os.File, error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = folder.Close()
		return nil, err
	}
	return folder, nil
}
