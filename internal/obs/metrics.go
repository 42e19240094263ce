package obs

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxRoutes bounds the label "route" even if somebody should ever pass a raw path.
const maxRoutes = 60

// Metrics counts by RED: requests, errors (by status class) and duration, of each route; and what is special to us. It is safe
// for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	received prometheus.Counter
	inFlight prometheus.Gauge
	scans    *prometheus.CounterVec
	removed  *prometheus.CounterVec
	answers  *prometheus.CounterVec
	refused  *prometheus.CounterVec
	unsent   prometheus.Counter
	parts    partMetrics

	mu     sync.Mutex
	routes map[string]bool
}

// The outcomes of a scan, as clamd's verdict sorts them (F3, F4), and of a removal (W3).
var (
	ScanOutcomes    = []string{"clean", "infected", "not_scanned"}
	RemovalOutcomes = []string{"removed", "failed"}
	// AnswerOutcomes are how an attempt to send an answer to another address ended; dead is the last one.
	AnswerOutcomes = []string{"sent", "retried", "dead"}
)

// RefusalReasons are those of admission.Reason, and the wall before any caller is known.
var RefusalReasons = []string{"requests", "requests_share", "uploads", "uploads_share", "bytes", "bytes_share"}

// methods are the label values; what else a stranger may send counts as "other".
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// buckets reach from a bare ping to a 60 MB PDF under a busy scanner, in seconds (spec/go.md §2).
var buckets = []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40, 90}

// NewMetrics makes a registry of its own; version is told as dokumentlager_build_info.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), routes: map[string]bool{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_requests_total",
			Help: "Requests by route pattern, method and class of the answer's status."}, []string{"route", "method", "class"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "dokumentlager_request_duration_seconds",
			Help: "Seconds from a request's header to the end of its answer.", Buckets: buckets}, []string{"route"}),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "dokumentlager_received_bytes_total",
			Help: "Bytes of request bodies received."}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "dokumentlager_requests_in_flight",
			Help: "Requests being answered now."}),
		scans: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_scans_total",
			Help: "Virus scans by outcome (F3, F4)."}, []string{"outcome"}),
		removed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_removals_total",
			Help: "Removals of deleted documents' bytes by outcome (W3)."}, []string{"outcome"}),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_answer_attempts_total",
			Help: "Attempts to send an answer to another address than its question's, by outcome: sent, retried, or dead when it was given up."}, []string{"outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_admission_refused_total",
			Help: "Requests told to come back later, by the limit that was reached: the service's, or the caller's organisation's share of it."}, []string{"reason"}),
	}
	m.unsent = prometheus.NewCounter(prometheus.CounterOpts{Name: "dokumentlager_trace_export_failures_total",
		Help: "Batches of spans that the collector did not take."})
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "dokumentlager_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.received, m.inFlight, m.scans, m.removed, m.answers, m.refused, m.unsent, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.parts = newPartMetrics(m.registry)
	for _, route := range []string{NoRoute, Strangers} {
		m.requests.WithLabelValues(route, "any", "4xx")
		m.duration.WithLabelValues(route)
	}
	// Counters that stand at 0 from the start can be alarmed on from the first event.
	for _, outcome := range ScanOutcomes {
		m.scans.WithLabelValues(outcome)
	}
	for _, outcome := range RemovalOutcomes {
		m.removed.WithLabelValues(outcome)
	}
	for _, outcome := range AnswerOutcomes {
		m.answers.WithLabelValues(outcome)
	}
	for _, reason := range RefusalReasons {
		m.refused.WithLabelValues(reason)
	}
	return m
}

// Began counts a request as in flight; the function returned ends that.
func (m *Metrics) Began() (ended func()) {
	m.inFlight.Inc()
	return m.inFlight.Dec
}

// The routes of requests that are not told apart: those to no address of ours, and those that nobody is known of. Whatever a stranger
// tries, it is these few series that count it.
const (
	NoRoute   = "none"
	Strangers = "unauthenticated"
)

// Open makes the series of an address that everybody may ask before anybody does.
func (m *Metrics) Open(route string) {
	m.duration.WithLabelValues(m.bounded(route))
	for _, method := range []string{"GET", "HEAD"} {
		m.requests.WithLabelValues(route, method, "2xx")
	}
}

// Request counts a finished request. The route is the router's pattern, empty when none matched; received is in bytes.
func (m *Metrics) Request(route, method string, status int, took time.Duration, received int64) {
	route = m.bounded(route)
	switch {
	case route == NoRoute || route == Strangers:
		method = "any"
	case !slices.Contains(methods, method):
		method = "other"
	}
	m.requests.WithLabelValues(route, method, class(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
	m.received.Add(float64(max(0, received)))
}

// Scan counts one scan; outcomes outside ScanOutcomes count as not_scanned, which is what they are.
func (m *Metrics) Scan(outcome string) {
	if !slices.Contains(ScanOutcomes, outcome) {
		outcome = "not_scanned"
	}
	m.scans.WithLabelValues(outcome).Inc()
}

// Removal counts one attempt to remove a deleted document's bytes.
func (m *Metrics) Removal(err error) {
	outcome := "removed"
	if err != nil {
		outcome = "failed"
	}
	m.removed.WithLabelValues(outcome).Inc()
}

// Answer counts one attempt to send an answer; outcomes outside AnswerOutcomes count as retried.
func (m *Metrics) Answer(outcome string) {
	if !slices.Contains(AnswerOutcomes, outcome) {
		outcome = "retried"
	}
	m.answers.WithLabelValues(outcome).Inc()
}

// Refused counts one request that was told to come back; reasons outside RefusalReasons count as "requests".
func (m *Metrics) Refused(reason string) {
	if !slices.Contains(RefusalReasons, reason) {
		reason = "requests"
	}
	m.refused.WithLabelValues(reason).Inc()
}

// TraceExportFailed counts a batch of spans that is lost.
func (m *Metrics) TraceExportFailed() { m.unsent.Inc() }

// Admitted is what is under way: uploads by what they are doing, and the bytes they count for.
type Admitted struct {
	Receiving, Waiting, Working int
	Bytes                       int64
}

// Admission lets read be asked whenever somebody looks at the metrics. It is called once.
func (m *Metrics) Admission(read func() Admitted) {
	gauge := func(name, help string, labels prometheus.Labels, value func(Admitted) float64) {
		m.Gauge(name, help, labels, func() float64 { return value(read()) })
	}
	gauge("dokumentlager_upload_bytes_in_flight", "Bytes that uploads under way count for.", nil, func(a Admitted) float64 { return float64(a.Bytes) })
	const uploads, help = "dokumentlager_uploads_in_flight", "Uploads under way by what they are doing."
	gauge(uploads, help, prometheus.Labels{"state": "receiving"}, func(a Admitted) float64 { return float64(a.Receiving) })
	gauge(uploads, help, prometheus.Labels{"state": "waiting"}, func(a Admitted) float64 { return float64(a.Waiting) })
	gauge(uploads, help, prometheus.Labels{"state": "working"}, func(a Admitted) float64 { return float64(a.Working) })
}

// bounded lets the first maxRoutes routes through; the rest share one series.
func (m *Metrics) bounded(route string) string {
	if route == "" || route == NoRoute || route == Strangers {
		return cmp.Or(route, NoRoute)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.routes[route] && len(m.routes) >= maxRoutes {
		return "other"
	}
	m.routes[route] = true
	return route
}

func class(status int) string {
	if status < 100 || status > 599 {
		return "5xx"
	}
	return string(rune('0'+status/100)) + "xx"
}

// Handler answers /metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
