package stories_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// The pilot: two days' extracts of the case record and a month's exports of
// four forces, each in its own format, with the truth beside them.
func TestThePilotFromExtractAndExportsToMatchesAndActions(t *testing.T) {
	dir := harness.Pilot(t)
	exports := harness.PilotExports()
	w := harness.New(t)
	began := time.Now()
	lap := func(what string) {
		t.Logf("%-40s %6.2f s", what, time.Since(began).Seconds())
		began = time.Now()
	}
	w.Probation().ImportsFile(filepath.Join(dir, "caseload-2018-10-01.csv"), casework.Date{Year: 2018, Month: 10, Day: 1})
	lap("first extract")
	accepted := 0
	for _, e := range exports {
		accepted += w.Police(e.Force).SendsFile(filepath.Join(dir, e.File)).Accepted
	}
	lap("four exports")
	w.Settled()
	lap("settled")
	first := w.Judge(dir, exports)
	t.Logf("first day: %+v", first)
	if first.Late != 0 {
		t.Errorf("%d people were matched before they were under supervision", first.Late)
	}
	check := func(f harness.Figures) {
		t.Helper()
		if f.Precision < .98 || f.Recall < .95 {
			t.Errorf("precision %.4f and recall %.4f of %d, want at least .98 and .95", f.Precision, f.Recall, f.Positives)
		}
	}
	check(first)

	w.Probation().ImportsFile(filepath.Join(dir, "caseload-2018-10-02.csv"), casework.Date{Year: 2018, Month: 10, Day: 2})
	lap("second extract")
	w.Settled()
	lap("settled again")
	second := w.Judge(dir, exports)
	t.Logf("second day: %+v", second)
	check(second)
	if second.LateAll == 0 || float64(second.Late) < .9*float64(second.LateAll) {
		t.Errorf("%d of %d people who started supervision on the second day were found among what is held", second.Late, second.LateAll)
	}
	r := w.Reconciled()
	if r.Accepted != accepted || r.Quarantined != 0 {
		t.Errorf("got %+v, want all %d accounted for and none in quarantine", r, accepted)
	}

	w.Followed() // the second extract gave some cases to somebody else
	if n := pgtest.One[int](t, w.DB, `select count(*) from action_history where what = 'reassigned'`); n == 0 {
		t.Error("no case was given to somebody else: there was nothing to wait for")
	}
	before := w.Effects()
	for _, e := range exports {
		if again := w.Police(e.Force).SendsFile(filepath.Join(dir, e.File)); again.Accepted != 0 {
			t.Errorf("force %s: %d records sent a second time were accepted", e.Force, again.Accepted)
		}
	}
	w.Settled()
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(w.Effects(), "\n")); diff != "" {
		t.Errorf("sending everything twice changed the record:\n%.2000s", diff)
	}
	lap("sent twice")
	onePerMatch(t, w)
}
