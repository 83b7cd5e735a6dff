package harness

import (
	"strings"
)

// Responses counts the response times that were observed of a stage, in all
// processes.
func (w *World) Responses(stage string) int {
	w.Helper()
	n := uint64(0)
	for _, p := range w.running {
		families, err := p.Registry.Gather()
		if err != nil {
			w.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "reportable_response_seconds" {
				continue
			}
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if l.GetName() == "stage" && l.GetValue() == stage {
						n += m.GetHistogram().GetSampleCount()
					}
				}
			}
		}
	}
	return int(n)
}

// Metrics is everything that is measured, as text.
func (w *World) Metrics() string {
	w.Helper()
	var b strings.Builder
	for _, p := range w.running {
		families, err := p.Registry.Gather()
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
