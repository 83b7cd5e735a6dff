package stories_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestWorkThatIsLeftAloneGoesUp(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	in := harness.Incident("A1", harness.Suspect(rhys))
	in.DomesticAbuse = true // high, and not urgent: that is another's at night
	w.Police("62").Reports(in)
	w.Settled()
	// Whatever the hour is: those who had it are told now, and after a week of
	// nobody looking everybody above them too.
	told := func(who ...string) bool {
		roles := pgtest.All[string](t, w.DB, `select distinct owner_role from notice`)
		return !slices.ContainsFunc(who, func(role string) bool { return !slices.Contains(roles, role) })
	}
	if !told("administrator", "practitioner") || told("head") {
		t.Errorf("told are %q, want the administrator and the practitioner, and nobody above them", pgtest.All[string](t, w.DB, `select distinct owner_role from notice order by 1`))
	}
	w.Passes(7 * 24 * time.Hour)
	w.Eventually(func() bool { return told("administrator", "practitioner", "manager", "head") },
		func() string { return "not everybody above is told" })
	if r := w.Reconciled(); r.Matched != 1 {
		t.Errorf("got %d matched, want 1", r.Matched)
	}
}

func TestARetractionStopsTheWorkAndFlagsWhatWasDecided(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	w.Police("62").Reports(harness.Incident("A1", harness.Suspect(rhys)))
	w.Settled()
	w.Administrator(rhys).Confirms("A1", rhys)
	w.Settled()
	w.Practitioner(rhys).Decides("A1", casework.OutcomeEnforcement)
	w.Settled()
	w.Manager(rhys).Retracts("A1", rhys, "It was his brother.")
	w.Settled()
	want(t, "matches", w.Matches("A1"), "X100001 retracted: It was his brother.")
	if n := pgtest.One[int](t, w.DB, `select count(*) from decision where flagged_at is not null`); n != 1 {
		t.Errorf("%d decisions are flagged, want the one", n)
	}
	want(t, "the practitioner's work", w.Practitioner(rhys).Work())
	// A newer register and the same facts do not bring it back.
	w.Probation().Supervises(rhys, carys)
	w.Settled()
	want(t, "matches after another extract", w.Matches("A1"), "X100001 retracted: It was his brother.")
	w.Reconciled()
}

func TestADismissedPairComesBackOnlyWithNewFactsAndSaysSo(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	police := w.Police("62")
	one := harness.Incident("A1", harness.Suspect(rhys))
	police.Reports(one)
	w.Settled()
	w.Administrator(rhys).Dismisses("A1", rhys, "In custody that day.")
	w.Settled()
	two := harness.Revised(one, harness.Victim(carys), harness.Suspect(rhys))
	police.Reports(two)
	w.Settled()
	want(t, "matches after the same facts", w.Matches("A1"), "X100001 dismissed: In custody that day.")
	want(t, "the administrator's queue", w.Administrator(rhys).Queue())

	said := harness.Suspect(rhys)
	said.PNC = "2002/73319Z"
	police.Reports(harness.Revised(two, harness.Victim(carys), said))
	w.Settled()
	matches := w.Matches("A1")
	if len(matches) != 1 || !strings.HasPrefix(matches[0], "X100001 open: the identity facts changed") {
		t.Errorf("got %q, want it open again with the reason", matches)
	}
	if !slices.Contains(w.Administrator(rhys).Queue(), "A1") {
		t.Error("it is not in the administrator's queue again")
	}
	if n := w.Swept(); n != 0 {
		t.Errorf("%d matches waited for the sweep, want each change told by an event", n)
	}
	w.Reconciled()
}

func TestSomebodyGivenTwiceIsMatchedInBothRolesAndIsOnePieceOfWork(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	in := harness.Incident("A1", harness.Arrested(rhys), harness.Victim(rhys))
	w.Police("62").Reports(in)
	w.Settled()
	want(t, "matches", w.Matches("A1"), "X100001 open", "X100001 open")
	want(t, "actions", w.Actions("A1"), "X100001 acknowledge_match open", "X100001 review_incident open")
	w.Reconciled()
}
