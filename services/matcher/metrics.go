package matcher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Metrics counts what the matcher does and where the ledger stands.
type Metrics struct {
	incidents   *prometheus.CounterVec
	matches     *prometheus.CounterVec
	seconds     prometheus.Histogram
	version     prometheus.Gauge
	people      prometheus.Gauge
	unaccounted prometheus.Gauge
	inFlight    prometheus.Gauge
	quarantined prometheus.Gauge
	apart       prometheus.Gauge
	responses   Responses
}

// Responses are shown how long a match took to come to a stage.
type Responses interface {
	Observe(...casework.Milestone)
}

// NewMetrics declares them with the registry; nil counts for nobody.
func NewMetrics(reg prometheus.Registerer, responses Responses) *Metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		incidents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_settled_total",
			Help: "Revisions settled, by where that put them. A revision that is settled again with a newer register counts when it moves.",
		}, []string{"force", "kind", "disposition"}),
		matches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_matches_total",
			Help: "Matches that readers were told of: found (new, or changed in a way that matters) or superseded.",
		}, []string{"what"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                        "reportable_settle_seconds",
			Help:                        "How long one batch of incidents took to settle, locks and commit included.",
			Buckets:                     prometheus.ExponentialBuckets(0.002, 3, 9),
			NativeHistogramBucketFactor: 1.1,
		}),
		version:     gauge("reportable_register_version", "The version of the register that this process scores with."),
		people:      gauge("reportable_register_people", "People on the register in memory."),
		unaccounted: gauge("reportable_unaccounted_incidents", "What independent joins over the ledger find wrong. It is 0."),
		inFlight:    gauge("reportable_in_flight_incidents", "Accepted revisions that are not settled yet."),
		quarantined: gauge("reportable_quarantined_incidents", "Revisions set aside, waiting for a hand."),
		apart:       gauge("reportable_matcher_apart", "1 while this process was started with another model or other settings than all matchers settle by, else 0."),
		responses:   responses,
	}
	if reg != nil {
		reg.MustRegister(m.incidents, m.matches, m.seconds, m.version, m.people, m.unaccounted, m.inFlight, m.quarantined, m.apart)
	}
	return m
}

func (m *Metrics) settled(done casework.Settled, took time.Duration) {
	if len(done.Incidents) == 0 {
		return
	}
	m.seconds.Observe(took.Seconds())
	for k, n := range done.Dispositions {
		m.incidents.WithLabelValues(k.Force, string(k.Kind), string(k.Disposition)).Add(float64(n))
	}
	m.matches.WithLabelValues("found").Add(float64(done.Found))
	m.matches.WithLabelValues("superseded").Add(float64(done.Superseded))
	if m.responses != nil {
		m.responses.Observe(done.Milestones...)
	}
}

func (m *Metrics) register(version int64, people int) {
	m.version.Set(float64(version))
	m.people.Set(float64(people))
}

// started tells whether this process was started with the terms that hold.
func (m *Metrics) started(alike bool) {
	m.apart.Set(1)
	if alike {
		m.apart.Set(0)
	}
}

func (m *Metrics) reconciled(r casework.Reconciliation) {
	m.unaccounted.Set(float64(r.Unaccounted))
	m.inFlight.Set(float64(r.InFlight))
	m.quarantined.Set(float64(r.Quarantined))
}
