package devstack

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// state is what a folder remembers from start to start, in state.json (mode 0600).
type state struct {
	OwnerPassword string       `json:"owner_password"`
	AppPassword   string       `json:"app_password"`
	S3AccessKey   string       `json:"s3_access_key"`
	S3SecretKey   string       `json:"s3_secret_key"`
	Ports         map[Part]int `json:"ports"`
	// Scratch is a short folder under /tmp for sockets and clamd's files; a new one is made at every start.
	Scratch string `json:"scratch"`

	mu   sync.Mutex
	path string
	// held is the scratch folder, opened and locked while the stack lives.
	held *os.File
}

// lockDir holds the folder for this process; the kernel gives it free however the process ends.
func lockDir(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("devstack: another stack uses %s: stop it or choose another folder", dir)
	}
	return file, nil
}

// loadState reads the folder's state, or makes its secrets on the first start.
func loadState(dir string) (*state, error) {
	s := &state{path: filepath.Join(dir, "state.json"), Ports: map[Part]int{}}
	content, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		s.OwnerPassword, s.AppPassword = rand.Text(), rand.Text()
		s.S3AccessKey, s.S3SecretKey = "DL"+rand.Text()[:18], rand.Text()
		return s, s.save()
	}
	if err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	if err := json.Unmarshal(content, s); err != nil {
		return nil, fmt.Errorf("devstack: %s is damaged: %w", s.path, err)
	}
	return s, nil
}

// save replaces state.json in one step: passwords half written would lock us out of the data.
func (s *state) save() error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(s.path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	_, err = file.Write(append(content, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	return os.Rename(s.path+".new", s.path)
}

func (s *state) port(part Part) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Ports[part]
}

// choosePort keeps the remembered port while it is free; another one is taken when it is not, or when asked for.
func (s *state) choosePort(part Part, another bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if port := s.Ports[part]; port != 0 && !another && freeSoon(port) {
		return nil
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	s.Ports[part] = port
	return s.save()
}

// freeSoon waits a moment: parts of a stack killed just now may still hold it.
func freeSoon(port int) bool {
	for range 10 {
		if free(port) {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

func free(port int) bool {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && listener.Close() == nil
}

// freePort draws from below the kernel's range for outgoing connections, which would otherwise take our ports between two
// starts; drawing at random keeps stacks that start together apart.
func freePort() (int, error) {
	for range 200 {
		if port := 20000 + mathrand.IntN(10000); free(port) {
			return port, nil
		}
	}
	return 0, errors.New("devstack: no free port between 20000 and 29999 on 127.0.0.1")
}
