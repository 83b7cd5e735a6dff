package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestATransferIsRecordedOnceAndClosesTheAdministratorsAction(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	admin := w.as(t, "administrator")
	at := path("/matches/%d/transfer", m.Match)
	admin.get(at).status(http.StatusConflict) // not yet confirmed
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	asked := pgtest.One[int64](t, w.DB, "select id from action where rule = 'transfer_match'")
	admin.post(path("/actions/%d/done", asked)).status(http.StatusConflict) // to say so is not to have done it
	page := admin.get(at).status(http.StatusOK).sees(".desk-pack", "C204 Police Liaison").sees(".desk-pack", "N03S0304")
	for range 2 {
		page.submit("main form", "contact", "C-77").status(http.StatusOK).sees(".govuk-notification-banner", "Transferred")
	}
	for what, got := range map[string]int{
		"milestones":     w.rows("milestone where stage = 'transfer'"),
		"closed actions": w.rows("action where rule = 'transfer_match' and state = 'done'"),
		"events":         w.rows("event where subject = 'actions.closed'"),
		"lines on trail": w.rows("audit where what = 'MATCH_TRANSFERRED'"),
		"contacts":       w.rows("match where contact = 'C-77'"),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	if w.rows("action where id = $1 and state = 'open'", m.Practitioner) != 1 {
		t.Error("the practitioner's action was closed too")
	}
	admin.get(path("/matches/%d", m.Match)).sees("main", "Transferred to the case record on").sees("main", "C-77")
}
