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
