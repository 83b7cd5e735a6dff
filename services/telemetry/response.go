package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Responses are the histograms of how long matches took from stage to stage,
// on the wall clock and in working time. They are the headline measure: not
// messages processed, but received → acknowledged → decided.
type Responses struct {
	elapsed, working *prometheus.HistogramVec
}

// seconds to weeks: a match is found within a second, a decision takes days.
// A working week is five days of eight hours, so both clocks share the bounds.
var bounds = inSeconds(
	100*time.Millisecond, 250*time.Millisecond, 500*time.Millisecond,
	1*time.Second, 2*time.Second, 5*time.Second, 15*time.Second,
	1*time.Minute, 5*time.Minute, 15*time.Minute, 30*time.Minute,
	1*time.Hour, 2*time.Hour, 4*time.Hour, 8*time.Hour, 16*time.Hour, 24*time.Hour, 40*time.Hour,
	3*24*time.Hour, 5*24*time.Hour, 7*24*time.Hour, 14*24*time.Hour, 28*24*time.Hour,
)

// NewResponses declares the histograms. Their labels are bounded: the stages,
// three priorities and the PDUs of the register.
func NewResponses(r prometheus.Registerer) *Responses {
	histogram := func(name, help string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    name,
			Help:    help,
			Buckets: bounds,
			// Native buckets too, for whoever scrapes them: each at most a tenth wider than the one before.
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  160,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"stage", "priority", "pdu"})
		r.MustRegister(h)
		return h
	}
	return &Responses{
		elapsed: histogram("reportable_response_seconds", "Time from stage to stage of a match, as it passed."),
		working: histogram("reportable_response_working_seconds", "Time from stage to stage of a match, in working time of the probation service."),
	}
}

// Observe counts milestones that were recorded just now. Its callers give each
// milestone once, after the commit.
func (r *Responses) Observe(milestones ...casework.Milestone) {
	for _, m := range milestones {
		r.elapsed.WithLabelValues(string(m.Stage), string(m.Priority), m.PDU).Observe(m.Elapsed.Seconds())
		r.working.WithLabelValues(string(m.Stage), string(m.Priority), m.PDU).Observe(m.Working.Seconds())
	}
}

func inSeconds(ds ...time.Duration) []float64 {
	s := make([]float64, len(ds))
	for i, d := range ds {
		s[i] = d.Seconds()
	}
	return s
}
