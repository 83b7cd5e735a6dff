package caseload

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Metrics say how far each force has taken its watch list.
type Metrics struct {
	people    *prometheus.GaugeVec
	confirmed *prometheus.GaugeVec
	endings   *prometheus.GaugeVec
	lag       *prometheus.GaugeVec
	ending    *prometheus.GaugeVec
}

// NewMetrics declares them with the registry; nil counts for nobody.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"force"})
	}
	m := &Metrics{
		people:    gauge("reportable_watchlist_people", "People of whom the force is told that they are under supervision."),
		confirmed: gauge("reportable_watchlist_confirmed_people", "Those of them whom the force has confirmed as they were last told."),
		endings:   gauge("reportable_watchlist_unconfirmed_endings", "People whom the force must no longer keep, and has not confirmed to have let go."),
		lag:       gauge("reportable_watchlist_lag_seconds", "How long the oldest change has waited for the force's confirmation."),
		ending:    gauge("reportable_watchlist_oldest_ending_seconds", "How long the oldest ending has waited for the force's confirmation."),
	}
	if reg != nil {
		reg.MustRegister(m.people, m.confirmed, m.endings, m.lag, m.ending)
	}
	return m
}

func (m *Metrics) watch(s casework.WatchState, now time.Time) {
	age := func(since time.Time) float64 {
		if since.IsZero() {
			return 0
		}
		return max(now.Sub(since).Seconds(), 0)
	}
	m.people.WithLabelValues(s.Force).Set(float64(s.People))
	m.confirmed.WithLabelValues(s.Force).Set(float64(s.PeopleConfirmed))
	m.endings.WithLabelValues(s.Force).Set(float64(s.UnconfirmedEndings))
	m.lag.WithLabelValues(s.Force).Set(age(s.OldestUnconfirmed))
	m.ending.WithLabelValues(s.Force).Set(age(s.OldestEnding))
}
