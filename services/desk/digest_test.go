package desk_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestTheDigestNamesWhomItsReaderMaySeeAndNobodyElse(t *testing.T) {
	w := open(t)
	seen := w.Match(scene.Report{Person: w.Person(scene.Case{}), Priority: casework.Urgent})
	hidden := w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true})})
	elsewhere := w.Match(scene.Report{Person: w.Person(scene.Case{PDU: scene.Gwent, Team: scene.OtherTeam, Practitioner: scene.GwentOfficer})})
	old := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	zone := casework.EnglandAndWales().Zone()
	day := time.Date(2026, 3, 29, 0, 0, 0, 0, zone) // 23 hours: the clocks go forward
	for id, at := range map[casework.MatchID]time.Time{
		seen.Match: day.Add(-15 * time.Hour), hidden.Match: day, elsewhere.Match: day, old.Match: day.Add(-17 * time.Hour),
	} {
		pgtest.Exec(t, w.DB, "update match set found_at = $1 where id = $2", at, id)
	}
	const at = "/digest/" + scene.Cardiff + "/2026-03-29"
	page := w.as(t, "administrator").get(at).status(http.StatusOK).count("tr[data-match]", 1).sees("tr[data-match]", "Rhys Tester").
		sees("tr[data-match]", "not confirmed").sees("main", "Cardiff and Vale").seesNot("body", scene.VictimAddress)
	if got := page.Find("tr[data-match]").AttrOr("data-match", ""); got != path("%d", seen.Match) {
		t.Errorf("got match %s", got)
	}
	w.as(t, "manager").get(at).count("tr[data-match]", 2). // whose team's the restricted case is
								sees("tr[data-match]:first-child", "Urgent")
	list := func(who string, after casework.MatchID, limit int) (ids []casework.MatchID) {
		_, items, err := w.DB.Digest(t.Context(), w.Accounts[who].ID, scene.Cardiff, day.AddDate(0, 0, -2), day.AddDate(0, 0, 1), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range items {
			ids = append(ids, it.Match)
		}
		return ids
	}
	if after := list("administrator", hidden.Match, 1); len(after) != 0 {
		t.Errorf("got %v after one that is hidden, want nothing", after)
	}
	// Pages of any length make up one list: what presses most, then domestic abuse.
	for n, priority := range []casework.Priority{casework.Standard, casework.High, casework.Urgent, casework.High, casework.Standard, casework.Standard, casework.Urgent} {
		m := w.Match(scene.Report{Person: w.Person(scene.Case{}), Priority: priority})
		pgtest.Exec(t, w.DB, "update match set found_at = $1 where id = $2", day, m.Match)
		pgtest.Exec(t, w.DB, "update revision set domestic_abuse = $1 where incident = (select incident from match where id = $2)", n%2 == 0, m.Match)
	}
	want := pgtest.All[casework.MatchID](t, w.DB, `select m.id from match m join revision r on r.incident = m.incident join person p on p.id = m.person
		where p.pdu = $1 and m.found_at > $2 order by array_position(array['urgent', 'high', 'standard'], m.priority), r.domestic_abuse desc, m.id`, scene.Cardiff, day.AddDate(0, 0, -2))
	for _, limit := range []int{1, 2, 3, 50} {
		var got []casework.MatchID
		for after := casework.MatchID(0); ; {
			page := list("manager", after, limit)
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1]
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d: got %v, want %v", limit, got, want)
		}
	}
	w.as(t, "gwent manager").get(at).status(http.StatusNotFound)
	w.as(t, "practitioner").get(at).status(http.StatusForbidden)
	w.as(t, "administrator").get("/digest/" + scene.Cardiff + "/yesterday").status(http.StatusNotFound)
	if n := w.rows("audit where what = 'PAGE_VIEW_DIGEST' and details -> 'matches' @> to_jsonb($1::bigint)", seen.Match); n != 2 {
		t.Errorf("the trail has %d views of it, want 2", n)
	}
}
