package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
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

func TestWhatIsSentByItselfIsNotAskedForByHand(t *testing.T) {
	w := open(t, func(c *desk.Config) { c.Sends = true })
	p := w.Person(scene.Case{})
	m, after := w.Match(scene.Report{Person: p}), w.Match(scene.Report{Person: p})
	admin := w.as(t, "administrator")
	admin.get(path("/matches/%d", m.Match)).submit("form.desk-verdict", "verdict", "confirm").status(http.StatusOK).
		sees(".govuk-notification-banner", "by itself").sees(".govuk-caption-l", w.read("select reference from incident where id = $1", after.Incident))
	page := admin.get(path("/matches/%d/transfer", m.Match)).sees(".govuk-inset-text", "You need do nothing").seesNot("main", "Add this contact")
	page.submit("main form", "contact", "C-78").status(http.StatusOK) // who did it all the same may say so
	admin.get(path("/matches/%d/transfer", m.Match)).sees("main", "C-78").count("main form", 0).count("main .govuk-inset-text:not(.desk-donttell)", 0)
}

func TestATransferThatWasGivenUpIsTheAdministrators(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	other := w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true})})
	w.Judge("administrator", m.Match, casework.VerdictConfirm)
	for _, id := range []casework.MatchID{m.Match, other.Match} {
		pgtest.Exec(t, w.DB, `insert into transfer (match, state, key, attempts, problem) values ($1::bigint, 'failed', 'k' || $1::bigint::text, 20, 'the case-management system answered 422')`, id)
	}
	admin := w.as(t, "administrator")
	page := admin.get("/transfers").count("tr[data-transfer]", 1).sees("tr[data-transfer]", "Given up").sees("tr[data-transfer]", "answered 422")
	w.as(t, "cleared administrator").get("/transfers").count("tr[data-transfer]", 2)
	w.as(t, "gwent administrator").get("/transfers").count("tr[data-transfer]", 0)
	admin.get(path("/matches/%d/transfer", m.Match)).sees(".govuk-inset-text", "could not be sent").sees(".desk-pack", "ViSOR report").
		sees(".desk-pack", "victim: Vera Victimson").seesNot(".desk-pack", scene.VictimAddress).seesNot(".desk-pack", scene.CallerName)
	page.submit("form[action$=retry]").status(http.StatusOK).sees(".govuk-notification-banner", "tried again").count("tr[data-transfer]", 0)
	admin.post(path("/transfers/%d/retry", other.Match)).status(http.StatusNotFound)
	if w.rows("transfer where state = 'queued'") != 1 || w.rows("audit where what = 'TRANSFER_RETRIED'") != 1 {
		t.Error("it is not tried again, or the trail does not say so")
	}
	admin.get(path("/matches/%d/transfer", m.Match)).submit("main form", "contact", "C-9").status(http.StatusOK)
	if w.rows("transfer where state = 'by_hand'") != 1 {
		t.Error("what was copied by hand would still be sent")
	}
}
