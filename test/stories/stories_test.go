// Package stories_test tells what the product does for whom, through the whole
// pipeline.
package stories_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/harness"
)

// The people of the stories. All are invented.
var (
	rhys  = harness.Somebody("X100001", "Rhys Iorwerth", "Pritchard", "1984-09-21")
	carys = harness.Somebody("X100002", "Carys", "Llewellyn", "1991-03-12")
)

func want(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) && len(got)+len(want) > 0 {
		t.Errorf("%s:\ngot  %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func TestAnIncidentReachesTheRightPersonAndADecisionComesBack(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	in := harness.Incident("A1", harness.Suspect(rhys), harness.Victim(carys))
	in.DomesticAbuse = true
	w.Police("62").Reports(in)
	w.Settled()

	administrator, practitioner, manager := w.Administrator(rhys), w.Practitioner(rhys), w.Manager(rhys)
	want(t, "the administrator's queue", administrator.Queue(), "A1")
	want(t, "the practitioner's work", practitioner.Work(), "review_incident A1")

	administrator.Confirms("A1", rhys)
	w.Settled()
	want(t, "actions", w.Actions("A1"), "X100001 acknowledge_match done", "X100001 review_incident open", "X100001 transfer_match open")
	administrator.Transfers("A1", rhys)
	practitioner.Acknowledges("A1")
	practitioner.Decides("A1", casework.OutcomeReviewRisk)
	w.Settled()
	want(t, "the practitioner's work", practitioner.Work())
	if n := manager.Countersigns(); n != 1 {
		t.Errorf("the manager had %d decisions to countersign, want 1", n)
	}
	w.Settled()
	if r := w.Reconciled(); r.Accepted != 1 || r.Matched != 1 {
		t.Errorf("got %d accepted and %d matched, want 1 and 1", r.Accepted, r.Matched)
	}
	want(t, "the stages whose time was taken", w.Stages("A1"),
		"report", "receipt", "match", "acknowledgement", "transfer", "first_action", "consultation", "decision", "countersignature")

	// What the inspection says and what the metrics count is the same.
	// People's work is timed by the ledger's clock, whichever the story's is.
	report, err := w.DB.Inspect(t.Context(), w.Now().AddDate(-1, 0, 0), w.Now().AddDate(1, 0, 0), w.Now())
	if err != nil {
		t.Fatal(err)
	}
	inspected := map[[2]string]int{}
	for _, area := range report.Areas[1:] {
		for _, s := range area.Stages {
			inspected[[2]string{area.PDU, string(s.Stage)}] = s.Reached
		}
	}
	if len(inspected) != len(casework.Stages) {
		t.Errorf("the inspection has %d stages, want %d", len(inspected), len(casework.Stages))
	}
	for _, clock := range []string{"reportable_response_seconds", "reportable_response_working_seconds"} {
		if diff := cmp.Diff(inspected, w.Responses(clock)); diff != "" {
			t.Errorf("%s and the inspection do not agree:\n%s", clock, diff)
		}
	}
}

func TestSomebodyWhoConcernsNobodyRaisesNothing(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	w.Police("60").Reports(harness.Incident("A1", harness.Suspect(carys)))
	w.Settled()
	want(t, "matches", w.Matches("A1"))
	want(t, "actions", w.Actions("A1"))
	w.Reconciled()
}

func TestRevisionTwoBeforeOneLeavesOneSetOfWork(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys, carys)
	one := harness.Incident("A1", harness.Suspect(rhys))
	two := harness.Revised(one, harness.Victim(carys), harness.Suspect(rhys))
	police := w.Police("62")
	police.Reports(two)
	w.Settled()
	police.Reports(one)
	w.Settled()
	want(t, "matches", w.Matches("A1"), "X100002 open", "X100001 open")
	before := w.Effects()
	police.Reports(one, two)
	police.Reports(two, one)
	w.Settled()
	if after := w.Effects(); after != before {
		t.Errorf("sending again changed the record:\nbefore\n%s\nafter\n%s", before, after)
	}
	if r := w.Reconciled(); r.Accepted != 2 || r.Superseded != 1 || r.Matched != 1 {
		t.Errorf("got %+v, want 2 accepted, 1 superseded, 1 matched", r)
	}
}

func TestAWithdrawalStopsTheWork(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	police := w.Police("62")
	in := harness.Incident("A1", harness.Arrested(rhys))
	police.Reports(in)
	w.Settled()
	police.Withdraws(in)
	w.Settled()
	want(t, "matches", w.Matches("A1"), "X100001 withdrawn: the force withdrew the incident")
	want(t, "the administrator's queue", w.Administrator(rhys).Queue())
	want(t, "the practitioner's work", w.Practitioner(rhys).Work())
	if r := w.Reconciled(); r.Withdrawn != 1 || r.Superseded != 1 {
		t.Errorf("got %+v, want 1 withdrawn and 1 superseded", r)
	}
}
