package desk_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// friday is when the office has closed for the weekend.
var friday = time.Date(2031, 11, 21, 18, 0, 0, 0, time.UTC)

// boxesOf fills in the five boxes of a time.
func boxesOf(name string, at time.Time) []string {
	at = at.In(casework.EnglandAndWales().Zone())
	return []string{name + "-day", at.Format("2"), name + "-month", at.Format("1"), name + "-year", at.Format("2006"),
		name + "-hour", at.Format("15"), name + "-minute", at.Format("4")}
}

func TestTheRotaShowsItsGapsAndIsKeptInTheBrowser(t *testing.T) {
	w := open(t, func(c *desk.Config) { c.Now = func() time.Time { return friday } })
	manager := w.as(t, "manager")
	// Friday and Saturday night are one gap until Monday morning, and so on for two weeks.
	page := manager.get("/rota").status(http.StatusOK).sees(".desk-gap", "nobody is on duty").sees("tr[data-gap]", "Friday 21 November 2031 at 6pm")
	gaps := page.Find("tr[data-gap]").Length()
	form := func(from, to time.Time, more ...string) []string {
		return append(append(append([]string{"staff", scene.Stand, "telephone", "029 2018 0000"}, boxesOf("starts", from)...), boxesOf("ends", to)...), more...)
	}
	page.submit("main form", form(friday, friday.Add(-time.Hour))...).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "must end after it begins")
	page.submit("main form", "staff", "NOBODY", "telephone", "call me", "starts-day", "31").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "Choose somebody who works").sees(".govuk-error-summary", "telephone number").sees(".govuk-error-summary", "must begin on a real day")
	monday := friday.Add(63 * time.Hour)
	for range 2 {
		page.submit("main form", form(friday.Add(-time.Hour), monday)...).status(http.StatusOK).count("tr[data-gap]", gaps-1).
			count("tr[data-shift]", 1).sees("tr[data-shift]", "Stan Standin").sees("tr[data-shift]", "029 2018 0000").sees("tr[data-shift]", "Now")
	}
	_, shifts, err := w.DB.Shifts(t.Context(), friday)
	if err != nil || len(shifts) != 1 || shifts[0].Staff != scene.Stand || !shifts[0].Ends.Equal(monday) || shifts[0].Telephone != "029 2018 0000" {
		t.Errorf("the command line reads %+v and error %v", shifts, err)
	}
	at := manager.get("/rota").Find("tr[data-shift] a[href^='/rota/']").AttrOr("href", "")
	change := w.as(t, "head").get(at).status(http.StatusOK)
	change.submit("main form[action='"+at+"']", form(friday.Add(-time.Hour), friday.Add(14*time.Hour))...).status(http.StatusOK).
		count("tr[data-gap]", gaps).sees("tr[data-gap]", "Saturday 22 November 2031 at 8am")

	duty := w.as(t, "duty officer")
	duty.get("/rota").status(http.StatusOK).sees("tr[data-shift]", "Stan Standin").count("main form", 0).count("tr[data-shift] a[href^='/rota/']", 0)
	duty.get(at).status(http.StatusForbidden)
	duty.post("/rota", form(friday, monday, "region", "N03")...).status(http.StatusForbidden)
	w.as(t, "practitioner").get("/rota").status(http.StatusForbidden)
	pgtest.Exec(t, w.DB, "update pdu set region = 'N99' where code = $1", scene.Gwent)
	gwent := w.as(t, "gwent manager")
	gwent.get("/rota").status(http.StatusOK).count("tr[data-shift]", 0)
	gwent.get(at).status(http.StatusNotFound)
	gwent.post("/rota", form(friday, monday, "region", "N03")...).status(http.StatusNotFound)
	gwent.post(at + "/remove").status(http.StatusNotFound)

	manager.get(at).submit("main form[action$=remove]").status(http.StatusOK).count("tr[data-shift]", 0).count("tr[data-gap]", gaps)
	if got := w.read("select string_agg(what || ' ' || actor, ', ' order by id) from audit where what like 'ROTA_%'"); got !=
		"ROTA_SET persona:manager, ROTA_CHANGED persona:head, ROTA_REMOVED persona:manager" {
		t.Errorf("got %q on the trail", got)
	}
	if w.rows("audit where details::text like '%2018%'") != 0 {
		t.Error("a telephone number is on the trail")
	}
}

func TestTheDutyOfficerSeesWhatIsUrgentAndWhomToCall(t *testing.T) {
	w := open(t)
	duty := w.as(t, "duty officer")
	duty.get("/duty").status(http.StatusOK).sees("main", "Nothing urgent waits").sees("main", "Nobody is on the rota now").sees("dl", "Hedd Head")
	m := w.Match(scene.Report{Person: w.Person(scene.Case{}), Priority: casework.Urgent, RaisedOnly: casework.DutyOfficer, Due: 10 * time.Minute})
	w.Match(scene.Report{Person: w.Person(scene.Case{})}) // a practitioner's
	pgtest.Exec(t, w.DB, `insert into rota (region, staff, starts, ends, telephone, set_by)
		values ('N03', $1, now() - interval '1 hour', now() + interval '7 hours', '029 2018 0001', 'test'),
		       ('N03', $2, now() + interval '7 hours', now() + interval '12 hours', '029 2018 0002', 'test')`, scene.Stand, scene.Manager)
	page := duty.get("/duty").count("section[data-action]", 1).sees("section", "Rhys Tester").sees("section", "Stan Standin").
		sees("dl", "029 2018 0002").seesNot("main", "X1").seesNot("main", "Nobody is on the rota")
	page.submit("section form").status(http.StatusOK).sees(".desk-tags", "Acknowledged")
	duty.get("/duty").count("section form", 0).sees("section", "Acknowledged").count("a[href$='/telephone']", 1)
	if n := w.rows("action where id = $1 and acked_by = 'persona:duty officer'", m.Practitioner); n != 1 {
		t.Error("the acknowledgement is not on the record")
	}
	w.as(t, "manager").get("/duty").status(http.StatusForbidden)
	if got := w.read("select max(details::text) from audit where what = 'PAGE_VIEW_DUTY'"); !strings.Contains(got, "actions") {
		t.Errorf("got %q on the trail", got)
	}
}
