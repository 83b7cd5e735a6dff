package desk_test

import (
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestACallAtNightIsAnAcknowledgementOnTheHistory(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{}), Priority: casework.Urgent, RaisedOnly: casework.DutyOfficer})
	pgtest.Exec(t, w.DB, `insert into staff (code, name, role, team, pdu) values ('N03D01', 'Dewi Duty', 'practitioner', 'N03ST03', 'N03SW1')`)
	pgtest.Exec(t, w.DB, `insert into rota (region, staff, starts, ends, set_by) values ('N03', 'N03D01', now() - interval '2 hours', now() + interval '6 hours', 'test')`)
	at := path("/actions/%d", m.Practitioner)
	u := w.as(t, "administrator")
	page := u.get(at).sees("main", "Somebody took it by telephone").user.get(at+"/telephone").status(http.StatusOK).sees("option[selected]", "Dewi Duty")
	boxes := func(more ...string) []string {
		all := more
		for _, part := range []string{"day", "month", "year", "hour", "minute"} {
			all = append(all, "spoke-"+part, page.value("#spoke-"+part))
		}
		return all
	}
	page.submit("main form", boxes("to", "X")...).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose who took it")
	page.submit("main form", "to", "N03D01", "spoke-day", "1", "spoke-month", "1", "spoke-year", "2001", "spoke-hour", "2", "spoke-minute", "0").
		status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "after the action was raised")
	for range 2 {
		page.submit("main form", boxes("to", "N03D01")...).status(http.StatusOK).sees(".govuk-notification-banner", "The call is on").
			sees(".moj-timeline", "Dewi Duty took it by telephone on")
	}
	pgtest.Exec(t, w.DB, `insert into delivery (channel, owner_role, owner, state, message_id) values ('mail', 'duty_officer', 'N03', 'delivered', 'm')`)
	pgtest.Exec(t, w.DB, `insert into notice (action, owner_role, owner, n, kind, delivery) select $1, 'duty_officer', 'N03', 1, 'raised', id from delivery`, m.Practitioner)
	pgtest.Exec(t, w.DB, `insert into notice (action, owner_role, owner, n, kind, read_at) values ($1, 'head', 'N03SW1', 1, 'raised', now())`, m.Practitioner)
	u.get(at).sees(".desk-told", "N03 (Duty officer): delivered · e-mail").sees(".desk-told", "Cardiff and Vale (Head of PDU): read")
	w.as(t, "duty officer").get(at) // who opens it has read it
	u.get(at).sees(".desk-told", "N03 (Duty officer): read")
	for what, got := range map[string]int{
		"lines of history":         w.rows("action_history where what = 'telephoned' and note ->> 'to' = 'N03D01'"),
		"lines on the trail":       w.rows("audit where what = 'ACTION_TELEPHONED'"),
		"acknowledged actions":     w.rows("action where id = $1 and state = 'acknowledged' and acked_at <= now()", m.Practitioner),
		"events":                   w.rows("event where subject = 'actions.acknowledged'"),
		"first actions":            w.rows("milestone where stage = 'first_action'"),
		"steps for want of a word": 1 + w.rows("step where action = $1 and kind = 'unacknowledged' and cancelled_at is null", m.Practitioner),
		"steps to decide":          w.rows("step where action = $1 and kind = 'undecided' and cancelled_at is null", m.Practitioner),
	} {
		if got != 1 {
			t.Errorf("got %d %s, want 1", got, what)
		}
	}
	w.as(t, "duty officer").get(at + "/telephone").status(http.StatusOK)
	w.as(t, "gwent administrator").get(at + "/telephone").status(http.StatusNotFound)
	w.as(t, "practitioner").get(at + "/telephone").status(http.StatusForbidden)
}
