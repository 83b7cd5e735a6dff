package desk_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// listed are the matches on a page of the queue, as they stand there.
func (p *page) listed() (ids []string) {
	p.Find("tr[data-match]").Each(func(_ int, row *goquery.Selection) { ids = append(ids, row.AttrOr("data-match", "")) })
	return ids
}

func TestTheQueueIsSortedBothWaysAndPagedByKeyInEachOrder(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for n := range 25 + 3 {
		m := w.Match(scene.Report{Person: p, Ago: time.Duration(n%7) * time.Hour, Due: time.Duration(50-n%9) * time.Hour,
			Priority: []casework.Priority{casework.Standard, casework.Urgent, casework.High}[n%3]})
		pgtest.Exec(t, w.DB, "update match set probability = $2 where id = $1", m.Match, 0.9+float64(n%5)/100)
	}
	admin := w.as(t, "administrator")
	for sort, sql := range map[string]string{
		"due": "a.next_due, a.id", "-due": "a.next_due desc, a.id desc", "found": "a.raised_at, a.id", "-found": "a.raised_at desc, a.id desc",
		"certainty": "m.probability, a.id", "-certainty": "m.probability desc, a.id desc",
		"priority":  "array_position(array['urgent', 'high', 'standard'], a.priority), a.next_due, a.id",
		"-priority": "array_position(array['urgent', 'high', 'standard'], a.priority) desc, a.next_due desc, a.id desc",
	} {
		want := pgtest.All[string](t, w.DB, "select a.match::text from action a join match m on m.id = a.match where a.rule = 'acknowledge_match' order by "+sql)
		first := admin.get("/matches?sort="+sort).count("th[aria-sort=ascending], th[aria-sort=descending]", 1)
		next, ok := first.Find("a[rel=next]").Attr("href")
		if !ok {
			t.Fatalf("%s: there is no next page", sort)
		}
		if got := append(first.listed(), admin.get(next).listed()...); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", sort, got, want)
		}
	}
	admin.get("/matches?sort=due").sees("th[aria-sort=ascending] a[href*='sort=-due']", "Due")
}

func TestAFilterIsKeptForWhoeverChoseItAndForNobodyElse(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	w.Match(scene.Report{Person: p, Band: casework.Certain})
	w.Match(scene.Report{Person: p, Band: casework.Possible})
	w.as(t, "administrator").get("/matches?band=certain&sort=-found").count("tr[data-match]", 1)
	again := w.as(t, "administrator").get("/matches") // another session of theirs
	again.count("tr[data-match]", 1).count("select[name=band] option[value=certain][selected]", 1).count("th[aria-sort=descending]", 1)
	w.as(t, "second administrator").get("/matches").count("tr[data-match]", 2)
	again.user.get("/matches?clear=1").count("tr[data-match]", 2)
}

func TestMatchesAreAssignedTogetherAndEachSaysWhatBecameOfIt(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	one, two, late := w.Match(scene.Report{Person: p}), w.Match(scene.Report{Person: p}), w.Match(scene.Report{Person: p})
	secret := w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true})})
	other := w.Match(scene.Report{Person: w.Person(scene.Case{PDU: scene.Gwent, Team: scene.OtherTeam, Practitioner: scene.GwentOfficer})})
	cleared := w.as(t, "cleared administrator")
	queue := cleared.get("/matches").count("tr[data-match]", 4).count("input[type=checkbox][name=match]", 4)
	w.Judge("administrator", late.Match, casework.VerdictDismiss)

	queue.submit("main form[action='/matches/assign']", "match", fmt.Sprint(one.Match)).status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "Choose whom to assign them to")
	queue.submit("main form[action='/matches/assign']", "to", "persona:administrator").status(http.StatusUnprocessableEntity).
		sees(".govuk-error-summary", "Select between 1 and 100 matches")
	fields := []string{"to", "persona:administrator"}
	for _, m := range []scene.Found{one, two, late, secret, other} {
		fields = append(fields, "match", fmt.Sprint(m.Match))
	}
	done := queue.submit("main form[action='/matches/assign']", fields...).status(http.StatusOK)
	done.count(".desk-assigned li", 4). // another PDU's match does not exist
						count("[data-outcome=assigned]", 2).count("[data-outcome=changed]", 1).count("[data-outcome=unseen]", 1).
						sees("[data-outcome=unseen]", secret.Reference).sees("tr[data-match='"+fmt.Sprint(one.Match)+"']", "Assigned to Ada Administrator")
	if got := w.rows("audit where what = 'MATCH_ASSIGNED' and actor = 'persona:cleared administrator'"); got != 2 {
		t.Errorf("got %d lines on the trail, want 2", got)
	}
	admin := w.as(t, "administrator")
	admin.get("/matches?whose=mine").count("tr[data-match]", 2)
	w.as(t, "second administrator").get("/matches?whose=mine").count("tr[data-match]", 0)
	cleared.get("/matches?whose=nobody").count("tr[data-match]", 1)
	back := cleared.post("/matches/assign", "to", "nobody", "match", fmt.Sprint(one.Match)).status(http.StatusOK)
	if back.request != "/matches" {
		t.Errorf("got to %s, want the queue", back.request)
	}
	admin.get("/matches?whose=mine").count("tr[data-match]", 1)
	// Nobody is given what they do not judge, nor gives what they may not see.
	for _, to := range []string{"persona:practitioner", "persona:gwent administrator", "persona:no such"} {
		cleared.post("/matches/assign", "to", to, "match", fmt.Sprint(one.Match)).count("[data-outcome=unseen]", 1)
	}
	admin.post("/matches/assign", "to", "persona:administrator", "match", fmt.Sprint(secret.Match)).seesNot("main", secret.Reference)
	if w.rows("waiting where assignee is not null and match = $1", secret.Match) != 0 {
		t.Error("somebody assigned what they may not see")
	}
}

func TestGraveDismissalsWaitInAListForAnotherPersonsLook(t *testing.T) {
	w := open(t)
	grave := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHVeryHigh})})
	mild := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHLow})})
	secret := w.Match(scene.Report{Person: w.Person(scene.Case{RoSH: casework.RoSHHigh, Restricted: true})})
	w.Judge("administrator", grave.Match, casework.VerdictDismiss)
	w.Judge("administrator", mild.Match, casework.VerdictDismiss)
	w.Judge("cleared administrator", secret.Match, casework.VerdictDismiss)
	w.as(t, "administrator").get("/second-looks").status(http.StatusOK).count("tr[data-match]", 0) // the same eyes
	w.as(t, "gwent administrator").get("/second-looks").count("tr[data-match]", 0)
	w.as(t, "head").get("/second-looks").count("tr[data-match]", 2)
	second := w.as(t, "second administrator")
	list := second.get("/second-looks").count("tr[data-match]", 1).sees("tr[data-match]", "Ada Administrator")
	second.get(list.Find("tr[data-match] a").AttrOr("href", "")).
		submit("form.desk-verdict", "verdict", "dismiss", "reason", "agreed").status(http.StatusOK)
	second.get("/second-looks").sees("main", "No dismissal waits for your second look")
}

func TestWhatWaitsFollowsTheMatchAndTheAction(t *testing.T) {
	w := open(t)
	m := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	where := "waiting where match = $1 and "
	if w.rows(where+"band = 'probable' and not contested", m.Match) != 1 {
		t.Fatal("a match that waits is not among what waits")
	}
	rival := w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true}), Incident: m.Incident})
	pgtest.Exec(t, w.DB, "update match set band = 'certain', probability = 0.5 where id = $1", m.Match)
	if w.rows(where+"band = 'certain' and probability = 0.5 and contested", m.Match) != 1 {
		t.Error("what waits does not follow its match")
	}
	w.as(t, "administrator").get("/matches").count("tr[data-match]", 0) // a rival is hidden from them
	w.as(t, "cleared administrator").get("/matches").count("tr[data-match]", 2)
	pgtest.Exec(t, w.DB, "update match set state = 'superseded' where id = $1", rival.Match)
	w.as(t, "administrator").get("/matches").count("tr[data-match]", 1)
	pgtest.Exec(t, w.DB, "update action set state = 'closed' where id = $1", m.Administrator)
	if w.rows(where+"true", m.Match) != 0 {
		t.Error("what is closed waits still")
	}
	pgtest.Exec(t, w.DB, "update action set state = 'open' where id = $1", m.Administrator)
	if w.rows(where+"true", m.Match) != 1 {
		t.Error("what is open again does not wait")
	}
}

func TestAPageThatSomebodyMadeUpIsTheFirst(t *testing.T) {
	w := open(t)
	w.Match(scene.Report{Person: w.Person(scene.Case{})})
	admin := w.as(t, "administrator")
	for _, after := range []string{"x", "1", "1.x", "1.1.NaN", "1.1.1e99", strings.Repeat("9", 40) + ".1"} {
		admin.get("/matches?sort=certainty&after="+after).status(http.StatusOK).count("tr[data-match]", 1)
	}
}
