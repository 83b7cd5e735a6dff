package feed

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// Metrics are what the feed tells of itself. A nil one tells nothing.
type Metrics struct {
	incidents *prometheus.CounterVec
	problems  *prometheus.CounterVec
	heard     *prometheus.GaugeVec
	rhythm    *prometheus.GaugeVec
	conflicts *prometheus.GaugeVec
	lag       *prometheus.HistogramVec
	refused   *prometheus.CounterVec
	commit    prometheus.Histogram
}

// NewMetrics declares the feed's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		incidents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_incidents_total",
			Help: "Records received, by force, kind and what was answered: accepted, withdrawn, redacted, duplicate, rejected or conflict.",
		}, []string{"force", "kind", "disposition"}),
		problems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_feed_problems_total",
			Help: "What was wrong with rejected records, by force and code.",
		}, []string{"force", "code"}),
		heard: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reportable_feed_last_heard_timestamp_seconds",
			Help: "When a force last had a record accepted or answered as a duplicate.",
		}, []string{"force"}),
		rhythm: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reportable_feed_rhythm_seconds",
			Help: "The pause between a force's submissions that nineteen in twenty stay under. A force that is silent for several of these has gone quiet.",
		}, []string{"force"}),
		conflicts: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "reportable_feed_conflicts",
			Help: "Revisions that were sent with two different contents, and are not resolved.",
		}, []string{"force"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "reportable_feed_lag_seconds",
			Help:    "From when an incident began until it was accepted here.",
			Buckets: []float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600, 48 * 3600, 7 * 24 * 3600},
		}, []string{"force"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_feed_requests_refused_total",
			Help: "Requests refused as a whole, by force (empty where unknown) and reason.",
		}, []string{"force", "reason"}),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "reportable_feed_submission_seconds",
			Help:    "From the first byte of a submission to its receipt.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}),
	}
	r.MustRegister(m.incidents, m.problems, m.heard, m.rhythm, m.conflicts, m.lag, m.refused, m.commit)
	return m
}

// took counts a batch that has been committed.
func (m *Metrics) took(force string, entries []casework.Entry, lines []casework.ReceiptLine, received time.Time) {
	if m == nil {
		return
	}
	heard := false
	for n, l := range lines {
		i := &entries[n].Record.Incident
		kind := string(i.Kind)
		switch i.Kind {
		case casework.KindArrest, casework.KindIncident, casework.KindEnquiryReply, casework.KindDisclosureOutcome:
		default:
			kind = "" // whatever was sent, a label has five values at most
		}
		disposition := string(l.Status)
		switch l.Status {
		case casework.LineAccepted:
			heard = true
			if i.Status == casework.Withdrawn {
				disposition = "withdrawn"
			} else if i.Redacted {
				disposition = "redacted"
			}
			if !i.OccurredFrom.IsZero() { // a reply did not happen at a time
				m.lag.WithLabelValues(force).Observe(max(0, received.Sub(i.OccurredFrom).Seconds()))
			}
		case casework.LineDuplicate:
			heard = true
		case casework.LineRejected:
			for _, p := range l.Problems {
				m.problems.WithLabelValues(force, p.Code).Inc()
				if p.Code == "conflict" {
					disposition = "conflict"
				}
			}
		}
		m.incidents.WithLabelValues(force, kind, disposition).Inc()
	}
	if heard {
		m.heard.WithLabelValues(force).SetToCurrentTime()
	}
}

// refuse counts a request that was refused as a whole.
func (m *Metrics) refuse(force, reason string) {
	if m != nil {
		m.refused.WithLabelValues(force, reason).Inc()
	}
}

// done notes how long a submission took.
func (m *Metrics) done(since time.Time) {
	if m != nil {
		m.commit.Observe(time.Since(since).Seconds())
	}
}

// RunHeard keeps the gauges of each force's silence by the ledger, so that they
// are right after a restart, and whichever process the force speaks to.
func (m *Metrics) RunHeard(ctx context.Context, ledger interface {
	Heard(ctx context.Context) ([]postgres.Heard, error)
}, log *slog.Logger) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		all, err := ledger.Heard(ctx)
		if err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "could not ask when forces were heard", "error", err)
		}
		m.tell(all)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (m *Metrics) tell(all []postgres.Heard) {
	for _, h := range all {
		m.heard.WithLabelValues(h.Force).Set(float64(h.Last.UnixMilli()) / 1000)
		m.conflicts.WithLabelValues(h.Force).Set(float64(h.Conflicts))
		if h.Rhythm > 0 {
			m.rhythm.WithLabelValues(h.Force).Set(h.Rhythm.Seconds())
		}
	}
}
