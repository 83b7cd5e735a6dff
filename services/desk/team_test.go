package desk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestTheTeamBoardSaysWhoHasHowMuch(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	w.Match(scene.Report{Person: p, Due: -time.Hour})
	w.Match(scene.Report{Person: p, Due: 3 * time.Hour})
	w.Match(scene.Report{Person: w.Person(scene.Case{Practitioner: scene.Stand}), Due: 90 * time.Hour})
	hidden := w.Person(scene.Case{Restricted: true, Practitioner: scene.Stand})
	w.Match(scene.Report{Person: hidden, Due: 90 * time.Hour})
	board := w.as(t, "manager").get("/team").status(http.StatusOK)
	cells := func(code string) string {
		return strings.Join(board.Find("tr[data-staff="+code+"] td").Map(func(_ int, td *goquery.Selection) string { return squeeze(td.Text()) }), " ")
	}
	if got, want := cells(scene.Practitioner), "1 2 2 1 1 Arrange cover Priya Practice"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := cells(scene.Stand), "2 2 2 0 0 Arrange cover Stan Standin"; got != want {
		t.Errorf("the manager of a restricted case counts it: got %q, want %q", got, want)
	}
	board.count("tr[data-action]", 4)
	w.as(t, "manager").get("/team?owner="+scene.Stand).count("tr[data-action]", 2).sees("h2", "Actions of Stan Standin")
	w.as(t, "gwent manager").get("/team").count("tr[data-action]", 0).count("tr[data-staff="+scene.Practitioner+"]", 0)
}

func TestAManagerGivesAnActionToSomebodyElse(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	u := w.as(t, "practitioner")
	u.get(path("/actions/%d", m.Practitioner)).submit("form.desk-acknowledge")
	at := path("/actions/%d/reassign", m.Practitioner)
	u.get(at).status(http.StatusForbidden)
	w.as(t, "gwent manager").get(at).status(http.StatusNotFound)
	page := w.as(t, "manager").get(at).status(http.StatusOK).sees("main", "Priya Practice has it now")
	page.submit("main form").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose who is to have it")
	page.submit("main form", "to", scene.GwentOfficer).status(http.StatusNotFound)
	for range 2 {
		page.submit("main form", "to", scene.Stand).status(http.StatusOK).sees("main", "With Stan Standin")
	}
	if got := w.rows("action where id = $1 and owner = $2 and state = 'open' and acked_at is null", m.Practitioner, scene.Stand); got != 1 {
		t.Error("the new owner is not asked to acknowledge")
	}
	if got := w.rows("notice where kind = 'reassigned'"); got != 2 {
		t.Errorf("got %d notices, want one for each of the two", got)
	}
	if got := w.rows("action_history where what = 'reassigned'"); got != 1 {
		t.Errorf("got %d reassignments in the history, want 1", got)
	}
	if got := w.rows("step where action = $1 and kind = 'unacknowledged' and cancelled_at is null", m.Practitioner); got != 1 {
		t.Errorf("%d steps chase the new owner, want 1", got)
	}
	w.as(t, "second practitioner").get("/actions").count("tr[data-action]", 1)
}

func TestWorkOnARestrictedCaseIsNotGivenToSomebodyWhoMayNotSeeIt(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true})})
	page := w.as(t, "manager").get(path("/actions/%d/reassign", m.Practitioner)).status(http.StatusOK)
	refused := func(why string) {
		t.Helper()
		page.submit("main form", "to", scene.Stand).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "They may not see this person")
		if w.rows("action where id = $1 and owner = $2", m.Practitioner, scene.Practitioner) != 1 {
			t.Errorf("%s: it was given away", why)
		}
	}
	refused("no sight of the case")
	pgtest.Exec(t, w.DB, "update account set disabled_at = now() where staff = $1", scene.Stand)
	refused("no account")
	page.submit("main form", "to", scene.Manager).status(http.StatusOK).sees("main", "With Mair Manager")
}

func TestCoverIsArrangedAndEnded(t *testing.T) {
	w := open(t)
	w.Person(scene.Case{})
	manager := w.as(t, "manager")
	at := path("/staff/%s/cover", scene.Practitioner)
	form := manager.get(at).status(http.StatusOK)
	form.submit("main form", "by", scene.GwentOfficer, "from-day", "1").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "First day away must be a real day").sees(".govuk-error-summary", "same PDU")
	from, to := w.Now.AddDate(0, 0, -1), w.Now.AddDate(0, 0, 5)
	day := func(prefix string, at time.Time) []string {
		return []string{prefix + "-day", at.Format("2"), prefix + "-month", at.Format("1"), prefix + "-year", at.Format("2006")}
	}
	form.submit("main form", append(append([]string{"by", scene.Stand}, day("from", to)...), day("to", from)...)...).
		status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "must not be before the first")
	board := form.submit("main form", append(append([]string{"by", scene.Stand}, day("from", from)...), day("to", to)...)...).status(http.StatusOK)
	board.sees("tr[data-staff="+scene.Practitioner+"]", "covered by Stan Standin")
	if got := w.read("select holder($1, now())", scene.Practitioner); got != scene.Stand {
		t.Errorf("got %s as the holder of the work, want %s", got, scene.Stand)
	}
	board.submit("tr[data-staff="+scene.Practitioner+"] form").status(http.StatusOK).sees("tr[data-staff="+scene.Practitioner+"]", "Arrange cover")
	w.as(t, "second practitioner").get(at).status(http.StatusNotFound)
	// Their own, from their own page, where they see what is arranged and may cancel it.
	own := w.as(t, "practitioner")
	own.get("/actions").count("a[href='"+at+"']", 1).count(".govuk-inset-text", 0)
	own.get(at).submit("main form", append(append([]string{"by", scene.Stand}, day("from", to)...), day("to", to)...)...)
	own.get("/actions").sees(".govuk-inset-text", "Stan Standin stands in")
	mine := own.get(at).sees(".desk-away", "Cancel it")
	if w.rows("cover where ended_at is null") != 1 {
		t.Error("the cover was not set")
	}
	mine.submit(".desk-away form").count(".govuk-inset-text", 0)
	w.as(t, "gwent manager").get(at).status(http.StatusNotFound)
}

func TestWhatNeedsNoDecisionIsDoneBySayingSo(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{}), RaisedOnly: casework.VictimStaff})
	u := w.as(t, "victim staff")
	at := path("/actions/%d", m.Practitioner)
	page := u.get(at).sees("h1", "Tell the victim")
	for range 2 {
		page.submit("form[action$=done]").status(http.StatusOK).sees(".desk-tags", "Done")
	}
	u.get(at + "/decision").status(http.StatusNotFound)
}

func TestAnItemOfTheChecklistIsAnsweredWithANote(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	w.read("with new as (insert into checklist (action, rule) values ($1, 'consider_marac') returning 1) select count(*)::text from new", m.Practitioner)
	u := w.as(t, "practitioner")
	page := u.get(path("/actions/%d", m.Practitioner)).sees(".desk-checklist", "Consider a referral to MARAC")
	page.submit(".desk-checklist form", "answer", "not_needed", "note", "Heard last week").status(http.StatusOK).
		sees(".desk-checklist__answer", "Not needed").sees(".desk-checklist__answer", "Heard last week")
}
