package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestARetractionFlagsDecisionsAndIsTold(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	w.Decide("practitioner", m.Practitioner)
	admin := w.as(t, "administrator")
	page := admin.get(path("/matches/%d/retract", m.Match)).status(http.StatusOK)
	page.submit("main form").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Enter why the confirmation was wrong")
	for range 2 { // sent twice
		page.submit("main form", "reason", "his twin brother").status(http.StatusOK).sees(".govuk-inset-text", "it is not this person")
	}
	for what, got := range map[string]int{
		"retractions":       w.rows("judgement where verdict = 'retract'"),
		"events":            w.rows("event where subject = 'matches.retracted'"),
		"flagged decisions": w.rows("decision where flagged_why = 'retracted'"),
		"lines on trail":    w.rows("audit where what = 'MATCH_RETRACTED'"),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	admin.get(path("/matches/%d", m.Match)).sees(".desk-unverified", "do not act")
	w.as(t, "practitioner").get(path("/actions/%d", m.Practitioner)).sees(".govuk-summary-card", "The match was retracted: decide again")
}

func TestOnlyAConfirmationCanBeRetractedAndNotByAPractitioner(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	at := path("/matches/%d/retract", m.Match)
	w.as(t, "administrator").get(at).status(http.StatusConflict)
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	w.as(t, "practitioner").get(at).status(http.StatusForbidden)
	w.as(t, "manager").get(at).status(http.StatusOK)
	w.as(t, "gwent administrator").get(at).status(http.StatusNotFound)
}

func TestASecondCandidateIsNotConfirmedWhileAnotherIs(t *testing.T) {
	w := open(t)
	first := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	second := w.Match(scene.Report{Person: w.Person(scene.Case{}), Incident: first.Incident})
	w.Judge("administrator", first.Match, casework.VerdictConfirm)
	state := func() string {
		return w.read("select state from match where id = $1", second.Match)
	}
	admin := w.as(t, "administrator")
	confirm := func() *page {
		seen, err := w.DB.Match(t.Context(), w.Accounts["administrator"].ID, second.Match)
		if err != nil {
			t.Fatal(err)
		}
		return admin.post(path("/matches/%d/verdict", second.Match), "verdict", "confirm", "seen", seen.Seen)
	}
	confirm().status(http.StatusConflict)
	if state() != "dismissed" {
		t.Errorf("got %s, want dismissed: one human being is one person", state())
	}
	w.Judge("manager", first.Match, casework.VerdictRetract)
	confirm().status(http.StatusOK)
	if state() != "confirmed" {
		t.Errorf("got %s once the other was retracted, want confirmed", state())
	}
}
