package desk_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/reportable-incidents/reportable/test/scene"
)

func TestWhatSomebodyNamesOnTheTelephoneIsFoundAsFarAsItIsTheirs(t *testing.T) {
	w := open(t)
	p, hidden := w.Person(scene.Case{}), w.Person(scene.Case{Restricted: true})
	m := w.Match(scene.Report{Person: p})
	w.Match(scene.Report{Person: hidden})
	w.read("with new as (insert into crn (crn, person) select crn, id from person returning 1) select count(*)::text from new")
	crn := w.read("select crn from person where id = $1", p)
	reference := w.read("select reference from incident where id = $1", m.Incident)
	admin := w.as(t, "administrator")
	at := func(u *user, of string) *page {
		return u.get("/find").status(http.StatusOK).submit("main form", "of", of)
	}
	for _, one := range []struct{ of, h1 string }{{" " + crn + " ", "Rhys Tester"}, {reference, "Is this the same person?"}} {
		at(admin, one.of).status(http.StatusOK).sees("h1", one.h1)
	}
	// Of several matches of one incident, each is there to be opened.
	w.Match(scene.Report{Person: w.Person(scene.Case{}), Incident: m.Incident})
	at(admin, reference).status(http.StatusOK).count("tr[data-match]", 2).sees("tr[data-match]", crn)
	if w.rows("audit where what = 'PAGE_VIEW_FIND' and details ? 'matches'") != 1 {
		t.Error("the list is not on the trail")
	}
	restricted := w.read("select crn from person where id = $1", hidden)
	for of, who := range map[string]string{"": "administrator", "X000000": "administrator", restricted: "administrator", crn: "gwent administrator", reference: "gwent administrator"} {
		got := at(w.as(t, who), of).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Nothing with this number")
		if got.value("#of") != of {
			t.Errorf("%s: what was typed is lost", who)
		}
	}
	at(w.as(t, "cleared administrator"), restricted).status(http.StatusOK).sees(".desk-person", restricted)
	w.as(t, "auditor").get("/find").status(http.StatusForbidden)

	// An auditor finds what the trail calls somebody, and what was done under it.
	auditor := w.as(t, "auditor")
	look := func(called string) *page { return auditor.get("/trail").submit("form.desk-lookup", "called", called) }
	admin.get(path("/people/%d", p))
	if got := look(crn).status(http.StatusOK).sees("tr[data-line]", "person "+fmt.Sprint(p)); got.count(".desk-scope", 1).value("#subject") != fmt.Sprint(p) {
		t.Error("it does not say whom it is about")
	}
	look(restricted).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "No person with this CRN")
	several := look("admin").status(http.StatusOK).sees(".desk-users", "persona:administrator")
	several.seesNot("body", "Tester")
	w.read("with new as (update account set name = 'Ada Only' where subject = 'persona:administrator' returning 1) select count(*)::text from new")
	if got := look("ada only").status(http.StatusOK); got.value("#actor") != "persona:administrator" {
		t.Errorf("got to the lines of %q", got.value("#actor"))
	} else {
		got.sees("tr[data-line]", "Ada Only")
	}
}
