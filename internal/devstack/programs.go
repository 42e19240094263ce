package devstack

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// programs are the binaries of the parts.
type programs struct {
	// postgresBin is a folder with postgres and initdb of one version.
	postgresBin      string
	versitygw, clamd string
}

// findPrograms reports everything that is missing at once, with how to get it.
func findPrograms(binDir, dataDir string) (programs, error) {
	var found programs
	var errs [3]error
	found.postgresBin, errs[0] = findPostgres("/usr/lib/postgresql", dataDir)
	found.versitygw, errs[1] = findVersitygw(binDir)
	found.clamd, errs[2] = findClamd()
	return found, errors.Join(errs[:]...)
}

// findPostgres takes the highest version installed, or the one that made the data: a cluster does not run under another.
func findPostgres(root, dataDir string) (string, error) {
	version, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if want := strings.TrimSpace(string(version)); err == nil {
		bin := filepath.Join(root, want, "bin")
		if _, err := os.Stat(filepath.Join(bin, "postgres")); err != nil {
			return "", fmt.Errorf("devstack: the data folder needs PostgreSQL %s: install the Debian package postgresql-%s", want, want)
		}
		return bin, nil
	}
	installed, err := filepath.Glob(filepath.Join(root, "*", "bin", "initdb"))
	if err != nil || len(installed) == 0 {
		return "", errors.New("devstack: no PostgreSQL server found: run `make setup`, or install the Debian package postgresql")
	}
	return filepath.Dir(slices.MaxFunc(installed, func(a, b string) int { return majorOf(a) - majorOf(b) })), nil
}

// majorOf reads 15 out of …/15/bin/initdb; 9.6 and the like count as 0.
func majorOf(initdb string) int {
	major, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(initdb))))
	if err != nil {
		return 0
	}
	return major
}

func findVersitygw(binDir string) (string, error) {
	const name = "versitygw"
	dirs := []string{binDir}
	if self, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(self))
	}
	if root := checkout(); root != "" {
		dirs = append(dirs, filepath.Join(root, "bin"))
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); dir != "" && err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return filepath.Abs(path)
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	return "", errors.New("devstack: the S3 server versitygw is not found: run `make setup`, which builds it into bin/")
}

// checkout is the folder of the go.mod above the working directory, where `go test` runs; empty when there is none.
func checkout() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

func findClamd() (string, error) {
	// Debian puts it in sbin, which an ordinary user's PATH lacks.
	for _, path := range []string{"/usr/sbin/clamd", "/usr/local/sbin/clamd"} {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath("clamd"); err == nil {
		return filepath.Abs(path)
	}
	return "", errors.New("devstack: clamd not found: run `make setup`, or install the Debian package clamav-daemon")
}
