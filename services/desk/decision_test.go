package desk_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// consulted are the boxes for a time, as the form has them.
func consulted(at time.Time) []string {
	zone, _ := time.LoadLocation("Europe/London")
	at = at.In(zone)
	return []string{"manager", scene.Manager, "consulted-day", strconv.Itoa(at.Day()), "consulted-month", strconv.Itoa(int(at.Month())),
		"consulted-year", strconv.Itoa(at.Year()), "consulted-hour", strconv.Itoa(at.Hour()), "consulted-minute", strconv.Itoa(at.Minute())}
}

func filled(more ...string) []string {
	return append([]string{"outcome", "review_risk", "rationale", "Second call-out in a month.", "risk", "no", "risk_reason", "Already high."}, more...)
}

func TestADecisionSaysWhatWhyAndWithWhom(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{}), Ago: 3 * time.Hour})
	u := w.as(t, "practitioner")
	form := u.get(path("/actions/%d/decision", m.Practitioner)).status(http.StatusOK)
	empty := form.submit("main form[action$=decision]").status(http.StatusUnprocessableEntity)
	for _, want := range []string{"Choose what you are going to do", "Enter the rationale", "Choose whether the risk level changes"} {
		empty.sees(".govuk-error-summary", want)
	}
	tomorrow := append(filled(), consulted(w.Now.Add(24*time.Hour))...)
	form.submit("main form[action$=decision]", tomorrow...).status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "must be in the past").sees("textarea[name=rationale]", "Second call-out")
	impossible := append(filled(), "manager", scene.Manager, "consulted-day", "31", "consulted-month", "2", "consulted-year", "2026", "consulted-hour", "9", "consulted-minute", "0")
	form.submit("main form[action$=decision]", impossible...).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "real date")
	stranger := append(filled(), consulted(w.Now.Add(-time.Minute))...)
	stranger[9] = "WPTG01S"
	form.submit("main form[action$=decision]", stranger...).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "manager of this PDU")
	if w.rows("decision") != 0 {
		t.Fatal("a decision with mistakes was recorded")
	}
	good := append(filled(), consulted(w.Now.Add(-time.Minute))...)
	for range 2 { // sent twice
		form.submit("main form[action$=decision]", good...).status(http.StatusOK).sees(".govuk-summary-card", "Mair Manager")
	}
	for what, got := range map[string]int{
		"decisions":        w.rows("decision where manager_consulted = $1 and not countersign_needed", scene.Manager),
		"events":           w.rows("event where subject = 'decisions.recorded'"),
		"closed":           w.rows("event where subject = 'actions.closed'"),
		"acknowledgements": w.rows("event where subject = 'actions.acknowledged'"),
		"first actions":    w.rows("milestone where stage = 'first_action'"),
		"milestones":       w.rows("milestone where stage = 'decision'"),
		"lines on trail":   w.rows("audit where what = 'DECISION_RECORDED'"),
		"actions done":     w.rows("action where id = $1 and state = 'done' and acked_at is not null", m.Practitioner),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	if got := w.rows("step where action = $1 and fired_at is null and cancelled_at is null", m.Practitioner); got != 0 {
		t.Errorf("%d steps would still chase what is decided", got)
	}
	if got := w.rows("event where payload::text like '%Second call-out%'"); got != 0 {
		t.Error("an event holds what somebody wrote")
	}
}

func TestOpeningAnActionIsNotAcknowledgingIt(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	u := w.as(t, "practitioner")
	at := path("/actions/%d", m.Practitioner)
	page := u.get(at).sees("main", "Opening this page is not enough")
	if w.rows("action where acked_at is not null") != 0 {
		t.Fatal("opening the page acknowledged it")
	}
	for range 2 {
		page.submit("form.desk-acknowledge").status(http.StatusOK).sees("main", "Acknowledged by Priya Practice")
	}
	if got := w.rows("action_history where what = 'acknowledged'"); got != 1 {
		t.Errorf("got %d acknowledgements in the history, want 1", got)
	}
	if got := w.rows("milestone where stage = 'first_action'"); got != 1 {
		t.Errorf("got %d first actions, want 1", got)
	}
	w.as(t, "manager").post(at + "/acknowledge").status(http.StatusNotFound) // not theirs
}

func TestADraftIsKeptForItsWriterAlone(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	u := w.as(t, "practitioner")
	at := path("/actions/%d/decision", m.Practitioner)
	u.get(at).submit("main form[action$=decision]", "rationale", "Half a thought", "referrals", "children", "referrals", "marac", "draft", "1").status(http.StatusOK).
		count("input[name=referrals][checked]", 2).
		sees(".govuk-notification-banner", "Draft saved").sees("textarea[name=rationale]", "Half a thought")
	pgtest.Exec(t, w.DB, "update person set practitioner = $1", scene.Stand)
	pgtest.Exec(t, w.DB, "update action set owner = $1 where id = $2", scene.Stand, m.Practitioner)
	w.as(t, "second practitioner").get(at).status(http.StatusOK).seesNot("textarea[name=rationale]", "Half a thought")
	u.get(at).status(http.StatusNotFound)
	form := w.as(t, "second practitioner").get(at).count("input[name=referrals][checked]", 0)
	form.submit("main form[action$=decision]", append(filled(), "referrals", "the moon")...).status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "Choose referrals from the list")
	form.submit("main form[action$=decision]", append(filled(), "referrals", "marac", "referrals", "children")...).status(http.StatusOK).
		sees(".govuk-summary-card", "Children's services").sees(".govuk-summary-card", "MARAC")
	if got := w.read("select array_to_string(referrals, ' ') from decision"); got != "children marac" {
		t.Errorf("got the referrals %q", got)
	}
}

func TestTwoDecisionsOnOneActionAreNotPossible(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	u := w.as(t, "practitioner")
	form := u.get(path("/actions/%d/decision", m.Practitioner))
	form.submit("main form[action$=decision]", filled()...).status(http.StatusOK)
	other := filled()
	other[3] = "Something else altogether."
	form.submit("main form[action$=decision]", other...).status(http.StatusConflict)
	if w.rows("decision") != 1 {
		t.Error("there are two decisions")
	}
}

func TestWhichDecisionsAManagerLooksAt(t *testing.T) {
	w := open(t)
	u := w.as(t, "practitioner")
	for _, c := range []struct {
		outcome  casework.Outcome
		rosh     casework.RoSH
		priority casework.Priority
		want     bool
	}{
		{casework.OutcomeReviewRisk, casework.RoSHMedium, casework.Standard, false},
		{casework.OutcomeReviewRisk, casework.RoSHHigh, casework.Standard, true},
		{casework.OutcomeReviewRisk, casework.RoSHLow, casework.Urgent, true},
		{casework.OutcomeNoChange, casework.RoSHLow, casework.Standard, false},
		{casework.OutcomeNoChange, casework.RoSHLow, casework.High, true},
		{casework.OutcomeRecall, casework.RoSHLow, casework.Standard, true},
		{casework.OutcomeEnforcement, casework.RoSHLow, casework.Standard, true},
		{casework.OutcomeNotOurPerson, casework.RoSHLow, casework.Standard, true},
	} {
		m := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: c.rosh}), Priority: c.priority})
		fields := filled()
		fields[1] = string(c.outcome)
		u.get(path("/actions/%d/decision", m.Practitioner)).submit("main form[action$=decision]", fields...).status(http.StatusOK)
		if got := w.rows("decision where countersign_needed and action = $1", m.Practitioner) == 1; got != c.want {
			t.Errorf("%s, %s risk, %s: countersignature needed is %v, want %v", c.outcome, c.rosh, c.priority, got, c.want)
		}
		if got := w.rows("step where kind = 'uncountersigned' and action = $1", m.Practitioner) == 1; got != c.want {
			t.Errorf("%s: a step chases the countersignature: %v, want %v", c.outcome, got, c.want)
		}
	}
}
