package desk_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAnAuditorFindsWhoOpenedAMatch(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	w.as(t, "administrator").get(path("/matches/%d", m.Match))
	u := w.as(t, "auditor")
	page := u.get(path("/trail?type=match&subject=%d", m.Match)).status(http.StatusOK).count("tr[data-line]", 1)
	page.sees("tr[data-line]", "Opened a page: a match").sees("tr[data-line]", "PAGE_VIEW_MATCH").sees("tr[data-line]", "persona:administrator").seesNot("body", "Tester")
	u.get(path("/trail?type=person&subject=%s", w.read("select person::text from match where id = $1", m.Match))).
		count("tr[data-line]", 1).sees("tr[data-line]", "PAGE_VIEW_MATCH")
	welsh := w.as(t, "auditor")
	welsh.get("/language/cy")
	welsh.get(path("/trail?type=match&subject=%d", m.Match)).sees("tr[data-line]", "Agorwyd tudalen: pâr").sees("tr[data-line] ul", "digwyddiad: ").seesNot("tr[data-line] ul", "incident")
	// Codes of ours and times are in words, inside of what is inside of it too.
	pgtest.Exec(t, w.DB, `insert into audit (at, actor, what, service, subject_type, subject_id, details) values (now(), 'test', 'TEST', 'test', 'REGISTER', '7',
		'{"kind": "full", "changes": {"started": 16000}, "starts": "2026-03-09T09:00:00Z", "date": "2026-03-08", "filter": {"band": "certain", "sort": "-found"},
		  "item": "consider_marac", "toRole": "manager", "answers": {"aware": "pass"}, "made": "up"}')`)
	page = u.get("/trail?what=TEST").count("tr[data-line]", 1).sees("tr[data-line] td:last-child a", "register 7")
	for _, said := range []string{"kind: full extract", "changes: supervision began 16000", "starts: 9 March 2026 at 9am", "date: 8 March 2026",
		"filter: Match Certain; sort by when found, the other way round", "what was asked: Consider a referral to MARAC", "to the part: Manager (SPO)",
		"answers: Was the practitioner aware of the incident in time? Pass", "made: up"} {
		page.sees("tr[data-line] ul", said)
	}
	welsh.get("/trail?what=TEST").sees("tr[data-line] ul", "detholiad llawn").sees("tr[data-line] ul", "9 Mawrth 2026 am 9yb").seesNot("tr[data-line] ul", "certain")
	u.get("/trail?type=person&subject=999999").count("tr[data-line]", 0)
	u.get("/trail?actor=persona:administrator&what=SIGNED_IN").count("tr[data-line]", 1)
	u.get("/trail?actor=persona:nobody").sees("main", "Nothing on the trail fits")
	wrong := u.get("/trail?from=2001-02-31").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary a[href='#from-day']", "first day must be a real day")
	wrong.count("fieldset[aria-describedby$=from-day-error] #from-day-error", 1).count("#from-day.govuk-input--error[value='31']", 1)
	u.get("/trail?from=2026-02-02&to=2026-02-01").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "must not be before the first")
	u.get("/trail?to-day=x&to-month=2&to-year=2001").status(http.StatusUnprocessableEntity).sees("#to-day-error", "last day must be a real day")
	// A day comes in its boxes, as the form sends it, or whole, as links have it.
	for _, day := range []string{"to=2001-02-01", "to-day=1&to-month=2&to-year=2001"} {
		p := u.get("/trail?"+day).status(http.StatusOK).count("tr[data-line]", 0)
		if got := p.value("#to-day") + "." + p.value("#to-month") + "." + p.value("#to-year"); got != "1.2.2001" {
			t.Errorf("%s: the boxes hold %s", day, got)
		}
	}
	u.get("/trail?from-day=&from-month=&from-year=&type=match").status(http.StatusOK).count("tr[data-line]", 1)
	w.as(t, "administrator").get("/trail").status(http.StatusForbidden)
}

// Who asks "who has looked at me?" stood on lists more often than on pages.
func TestAListIsFoundByWhoeverStoodOnIt(t *testing.T) {
	w := open(t)
	seen, other := w.Person(scene.Case{}), w.Person(scene.Case{PDU: scene.Gwent, Team: scene.OtherTeam, Practitioner: scene.GwentOfficer})
	w.Match(scene.Report{Person: seen})
	w.Match(scene.Report{Person: other})
	w.as(t, "administrator").get("/matches").count("tr[data-match]", 1)
	w.as(t, "practitioner").get("/actions")
	u := w.as(t, "auditor")
	u.get(path("/trail?type=person&subject=%d", seen)).count("tr[data-line]", 2)
	for by, what := range map[string]string{"administrator": "PAGE_VIEW_QUEUE", "practitioner": "PAGE_VIEW_ACTIONS"} {
		u.get(path("/trail?type=person&subject=%d&actor=persona:%s", seen, by)).count("tr[data-line]", 1).sees("tr[data-line]", what)
	}
	u.get(path("/trail?type=person&subject=%d", other)).count("tr[data-line]", 0)
	for n, c := range []struct {
		details string
		want    int
	}{
		{`{"person": %d}`, 1}, // a reply's page, about them
		{`{"person": "%d", "matches": 5}`, 1},
		{`{"matches": "%d", "actions": {}}`, 0}, // how many there are, not which
		{`{"person": 1%d}`, 0},
		{`{"entries": [%d]}`, 0},
	} {
		what, details := fmt.Sprintf("TEST_%d", n), fmt.Sprintf(c.details, seen)
		pgtest.Exec(t, w.DB, `insert into audit (at, actor, what, service, details) values (now(), 'test', $1, 'test', $2::jsonb)`, what, details)
		u.get(path("/trail?type=person&subject=%d&what=%s", seen, what)).count("tr[data-line]", c.want)
	}
}

func TestVerifyingTheTrailFindsATampering(t *testing.T) {
	w := open(t)
	w.as(t, "administrator")
	if _, err := w.DB.SealAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	u := w.as(t, "auditor")
	u.post("/trail/verify").status(http.StatusOK).sees(".govuk-notification-banner", "The trail is whole")
	pgtest.Exec(t, w.DB, "alter table audit disable trigger all")
	pgtest.Exec(t, w.DB, "update audit set actor = 'somebody else' where what = 'SIGNED_IN' and actor = 'persona:administrator'")
	u.post("/trail/verify").sees(".govuk-notification-banner", "1 fault found")
}
