package mhd_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"

	"github.com/go-chi/chi/v5"
)

// brokenParts: scanner, store and database away or silent, in turn, while she is written, listed and opened.
func (c *cage) brokenParts(first servicetest.Doc) {
	here := documentPath(c.of.HomeCommunity, c.of.Repository, first.BinaryID)
	all := func(what string) {
		c.post(what+": upload", c.bundle())
		c.post(what+": upload with a key", c.bundle(), "Idempotency-Key", "b-"+canary+what)
		c.keep(what+": open", c.doctor.Get(c.t, here, "nhn-patient-nin", canary))
		c.keep(what+": search", c.doctor.Search(c.t, current(canary)))
		c.keep(what+": status", c.writer.Get(c.t, "/api/rest/document-status?documentUniqueId="+canary))
		c.keep(what+": delete", c.writer.Do(c.t, c.request(http.MethodDelete, "/R4/fhir/DocumentReference/"+canary, "")))
		c.keep(what+": ready", servicetest.Send(c.t, c.request(http.MethodGet, "/readyz", "")))
	}
	c.scanner.set(down)
	c.post("scanner down", c.bundle())
	c.scanner.set(c.scanner.scanning(saying("stream: " + canary + " ERROR\x00")))
	c.post("scanner says her number", c.bundle())
	c.scanner.set(c.scanner.scanning(silent))
	c.whileScanned()
	c.scanner.set(nil)
	for _, part := range []struct {
		name string
		r    *relay
	}{{"store", c.fragile.store}, {"database", c.database}} {
		part.r.set(down)
		all(part.name + " down")
		part.r.set(nil)
	}
	c.fragile.store.set(silent)
	c.keep("store silent: open", c.doctor.Get(c.t, here, "nhn-patient-nin", canary))
	c.fragile.store.set(nil)
	for deadline := time.Now().Add(30 * time.Second); c.post("all is well again", c.bundle()).Status != http.StatusOK; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatal("the service did not come back")
		}
	}
}

// whileScanned looks at the spool while a document that is larger than memory lies in it.
func (c *cage) whileScanned() {
	d := c.doc()
	d.Bytes = bytes.Repeat([]byte(canary+canaryName+"\n"), 200_000)
	done := make(chan servicetest.Answer, 1)
	go func() { done <- c.writer.Upload(c.t, c.bundle(d).JSON(c.t)) }()
	for {
		select {
		case a := <-done:
			c.keep("scanner silent", a)
			return
		case <-time.After(50 * time.Millisecond):
			for _, leak := range leaks(map[string]string{"the spool, in use": c.spoolText()}) {
				c.t.Error(leak)
			}
		}
	}
}

// upkeep: an object is lost and another found by fsck and the sweeper, and the removals' jobs have run.
func (c *cage) upkeep() {
	lost := keys(c.t, c.store, "d/"+c.of.SchemaName+"/")
	if err := c.store.Remove(c.t.Context(), lost[0]); err != nil {
		c.t.Fatal(err)
	}
	overwrite(c.t, c.store, "d/"+c.of.SchemaName+"/0d3a4a0e-3c3e-4f1a-9a55-0123456789ab", []byte(canary))
	locator := c.Locator(c.t)
	queue, err := job.NewQueue(c.DB, obs.NewLogger(c.Log, slog.LevelDebug, nil))
	if err != nil {
		c.t.Fatal(err)
	}
	objects, tenants, now := repository.New(repository.Config{Blobs: c.store}), tenant.Directory{DB: c.DB}, func() time.Time { return time.Now().Add(48 * time.Hour) }
	var told []any
	fsck := lifecycle.Fsck{DB: c.DB, Tenants: tenants, Objects: objects, Queue: queue, Locator: locator, Deep: true, Grace: time.Hour, Parallel: 1, Now: now,
		Found: func(f lifecycle.Finding) { told = append(told, f) }, Progress: func(lifecycle.Progress) {}}
	_, err = fsck.Run(c.t.Context(), c.of.Name)
	told = append(told, fmt.Sprint(err))
	sweep := lifecycle.Sweep{DB: c.DB, Tenants: tenants, Objects: objects, Queue: queue, Grace: time.Hour, Now: now, DryRun: true,
		Told: func(s lifecycle.Swept) { told = append(told, s) }, Progress: func(lifecycle.Progress) {}}
	report, err := sweep.Run(c.t.Context(), c.of.Name)
	told = append(told, report, fmt.Sprint(err))
	text := compact(told)
	if !strings.Contains(text, strings.TrimPrefix(lost[0], "d/"+c.of.SchemaName+"/")) || !strings.Contains(text, "0d3a4a0e") {
		c.t.Errorf("fsck and sweep found neither the lost nor the stray object: %s", text)
	}
	c.answers["fsck and sweep"] = text
}

// panics: a door that panics with her number, as value and as error, in the service's own surroundings.
func (c *cage) panics() {
	for name, value := range map[string]any{"text": canary + canaryName, "error": fmt.Errorf("patient %s", canary), "document": document.PatientID{Value: canary}} {
		log := obs.NewLogger(c.Log, slog.LevelDebug, nil)
		router := server.NewRouter(server.Surroundings{Doors: []server.Door{panicking{value}}, Health: &server.Health{Log: log}, Metrics: obs.NewMetrics("x"), Log: log, Limits: c.cfg.Limits, Now: time.Now, NewID: func() string { return "id" }})
		rec := newRecorder()
		router.ServeHTTP(rec, c.request(http.MethodGet, "/panic", ""))
		c.keep("panic with "+name, servicetest.Answer{Status: rec.status, Header: rec.header, Body: rec.body.Bytes()})
		if rec.status != http.StatusInternalServerError {
			c.t.Errorf("panic answered with %d", rec.status)
		}
	}
}

type panicking struct{ value any }

func (p panicking) Routes(r chi.Router) {
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic(p.value) })
}

// recorder is an http.ResponseWriter that has deadlines, as the server's has.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
}

func newRecorder() *recorder { return &recorder{header: http.Header{}} }

func (r *recorder) Header() http.Header              { return r.header }
func (r *recorder) Write(p []byte) (int, error)      { return r.body.Write(p) }
func (r *recorder) WriteHeader(status int)           { r.status = status }
func (r *recorder) SetWriteDeadline(time.Time) error { return nil }
func (r *recorder) SetReadDeadline(time.Time) error  { return nil }
