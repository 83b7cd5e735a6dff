package notifier

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
)

type metrics struct {
	open, overdue, oldest *prometheus.GaugeVec
	changes               *prometheus.CounterVec
	escalations           *prometheus.CounterVec
	lateness              prometheus.Histogram
	swept                 prometheus.Counter
	failures              *prometheus.CounterVec
	refused               prometheus.Gauge
	holidays              prometheus.Gauge
	missed, silent        prometheus.Gauge
	unseen                prometheus.Gauge

	enquiries, enquiriesOverdue, unread, unrouted *prometheus.GaugeVec // by force
}

func newMetrics(r prometheus.Registerer) *metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"owner_role", "priority", "pdu"})
	}
	m := &metrics{
		open:    gauge("reportable_actions_open", "Actions that ask something of their owner."),
		overdue: gauge("reportable_actions_overdue", "Open actions whose next deadline has passed."),
		oldest:  gauge("reportable_actions_oldest_seconds", "Age of the oldest open action."),
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_action_changes_total",
			Help: "What happened to actions: raised, reassigned, reopened, closed and so on.",
		}, []string{"what", "rule"}),
		escalations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_escalations_total",
			Help: "Steps that were taken because an action was left alone, by who was told.",
		}, []string{"kind", "told", "priority", "pdu"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:                           "reportable_escalation_lateness_seconds",
			Help:                           "How long after its time a step was taken.",
			Buckets:                        []float64{0.5, 1, 2, 5, 10, 30, 60, 300, 3600},
			NativeHistogramBucketFactor:    1.1,
			NativeHistogramMaxBucketNumber: 100,
		}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "reportable_notifier_swept_total",
			Help: "Matches whose actions the sweeper settled, because no event had.",
		}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "reportable_notifier_failures_total",
			Help: "Rounds of the notifier's own work that failed, by the work.",
		}, []string{"work"}),
	}
	m.refused = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "reportable_policy_refused",
		Help: "1 while the policy file has been changed to one that is refused, and the one before goes on.",
	})
	m.holidays = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "reportable_holidays_until_timestamp_seconds",
		Help: "Until when bank holidays are loaded. After it only weekends are known.",
	})
	m.missed = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "reportable_escalations_missed",
		Help: "Steps whose time came over a minute ago and that were not taken. It is 0.",
	})
	m.silent = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "reportable_actions_silent",
		Help: "Open actions for which no step is planned, so that nobody would hear of them again. It is 0.",
	})
	m.unseen = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "reportable_unseen_actions",
		Help: "Open actions that no account of their owner may see, or whose owner has none. It is 0.",
	})
	byForce := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"force"})
		r.MustRegister(g)
		return g
	}
	m.enquiries = byForce("reportable_enquiries_open", "What a force was asked and has not answered.")
	m.enquiriesOverdue = byForce("reportable_enquiries_overdue", "Open enquiries that a force should have answered by now.")
	m.unread = byForce("reportable_replies_unread", "What a force told besides incidents that nobody has read.")
	m.unrouted = byForce("reportable_replies_unrouted", "What a force told about somebody who is in no incident, so that it is nobody's to read.")
	r.MustRegister(m.unseen, m.refused, m.holidays, m.missed, m.silent, m.open, m.overdue, m.oldest, m.changes, m.escalations, m.lateness, m.swept, m.failures)
	return m
}

// backlog shows how much is open. What is not there any more is not shown as
// it was.
func (m *metrics) backlog(all []casework.Backlog, now time.Time) {
	m.open.Reset()
	m.overdue.Reset()
	m.oldest.Reset()
	for _, b := range all {
		labels := []string{string(b.Role), string(b.Priority), b.PDU}
		m.open.WithLabelValues(labels...).Set(float64(b.Open))
		m.overdue.WithLabelValues(labels...).Set(float64(b.Overdue))
		m.oldest.WithLabelValues(labels...).Set(now.Sub(b.Oldest).Seconds())
	}
}

// asked shows what is between probation and each force.
func (m *metrics) asked(all []casework.EnquiryCount) {
	for _, g := range []*prometheus.GaugeVec{m.enquiries, m.enquiriesOverdue, m.unread, m.unrouted} {
		g.Reset()
	}
	for _, c := range all {
		m.enquiries.WithLabelValues(c.Force).Set(float64(c.Open))
		m.enquiriesOverdue.WithLabelValues(c.Force).Set(float64(c.Overdue))
		m.unread.WithLabelValues(c.Force).Set(float64(c.Unread))
		m.unrouted.WithLabelValues(c.Force).Set(float64(c.Unrouted))
	}
}

func (m *metrics) changed(changes []casework.ActionChange) {
	for _, c := range changes {
		m.changes.WithLabelValues(c.What, c.Action.Rule).Inc()
	}
}

func (m *metrics) escalated(changes []casework.ActionChange, now time.Time) {
	for _, c := range changes {
		m.escalations.WithLabelValues(string(c.Step.Kind), string(c.Tell[0].Role), string(c.Action.Priority), c.Action.Owner.PDU).Inc()
		m.lateness.Observe(now.Sub(c.Step.DueAt).Seconds())
	}
}
