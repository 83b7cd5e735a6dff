package desk_test

import (
	"cmp"
	"crypto/md5"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// draw fills in the form as somebody overseeing Cardiff would.
func (u *user) draw(fields ...string) *page {
	u.Helper()
	day := func(prefix string, days int) []string {
		at := u.Now.AddDate(0, 0, days)
		return []string{prefix + "-day", at.Format("2"), prefix + "-month", at.Format("1"), prefix + "-year", at.Format("2006")}
	}
	form := append(append([]string{"pdu", scene.Cardiff, "size", "3", "seed", "4711"}, day("from", -2)...), day("to", 1)...)
	for i := 0; i < len(fields); i += 2 { // the last of a name counts
		if at := slices.Index(form, fields[i]); at >= 0 {
			form = slices.Delete(form, at, at+2)
		}
	}
	return u.get("/samples").status(http.StatusOK).submit("main form", append(form, fields...)...)
}

var allPass = []string{"answer-aware", "pass", "answer-rationale", "pass", "answer-risk", "pass", "answer-safety", "none", "answer-oversight", "pass"}

func TestClosedWorkIsSampledAndJudged(t *testing.T) {
	w := open(t)
	w.Consulted = scene.Deputy
	p := w.Person(scene.Case{})
	var closed []casework.ActionID
	for range 5 {
		m := w.Match(scene.Report{Person: p})
		w.Decide("practitioner", m.Practitioner)
		closed = append(closed, m.Practitioner)
	}
	other := w.Match(scene.Report{Person: w.Person(scene.Case{Practitioner: scene.Stand}), Kind: casework.KindArrest})
	w.Decide("second practitioner", other.Practitioner)
	// What follows must never be drawn for this manager.
	signed := w.Match(scene.Report{Person: p})
	d := w.Decide("practitioner", signed.Practitioner)
	manager, head := w.as(t, "manager"), w.as(t, "head")
	manager.post(path("/countersign/%d", d), "agree", "yes").status(http.StatusOK)
	own := w.Match(scene.Report{Person: p})
	pgtest.Exec(t, w.DB, "update action set owner_role = 'manager', owner = $2 where id = $1", own.Practitioner, scene.Manager)
	w.Decide("manager", own.Practitioner)
	w.Consulted = scene.Manager
	consulted := w.Match(scene.Report{Person: p})
	w.Decide("practitioner", consulted.Practitioner)
	w.Consulted = scene.Deputy
	worked := w.Match(scene.Report{Person: p})
	pgtest.Exec(t, w.DB, "insert into action_history (action, n, what, by) values ($1, 90, 'acknowledged', 'persona:manager')", worked.Administrator)
	w.Decide("practitioner", worked.Practitioner)
	var handled []casework.ActionID
	for _, hand := range []string{
		"update action set acked_by = 'persona:manager' where id = $1",
		"update action set done_by = 'persona:manager' where id = $1",
		"insert into checklist (action, rule, answer, answered_at, answered_by) values ($1, 'consider_mappa', 'done', now(), 'persona:manager')",
		"insert into judgement (match, verdict, identity_digest, by) select match, 'confirm', 'd', 'persona:manager' from action where id = $1",
		`insert into enquiry (force, incident, match, person, purpose, period_from, period_to, asked_by, asked_role)
		 select '62', incident, match, person, 'risk', date '2020-01-01', date '2020-02-01', 'persona:manager', 'manager' from action where id = $1`,
	} {
		m := w.Match(scene.Report{Person: p})
		pgtest.Exec(t, w.DB, hand, m.Administrator)
		w.Decide("practitioner", m.Practitioner)
		handled = append(handled, m.Practitioner)
	}
	hidden := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	w.Decide("practitioner", hidden.Practitioner)
	pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) select person, 'persona:manager' from match where id = $1", hidden.Match)
	w.Match(scene.Report{Person: p}) // still open

	manager.draw("size", "0", "pdu", scene.Gwent, "from-day", "31", "from-month", "2").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "Choose a PDU that you oversee").sees(".govuk-error-summary", "from 1 to 50").
		sees(".govuk-error-summary", "first day must be a real day")
	w.as(t, "gwent manager").draw("pdu", scene.Gwent).status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "nothing can be drawn")

	drawn := manager.draw().status(http.StatusOK).count("tr[data-item]", 3).sees("main", "3 out of 6").sees("main", "4711")
	want := slices.Concat(closed, []casework.ActionID{other.Practitioner})
	slices.SortFunc(want, func(a, b casework.ActionID) int {
		return cmp.Compare(fmt.Sprintf("%x", md5.Sum(fmt.Appendf(nil, "4711:%d", a))), fmt.Sprintf("%x", md5.Sum(fmt.Appendf(nil, "4711:%d", b))))
	})
	if got := w.read("select string_agg(action::text, ' ' order by n) from sample_item"); got != strings.Trim(fmt.Sprint(want[:3]), "[]") {
		t.Errorf("the seed drew %s, want %v", got, want[:3])
	}
	manager.draw().count("tr[data-item]", 3)
	if n := w.rows("(select n, action from sample_item group by n, action having count(*) <> 2) x"); n != 0 {
		t.Errorf("the same seed drew something else in %d places", n)
	}
	manager.draw("size", "50", "kind", "arrest").count("tr[data-item]", 1)
	manager.draw("size", "50", "practitioner", scene.Practitioner).count("tr[data-item]", 5)
	handled = append(handled, signed.Practitioner, own.Practitioner, hidden.Practitioner, consulted.Practitioner, worked.Practitioner)
	if n := w.rows("sample_item where action = any($1)", handled); n != 0 {
		t.Errorf("%d pieces of work were drawn that the manager has a hand in, or may not see", n)
	}
	if n := w.rows("audit where what = 'SAMPLE_DRAWN' and actor = 'persona:manager' and details->>'seed' = '4711'"); n != 4 {
		t.Errorf("got %d draws on the trail, want 4", n)
	}

	at := drawn.Find("tr[data-item] a").AttrOr("href", "")
	item := manager.get(at).status(http.StatusOK).sees("main", "against the conditions").sees(".desk-person", "Rhys Tester")
	item.submit("main form", "verdict", "fail").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "Answer whether risk was reviewed").
		sees(".govuk-error-summary", "Say in the notes").count("input[name=verdict][checked]", 1)
	item.submit("main form", "save", "later", "answer-risk", "partial", "notes", "Half of it.").status(http.StatusOK).
		sees("tr[data-item]", "Begun, not judged").sees("main", "Nothing judged yet")
	manager.get(at).sees("textarea", "Half of it.").count("#answer-risk-1[checked]", 1)
	manager.get(at).submit("main form", append([]string{"verdict", "partial", "notes", "The plan was late.", "answer-risk", "partial"}, allPass[:4]...)...).
		status(http.StatusUnprocessableEntity)
	result := manager.get(at).submit("main form", append([]string{"verdict", "partial", "notes", "The plan was late."}, allPass...)...).status(http.StatusOK)
	result.sees(".desk-feedback", "The plan was late.").sees("tr[data-question=oversight] td", "1").sees("main", "1 of 3")
	if n := w.rows("sample_item where verdict = 'partial' and judged_by = 'persona:manager' and answers->>'oversight' = 'pass'"); n != 1 {
		t.Errorf("got %d judgements on the record, want 1", n)
	}

	// The head sees what was found, not who is to be told; others nothing.
	head.get("/samples").status(http.StatusOK).count("tr[data-sample]", 4)
	head.get(drawn.request).status(http.StatusOK).sees("main", "1 of 3").count("tr[data-question]", 5).
		count("tr[data-item]", 0).count(".desk-feedback", 0).seesNot("main", "The plan was late").seesNot("main", "Priya")
	head.get(at).status(http.StatusNotFound)
	w.as(t, "gwent manager").get(drawn.request).status(http.StatusNotFound)
	w.as(t, "gwent manager").get("/samples").count("tr[data-sample]", 0)
	w.as(t, "practitioner").get("/samples").status(http.StatusForbidden)

	// Somebody who has a hand in it by now judges it no more.
	late := manager.get(drawn.request).Find("tr[data-item] a").Last().AttrOr("href", "")
	for _, hand := range []string{"countersigned_by = 'persona:manager', countersigned_at = now()", "manager_consulted = '" + scene.Manager + "', countersigned_by = null, countersigned_at = null"} {
		pgtest.Exec(t, w.DB, "update decision set countersigned_by = null, countersigned_at = null, manager_consulted = '"+scene.Deputy+"' where action = (select action from sample_item where id = $1)",
			strings.TrimPrefix(late, "/sampled/"))
		form := manager.get(late).status(http.StatusOK).count(".govuk-inset-text", 0)
		pgtest.Exec(t, w.DB, "update decision set "+hand+" where action = (select action from sample_item where id = $1)", strings.TrimPrefix(late, "/sampled/"))
		form.submit("main form", append([]string{"verdict", "pass"}, allPass...)...).status(http.StatusUnprocessableEntity).sees("main", "somebody else has to judge it")
	}

	// Whom it is about may become hidden from who drew it.
	pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) select id, 'persona:manager' from person where not exists (select 1 from exclusion where person = person.id)")
	manager.get(at).status(http.StatusNotFound)
	manager.get(drawn.request).status(http.StatusNotFound)
	head.get(drawn.request).status(http.StatusOK).sees("main", "1 of 3")
	if n := w.rows("audit where details::text ilike '%plan was late%' or details::text ilike '%Tester%'"); n != 0 {
		t.Errorf("%d lines of the trail say what was noted", n)
	}
}
