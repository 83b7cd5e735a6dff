package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/reportable-incidents/reportable/services/casework"
)

func TestAMilestoneIsSeenOnBothClocks(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	NewResponses(reg).Observe(casework.Milestone{
		Match: 7, Stage: casework.StageDecision, Priority: casework.High, PDU: "N03SW1",
		Elapsed: 64 * time.Hour, Working: 2 * time.Hour,
	})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			got[f.GetName()] = m.Histogram.GetSampleSum()
			for _, l := range m.Label {
				if strings.Contains(l.GetValue(), "7") {
					t.Errorf("the label %s tells which match it was", l.GetName())
				}
			}
		}
	}
	want := map[string]float64{"reportable_response_seconds": 64 * 3600, "reportable_response_working_seconds": 2 * 3600}
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s: got %v, want %v", name, got[name], sum)
		}
	}
}

func TestTheHistogramsKeepPrometheussRules(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	NewResponses(reg).Observe(casework.Milestone{Stage: casework.StageMatch, Priority: casework.Urgent, PDU: "WPTNWS", Elapsed: time.Second})
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
