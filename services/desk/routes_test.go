package desk_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestEveryRouteHasARule(t *testing.T) {
	for _, r := range open(t).table(t) {
		if r.Rule.Name == "" || !r.Rule.Anyone && !r.Rule.SignedIn && len(r.Rule.Roles) == 0 {
			t.Errorf("%s has no authorisation rule", r.Pattern)
		}
	}
}

func (w *world) table(t *testing.T) []desk.Line {
	t.Helper()
	d, err := desk.New(desk.Config{DB: w.DB})
	if err != nil {
		t.Fatal(err)
	}
	return d.Table()
}

// roles of the scene, one account each.
var roles = []string{"administrator", "practitioner", "manager", "head", "victim staff", "duty officer", "auditor", "operations"}

func TestEveryRouteKeepsToItsRuleForEveryRole(t *testing.T) {
	w := open(t)
	users := map[string]*user{}
	for _, role := range roles {
		users[role] = w.as(t, role)
	}
	for _, r := range w.table(t) {
		method, at, _ := strings.Cut(r.Pattern, " ")
		if strings.Contains(at, "sign-out") || strings.Contains(at, "/live") {
			continue
		}
		at = strings.NewReplacer("{$}", "", "{id}", "999999", "{language}", "en", "{code}", "X").Replace(at)
		visit := func(u *user) *page {
			if method == http.MethodPost {
				return u.post(at)
			}
			return u.get(at)
		}
		for _, role := range roles {
			me := w.Accounts[role]
			p := visit(users[role])
			if allowed := r.Rule.Allows(&me); (p.code != http.StatusForbidden) != allowed {
				t.Errorf("%s as %s: got status %d, want allowed to be %v", r.Pattern, role, p.code, allowed)
			}
		}
		p := visit(w.visitor(t))
		switch {
		case r.Rule.Anyone:
		case strings.HasPrefix(at, "/v1"), method == http.MethodPost:
			if p.code != http.StatusUnauthorized {
				t.Errorf("%s signed out: got status %d, want 401", r.Pattern, p.code)
			}
		case p.request != "/sign-in":
			t.Errorf("%s signed out: got to %s, want /sign-in", r.Pattern, p.request)
		}
	}
}

func TestEveryViewOfPersonalDataIsOnTheTrail(t *testing.T) {
	w := open(t)
	ids := everything(w)
	users := map[string]*user{}
	for _, role := range roles {
		users[role] = w.as(t, role)
	}
	for _, r := range w.table(t) {
		method, at, _ := strings.Cut(r.Pattern, " ")
		if r.View == "" && (method != http.MethodGet || strings.Contains(at, "/live") || strings.Contains(at, "{language}")) {
			continue
		}
		for _, role := range roles {
			me := w.Accounts[role]
			if !r.Rule.Allows(&me) {
				continue
			}
			if r.View == "" { // so it must show nobody
				text := users[role].get(ids.Replace(r.Pattern, at)).Text()
				for _, canary := range []string{"Tester", "Testor", "Victimson", ids["a CRN"]} {
					if strings.Contains(text, canary) {
						t.Errorf("%s as %s shows somebody, and is not on the trail", r.Pattern, role)
					}
				}
				continue
			}
			before := w.rows("audit where what = $1 and actor = $2", r.View, me.Subject)
			p := users[role].get(ids.Replace(r.Pattern, at))
			if role == "victim staff" && p.request == "/victims" && at != p.request {
				continue // sent on to their own page, which has a line of its own
			}
			after := w.rows("audit where what = $1 and actor = $2", r.View, me.Subject)
			if want := map[bool]int{true: 1}[p.code == http.StatusOK]; after-before != want {
				t.Errorf("%s as %s: status %d wrote %d lines of %s, want %d", r.Pattern, role, p.code, after-before, r.View, want)
			}
		}
		if r.View != "" && w.rows("audit where what = $1", r.View) == 0 {
			t.Errorf("%s: no role of the scene got to see it", r.Pattern)
		}
	}
	for _, canary := range []string{"Tester", "Testor", "Victimson", "Rhys", scene.VictimAddress, scene.CallerName, "because of the test"} {
		if n := w.rows("audit where details::text ilike '%' || $1 || '%' or subject_id ilike '%' || $1 || '%'", canary); n != 0 {
			t.Errorf("%d lines of the trail hold personal data", n)
		}
	}
}

// Who may open which page, as it was decided, beside what everybody may. The API
// has the same rules: its counterparts are compared with the pages.
func TestWhoMayOpenWhat(t *testing.T) {
	w := open(t)
	for role, want := range map[string]string{
		"administrator": "/actions /actions/{id} /actions/{id}/addresses /actions/{id}/telephone /digest/{code}/{date} /enquiries/{id} /find /matches /matches.csv /matches/{id} " +
			"/matches/{id}/addresses /matches/{id}/ask /matches/{id}/retract /matches/{id}/transfer /people/{id} /replies/{id} /second-looks /transfers",
		"practitioner": "/actions /actions/{id} /actions/{id}/addresses /actions/{id}/decision /enquiries/{id} /find /matches/{id} /matches/{id}/addresses /matches/{id}/ask /people/{id} /replies/{id} /staff/{code}/cover",
		"manager": "/actions /actions/{id} /actions/{id}/addresses /actions/{id}/decision /actions/{id}/reassign /actions/{id}/telephone /countersign /countersign/{id} /digest/{code}/{date} " +
			"/enquiries/{id} /escalated /find /inspection /inspection.csv /inspection.json /matches/{id} /matches/{id}/addresses /matches/{id}/ask /matches/{id}/retract " +
			"/people/{id} /replies/{id} /rota /rota/{id} /sampled/{id} /samples /samples/{id} /staff/{code}/cover /team /times",
		"head": "/actions /actions/{id} /actions/{id}/addresses /actions/{id}/decision /actions/{id}/reassign /actions/{id}/telephone /countersign /countersign/{id} /digest/{code}/{date} " +
			"/enquiries/{id} /escalated /find /forces /inspection /inspection.csv /inspection.json /matches /matches.csv /matches/{id} /matches/{id}/addresses /matches/{id}/ask " +
			"/matches/{id}/retract /matches/{id}/transfer /people/{id} /replies/{id} /rota /rota/{id} /sampled/{id} /samples /samples/{id} /second-looks /staff/{code}/cover " +
			"/team /times /transfers",
		"victim staff": "/actions /actions/{id} /actions/{id}/addresses /actions/{id}/decision /staff/{code}/cover /victims",
		"duty officer": "/actions /actions/{id} /actions/{id}/addresses /actions/{id}/decision /actions/{id}/telephone /duty /rota /staff/{code}/cover",
		"auditor":      "/forces /inspection /inspection.csv /inspection.json /times /trail",
		"operations":   "/forces",
	} {
		me, all := w.Accounts[role], []string(nil)
		for _, r := range w.table(t) {
			at, page := strings.CutPrefix(r.Pattern, "GET ")
			if page && !strings.HasPrefix(at, "/v1/") && !r.Rule.Anyone && !r.Rule.SignedIn && r.Rule.Allows(&me) {
				all = append(all, at)
			}
		}
		slices.Sort(all)
		if got := strings.Join(all, " "); got != want {
			t.Errorf("the %s may open\n%s, want\n%s", role, got, want)
		}
	}
}

// numbers of things in a scene, by the route that shows them.
type numbers map[string]string

func (n numbers) Replace(pattern, at string) string {
	for prefix, id := range n {
		if strings.Contains(pattern, prefix) {
			return strings.NewReplacer("{id}", id, "{code}", id, "{date}", time.Now().Format(time.DateOnly), "{$}", "").Replace(at)
		}
	}
	return strings.NewReplacer("{$}", "").Replace(at)
}

// everything has one of each thing that a page shows.
func everything(w *world) numbers {
	p := w.Person(scene.Case{})
	waiting := w.Match(scene.Report{Person: p})
	confirmed := w.Match(scene.Report{Person: p})
	w.Judge("administrator", confirmed.Match, casework.VerdictConfirm)
	w.Consulted = scene.Deputy // else the manager could not draw it
	decided := w.Match(scene.Report{Person: p})
	decision := w.Decide("practitioner", decided.Practitioner)
	draw := casework.Sample{PDU: scene.Cardiff, Size: 1, Seed: 1, From: w.Now.AddDate(0, 0, -1), To: w.Now.AddDate(0, 0, 1)}
	sample, err := w.DB.DrawSample(w.Context(), draw, w.Accounts["manager"], "")
	if err != nil {
		w.Fatal(err)
	}
	asked := w.Ask("practitioner", waiting.Match, casework.PurposeRisk)
	told := w.Told(w.Ask("practitioner", waiting.Match, casework.PurposeDisclosure))
	w.Told(asked)
	pgtest.Exec(w.TB, w.DB, "insert into rota (region, staff, starts, ends, set_by) values ('N03', $1, now(), now() + interval '1 day', 'test')", scene.Stand)
	return numbers{
		"a CRN":           w.read("select crn from person where id = $1", p),
		"/rota/{id}":      w.read("select min(id)::text from rota"),
		"/enquiries/{id}": fmt.Sprint(asked), "/replies/{id}": fmt.Sprint(told), "/matches/{id}/ask": fmt.Sprint(waiting.Match),
		"/samples/{id}": fmt.Sprint(sample.ID), "/sampled/{id}": w.read("select min(id)::text from sample_item"),
		"/matches/{id}/retract": fmt.Sprint(confirmed.Match), "/matches/{id}/transfer": fmt.Sprint(confirmed.Match),
		"/actions/{id}": fmt.Sprint(waiting.Practitioner), "/countersign/{id}": fmt.Sprint(decision), "/decisions/{id}": fmt.Sprint(decision), "/digests/": scene.Cardiff,
		"/digest/": scene.Cardiff, "/staff/{code}": scene.Practitioner, "/people/{id}": fmt.Sprint(p), "/matches/{id} ": fmt.Sprint(waiting.Match),
		"/v1/matches/{id}": fmt.Sprint(confirmed.Match), "GET /matches/{id}": fmt.Sprint(confirmed.Match),
	}
}
