package obs

import (
	"slices"
	"time"

	"dokumentlager/internal/fault"

	"github.com/prometheus/client_golang/prometheus"
)

// partCalls are the calls that are timed, by part; others count as "other". The database's part is told by its pools.
var partCalls = map[fault.Part][]string{
	fault.ObjectStore:     {"put", "open", "stat", "remove", "list", "folders"},
	fault.Clamd:           {"scan"},
	fault.HelseID:         {"http"},
	fault.Persontjenesten: {"http"},
}

// partBuckets reach from an object's head to a scan of 60 MB, in seconds.
var partBuckets = []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 15, 30, 90}

// partMetrics are those of the parts' calls, by the USE method: how much is under way, how long it takes, how often it fails.
type partMetrics struct {
	inFlight *prometheus.GaugeVec
	seconds  *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	failures *prometheus.CounterVec
}

func newPartMetrics(registry *prometheus.Registry) partMetrics {
	m := partMetrics{
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "dokumentlager_part_calls_in_flight", Help: "Calls of a part under way."}, []string{"part"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "dokumentlager_part_call_seconds",
			Help: "Seconds of a part's calls. An open lasts until the bytes are read or given up.", Buckets: partBuckets}, []string{"part", "call"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_part_errors_total",
			Help: "Calls of a part that failed by the part, and not by what was asked."}, []string{"part", "call"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "dokumentlager_failures_total",
			Help: "Requests and background work that failed by us or by a part, by where the failure came from."}, []string{"component"}),
	}
	registry.MustRegister(m.inFlight, m.seconds, m.errors, m.failures)
	for part, calls := range partCalls {
		m.inFlight.WithLabelValues(string(part))
		for _, call := range calls {
			m.seconds.WithLabelValues(string(part), call)
			m.errors.WithLabelValues(string(part), call)
		}
	}
	for _, part := range fault.Parts() {
		m.failures.WithLabelValues(string(part))
	}
	return m
}

// PartCall counts a call as under way; ended says when it is over, and whether the part failed.
func (m *Metrics) PartCall(part fault.Part, call string) (ended func(failed bool)) {
	calls, known := partCalls[part]
	if !known {
		part = "other"
	}
	if !slices.Contains(calls, call) {
		call = "other"
	}
	began, gauge := time.Now(), m.parts.inFlight.WithLabelValues(string(part))
	gauge.Inc()
	return func(failed bool) {
		gauge.Dec()
		m.parts.seconds.WithLabelValues(string(part), call).Observe(time.Since(began).Seconds())
		if failed {
			m.parts.errors.WithLabelValues(string(part), call).Inc()
		}
	}
}

// Failure counts a request or piece of work that failed, by where.
func (m *Metrics) Failure(part fault.Part) {
	if !slices.Contains(fault.Parts(), part) {
		part = fault.Self
	}
	m.parts.failures.WithLabelValues(string(part)).Inc()
}

// Gauge lets read be asked whenever somebody looks at the metrics. Name and labels are used once.
func (m *Metrics) Gauge(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, read))
}

// Counter is Gauge for what only grows.
func (m *Metrics) Counter(name, help string, labels map[string]string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels}, read))
}
