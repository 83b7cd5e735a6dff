package desk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/reportable-incidents/reportable/schemas/api"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func contract(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Desk)
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

func TestTheContractHasEveryRouteAndNoOther(t *testing.T) {
	doc, _ := contract(t)
	var want, got []string
	for _, r := range open(t).table(t) {
		if strings.Contains(r.Pattern, " /v1/") {
			want = append(want, r.Pattern)
		}
	}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// program is somebody's program, which holds the desk to its contract. It notes
// what it called, so that nothing of the contract goes untried.
type program struct {
	*user
	router routers.Router
	called map[string]bool
}

func (p program) call(method, path, body string, want int) map[string]any {
	p.Helper()
	r, err := http.NewRequest(method, p.server.URL+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer answer.Body.Close()
	got, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != want {
		p.Fatalf("%s %s: got status %d, want %d", method, path, answer.StatusCode, want)
	}
	asked, _ := http.NewRequest(method, path, bytes.NewReader([]byte(body)))
	asked.Header = r.Header
	route, params, err := p.router.FindRoute(asked)
	if err != nil {
		p.Fatalf("%s %s: %v", method, path, err)
	}
	input := &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if p.called != nil && want < 400 {
		p.called[method+" "+route.Path] = true
	}
	if want < 400 {
		if err := openapi3filter.ValidateRequest(p.Context(), input); err != nil {
			p.Errorf("%s %s: the request breaks the contract", method, path)
		}
	}
	err = openapi3filter.ValidateResponse(p.Context(), &openapi3filter.ResponseValidationInput{RequestValidationInput: input,
		Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(got))})
	if err != nil {
		p.Errorf("%s %s: the answer breaks the contract: %v", method, path, reasonOf(err))
	}
	var object map[string]any
	if err := json.Unmarshal(got, &object); err != nil {
		p.Fatalf("%s %s: the answer is no object", method, path)
	}
	if want < 400 {
		for _, canary := range []string{scene.VictimAddress, scene.CallerName, "CF24 3ZZ"} {
			if strings.Contains(string(got), canary) && !strings.HasSuffix(path, "/addresses") {
				p.Errorf("%s %s: the answer holds what is masked", method, path)
			}
		}
	}
	return object
}

// reasonOf says where a schema was broken without the value that broke it.
func reasonOf(err error) string {
	if e, ok := err.(*openapi3filter.ResponseError); ok {
		if s, ok := e.Err.(*openapi3.SchemaError); ok {
			return strings.Join(s.JSONPointer(), "/") + " " + s.SchemaField
		}
		return e.Reason
	}
	return "it is not readable"
}

func TestTheWholeWayOfAnIncidentByTheAPI(t *testing.T) {
	w := open(t)
	person := w.Person(scene.Case{RoSH: casework.RoSHHigh})
	m := w.Match(scene.Report{Person: person, Ago: time.Hour})
	doc, router := contract(t)
	called := map[string]bool{}
	as := func(who string) program { return program{w.as(t, who), router, called} }

	admin := as("administrator")
	admin.call("GET", "/v1/me", "", 200)
	if got := admin.call("GET", "/v1/matches?band=probable", "", 200)["matches"].([]any); len(got) != 1 {
		t.Fatalf("got %d matches, want 1", len(got))
	}
	at := path("/v1/matches/%d", m.Match)
	seen, _ := admin.call("GET", at, "", 200)["seen"].(string)
	admin.call("POST", at+"/judgements", `{"verdict":"dismiss","seen":"`+seen+`"}`, 422)
	admin.call("POST", at+"/judgements", `{"verdict":"confirm","seen":"of another day"}`, 409)
	admin.call("POST", at+"/judgements", `{"verdict":"confirm","surname":"x"}`, 422)
	for range 2 {
		admin.call("POST", at+"/judgements", `{"verdict":"confirm","seen":"`+seen+`"}`, 200)
	}
	admin.call("POST", at+"/transfer", `{"contact":"C-1"}`, 200)
	admin.call("GET", "/v1/matches/999999", "", 404)

	worker := as("practitioner")
	if got := worker.call("GET", "/v1/actions", "", 200)["actions"].([]any); len(got) != 1 {
		t.Fatalf("got %d actions, want 1", len(got))
	}
	action := path("/v1/actions/%d", m.Practitioner)
	worker.call("GET", action, "", 200)
	worker.call("POST", action+"/acknowledgement", "", 200)
	worker.call("POST", action+"/decisions", `{"outcome":"recall"}`, 422)
	worker.call("POST", action+"/decisions", `{"outcome":"recall","rationale":"r","riskChanged":true,"riskReason":"w","managerConsulted":"`+scene.Manager+
		`","consultedAt":"`+w.Now.Add(-time.Minute).UTC().Format(time.RFC3339)+`"}`, 200)
	worker.call("GET", path("/v1/people/%d/timeline", person), "", 200)
	enquiry := `{"force":"62","purpose":"disclosure","from":"2026-01-05","to":"2026-02-05","question":"An application."}`
	worker.call("POST", at+"/enquiries", strings.Replace(enquiry, "disclosure", "curiosity", 1), 422)
	asked := worker.call("POST", at+"/enquiries", enquiry, 201)["enquiry"].(float64)
	worker.call("POST", at+"/enquiries", strings.Replace(enquiry, "}", `,"justification":"Again."}`, 1), 422)
	reply := path("/v1/replies/%d", w.Told(casework.EnquiryID(asked)))
	worker.call("GET", path("/v1/enquiries/%d", int(asked)), "", 200)
	worker.call("GET", path("/v1/people/%d/enquiries", person), "", 200)
	if got := worker.call("GET", reply, "", 200); got["masked"] != true || got["said"] != nil {
		t.Error("what became of the disclosure is not masked")
	}
	worker.call("POST", reply+"/reading", "", 409)
	worker.call("POST", reply+"/opening", `{"reason":"curiosity"}`, 422)
	worker.call("POST", reply+"/opening", `{"reason":"welfare"}`, 200)
	if got := worker.call("GET", reply, "", 200)["said"].(map[string]any)["outcome"]; got != "disclosed" {
		t.Errorf("got the outcome %v once it is opened", got)
	}
	worker.call("POST", reply+"/reading", "", 200)
	as("gwent manager").call("GET", reply, "", 404)
	worker.call("GET", "/v1/matches", "", 403)
	worker.call("POST", at+"/judgements", `{"verdict":"confirm","seen":"`+seen+`"}`, 404)

	manager := as("manager")
	waiting := manager.call("GET", "/v1/countersignatures", "", 200)["countersignatures"].([]any)
	if len(waiting) != 1 {
		t.Fatalf("got %d decisions to countersign, want 1", len(waiting))
	}
	decision := path("/v1/decisions/%v/countersignature", waiting[0].(map[string]any)["decision"])
	manager.call("POST", decision, `{}`, 422)
	manager.call("POST", decision, `{"agree":true}`, 200)
	program{w.visitor(t), router, nil}.call("GET", "/v1/me", "", 401)

	// Giving work out, watching it, and proving what was done.
	other, grave := w.Match(scene.Report{Person: person, Level: 1}), w.Match(scene.Report{Person: person})
	task := w.Match(scene.Report{Person: w.Person(scene.Case{}), RaisedOnly: casework.VictimStaff})
	w.Judge("second administrator", grave.Match, casework.VerdictDismiss)
	body := path(`{"matches":[%d,%d,999999],"to":"persona:administrator"}`, other.Match, grave.Match)
	given := admin.call("POST", "/v1/matches/assignments", body, 200)["assignments"].([]any)
	var outcomes []string
	for _, g := range given {
		outcomes = append(outcomes, g.(map[string]any)["outcome"].(string))
	}
	if want := []string{"assigned", "changed", "notfound"}; !slices.Equal(outcomes, want) {
		t.Errorf("got %v, want %v", outcomes, want)
	}
	admin.call("POST", "/v1/matches/assignments", `{"matches":[],"to":"x"}`, 422)
	if got := admin.call("GET", "/v1/matches?whose=mine&sort=-certainty", "", 200)["matches"].([]any); len(got) != 1 {
		t.Errorf("got %d matches of their own, want 1", len(got))
	}
	if got := admin.call("GET", "/v1/second-looks", "", 200)["secondLooks"].([]any); len(got) != 1 {
		t.Errorf("got %d second looks, want 1", len(got))
	}
	admin.call("POST", path("/v1/matches/%d/addresses", other.Match), `{"reason":"curious"}`, 422)
	opened := admin.call("POST", path("/v1/matches/%d/addresses", other.Match), `{"reason":"safeguarding"}`, 200)
	if text, _ := json.Marshal(opened); !strings.Contains(string(text), scene.VictimAddress) {
		t.Error("the addresses were not opened")
	}
	if w.rows("audit where what = 'ADDRESSES_OPENED' and details ->> 'reason' = 'safeguarding'") != 1 {
		t.Error("who saw the addresses, and why, is not on the trail")
	}
	as("victim staff").call("POST", path("/v1/actions/%d/addresses", task.Practitioner), `{"reason":"welfare"}`, 200)
	as("victim staff").call("POST", path("/v1/actions/%d/completion", task.Practitioner), "", 200)
	pgtest.Exec(t, w.DB, "insert into checklist (action, rule) values ($1, 'check_children')", other.Practitioner)
	worker.call("POST", path("/v1/actions/%d/checklist", other.Practitioner), `{"rule":"check_children","answer":"perhaps"}`, 422)
	worker.call("POST", path("/v1/actions/%d/checklist", other.Practitioner), `{"rule":"check_children","answer":"done"}`, 200)
	pgtest.Exec(t, w.DB, "insert into checklist (action, rule) values ($1, 'children_referral')", other.Practitioner)
	worker.call("POST", path("/v1/actions/%d/checklist", other.Practitioner), `{"rule":"children_referral","answer":"not_known"}`, 422)
	worker.call("POST", path("/v1/actions/%d/checklist", other.Practitioner), `{"rule":"children_referral","answer":"done","concern":"a"}`, 422)
	worker.call("POST", path("/v1/actions/%d/checklist", other.Practitioner), `{"rule":"children_referral","answer":"done","concern":"a","risk":"b","wanted":"c"}`, 200)
	// Both actions of the match were left alone, and the policy that ships tells a
	// manager of either: that of the administrator, and that of the practitioner.
	up := map[string]bool{}
	for _, a := range manager.call("GET", "/v1/escalations", "", 200)["actions"].([]any) {
		up[fmt.Sprint(a.(map[string]any)["match"], " ", a.(map[string]any)["ownerRole"])] = true
	}
	if want := map[string]bool{path("%d administrator", other.Match): true, path("%d practitioner", other.Match): true}; !maps.Equal(up, want) {
		t.Errorf("got the escalations %v, want %v", up, want)
	}
	manager.call("GET", "/v1/team?owner="+scene.Practitioner, "", 200)
	manager.call("POST", path("/v1/actions/%d/reassignment", other.Practitioner), `{"to":"`+scene.Stand+`"}`, 200)
	day := w.Now.Format(time.DateOnly)
	manager.call("POST", "/v1/staff/"+scene.Practitioner+"/covers", `{"by":"`+scene.Stand+`","from":"`+day+`","to":"2020-01-01"}`, 422)
	manager.call("POST", "/v1/staff/"+scene.Practitioner+"/covers", `{"by":"`+scene.Stand+`","from":"`+day+`","to":"`+w.Now.AddDate(0, 0, 7).Format(time.DateOnly)+`"}`, 200)
	manager.call("POST", "/v1/covers/"+w.read("select max(id)::text from cover")+"/end", "", 200)
	auditor := as("auditor")
	if got := auditor.call("GET", "/v1/trail?what=MATCH_ASSIGNED", "", 200)["trail"].([]any); len(got) != 1 {
		t.Errorf("got %d lines of the trail, want 1", len(got))
	}
	auditor.call("GET", "/v1/trail?from=yesterday", "", 422)
	auditor.call("POST", "/v1/trail/verification", "", 200)
	as("operations").call("GET", "/v1/forces", "", 200)
	theRestOfTheDesk(w, as)
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			if !called[method+" "+path] {
				t.Errorf("%s %s of the contract was never called", method, path)
			}
		}
	}
	if got := w.rows("decision where countersigned_by = 'persona:manager'"); got != 1 {
		t.Error("the decision is not countersigned")
	}
}
