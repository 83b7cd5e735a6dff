package desk

import "github.com/prometheus/client_golang/prometheus"

// metrics are the desk's own. Their labels are PDUs and codes.
type metrics struct {
	sampled *prometheus.CounterVec
}

// newMetrics declares them; without a registry they count for nobody.
func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		sampled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_sampled_work_total",
			Help: "Closed work that was drawn, looked at again and judged.",
		}, []string{"pdu", "verdict"}),
	}
	if r != nil {
		r.MustRegister(m.sampled)
	}
	return m
}
