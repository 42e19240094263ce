package saml

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// The bounds of what is read from the places of certificates.
const (
	maxFile  = 1 << 20
	maxFiles = 100
	// minRSA is the least size of an issuer's RSA key, in bits.
	minRSA = 2048
)

// reread is how old the memory of certificates gets: a rotation takes effect within it, without a restart.
const reread = 30 * time.Second

// certificates are an issuer's, from PEM files and folders of them. Who adds the next certificate before the issuer changes over, and
// removes the last one after, rotates without a moment in which nothing verifies.
type certificates struct {
	paths []string
	now   func() time.Time

	mu    sync.Mutex
	known []*x509.Certificate
	read  time.Time
	err   error
}

// trusted never fails: when a place cannot be read, what was known last stays in force, and ready tells. A file that has gone takes its
// certificates with it.
func (c *certificates) trusted() []*x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if age := now.Sub(c.read); age >= 0 && age < reread && !c.read.IsZero() {
		return c.known
	}
	known, err := load(c.paths)
	c.read, c.err = now, err
	if err == nil {
		c.known = known
	}
	return c.known
}

// ready reports whether there is something to verify with now, and whether the last reading went well.
func (c *certificates) ready() error {
	usable := slices.ContainsFunc(c.trusted(), func(known *x509.Certificate) bool {
		return !c.now().Before(known.NotBefore) && !c.now().After(known.NotAfter)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !usable {
		return fmt.Errorf("saml: no certificate that is valid now in %s", strings.Join(c.paths, ", "))
	}
	return c.err
}

func load(paths []string) (known []*x509.Certificate, err error) {
	files, err := list(paths)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		found, err := parse(file)
		if err != nil {
			return nil, fmt.Errorf("saml: %s: %w", file, err)
		}
		known = append(known, found...)
	}
	return known, nil
}

// list gives the files: those named, and those of folders that end in .pem, .crt or .cer. Hidden ones are skipped, since a mounted
// Kubernetes secret keeps its old versions so.
func list(paths []string) (files []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("saml: %w", err)
		case !info.IsDir():
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, fmt.Errorf("saml: %w", err)
		}
		for _, e := range entries {
			if suffix := filepath.Ext(e.Name()); !strings.HasPrefix(e.Name(), ".") && slices.Contains([]string{".pem", ".crt", ".cer"}, suffix) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("saml: more than %d files of certificates", maxFiles)
	}
	return files, nil
}

// parse reads the certificates of a PEM file; a file with anything else in it is refused, private keys above all.
func parse(file string) (found []*x509.Certificate, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, content = pem.Decode(content); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s; only certificates belong there", strings.ToLower(block.Type))
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err == nil {
			err = strong(certificate)
		}
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
	}
	if len(found) == 0 || len(bytes.TrimSpace(content)) > 0 {
		return nil, errors.New("holds no certificate in PEM, or something after it")
	}
	return found, nil
}

func strong(certificate *x509.Certificate) error {
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() >= minRSA {
			return nil
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize >= 256 {
			return nil
		}
	}
	return fmt.Errorf("the key must be RSA of at least %d bits, or ECDSA on P-256 or above", minRSA)
}
