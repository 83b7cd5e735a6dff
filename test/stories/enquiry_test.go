package stories_test

import (
	"slices"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// A practitioner asks, the force fetches it and leaves it, the practitioner and
// then the manager are reminded, the force answers, the practitioner reads.
func TestAnEnquiryIsChasedUntilPoliceAnswerAndTheAnswerIsRead(t *testing.T) {
	w := harness.Quiet(t)
	w.Start("matcher", "notifier")
	rhys := harness.Somebody("X100002", "Rhys", "Holedig", "1984-09-21")
	w.Probation().Supervises(rhys)
	police := w.Police("62")
	police.Reports(harness.Incident("E1", harness.Suspect(rhys)))
	w.Settled()
	w.Administrator(rhys).Confirms("E1", rhys)
	w.Settled()
	practitioner, manager := w.Practitioner(rhys), w.Manager(rhys)
	practitioner.Asks("62", "E1", rhys, "Any call-outs?")
	w.Settled()
	chase := func() bool { return slices.Contains(practitioner.Work(), "chase_enquiry E1") }
	if !chase() {
		t.Fatal("nobody chases what was asked")
	}
	asked := police.Fetches()
	if len(asked) != 1 || asked[0].AnswerBy == nil || len(police.Fetches()) != 0 {
		t.Fatalf("the force is given %d enquiries, or not by when, or again once it has them", len(asked))
	}

	told := func(owner string) int {
		return pgtest.One[int](t, w.DB, `
			select count(*)
			  from notice n
			  join action a on a.id = n.action
			 where a.rule = 'chase_enquiry'
			   and n.kind = 'escalated'
			   and n.owner = $1`, owner)
	}
	w.PassesUntil(asked[0].AnswerBy.Add(time.Minute))
	w.Eventually(func() bool { return told(practitioner.Account.Staff) > 0 }, func() string { return "whoever asked is not reminded" })
	w.Passes(7 * 24 * time.Hour)
	w.Eventually(func() bool { return told(manager.Account.Staff) > 0 }, func() string { return "their manager is not told" })
	if !chase() {
		t.Error("it is chased no more, and has no answer")
	}

	police.Answers(asked[0], "ANSWER-1", "Two call-outs, no arrest.")
	w.Settled()
	if work := practitioner.Work(); chase() || !slices.Contains(work, "read_reply E1") {
		t.Errorf("after the answer there is %v to do", work)
	}
	if words := practitioner.Reads(rhys); !slices.Equal(words, []string{"Two call-outs, no arrest."}) {
		t.Errorf("the practitioner read %d replies", len(words))
	}
	w.Settled()
	if work := practitioner.Work(); slices.Contains(work, "read_reply E1") {
		t.Error("it is read, and still to be read")
	}
	w.Reconciled()
}
