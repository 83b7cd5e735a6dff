package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
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

func TestAWrongRetractionIsFollowedByAnotherConfirmation(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	rival := w.Match(scene.Report{Person: w.Person(scene.Case{}), Incident: m.Incident})
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	pgtest.Exec(t, w.DB, "update match set transferred_at = now(), contact = 'C-1' where id = $1", m.Match)
	w.Judge("administrator", m.Match, casework.VerdictRetract)
	at := path("/matches/%d", m.Match)
	w.as(t, "manager").get(at).count("form.desk-restore", 0) // they may take back, and not judge
	page := w.as(t, "administrator").get(at).sees("form.desk-restore", "after all")
	page.submit("form.desk-restore").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Enter a reason")
	page.submit("form.desk-restore", "reason", "The twin was in prison.").status(http.StatusOK).sees("h1", "Transfer to the case record")
	page.user.get(at).sees(".desk-judged", "The twin was in prison.").sees(".desk-judged", "because of the test").count("form.desk-restore", 0)
	if got := w.read("select state || ' ' || (transferred_at is null)::text from match where id = $1", m.Match); got != "confirmed true" {
		t.Errorf("got %s, want it confirmed and to be transferred again", got)
	}
	if got := w.read("select string_agg(verdict, ' ' order by id) from judgement where match = $1", m.Match); got != "confirm retract confirm" {
		t.Errorf("the record says %s", got)
	}
	if got := w.read("select state from match where id = $1", rival.Match); got != "dismissed" {
		t.Errorf("the other candidate is %s, want dismissed", got)
	}
	if w.rows("event where subject = 'matches.confirmed'") != 2 {
		t.Error("the second confirmation is no event")
	}
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
