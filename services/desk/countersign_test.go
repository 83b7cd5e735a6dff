package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAManagerCountersignsOnce(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	decision := w.Decide("practitioner", m.Practitioner)
	u := w.as(t, "manager")
	u.get("/countersign").count("tr[data-decision]", 1)
	page := u.get(path("/countersign/%d", decision)).status(http.StatusOK).sees(".govuk-summary-card", "Enforcement")
	page.submit("main form[action^='/countersign']").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose whether you agree")
	for range 2 {
		page.submit("main form[action^='/countersign']", "agree", "yes").status(http.StatusOK).sees(".govuk-notification-banner", "countersigned")
	}
	for what, got := range map[string]int{
		"signatures":     w.rows("decision where countersigned_by = 'persona:manager'"),
		"milestones":     w.rows("milestone where stage = 'countersignature'"),
		"history lines":  w.rows("action_history where what = 'countersigned'"),
		"lines on trail": w.rows("audit where what = 'DECISION_COUNTERSIGNED'"),
		"steps left":     1 + w.rows("step where action = $1 and fired_at is null and cancelled_at is null", m.Practitioner),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	u.get("/countersign").count("tr[data-decision]", 0)
	for _, who := range []string{"gwent manager"} {
		w.as(t, who).get(path("/countersign/%d", decision)).status(http.StatusNotFound)
	}
}

func TestNobodyCountersignsTheirOwnDecision(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	// The manager covers for the practitioner, and decides.
	pgtest.Exec(t, w.DB, "update action set owner_role = 'manager', owner = $1 where id = $2", scene.Manager, m.Practitioner)
	decision := w.Decide("manager", m.Practitioner)
	u := w.as(t, "manager")
	u.get("/countersign").sees("tr[data-decision]", "Your own")
	u.get("/").sees(".desk-card:nth-child(2)", "0 to countersign")
	at := path("/countersign/%d", decision)
	u.get(at).status(http.StatusOK).count("main form[action^='/countersign']", 0).sees(".govuk-inset-text", "your own decision")
	u.post(at, "agree", "yes").status(http.StatusConflict).sees("h1", "You cannot countersign your own decision")
	_, err := w.DB.Pool().Exec(t.Context(), "update decision set countersigned_by = by, countersigned_at = now()")
	if err == nil {
		t.Error("the table lets somebody countersign their own decision")
	}
	w.as(t, "head").get(at).submit("main form[action^='/countersign']", "agree", "yes").status(http.StatusOK)
}

func TestADecisionSentBackIsDecidedAgain(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	decision := w.Decide("practitioner", m.Practitioner)
	page := w.as(t, "manager").get(path("/countersign/%d", decision))
	page.submit("main form[action^='/countersign']", "agree", "no").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Enter why you send it back")
	page.submit("main form[action^='/countersign']", "agree", "no", "note", "What of the children?").status(http.StatusOK)
	u := w.as(t, "practitioner")
	u.get("/actions").count("tr[data-action]", 1)
	again := u.get(path("/actions/%d", m.Practitioner)).sees(".govuk-summary-card", "Returned by the manager").sees(".govuk-summary-card", "What of the children?")
	again.user.get(path("/actions/%d/decision", m.Practitioner)).submit("main form[action$=decision]", filled()...).status(http.StatusOK)
	if w.rows("decision") != 2 {
		t.Error("it was not decided again")
	}
	if w.rows("step where action = $1 and kind = 'undecided' and cancelled_at is null and fired_at is null", m.Practitioner) != 0 {
		t.Error("a step would still chase the decision that was made")
	}
	page.submit("main form[action^='/countersign']", "agree", "yes").status(http.StatusConflict) // the old one
}

func TestWhatEscalatedComesUpToTheManager(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	w.Match(scene.Report{Person: p})
	w.Match(scene.Report{Person: p, Level: 1, RaisedOnly: casework.Practitioner})
	w.as(t, "manager").get("/escalated").count("tr[data-action]", 1).sees("tr[data-action]", "escalated once").sees("tr[data-action]", "Priya Practice")
	w.as(t, "gwent manager").get("/escalated").count("tr[data-action]", 0)
	w.as(t, "head").get("/").sees(".desk-cards", "1 came up to you")
}
