package desk_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestAReplyIsReadOnceSomebodySaysSo(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	asked := w.Ask("practitioner", m.Match, casework.PurposeRisk)
	u := w.as(t, "practitioner")
	u.get(path("/enquiries/%d", asked)).sees("main", "Nothing has come yet")
	told := w.Told(asked)
	said := u.get(path("/enquiries/%d", asked)).sees("main", "Answered").seesNot("main", scene.TheirWords).follow("ul.govuk-list a").
		status(http.StatusOK).sees("#said", scene.TheirWords).sees("#said", "They hold information").sees("#said", "18000006120")
	if w.rows("reply where read_at is not null") != 0 {
		t.Error("opening the page counts as reading it")
	}
	for range 2 {
		said.submit("form[action$='/read']").status(http.StatusOK).sees("main", "Read by Priya Practice")
	}
	if w.rows("audit where what = 'REPLY_READ' and subject_id = $1", path("%d", told)) != 1 || w.rows("match where id = $1 and agreed_at is null", m.Match) != 1 ||
		w.rows("event where subject = 'matches.updated'") != 1 {
		t.Error("the reading is not recorded once, or its action does not follow at once")
	}
}

func TestWhatBecameOfADisclosureIsMaskedUntilSomebodySaysWhy(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	reply := w.Told(w.Ask("practitioner", m.Match, casework.PurposeDisclosure))
	at := path("/replies/%d", reply)
	u := w.as(t, "practitioner")
	masked := u.get(at).status(http.StatusOK).sees("h1", "Outcome of a disclosure")
	closed := func(p *page) {
		t.Helper()
		if text := p.Find("main").Text(); strings.Contains(text, "Disclosed") || strings.Contains(text, "panel") {
			t.Error("the outcome is shown")
		}
	}
	closed(masked)
	closed(u.get(path("/actions/%d", m.Practitioner)))
	if got := u.post(at + "/read").code; got != http.StatusConflict {
		t.Errorf("read without having seen it: got %d", got)
	}
	closed(masked.submit("main form").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Choose"))
	shown := masked.submit("main form", "reason", "safeguarding").status(http.StatusOK).sees("#said", "Disclosed").sees("#said", "by the panel")
	if w.rows("audit where what = 'DISCLOSURE_OPENED' and details ->> 'reason' = 'safeguarding'") != 1 {
		t.Error("the trail does not say who opened it and why")
	}
	closed(w.as(t, "manager").get(at)) // theirs to open themselves
	shown.submit("form[action$='/read']").status(http.StatusOK).sees("main", "Read by Priya Practice")
}
