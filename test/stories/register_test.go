package stories_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestTwoCasesMergedAreOnePieceOfWorkAndUnmergedAreTwo(t *testing.T) {
	w := harness.New(t)
	twin := rhys
	twin.CRN = "X100009" // entered twice on the case record
	w.Probation().Supervises(rhys, twin)
	w.Police("62").Reports(harness.Incident("A1", harness.Suspect(rhys)))
	w.Settled()
	want(t, "matches of two cases of one man", w.Matches("A1"), "X100001 open", "X100009 open")

	w.Probation().Merges(rhys, twin)
	w.Settled()
	want(t, "matches when merged", w.Matches("A1"), "X100001 superseded: merged", "X100009 open")
	if n := openActions(w, "X100001"); n != 0 {
		t.Errorf("%d actions of the case merged away are open, want none", n)
	}
	if n := openActions(w, "X100009"); n == 0 {
		t.Error("nobody has anything to do about the case merged into")
	}
	w.Reconciled()

	w.Probation().Unmerges(rhys)
	w.Settled()
	want(t, "matches when unmerged", w.Matches("A1"), "X100001 open", "X100009 open")
	if n := openActions(w, "X100001"); n == 0 {
		t.Error("the work on the case that stands on its own again did not come back")
	}
	w.Reconciled()
}

func TestAMergeTakesAConfirmedMatchAndItsWorkAlong(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys)
	w.Police("62").Reports(harness.Incident("A1", harness.Suspect(rhys)))
	w.Settled()
	w.Administrator(rhys).Confirms("A1", rhys)
	w.Settled()
	same := rhys
	same.CRN = "X100009"
	w.Probation().Supervises(same)
	w.Settled()
	w.Probation().Merges(rhys, same)
	w.Settled()
	matches := w.Matches("A1")
	if !slices.ContainsFunc(matches, func(m string) bool { return m[:8] == "X100001 " && m[8:17] == "confirmed" }) {
		t.Errorf("got %q, want the confirmation to stand", matches)
	}
	want(t, "the practitioner's work", w.Practitioner(rhys).Work(), "review_incident A1")
	w.Police("62").Reports(harness.Revised(harness.Incident("A1"), harness.Victim(carys), harness.Suspect(rhys)))
	w.Settled()
	want(t, "the practitioner's work after a revision", w.Practitioner(rhys).Work(), "review_incident A1")
	w.Reconciled()
}

func openActions(w *harness.World, crn string) int {
	w.Helper()
	return pgtest.One[int](w, w.DB, `
		select count(*)
		  from action a
		  join person p on p.id = a.person
		 where p.crn = $1
		   and a.state in ('open', 'acknowledged')`, crn)
}

// The next day's extract gives a case to somebody else, and its work with it,
// without waiting until it is looked for.
func TestWorkFollowsItsCaseAtOnce(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(rhys, carys)
	w.Police("62").Reports(harness.Incident("A1", harness.Suspect(rhys)), harness.Incident("A2", harness.Suspect(carys)))
	w.Settled()
	for reference, who := range map[string]harness.Person{"A1": rhys, "A2": carys} {
		w.Administrator(who).Confirms(reference, who)
	}
	w.Settled()
	want(t, "the practitioner's work", w.Practitioner(rhys).Work(), "review_incident A1", "review_incident A2")
	staying, swept := updates(w, carys), w.Swept()
	given := rhys
	given.Practitioner = "N03S0102"
	w.Probation().Supervises(given)
	w.Eventually(func() bool { return w.Practitioner(given).Work() != nil }, func() string { return "the work is not with its new owner" })
	want(t, "the new practitioner's work", w.Practitioner(given).Work(), "review_incident A1")
	want(t, "the work of whom the case was taken from", w.Practitioner(carys).Work(), "review_incident A2")
	if got := w.Swept() - swept; got != 0 {
		t.Errorf("%d matches had to be looked for", got)
	}
	if updates(w, given) == 0 || updates(w, carys) != staying {
		t.Error("it is told of work that stays, or not of the work that moved")
	}
	w.Reconciled()
}

// updates counts how often it was told that the work on somebody's case has
// something new to follow.
func updates(w *harness.World, who harness.Person) int {
	w.Helper()
	return pgtest.One[int](w, w.DB, `
		select count(*)
		  from event e
		  join person p on p.id = (e.payload #>> '{additionalInformation,personId}')::bigint
		 where e.subject = 'matches.updated'
		   and p.crn = $1`, who.CRN)
}

func TestWhoStartsSupervisionTodayMatchesYesterdaysArrest(t *testing.T) {
	w := harness.New(t)
	w.Probation().Supervises(carys)
	w.Police("62").Reports(harness.Incident("A1", harness.Arrested(rhys)))
	w.Settled()
	want(t, "matches before", w.Matches("A1"))
	w.Probation().Supervises(rhys)
	w.Settled()
	want(t, "matches after", w.Matches("A1"), "X100001 open")
	w.Probation().Ends(rhys)
	w.Settled()
	want(t, "matches when supervision has ended", w.Matches("A1"), "X100001 open")
	w.Reconciled()
}

// Incidents stream in while the caseload changes under them, with two matchers,
// until whoever was matched too early has been matched again.
func TestTheCaseloadChangesInTheMiddleOfMatching(t *testing.T) {
	w := harness.Quiet(t)
	w.Start("matcher", "notifier")
	w.Start("matcher", "notifier")
	people := harness.Wales(240)
	w.Probation().Supervises(people[:60]...)

	var wait sync.WaitGroup
	wait.Go(func() {
		for i := range 4 {
			var all []casework.Incident
			for j, p := range people {
				all = append(all, harness.Incident(fmt.Sprintf("R%d-%d", i, j), harness.Suspect(p)))
			}
			w.Police("62").Reports(all...)
		}
	})
	for n := 90; n <= 240; n += 30 {
		w.Probation().Supervises(people[:n]...)
	}
	wait.Wait()
	w.Settled()

	r := w.Reconciled()
	if r.Accepted != 960 || r.Matched != 960 {
		t.Errorf("got %d of %d matched, want all 960", r.Matched, r.Accepted)
	}
	if twice := pgtest.All[string](t, w.DB, `
		select incident || ' ' || involvement
		  from match
		 where state = 'open' and band = 'certain'
		 group by incident, involvement
		having count(*) > 1`); len(twice) > 0 {
		t.Errorf("%d people were matched twice", len(twice))
	}
	if wrong := pgtest.One[int](t, w.DB, `
		select count(*)
		  from incident i
		 where not exists (
		         select 1
		           from match m
		           join person p on p.id = m.person
		          where m.incident = i.id
		            and m.state = 'open'
		            and p.crn = 'X2' || lpad(split_part(i.reference, '-', 2), 5, '0'))`); wrong > 0 {
		t.Errorf("%d incidents do not have the right person", wrong)
	}
}

// A replica that is behind the register neither misses a match nor lets
// anything be erased early.
func TestAReplicaThatIsBehindMissesNobody(t *testing.T) {
	w := harness.Quiet(t)
	behind := w.Start("matcher", "notifier")
	w.Probation().Supervises(carys)
	w.Police("60").Reports(harness.Incident("A0", harness.Suspect(carys)))
	w.Settled() // it holds the register now

	// One starts anew, a second beside it: the news of the register goes to one
	// of them alone.
	behind.Stop()
	w.Start("matcher", "notifier")
	w.Police("60").Reports(harness.Incident("A1", harness.Suspect(carys)))
	w.Settled()
	w.Start("matcher")
	people := harness.Wales(20)
	for i, p := range people {
		w.Probation().Supervises(p)
		w.Police("60").Reports(harness.Incident(fmt.Sprintf("B%d", i), harness.Suspect(p)))
	}
	w.Settled()
	for i, p := range people {
		got := w.Matches(fmt.Sprintf("B%d", i))
		if !slices.Contains(got, p.CRN+" open") {
			t.Errorf("incident B%d: got %q, want the person who started just before", i, got)
		}
	}
	w.Reconciled()
}
