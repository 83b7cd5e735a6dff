package desk_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// counterparts are the routes of the API by which programs do what a page does.
// What has none says why, after a dash.
var counterparts = map[string]string{
	"GET /{$}":                     "GET /v1/counts",
	"GET /sign-in":                 "- a program sends an access token",
	"POST /sign-in":                "- a program sends an access token",
	"GET /sign-in/provider":        "- a program sends an access token",
	"GET /sign-in/callback":        "- a program sends an access token",
	"POST /sign-out":               "- a program keeps no session",
	"GET /language/{language}":     "- a program sends Accept-Language",
	"GET /matches":                 "GET /v1/matches",
	"GET /matches.csv":             "GET /v1/matches",
	"POST /matches/assign":         "POST /v1/matches/assignments",
	"GET /second-looks":            "GET /v1/second-looks",
	"GET /live":                    "GET /v1/counts",
	"GET /matches/{id}":            "GET /v1/matches/{id}",
	"POST /matches/{id}/verdict":   "POST /v1/matches/{id}/judgements",
	"POST /matches/{id}/take":      "POST /v1/matches/{id}/lock/taking",
	"GET /matches/{id}/retract":    "GET /v1/matches/{id}",
	"POST /matches/{id}/retract":   "POST /v1/matches/{id}/judgements",
	"GET /matches/{id}/transfer":   "GET /v1/matches/{id}/transfer",
	"POST /matches/{id}/transfer":  "POST /v1/matches/{id}/transfer",
	"GET /digest/{code}/{date}":    "GET /v1/digests/{code}/{date}",
	"GET /transfers":               "GET /v1/transfers",
	"POST /transfers/{id}/retry":   "POST /v1/transfers/{id}/retry",
	"GET /matches/{id}/addresses":  "- a form: the reasons are in the contract",
	"POST /matches/{id}/addresses": "POST /v1/matches/{id}/addresses",
	"GET /matches/{id}/ask":        "GET /v1/people/{id}/enquiries",
	"POST /matches/{id}/ask":       "POST /v1/matches/{id}/enquiries",
	"GET /enquiries/{id}":          "GET /v1/enquiries/{id}",
	"GET /replies/{id}":            "GET /v1/replies/{id}",
	"POST /replies/{id}/open":      "POST /v1/replies/{id}/opening",
	"POST /replies/{id}/read":      "POST /v1/replies/{id}/reading",

	"GET /actions":                   "GET /v1/actions",
	"GET /actions/{id}":              "GET /v1/actions/{id}",
	"GET /actions/{id}/addresses":    "- a form: the reasons are in the contract",
	"POST /actions/{id}/addresses":   "POST /v1/actions/{id}/addresses",
	"POST /actions/{id}/done":        "POST /v1/actions/{id}/completion",
	"POST /actions/{id}/checklist":   "POST /v1/actions/{id}/checklist",
	"GET /actions/{id}/reassign":     "GET /v1/actions/{id}", // and GET /v1/colleagues
	"POST /actions/{id}/reassign":    "POST /v1/actions/{id}/reassignment",
	"POST /actions/{id}/acknowledge": "POST /v1/actions/{id}/acknowledgement",
	"GET /actions/{id}/telephone":    "GET /v1/actions/{id}/callees",
	"POST /actions/{id}/telephone":   "POST /v1/actions/{id}/calls",
	"GET /actions/{id}/decision":     "GET /v1/actions/{id}/draft",
	"POST /actions/{id}/decision":    "POST /v1/actions/{id}/decisions", // or …/draft

	"GET /countersign":       "GET /v1/countersignatures",
	"GET /countersign/{id}":  "GET /v1/decisions/{id}",
	"POST /countersign/{id}": "POST /v1/decisions/{id}/countersignature",
	"GET /escalated":         "GET /v1/escalations",

	"GET /rota":              "GET /v1/rota",
	"POST /rota":             "POST /v1/rota",
	"GET /rota/{id}":         "GET /v1/rota/{id}",
	"POST /rota/{id}":        "POST /v1/rota/{id}",
	"POST /rota/{id}/remove": "POST /v1/rota/{id}/removal",
	"GET /duty":              "GET /v1/duty",
	"GET /victims":           "GET /v1/victims",
	"GET /times":             "GET /v1/times",
	"GET /inspection":        "GET /v1/inspection",
	"GET /inspection.csv":    "GET /v1/inspection",
	"GET /inspection.json":   "GET /v1/inspection",
	"GET /samples":           "GET /v1/samples",
	"POST /samples":          "POST /v1/samples",
	"GET /samples/{id}":      "GET /v1/samples/{id}",
	"GET /sampled/{id}":      "GET /v1/sampled/{id}",
	"POST /sampled/{id}":     "POST /v1/sampled/{id}/judgement",

	"GET /team":                "GET /v1/team",
	"GET /staff/{code}/cover":  "GET /v1/staff/{code}/stand-ins",
	"POST /staff/{code}/cover": "POST /v1/staff/{code}/covers",
	"POST /covers/{id}/end":    "POST /v1/covers/{id}/end",
	"GET /trail":               "GET /v1/trail",
	"POST /trail/find":         "POST /v1/trail/lookup",
	"GET /find":                "- a form",
	"POST /find":               "POST /v1/search",
	"POST /trail/verify":       "POST /v1/trail/verification",
	"GET /forces":              "GET /v1/forces",
	"GET /people/{id}":         "GET /v1/people/{id}/timeline",
}

func TestEveryPageHasItsCounterpartInTheAPI(t *testing.T) {
	all := map[string]desk.Line{}
	for _, r := range open(t).table(t) {
		all[r.Pattern] = r
	}
	for pattern, page := range all {
		if strings.Contains(pattern, " /v1/") {
			continue
		}
		to := counterparts[pattern]
		api, there := all[to]
		switch {
		case strings.HasPrefix(to, "- "):
		case !there:
			t.Errorf("%s has no counterpart in the API, and no reason why not", pattern)
		case page.Rule.Name != api.Rule.Name && !wider[to]:
			t.Errorf("%s is for those who %s, and %s for those who %s", pattern, page.Rule.Name, to, api.Rule.Name)
		case page.View != "" && strings.HasPrefix(pattern, "GET") && api.View == "":
			t.Errorf("reading %s is on the trail, and %s is not", pattern, to)
		case page.View == "" && strings.HasPrefix(pattern, "GET") && api.View != "" && !wider[to]:
			t.Errorf("reading %s is on the trail, and %s is not", to, pattern)
		}
	}
	for pattern := range counterparts {
		if _, there := all[pattern]; !there {
			t.Errorf("%s is no page any more", pattern)
		}
	}
}

// wider are routes that serve several pages, for all of their viewers; what each
// may do there is up to the store, as on the pages.
var wider = map[string]bool{"POST /v1/matches/{id}/judgements": true, "GET /v1/matches/{id}": true, "GET /v1/actions/{id}": true}

// theRestOfTheDesk is what a program does beside judging and deciding.
func theRestOfTheDesk(w *world, as func(string) program) {
	t := w.TB
	person := w.Person(scene.Case{})
	waiting, confirmed, closed := w.Match(scene.Report{Person: person}), w.Match(scene.Report{Person: person}), w.Match(scene.Report{Person: person})
	w.Judge("administrator", confirmed.Match, casework.VerdictConfirm)
	w.Consulted = scene.Deputy
	decision := w.Decide("practitioner", closed.Practitioner)
	night := w.Match(scene.Report{Person: person, Priority: casework.Urgent, RaisedOnly: casework.DutyOfficer})
	w.Match(scene.Report{Person: person, RaisedOnly: casework.VictimStaff})

	admin, head := as("administrator"), as("head")
	counts := admin.call("GET", "/v1/counts", "", 200)
	if n := counts["queue"].(map[string]any)["waiting"].(float64); n < 2 {
		t.Errorf("%v matches wait for the administrator, want some", n)
	}
	admin.call("POST", "/v1/me/queue-filter", `{"filter":{"band":"certain","sort":"-found"}}`, 200)
	admin.mistake("POST", "/v1/me/queue-filter", `{"filter":{"band":"surely"}}`, "filter", "problem.invalid.says")
	kept := admin.call("GET", "/v1/me/queue-filter", "", 200)["filter"].(map[string]any)
	if kept["band"] != "certain" || kept["sort"] != "-found" {
		t.Errorf("got the filter %v", kept)
	}
	admin.get("/matches").status(http.StatusOK).count("select[name=band] option[value=certain][selected]", 1) // the page has it too
	admin.call("GET", "/v1/assignees", "", 200)
	if got := admin.call("POST", "/v1/search", `{"of":"`+w.read("select reference from incident where id = $1", waiting.Incident)+`"}`, 200)["matches"].([]any); len(got) != 1 {
		t.Errorf("got %d matches of a reference, want 1", len(got))
	}
	admin.call("POST", "/v1/search", `{"of":"X000000"}`, 404)
	if w.rows("audit where what = 'API_READ_FIND'") != 1 {
		t.Error("the search is not on the trail")
	}
	if got := as("auditor").call("POST", "/v1/trail/lookup", `{"called":"ada admin"}`, 200)["users"].([]any); len(got) != 1 {
		t.Errorf("got %d users of one name, want 1", len(got))
	}
	lock := path("/v1/matches/%d/lock", waiting.Match)
	admin.call("POST", lock, "", 200)
	if got := head.call("POST", lock, "", 200)["lock"].(map[string]any); got["mine"] != false || got["by"] != "Ada Administrator" {
		t.Errorf("the lock is of %v", got)
	}
	admin.call("POST", lock+"/taking", "", 403)
	head.call("POST", lock+"/taking", "", 200)
	if got := admin.call("GET", path("/v1/matches/%d", waiting.Match), "", 200)["lock"].(map[string]any); got["mine"] != false {
		t.Error("the match is not held by who took it")
	}
	if w.rows("audit where what = 'MATCH_TAKEN'") != 1 {
		t.Error("that the match was taken is not on the trail")
	}
	if got := head.call("POST", lock+"/release", "", 200); got["lock"] != nil {
		t.Error("the match is still held")
	}
	admin.call("POST", path("/v1/matches/%d/lock", confirmed.Match), "", 409)
	pack := admin.call("GET", path("/v1/matches/%d/transfer", confirmed.Match), "", 200)["contact"].(map[string]any)
	if pack["type"] != casework.PoliceLiaison || pack["crn"] == "" {
		t.Error("the contact is not complete")
	}
	admin.call("GET", path("/v1/matches/%d/transfer", waiting.Match), "", 409)
	pgtest.Exec(t, w.DB, "insert into transfer (match, key, state, problem, attempts) values ($1, 'k', 'failed', 'refused', 3)", confirmed.Match)
	if got := admin.call("GET", "/v1/transfers", "", 200)["transfers"].([]any); len(got) != 1 {
		t.Errorf("got %d transfers that are not well, want 1", len(got))
	}
	admin.call("POST", path("/v1/transfers/%d/retry", confirmed.Match), "", 200)
	as("gwent administrator").call("POST", path("/v1/transfers/%d/retry", confirmed.Match), "", 404)

	worker := as("practitioner")
	draft := path("/v1/actions/%d/draft", waiting.Practitioner)
	if got := worker.call("GET", draft, "", 200); got["drafted"] != false {
		t.Error("there is a draft that nobody wrote")
	}
	at := w.Now.Add(-time.Hour).UTC().Truncate(time.Minute).Format(time.RFC3339)
	worker.call("POST", draft, `{"rationale":"So far.","riskChanged":true,"managerConsulted":"`+scene.Manager+`","consultedAt":"`+at+`","referrals":["police"]}`, 200)
	got := worker.call("GET", draft, "", 200)["draft"].(map[string]any)
	when, _ := time.Parse(time.RFC3339, fmt.Sprint(got["consultedAt"]))
	if got["rationale"] != "So far." || got["riskChanged"] != true || when.UTC().Format(time.RFC3339) != at || fmt.Sprint(got["referrals"]) != "[police]" {
		t.Errorf("the draft is not what was kept")
	}
	worker.get(path("/actions/%d/decision", waiting.Practitioner)).sees("textarea[name=rationale]", "So far.")
	as("second practitioner").call("GET", draft, "", 404)
	worker.mistake("POST", path("/v1/actions/%d/decisions", waiting.Practitioner), `{"outcome":"no_change","rationale":"r","riskReason":"w"}`, "riskChanged", "decision.wrong.risk")
	worker.call("GET", "/v1/staff/"+scene.Practitioner+"/stand-ins", "", 200)

	manager, duty := as("manager"), as("duty officer")
	manager.call("GET", path("/v1/decisions/%d", decision), "", 200)
	as("gwent manager").call("GET", path("/v1/decisions/%d", decision), "", 404)
	manager.call("GET", "/v1/colleagues", "", 200)

	// The rota, and what is urgent at night.
	shift := `{"region":"N03","staff":"` + scene.Stand + `","telephone":"029 2018 0001","starts":"` + w.Now.Add(-time.Hour).UTC().Format(time.RFC3339) +
		`","ends":"` + w.Now.Add(24*time.Hour).UTC().Format(time.RFC3339) + `"}`
	for range 2 {
		manager.call("POST", "/v1/rota", shift, 200)
	}
	if n := w.rows("rota"); n != 1 {
		t.Errorf("the same shift twice made %d", n)
	}
	manager.mistake("POST", "/v1/rota", strings.Replace(shift, "029 2018 0001", "x", 1), "telephone", "rota.wrong.telephone")
	manager.call("POST", "/v1/rota", strings.Replace(shift, "N03", "WPT", 1), 404)
	manager.call("GET", "/v1/rota", "", 200)
	number := "/v1/rota/" + w.read("select id::text from rota")
	manager.call("GET", number, "", 200)
	manager.call("POST", number, strings.Replace(shift, "0001", "0002", 1), 200)
	if got := duty.call("GET", "/v1/duty", "", 200); len(got["urgent"].([]any)) != 1 || got["onDuty"] != true {
		t.Errorf("the duty officer got %d urgent matters, and that somebody is on duty: %v", len(got["urgent"].([]any)), got["onDuty"])
	}
	action := path("/v1/actions/%d", night.Practitioner)
	callees := duty.call("GET", action+"/callees", "", 200)["callees"].([]any)
	if len(callees) == 0 {
		t.Fatal("nobody can be called")
	}
	to := callees[0].(map[string]any)["staff"].(string)
	duty.mistake("POST", action+"/calls", `{"to":"nobody","at":"`+w.Now.UTC().Format(time.RFC3339)+`"}`, "to", "telephone.wrong.to")
	duty.call("POST", action+"/calls", `{"to":"`+to+`","at":"`+time.Now().UTC().Format(time.RFC3339)+`"}`, 200)
	manager.call("POST", number+"/removal", "", 200)
	if got := as("victim staff").call("GET", "/v1/victims", "", 200)["open"].([]any); len(got) == 0 {
		t.Error("victim staff have no work")
	}

	// How the work is done.
	admin.call("GET", "/v1/digests/"+scene.Cardiff+"/"+w.Now.AddDate(0, 0, 1).Format(time.DateOnly), "", 200)
	admin.call("GET", "/v1/digests/"+scene.Gwent+"/"+w.Now.Format(time.DateOnly), "", 404)
	manager.call("GET", "/v1/times?days=7&pdu="+scene.Cardiff, "", 200)
	manager.call("GET", "/v1/times?pdu="+scene.Gwent, "", 404)
	as("auditor").call("GET", "/v1/inspection", "", 200)
	manager.mistake("GET", "/v1/inspection?from=2026-13-01", "", "from", "period.wrong.from")

	draw := `{"pdu":"` + scene.Cardiff + `","size":5,"seed":4711,"from":"` + w.Now.AddDate(0, 0, -2).Format(time.DateOnly) + `","to":"` + w.Now.AddDate(0, 0, 1).Format(time.DateOnly) + `"}`
	manager.mistake("POST", "/v1/samples", strings.Replace(draw, `"size":5`, `"size":500`, 1), "size", "sample.wrong.size")
	manager.call("POST", "/v1/samples", strings.Replace(draw, scene.Cardiff, scene.Gwent, 1), 422)
	drawn := manager.call("POST", "/v1/samples", draw, 201)
	manager.call("GET", "/v1/samples", "", 200)
	items := manager.call("GET", path("/v1/samples/%v", drawn["sample"]), "", 200)["items"].([]any)
	if len(items) != 1 {
		t.Fatalf("got %d pieces of work drawn, want 1: the rest the manager has a hand in", len(items))
	}
	item := path("/v1/sampled/%v", items[0].(map[string]any)["id"])
	manager.call("GET", item, "", 200)
	head.call("GET", item, "", 404)
	finding := `{"answers":{"aware":"pass","rationale":"partial","risk":"pass","safety":"none","oversight":"pass"},"verdict":"partial","notes":"Late."}`
	manager.mistake("POST", item+"/judgement", strings.Replace(finding, `"notes":"Late."`, `"notes":""`, 1), "notes", "sample.wrong.notes")
	manager.call("POST", item+"/judgement", `{"answers":{"risk":"pass"},"later":true}`, 200)
	manager.call("POST", item+"/judgement", finding, 200)
	pgtest.Exec(t, w.DB, "update decision set manager_consulted = $1 where id = $2", scene.Manager, decision)
	manager.mistake("POST", item+"/judgement", finding, "verdict", "sample.wrong.own")
	if n := w.rows("audit where what in ('SAMPLE_DRAWN', 'SAMPLE_JUDGED', 'ROTA_SET', 'ROTA_CHANGED', 'ROTA_REMOVED', 'TRANSFER_RETRIED')"); n != 6 {
		t.Errorf("%d changes are on the trail, want 6", n)
	}
	w.Consulted = ""
}

// mistake sends what is refused, and wants to be told of which field and why.
func (p program) mistake(method, path, body, field, reason string) {
	p.Helper()
	got := p.call(method, path, body, 422)
	errors, _ := got["errors"].([]any)
	for _, e := range errors {
		if one := e.(map[string]any); one["field"] == field && one["reason"] == reason && one["action"] != "" {
			return
		}
	}
	p.Errorf("%s %s: got the mistakes %v, want %s of %s", method, path, errors, reason, field)
}

func TestNoRouteTellsOfACaseThatIsHidden(t *testing.T) {
	w := open(t)
	hidden := w.Person(scene.Case{Restricted: true, CRN: "X999999", Name: casework.Name{Forenames: "Hidden", Surname: "Canary"}})
	waiting, confirmed, closed := w.Match(scene.Report{Person: hidden}), w.Match(scene.Report{Person: hidden}), w.Match(scene.Report{Person: hidden})
	w.Judge("cleared administrator", confirmed.Match, casework.VerdictConfirm)
	pgtest.Exec(t, w.DB, "insert into transfer (match, key, state, problem, attempts) values ($1, 'k', 'failed', 'refused', 3)", confirmed.Match)
	w.Consulted = scene.Deputy
	decision := w.Decide("practitioner", closed.Practitioner)
	draw := casework.Sample{PDU: scene.Cardiff, Size: 1, Seed: 1, From: w.Now.AddDate(0, 0, -1), To: w.Now.AddDate(0, 0, 1)}
	sample, err := w.DB.DrawSample(t.Context(), draw, w.Accounts["manager"], "")
	if err != nil {
		t.Fatal(err)
	}
	asked := w.Ask("practitioner", waiting.Match, casework.PurposeRisk)
	ids := numbers{
		"/matches/{id}": fmt.Sprint(confirmed.Match), "/actions/{id}": w.read("select id::text from action where match = $1 and owner_role = 'administrator' limit 1", waiting.Match), "/decisions/{id}": fmt.Sprint(decision), "/countersign/{id}": fmt.Sprint(decision),
		"/samples/{id}": fmt.Sprint(sample.ID), "/sampled/{id}": w.read("select min(id)::text from sample_item"), "/people/{id}": fmt.Sprint(hidden),
		"/enquiries/{id}": fmt.Sprint(asked), "/replies/{id}": fmt.Sprint(w.Told(asked)), "/transfers/{id}": fmt.Sprint(confirmed.Match),
		"/digests/": scene.Cardiff, "/digest/": scene.Cardiff, "/rota/{id}": "1", "/covers/{id}": "1", "/staff/{code}": scene.Practitioner,
	}
	nothing := numbers{"{id}": "999999"}
	// The head works on every case of the PDU, and must not know of this one.
	pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) values ($1, 'persona:head')", hidden)
	tried := 0
	for _, who := range []string{"administrator", "head", "second practitioner", "gwent manager", "gwent administrator", "duty officer", "victim staff"} {
		u, me := w.as(t, who), w.Accounts[who]
		for _, r := range w.table(t) {
			method, at, _ := strings.Cut(r.Pattern, " ")
			if !r.Rule.Allows(&me) || at == "/live" || at == "/sign-out" || at == "/sign-in" || strings.Contains(at, "{language}") {
				continue
			}
			tried++
			ask := u.get
			if method == http.MethodPost {
				if !strings.Contains(at, "{id}") {
					continue
				}
				ask = func(at string, _ ...string) *page { return u.post(at) }
			}
			p := ask(ids.Replace(r.Pattern, at))
			if strings.Contains(at, "{id}") {
				// It is as if it were not there, in the same words.
				if method == http.MethodGet && p.code != http.StatusNotFound {
					t.Errorf("%s as %s: got status %d, want 404", r.Pattern, who, p.code)
				}
				if not := ask(nothing.Replace(r.Pattern, at)); not.code != p.code || squeeze(not.Find("main, body:not(:has(main))").Text()) != squeeze(p.Find("main, body:not(:has(main))").Text()) {
					t.Errorf("%s as %s: got status %d, and of what is not there %d, or other words", r.Pattern, who, p.code, not.code)
				}
			}
			for _, canary := range []string{"Canary", "X999999", waiting.Reference, confirmed.Reference, closed.Reference} {
				if strings.Contains(p.Text(), canary) {
					t.Errorf("%s as %s tells of who is hidden", r.Pattern, who)
				}
			}
		}
	}
	if tried < 150 {
		t.Errorf("%d routes were tried only", tried)
	}
	// Who may see the case finds it at the same places: else nothing is proved.
	seen := w.as(t, "manager")
	for _, at := range []string{"/v1/sampled/{id}", "/v1/decisions/{id}", "/v1/people/{id}/timeline", "/v1/team"} {
		if p := seen.get(ids.Replace(at, at)); p.code != http.StatusOK || !strings.Contains(p.Text(), "Canary") && at != "/v1/sampled/{id}" {
			t.Errorf("%s: got status %d to who may see it", at, p.code)
		}
	}
}
