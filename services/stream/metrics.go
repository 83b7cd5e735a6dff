package stream

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what moves.
type Metrics struct {
	published *prometheus.CounterVec
	unsure    prometheus.Counter
	handled   *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

// NewMetrics declares them with the registry; nil counts for nobody.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_stream_published_total",
			Help: "Events that a stream has acknowledged.",
		}, []string{"subject"}),
		unsure: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "reportable_stream_publish_unsure_total",
			Help: "Events that were sent without an acknowledgement, and will be sent again under the same id.",
		}),
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_stream_handled_total",
			Help: "Events read, by what became of them: done, again (tried again later) or quarantined.",
		}, []string{"stage", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "reportable_stream_handle_seconds",
			Help:                        "How long a stage took over one batch of events.",
			Buckets:                     prometheus.ExponentialBuckets(0.001, 4, 8),
			NativeHistogramBucketFactor: 1.1,
		}, []string{"stage"}),
	}
	if reg != nil {
		reg.MustRegister(m.published, m.unsure, m.handled, m.seconds)
	}
	return m
}
