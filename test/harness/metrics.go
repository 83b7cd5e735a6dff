package harness

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Responses counts the response times that were observed on either clock, in all
// processes, by PDU and stage.
func (w *World) Responses(clock string) map[[2]string]int {
	w.Helper()
	counts := map[[2]string]int{}
	for _, registry := range w.registries() {
		families, err := registry.Gather()
		if err != nil {
			w.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != clock {
				continue
			}
			for _, m := range f.GetMetric() {
				labels := map[string]string{}
				for _, l := range m.GetLabel() {
					labels[l.GetName()] = l.GetValue()
				}
				counts[[2]string{labels["pdu"], labels["stage"]}] += int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return counts
}

func (w *World) registries() []*prometheus.Registry {
	all := []*prometheus.Registry{w.here}
	for _, p := range w.running {
		all = append(all, p.Registry)
	}
	return all
}

// Swept counts the matches that no event told the notifier of in time, or whose
// case moved: what its sweep had to find by itself.
func (w *World) Swept() int {
	w.Helper()
	n := 0.0
	for _, registry := range w.registries() {
		families, err := registry.Gather()
		if err != nil {
			w.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "reportable_notifier_swept_total" {
				n += f.GetMetric()[0].GetCounter().GetValue()
			}
		}
	}
	return int(n)
}

// Metrics is everything that is measured, as text.
func (w *World) Metrics() string {
	w.Helper()
	var b strings.Builder
	for _, registry := range w.registries() {
		families, err := registry.Gather()
		if err != nil {
			w.Fatal(err)
		}
		for _, f := range families {
			b.WriteString(f.String())
			b.WriteByte('\n')
		}
	}
	return b.String()
}
