package mhd_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
)

// TestRefusedWhileSending: whoever is refused in mid-body gets the answer while still sending, however slowly, and is cut off soon
// afterwards.
func TestRefusedWhileSending(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	for _, path := range []string{"/R4/fhir/Bundle", "/R4/fhir/Bundle/$validate"} {
		req := s.Request(t, http.MethodPost, path, nil, "Content-Type", "application/fhir+json")
		w.Sign(t, req)
		conn, err := net.Dial("tcp", req.URL.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 100000000\r\n", path, req.URL.Host)
		_ = req.Header.Write(conn)
		fmt.Fprint(conn, "\r\n{\"resourceType\":]")
		stopped := make(chan struct{})
		defer func() { _ = conn.Close(); <-stopped }()
		go func() { // until the service has had enough
			defer close(stopped)
			for {
				if _, err := conn.Write([]byte(strings.Repeat(" ", 1000))); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		reader := bufio.NewReader(conn)
		answer, err := http.ReadResponse(reader, req)
		if err != nil || answer.StatusCode != http.StatusBadRequest || !answer.Close {
			t.Fatalf("%s: %+v, %v", path, answer, err)
		}
		for err == nil {
			_, err = reader.ReadByte()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: not cut off in 30 seconds", path)
		}
	}
}
