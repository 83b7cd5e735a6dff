package desk_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestVictimStaffSeeTheirOwnAndNothingOfTheCase(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{RoSH: casework.RoSHHigh, CRN: "X777777", Registers: []string{"WEAP"}})
	pgtest.Exec(t, w.DB, "update person set victim_contact = 'daso' where id = $1", p)
	m := w.Match(scene.Report{Person: p, RaisedOnly: casework.VictimStaff})
	w.Match(scene.Report{Person: p}) // not theirs
	hidden := w.Match(scene.Report{Person: w.Person(scene.Case{}), RaisedOnly: casework.VictimStaff})
	pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) select person, 'persona:victim staff' from match where id = $1", hidden.Match)
	pgtest.Exec(t, w.DB, "update action set ack_due = $2 where id = $1", m.Practitioner, w.Now.Add(-time.Hour))
	u := w.as(t, "victim staff")
	page := u.get("/victims").status(http.StatusOK).count("tr[data-action]", 1).sees("tr[data-action]", "Rhys Tester").
		sees("tr[data-action]", "Not begun").sees("tr[data-action]", "domestic abuse safety officer").sees("tr[data-action]", "overdue")
	for _, of := range []string{"X777777", "High RoSH", "Case Record Street", scene.VictimAddress, "Weapons"} {
		page.seesNot("main", of)
	}
	if got := u.get("/actions").request; got != "/victims" {
		t.Errorf("got to %s, want /victims", got)
	}
	u.get(path("/actions/%d", m.Practitioner)).submit("form.desk-acknowledge").status(http.StatusOK)
	u.get("/victims").sees("tr[data-action]", "In hand")
	// They are told where a victim lives for a reason, and only of what is theirs to do.
	at := path("/actions/%d", m.Practitioner)
	task := u.get(at).count("a.govuk-back-link[href='/victims']", 1).seesNot("main", scene.VictimAddress)
	if href := task.Find("td a[href$=addresses]").First().AttrOr("href", ""); href != at+"/addresses" {
		t.Fatalf("masked addresses lead to %q", href)
	}
	u.get(at+"/addresses").submit("main form").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose why")
	u.get(at+"/addresses").submit("main form", "reason", "welfare").status(http.StatusOK).sees("main", scene.VictimAddress)
	if w.rows("audit where what = 'ADDRESSES_OPENED' and actor = 'persona:victim staff' and subject_id = $1::bigint::text", m.Match) != 1 {
		t.Error("who saw the addresses is not on the trail")
	}
	u.get(path("/actions/%d/addresses", hidden.Practitioner)).status(http.StatusNotFound)
	u.get(path("/actions/%d", m.Practitioner)).submit("form[action$=done]").status(http.StatusOK)
	u.get("/victims").sees("tr[data-action]", "Told").sees("main", "Nothing waits for you")
	w.as(t, "practitioner").get("/victims").status(http.StatusForbidden)
}
