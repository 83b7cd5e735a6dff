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
	u.get(path("/actions/%d", m.Practitioner)).submit("form[action$=done]").status(http.StatusOK)
	u.get("/victims").sees("tr[data-action]", "Told").sees("main", "Nothing waits for you")
	w.as(t, "practitioner").get("/victims").status(http.StatusForbidden)
}
