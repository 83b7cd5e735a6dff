package notifier_test

import (
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/deploy"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// From 16:55 to 18:00 is an hour and five minutes where the office is open until
// seven, and five minutes elsewhere.
func TestWorkingTimeIsMeasuredByThePDUsOwnHours(t *testing.T) {
	o := open(t)
	late, err := notifier.ReadPolicy(strings.NewReader(string(deploy.Policy) + "\npdus:\n  N03SW1:\n    hours: {open: \"09:00\", close: \"19:00\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for reference, hours := range map[string]func(string) *casework.Calendar{"R3": nil, "R4": late.Hours} {
		o.db.WorkBy(hours)
		o.now = london("2026-11-18 16:55")
		k := o.match(o.incident(casework.Incident{Reference: reference}), o.person("low"), 1, casework.Certain)
		o.now = london("2026-11-18 18:00")
		o.judge(k, casework.MatchConfirmed, casework.VerdictConfirm)
		o.handle(o.found(k))
		want := map[bool]float64{true: 300, false: 3900}[hours == nil]
		if got := pgtest.One[float64](t, o.db, `select working_seconds from milestone where match = $1 and stage = 'acknowledgement'`, k); got != want {
			t.Errorf("%s: got %v seconds of working time, want %v", reference, got, want)
		}
	}
}
