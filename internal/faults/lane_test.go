package faults

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/failpoint"
)

// lane is a service in a process of its own, over a database of its own: background jobs are everybody's who shares one.
type lane struct {
	*servicetest.Service
	socket  *os.File
	process *process
}

func newLane(t *testing.T) *lane {
	t.Helper()
	parts := stacktest.Parts(t)
	ownerURL, appURL := stacktest.EmptyDatabase(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(parts.SocketDir), "faults-")
	if err != nil {
		t.Fatal(err)
	}
	// Not the test's context, which ends before its cleanups.
	service, err := servicetest.Prepare(context.Background(), servicetest.Place{Parts: parts, OwnerURL: ownerURL, AppURL: appURL,
		Dir: dir, URL: "http://" + listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close() // socket is the same one, and stays
	l := &lane{Service: service, socket: socket}
	t.Cleanup(func() {
		if l.process != nil {
			if err := l.process.stop(); err != nil {
				t.Error(err)
			}
		}
		_ = socket.Close()
		service.DB.Close()
		service.Owner.Close()
	})
	l.start(t)
	return l
}

// start runs the service with small pools: several lanes share one PostgreSQL.
func (l *lane) start(t testing.TB) {
	t.Helper()
	var err error
	environment := append(l.Environment(), "DOKUMENTLAGER_DATABASE_POOLS=1", "DOKUMENTLAGER_DATABASE_CONNS_PER_POOL=4",
		"DOKUMENTLAGER_DATABASE_CONTROL_CONNS=4")
	if l.process, err = startProcess(environment, l.socket); err != nil {
		t.Fatal(err)
	}
}

// tell gives an order that the service is to survive.
func (l *lane) tell(t testing.TB, o order) report {
	t.Helper()
	r, err := l.process.tell(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await asks until the answer is yes.
func await(t testing.TB, what string, limit time.Duration, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !yes(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s after %s", what, limit)
		}
	}
}

var inFlight = regexp.MustCompile(`(?m)^dokumentlager_requests_in_flight (\d+)`)

// settle waits until no request is answered any more but our question, and nothing hangs.
func (l *lane) settle(t testing.TB) {
	t.Helper()
	await(t, "idle", 20*time.Second, func() bool {
		a := l.send(t.Context(), time.Second, http.MethodGet, "/metrics", nil, nil)
		found := inFlight.FindSubmatch(a.body)
		return found != nil && string(found[1]) == "1" && l.tell(t, order{}).Hanging == 0
	})
}

// arm makes the case's point go off, and what leads there.
func (l *lane) arm(t testing.TB, c walkCase, mode failpoint.Mode) {
	t.Helper()
	l.tell(t, order{Disarm: true, Arm: c.point, Mode: mode, Skip: c.skip})
	if c.also != "" {
		l.tell(t, order{Arm: c.also, Mode: failpoint.Error})
	}
	if c.hang != "" {
		l.tell(t, order{Arm: c.hang, Mode: failpoint.Hang})
	}
}
