package matcher_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
)

const live, withdrawn = casework.Live, casework.Withdrawn

func TestAPersonOnProbationInAnIncidentIsMatchedOnceHoweverOftenTheNudgeComes(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	nudge := w.receive("A1", 1, live, person("victim", "Jones", "1990-01-01"), person("suspect", "Pugh", "1980-02-01"))
	w.handle(w.Matcher, nudge, nudge)
	w.handle(w.Matcher, nudge)
	w.wantMatches("A1", "2@2 rev 1 X000001 open")
	w.wantDisposition("A1", 1, casework.Matched)
	if got := w.told("matches.found"); got != 1 {
		t.Errorf("got %d matches.found, want 1", got)
	}
	var milestones int
	w.one(&milestones, `select count(*) from milestone where stage in ('report', 'receipt', 'match')`)
	if milestones != 3 {
		t.Errorf("got %d milestones, want the report's, the receipt's and the match's", milestones)
	}
}

func TestAnIncidentThatConcernsNobodyIsUnmatched(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("victim", "Jones", "1990-01-01")))
	w.wantMatches("A1")
	w.wantDisposition("A1", 1, casework.Unmatched)
}

func TestRevisionTwoSupersedesOneWhicheverComesFirst(t *testing.T) {
	for _, order := range []string{"in order", "two first", "both at once"} {
		t.Run(order, func(t *testing.T) {
			w := newWorld(t)
			w.supervise("X000001", "Pugh", "1980-02-01")
			w.supervise("X000002", "Rees", "1985-05-05")
			one := func() { w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01"))) }
			two := func() {
				w.handle(w.Matcher, w.receive("A1", 2, live, person("victim", "Rees", "1985-05-05"), person("suspect", "Pugh", "1980-02-01")))
			}
			pugh, rees := "1@2 rev 2 X000001 open", "2@1 rev 2 X000002 open"
			switch order {
			case "in order":
				one()
				two()
			case "two first":
				two()
				one()
				pugh, rees = "2@2 rev 2 X000001 open", "1@1 rev 2 X000002 open"
			case "both at once":
				first := w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01"))
				second := w.receive("A1", 2, live, person("victim", "Rees", "1985-05-05"), person("suspect", "Pugh", "1980-02-01"))
				w.handle(w.Matcher, first, second)
				pugh, rees = "2@2 rev 2 X000001 open", "1@1 rev 2 X000002 open"
			}
			want := []string{pugh, rees}
			if strings.HasPrefix(rees, "1") {
				want = []string{rees, pugh}
			}
			w.wantMatches("A1", want...)
			w.wantDisposition("A1", 1, casework.Superseded)
			w.wantDisposition("A1", 2, casework.Matched)
		})
	}
}

func TestSomebodyWhoLeavesAnIncidentIsSupersededAndComesBackAsTheSame(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	pugh, jones := person("suspect", "Pugh", "1980-02-01"), person("victim", "Jones", "1990-01-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, pugh, jones))
	w.handle(w.Matcher, w.receive("A1", 2, live, jones))
	w.wantMatches("A1", "1@1 rev 1 X000001 superseded: the person is no longer in the incident")
	w.wantDisposition("A1", 2, casework.Unmatched)
	w.handle(w.Matcher, w.receive("A1", 3, live, jones, pugh))
	w.wantMatches("A1", "1@2 rev 3 X000001 open")
	if found, gone := w.told("matches.found"), w.told("matches.superseded"); found != 2 || gone != 1 {
		t.Errorf("got %d found and %d superseded, want 2 and 1", found, gone)
	}
}

func TestWithdrawingWithdrawsAndALaterRevisionBringsBack(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	pugh := person("suspect", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, pugh))
	w.handle(w.Matcher, w.receive("A1", 2, withdrawn, pugh))
	w.wantMatches("A1", "1@1 rev 1 X000001 withdrawn: the force withdrew the incident")
	w.wantDisposition("A1", 1, casework.Superseded)
	w.wantDisposition("A1", 2, casework.WithdrawnBy)
	w.handle(w.Matcher, w.receive("A1", 3, live, pugh))
	w.wantMatches("A1", "1@1 rev 3 X000001 open")
}

func TestAJudgementCarriesOverUntilTheFactsOfThePersonChange(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.supervise("X000002", "Rees", "1985-05-05")
	pugh, rees := person("suspect", "Pugh", "1980-02-01"), person("victim", "Rees", "1985-05-05")
	w.handle(w.Matcher, w.receive("A1", 1, live, pugh, rees))
	w.judge("X000001", casework.VerdictConfirm, casework.MatchConfirmed)
	w.judge("X000002", casework.VerdictDismiss, casework.MatchDismissed)

	w.handle(w.Matcher, w.receive("A1", 2, live, rees, pugh))
	w.wantMatches("A1", "1@2 rev 2 X000001 confirmed: because", "2@1 rev 2 X000002 dismissed: because")

	rees.PNC = "2002/73319Z"
	w.handle(w.Matcher, w.receive("A1", 3, live, rees, pugh))
	w.wantMatches("A1", "1@2 rev 3 X000001 confirmed: because",
		"2@1 rev 3 X000002 open: the identity facts changed since it was judged")
}

func TestADismissalThatWasUndoneDoesNotComeBackWithTheNextVersion(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.judge("X000001", casework.VerdictDismiss, casework.MatchDismissed)
	// As the desk leaves it when the confirmation that it followed from is retracted.
	w.exec(`update match set state = 'open', state_reason = '', judged_at = null`)
	w.supervise("X000002", "Rees", "1985-05-05")
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1", "1@1 rev 1 X000001 open")
}

func TestWhatAPersonConfirmedIsNotUndoneByTheRegister(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.supervise("X000002", "Rees", "1985-05-05")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01"), person("victim", "Rees", "1985-05-05")))
	w.judge("X000001", casework.VerdictConfirm, casework.MatchConfirmed)
	w.supervise("X000001", "Powell", "1980-02-01")
	w.supervise("X000002", "Roberts", "1985-05-05")
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1", "1@1 rev 1 X000001 confirmed: because", "2@2 rev 1 X000002 superseded: the facts no longer make a match")
	w.wantDisposition("A1", 1, casework.Matched)
}

func TestWhoStartsSupervisionMatchesWhatIsStillHeld(t *testing.T) {
	w := newWorld(t)
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.wantDisposition("A1", 1, casework.Unmatched)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1", "1@1 rev 1 X000001 open")
	w.wantDisposition("A1", 1, casework.Matched)
	var behind int
	w.one(&behind, `select count(*) from revision, register where register_version is distinct from version`)
	if behind != 0 {
		t.Errorf("%d revisions are behind the register", behind)
	}
}

func TestSupervisionThatEndedMatchesForTwentyEightWorkingDaysAndEndsNoWork(t *testing.T) {
	w := newWorld(t)
	id := w.supervise("X000001", "Pugh", "1980-02-01")
	pugh := person("suspect", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("BEFORE", 1, live, pugh))
	ended := w.now
	w.end(id, ended)
	w.caseloadChanged(w.Matcher)
	calendar := casework.EnglandAndWales()
	last := calendar.WorkingDays(calendar.Day(ended), 28).Time()

	w.now = last.Add(12 * time.Hour)
	w.handle(w.Matcher, w.receive("JUST", 1, live, pugh))
	w.now = last.Add(48 * time.Hour)
	w.handle(w.Matcher, w.receive("LATE", 1, live, pugh))

	w.wantMatches("BEFORE", "1@1 rev 1 X000001 open")
	w.wantMatches("JUST", "1@1 rev 1 X000001 open")
	w.wantMatches("LATE")
	w.wantDisposition("BEFORE", 1, casework.Matched)

	// The days are a setting.
	longer := matcher.New(matcher.Config{Ledger: w.db, Register: &plainRegister{people: map[casework.PersonID]casework.Identity{}},
		AfterSupervision: 31, Now: func() time.Time { return w.now }})
	w.handle(longer, w.receive("LONGER", 1, live, pugh))
	w.wantMatches("LONGER", "1@1 rev 1 X000001 open")
	// What is held is matched again by it, and by a matcher that was started before, too.
	w.caseloadChanged(w.Matcher)
	w.wantMatches("LATE", "1@1 rev 1 X000001 open")
	w.wantDisposition("LATE", 1, casework.Matched)
	w.handle(w.Matcher, w.receive("FOLLOWED", 1, live, pugh))
	w.wantMatches("FOLLOWED", "1@1 rev 1 X000001 open")

	// A new revision finds the old work still there.
	w.now = last.Add(72 * time.Hour)
	w.handle(w.Matcher, w.receive("BEFORE", 2, live, person("victim", "Jones", "1990-01-01"), pugh))
	w.wantMatches("BEFORE", "1@2 rev 2 X000001 open")
}

func TestAMergeLeavesOneMatchAndAnUnmergeBringsBothBack(t *testing.T) {
	w := newWorld(t)
	from := w.supervise("X000001", "Pugh", "1980-02-01")
	into := w.supervise("X000002", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.wantMatches("A1", "1@1 rev 1 X000001 open", "1@1 rev 1 X000002 open")

	w.merge(from, into)
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1", "1@1 rev 1 X000001 superseded: merged", "1@1 rev 1 X000002 open")

	w.merge(from, 0)
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1", "1@1 rev 1 X000001 open", "1@1 rev 1 X000002 open")
}

func TestAMatchOnSomebodyMergedAwayCountsAsTheTargets(t *testing.T) {
	w := newWorld(t)
	from := w.supervise("X000001", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.judge("X000001", casework.VerdictConfirm, casework.MatchConfirmed)
	into := w.supervise("X000002", "Pugh", "1980-02-01")
	w.merge(from, into)
	w.caseloadChanged(w.Matcher)
	w.wantMatches("A1", "1@1 rev 1 X000001 confirmed: because")
}

func TestAMatcherThatIsBehindCatchesUpAndScoresAgain(t *testing.T) {
	w := newWorld(t)
	other, behind := w.another()
	w.handle(other, w.receive("A0", 1, live, person("suspect", "Nobody", "1980-02-01"))) // it holds the register now
	// The register moves on in the very middle of a search.
	behind.during = func() { w.supervise("X000001", "Pugh", "1980-02-01") }
	w.handle(other, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")))
	w.wantMatches("A1", "1@1 rev 1 X000001 open")
}

func TestTwoMatchersShareWhatIsBehindAndOneBadIncidentHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	bad := w.receiveBody(casework.Incident{Force: "62", Reference: "BAD", Revision: 1, Status: live, Kind: casework.KindArrest,
		ReportedAt: w.now, OccurredFrom: w.now}, []byte(`{"persons": "Canary"}`))
	w.handle(w.Matcher, bad, w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01")),
		w.receive("WORSE", 1, live, person("suspect", "Panic", "1980-02-01")))
	w.wantDisposition("BAD", 1, casework.Quarantined)
	w.wantDisposition("WORSE", 1, casework.Quarantined)
	w.wantDisposition("A1", 1, casework.Unmatched)
	waiting, err := w.db.Quarantine(context.Background(), 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(waiting) != 2 || strings.Contains(waiting[0].Reason+waiting[1].Reason, "Canary") || strings.Contains(waiting[0].Reason+waiting[1].Reason, "Panic") {
		t.Errorf("got %d in quarantine, want both, and no value quoted", len(waiting))
	}
	// A later revision that can be read settles it.
	w.handle(w.Matcher, w.receive("BAD", 2, live, person("suspect", "Pugh", "1980-02-01")))
	w.wantDisposition("BAD", 1, casework.Superseded)
	w.wantDisposition("BAD", 2, casework.Unmatched)
	if waiting, _ := w.db.Quarantine(context.Background(), 10); len(waiting) != 1 {
		t.Errorf("got %d in quarantine, want 1", len(waiting))
	}
}

func TestWhatSomebodyDiscardedDoesNotComeBackWithAnEventHeardAgainAndWhatTheyRetriedDoes(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	bad := w.receiveBody(casework.Incident{Force: "62", Reference: "BAD", Revision: 1, Status: live, Kind: casework.KindArrest,
		ReportedAt: w.now, OccurredFrom: w.now}, []byte(`{"persons": "nobody"}`))
	w.handle(w.Matcher, bad)
	waiting, err := w.db.Quarantine(ctx, 10)
	if err != nil || len(waiting) != 1 || waiting[0].Key != "62/BAD/1" {
		t.Fatalf("got %d in quarantine and %v, want the one", len(waiting), err)
	}
	if err := w.db.Discard(ctx, waiting[0].ID, "somebody", "a test"); err != nil {
		t.Fatal(err)
	}
	w.handle(w.Matcher, bad)
	if waiting, _ := w.db.Quarantine(ctx, 10); len(waiting) != 0 {
		t.Error("it waits again")
	}
	if err := w.db.Retry(ctx, waiting[0].ID, "somebody"); err == nil {
		t.Error("what is resolved was resolved again")
	}

	worse := w.receiveBody(casework.Incident{Force: "62", Reference: "WORSE", Revision: 1, Status: live, Kind: casework.KindArrest,
		ReportedAt: w.now, OccurredFrom: w.now}, []byte(`{"persons": "nobody"}`))
	w.handle(w.Matcher, worse)
	waiting, _ = w.db.Quarantine(ctx, 10)
	w.exec(`update revision set body = '{"persons": []}' where incident = (select id from incident where reference = 'WORSE')`) // as a better program would read it
	if err := w.db.Retry(ctx, waiting[0].ID, "somebody"); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	if err := w.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	w.wantDisposition("WORSE", 1, casework.Unmatched)
}

func TestTheSweeperFindsWhatNoEventLedTo(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01"))
	sweep := func() {
		if err := w.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	w.wantDisposition("A1", 1, casework.InFlight)
	w.now = w.now.Add(31 * time.Second)
	sweep()
	w.wantDisposition("A1", 1, casework.Matched)
	w.supervise("X000002", "Pugh", "1980-02-01")
	sweep()
	w.wantMatches("A1", "1@1 rev 1 X000001 open", "1@1 rev 1 X000002 open")
}

func TestReconciliationAccountsForEveryRevisionAndSeesWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.supervise("X000001", "Pugh", "1980-02-01")
	pugh := person("suspect", "Pugh", "1980-02-01")
	w.handle(w.Matcher, w.receive("A1", 1, live, pugh), w.receive("A1", 2, live, pugh),
		w.receive("A2", 1, live, person("suspect", "Jones", "1980-02-01")), w.receive("A3", 1, withdrawn, pugh))
	w.receive("A4", 1, live, pugh)
	got, err := w.db.Reconcile(context.Background(), w.now)
	if err != nil {
		t.Fatal(err)
	}
	want := casework.Reconciliation{Accepted: 5, Matched: 1, Superseded: 1, Unmatched: 1, Withdrawn: 1, InFlight: 1}
	if got.Wrong = nil; got.Accepted != want.Accepted || got.Matched != want.Matched || got.Superseded != want.Superseded ||
		got.Unmatched != want.Unmatched || got.Withdrawn != want.Withdrawn || got.InFlight != want.InFlight || got.Unaccounted != 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}

	// Six minutes later A4 is stuck and nobody was given the match of A1.
	w.now = w.now.Add(6 * time.Minute)
	w.exec(`insert into receipt_line (receipt, line, record, reference, revision, status, incident)
		select $1, 99, 1, 'A1', 7, 'accepted', id from incident where reference = 'A1'`, w.receipt)
	w.exec(`update match set state = 'superseded'`)
	got, err = w.db.Reconcile(context.Background(), w.now)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range got.Wrong {
		found = append(found, f.Examples[0]+" "+f.What)
	}
	const wrong = "62/A1/7 was answered as accepted and is not in the ledger; " +
		"62/A4/1 has been in flight for over five minutes; 62/A1/2 is set down as matched and has no match"
	if strings.Join(found, "; ") != wrong || got.Unaccounted != 3 {
		t.Errorf("got %d: %s\nwant 3: %s", got.Unaccounted, strings.Join(found, "; "), wrong)
	}
}
