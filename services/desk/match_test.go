package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAMatchPageShowsTheIncidentBesideThePerson(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	m := w.Match(scene.Report{Person: p})
	page := w.as(t, "administrator").get(path("/matches/%d", m.Match)).status(http.StatusOK)
	page.sees("h1", "Is this the same person?").
		sees("section[aria-labelledby=incident-heading]", "Rhys Testor").
		sees("section[aria-labelledby=person-heading]", "Rhys Tester").
		sees(".desk-unverified", "Unverified: do not act against the person").
		count(".desk-evidence tbody tr", 7).
		sees(".desk-evidence--against", "differs").
		sees(".desk-evidence--sum", "+12.25").
		count(".desk-waterfall rect", 7).
		count("form.desk-verdict", 1)
}

func TestConfirmingIsOneEffectHoweverOftenItIsSent(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	admin := w.as(t, "administrator")
	page := admin.get(path("/matches/%d", m.Match))
	for range 2 {
		page.submit("form.desk-verdict", "verdict", "confirm").status(http.StatusOK).sees("h1", "Transfer to the case record")
	}
	for what, got := range map[string]int{
		"judgements":       w.rows(`judgement where match = $1 and verdict = 'confirm'`, m.Match),
		"events":           w.rows(`event where subject = 'matches.confirmed'`),
		"acknowledgements": w.rows(`event where subject = 'actions.acknowledged'`),
		"milestones":       w.rows(`milestone where stage = 'acknowledgement'`),
		"audit lines":      w.rows(`audit where what = 'MATCH_CONFIRMED'`),
		"history lines":    w.rows(`action_history where action = $1 and what = 'acknowledged'`, m.Administrator),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	if got := w.rows(`step where action = $1 and kind = 'unacknowledged' and cancelled_at is not null`, m.Administrator); got != 1 {
		t.Errorf("the step that chases the acknowledgement was not cancelled")
	}
}
