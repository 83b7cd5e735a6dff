package desk_test

import (
	"bytes"
	"encoding/json"
	"io"
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

// program is somebody's program, which holds the desk to its contract.
type program struct {
	*user
	router routers.Router
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
			if strings.Contains(string(got), canary) {
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
	_, router := contract(t)
	as := func(who string) program { return program{w.as(t, who), router} }

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
	program{w.visitor(t), router}.call("GET", "/v1/me", "", 401)
	if got := w.rows("decision where countersigned_by = 'persona:manager'"); got != 1 {
		t.Error("the decision is not countersigned")
	}
}
