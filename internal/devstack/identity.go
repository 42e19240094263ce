package devstack

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// capDacOverride is CAP_DAC_OVERRIDE of linux/capability.h. The narrower CAP_DAC_READ_SEARCH would do, but containers are
// commonly run without it.
const capDacOverride = 1

// identity is the user a part runs as. The zero value means our own.
type identity struct {
	uid, gid uint32
	// other tells that uid and gid are to be taken on.
	other bool
	// passThrough lets the process reach its folder below one it could not enter, such as /root.
	passThrough bool
}

// lesserUser is whom a part runs as when we are root: the first of the names that exists.
func lesserUser(names ...string) (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	for _, name := range names {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return identity{uid: uint32(uid), gid: uint32(gid), other: true}, nil
		}
	}
	return identity{}, fmt.Errorf("devstack: running as root, and none of the users %q exists", names)
}

// ownerOf is the user of an existing folder, so that data made under one user is run under it again.
func ownerOf(path string) (identity, bool) {
	var stat syscall.Stat_t
	if os.Geteuid() != 0 || syscall.Stat(path, &stat) != nil || stat.Uid == 0 {
		return identity{}, false
	}
	return identity{uid: stat.Uid, gid: stat.Gid, other: true}, true
}

// reaching returns the identity with passThrough set when some folder above path does not let it through.
func (id identity) reaching(path string) identity {
	for dir := filepath.Dir(path); id.other; dir = filepath.Dir(dir) {
		if !id.mayEnter(dir) {
			id.passThrough = true
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return id
}

func (id identity) mayEnter(dir string) bool {
	var stat syscall.Stat_t
	if syscall.Stat(dir, &stat) != nil {
		return false
	}
	switch {
	case stat.Uid == id.uid:
		return stat.Mode&0o100 != 0
	case stat.Gid == id.gid:
		return stat.Mode&0o010 != 0
	default:
		return stat.Mode&0o001 != 0
	}
}

// apply sets the identity on a process to be started.
func (id identity) apply(attr *syscall.SysProcAttr) {
	if !id.other {
		return
	}
	attr.Credential = &syscall.Credential{Uid: id.uid, Gid: id.gid}
	if id.passThrough {
		attr.AmbientCaps = []uintptr{capDacOverride}
	}
}

// mkdir makes a folder that only this identity can use.
func (id identity) mkdir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if !id.other {
		return nil
	}
	return os.Lchown(path, int(id.uid), int(id.gid))
}

// writeFile writes a file that only this identity can read.
func (id identity) writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil || !id.other {
		return err
	}
	return os.Lchown(path, int(id.uid), int(id.gid))
}
