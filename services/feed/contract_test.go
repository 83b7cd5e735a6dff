package feed_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/reportable-incidents/reportable/schemas/api"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
)

// contract loads the file that forces read.
func contract(t testing.TB) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = true
	loader.ReadFromURIFunc = func(_ *openapi3.Loader, at *url.URL) ([]byte, error) {
		return api.Files.ReadFile(strings.TrimPrefix(at.Path, "/"))
	}
	doc, err := loader.LoadFromDataWithPath(api.Police, &url.URL{Path: "police.openapi.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheContractIsValidAndListsEveryRoute(t *testing.T) {
	doc := contract(t)
	if err := doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
	var said, done []string
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if slices.Contains(operation.Tags, "watch list") {
				continue // the caseload's, whose own test tries them
			}
			said = append(said, method+" "+path)
			who := feed.Forces
			if operation.Security != nil && len(*operation.Security) == 0 {
				who = feed.Anyone
			}
			for _, route := range feed.NewServer(feed.Config{}).Table() {
				if strings.ReplaceAll(route.Pattern, "...", "") == method+" "+path && route.Who != who {
					t.Errorf("%s %s: the contract lets in %s, the server %s", method, path, who, route.Who)
				}
			}
		}
	}
	for _, route := range feed.NewServer(feed.Config{}).Table() {
		done = append(done, strings.ReplaceAll(route.Pattern, "...", ""))
	}
	slices.Sort(said)
	slices.Sort(done)
	if !slices.Equal(said, done) {
		t.Errorf("the contract says\n%s\nand the server does\n%s", strings.Join(said, "\n"), strings.Join(done, "\n"))
	}
	codes := doc.Components.Schemas["Problem"].Value.Properties["code"].Value.Enum
	for _, code := range check.Codes() {
		if !slices.Contains(codes, any(string(code))) {
			t.Errorf("the contract does not know the code %s", code)
		}
	}
	if len(codes) != len(check.Codes()) {
		t.Errorf("the contract has %d codes, the product %d", len(codes), len(check.Codes()))
	}
}

// witness is a transport that holds what goes by against the contract.
type witness struct {
	t      *testing.T
	router routers.Router
	seen   map[string]bool // operation and status
}

func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	asked := r.Clone(r.Context())
	asked.URL = &url.URL{Scheme: "http", Host: "localhost:8081", Path: strings.Replace(r.URL.Path, "R/", "R-", 1), RawQuery: r.URL.RawQuery}
	route, params, err := w.router.FindRoute(asked)
	if err != nil {
		w.t.Errorf("%s %s is not in the contract: %v", r.Method, r.URL.Path, err)
		return answer, nil
	}
	w.seen[route.Operation.OperationID+" "+http.StatusText(answer.StatusCode)] = true
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: asked, PathParams: params, Route: route},
		Status:                 answer.StatusCode, Header: answer.Header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	}
	input.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), input); err != nil {
		w.t.Errorf("%s %s answered %d, which the contract does not allow: %.300v", r.Method, r.URL.Path, answer.StatusCode, err)
	}
	return answer, nil
}

func TestTheServerKeepsTheContract(t *testing.T) {
	doc := contract(t)
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, media := range []string{"application/problem+json", "application/schema+json"} {
		openapi3filter.RegisterBodyDecoder(media, openapi3filter.JSONBodyDecoder)
	}
	openapi3filter.RegisterBodyDecoder("application/yaml", openapi3filter.FileBodyDecoder)
	x, scene, m, number := asked(t)
	w := &witness{t: t, router: router, seen: map[string]bool{}}
	before := http.DefaultClient.Transport
	http.DefaultClient.Transport = w
	defer func() { http.DefaultClient.Transport = before }()

	// The contract's own examples are taken as they stand.
	for name, example := range doc.Paths.Find("/v1/incidents").Post.RequestBody.Value.Content["application/json"].Examples {
		body, err := json.Marshal(example.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.post(jsonType, string(body)); got.status/100 != 2 || got.Rejected != 0 {
			t.Errorf("the example %q: got %d %s", name, got.status, got.body)
		}
	}
	// So are those of replies, to the enquiries there are.
	outcome := ask(t, scene, m, casework.PurposeDisclosure)
	x.given("62", "?wait=1&taken=true")
	x.ask("62", "GET", "/v1/enquiries?wait=long", nil)
	x.ask("62", "POST", "/v1/enquiries/"+number+"/taken", nil)
	x.ask("61", "POST", "/v1/enquiries/"+number+"/taken", nil)
	for name, example := range doc.Paths.Find("/v1/replies").Post.RequestBody.Value.Content["application/json"].Examples {
		value := example.Value.Value.(map[string]any)
		value["enquiry"] = map[bool]string{true: outcome, false: number}[name == "outcome"]
		body, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/v1/replies/check", "/v1/replies", "/v1/replies"} {
			if got := x.ask("62", "POST", path, bytes.NewReader(body), "Content-Type", jsonType); got.status/100 != 2 || got.Rejected != 0 {
				t.Errorf("the example %q at %s: got %d %s", name, path, got.status, got.body)
			}
		}
		x.replies("62", strings.Replace(string(body), `"revision":1`, `"revision":0`, 1))
		x.replies("62", strings.NewReplacer("panel", "inspector", "Two", "Three").Replace(string(body)))
		x.replies("61", strings.NewReplacer(`"62"`, `"61"`).Replace(string(body)))
	}

	one := incident("R-1", 1, "live", "a")
	bad := strings.Replace(one, "suspect", "nobody", 1)
	first := x.post(jsonType, one)
	x.post(jsonType, one)
	x.post(jsonType, bad)
	x.post(ndjsonType, incident("R-2", 1, "live", "a")+"\n"+bad+"\n"+strings.Replace(one, `"force"`, `"weather":1,"force"`, 1), "Idempotency-Key", "k")
	x.post(ndjsonType, "x", "Idempotency-Key", "k")
	x.post(jsonType, incident("R-1", 1, "live", "b"))
	x.post(jsonType, strings.Replace(one, `"62"`, `"61"`, 1))
	x.post(jsonType, "[")
	x.post("text/plain", "")
	x.ask("", "POST", "/v1/incidents", nil)
	x.ask("61", "POST", "/v1/files?format=61-gwent", strings.NewReader(gwent), "Content-Type", "text/csv")
	x.ask("61", "POST", "/v1/files?format=none", strings.NewReader(gwent), "Content-Type", "text/csv")
	x.ask("61", "POST", "/v1/check", strings.NewReader(gwent), "Content-Type", "text/csv")
	x.ask("62", "POST", "/v1/check", strings.NewReader("["+one+",{}]"), "Content-Type", jsonType)
	x.ask("62", "GET", first.Href, nil)
	x.ask("62", "GET", first.Href+"?status=nothing", nil)
	x.ask("61", "GET", first.Href, nil)
	x.ask("62", "GET", "/v1/incidents/R-1", nil)
	x.ask("62", "GET", "/v1/incidents/R-none", nil)
	x.ask("", "GET", "/v1/openapi.yaml", nil)
	x.ask("", "GET", "/v1/incident.schema.json", nil)
	for _, want := range []string{"postIncidents Created", "postIncidents OK", "postIncidents Conflict", "postIncidents Forbidden",
		"postIncidents Unprocessable Entity", "postIncidents Bad Request", "postIncidents Unsupported Media Type", "postIncidents Unauthorized",
		"postFile OK", "postFile Bad Request", "check OK", "getReceipt OK", "getReceipt Not Found", "getReceipt Bad Request", "getIncident OK", "getIncident Not Found",
		"getEnquiries OK", "getEnquiries Bad Request", "takeEnquiry OK", "takeEnquiry Not Found", "checkReplies OK",
		"postReplies OK", "postReplies Created", "postReplies Conflict", "postReplies Not Found", "postReplies Unprocessable Entity"} {
		if !w.seen[want] {
			t.Errorf("the contract was not tried for %s", want)
		}
	}
}

// The incident's schema and the rules that the product applies are two texts
// of one thing.
func TestTheIncidentsSchemaAgreesWithTheRules(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	file, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.Incident))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("incident.schema.json", file); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("incident.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	agree := func(name, record, force string) {
		t.Helper()
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(record))
		if err != nil {
			t.Fatal(err)
		}
		bySchema := schema.Validate(value) == nil
		rec, err := canonical.NewReader(strings.NewReader(record), canonical.Auto, check.Rules{Force: force, Now: time.Now()}).Next()
		if err != nil {
			t.Fatal(err)
		}
		if byRules := len(rec.Problems) == 0; byRules != bySchema {
			t.Errorf("%s: the rules say %v, the schema %v: %v", name, byRules, bySchema, rec.Problems)
		}
	}
	good := incident("R1", 1, "live", "a")
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, change := range [][2]string{
		{"", ""}, {`"62"`, `62`}, {`"revision":1`, `"revision":0`}, {`"revision":1`, `"revision":1000001`}, {`"revision":1`, `"revision":1000000`},
		{`"live"`, `"dead"`}, {`"incident"`, `"other"`}, {`"Burglary"`, `""`}, {`"Burglary"`, `"` + long(200) + `"`}, {`"Burglary"`, `"` + long(201) + `"`},
		{`"R1"`, `"` + long(64) + `"`}, {`"R1"`, `"` + long(65) + `"`}, {`"R1"`, `""`}, {`"R1"`, `"-"`}, {`"R1"`, `"a;b"`},
		{`T18:50:00Z`, `T18:50:00`}, {`T18:50:00Z`, ``}, {`"a"`, `"` + long(10000) + `"`}, {`"a"`, `"` + long(10001) + `"`},
		{`"suspect"`, `"nominal"`}, {`"Canary"`, `7`}, {`"Canary"`, `"` + long(201) + `"`}, {`[{`, `[7,{`},
		{`"Canary"`, `"x","sex":"M"`}, {`"Canary"`, `"x","sex":"m"`}, {`"Canary"`, `"x","dateOfBirth":"1980-01"`}, {`"Canary"`, `"x","dateOfBirth":"01/01/1980"`},
		{`"Canary"`, `"x","alsoKnownAs":["x"]`}, {`"Canary"`, `"x","alsoKnownAs":[""]`}, {`"Canary"`, `"x","alsoKnownAs":"x"`},
		{`"Canary"`, `"x","arrest":{"asn":"x"}`}, {`"Canary"`, `"x","arrest":[]`}, {`"Canary"`, `"x","unknown":1`},
		{`"force"`, `"factors":["alcohol"],"force"`}, {`"force"`, `"factors":["Alcohol"],"force"`}, {`"force"`, `"dash":"medium","force"`},
		{`"force"`, `"dash":"severe","force"`}, {`"force"`, `"domesticAbuse":true,"force"`}, {`"force"`, `"domesticAbuse":"true","force"`},
		{`"force"`, `"location":{"latitude":90,"longitude":-180},"force"`}, {`"force"`, `"location":{"latitude":90.1},"force"`},
		{`"force"`, `"nsir":{"opening":"1"},"force"`}, {`"force"`, `"relationships":[{"from":1,"to":1,"kind":"x"}],"force"`},
		{`"force"`, `"relationships":[{"from":1,"to":1}],"force"`}, {`"force"`, `"occurredTo":"2018-10-28T17:19:00Z","force"`},
	} {
		agree(strings.Join(change[:], " → "), strings.Replace(good, change[0], change[1], 1), "62")
	}
	lines := bufio.NewScanner(pilot(t, "incidents-60-north-wales.ndjson"))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		if line := lines.Text(); strings.Contains(line, `"force": "60"`) { // of whose force it is the schema says nothing
			agree("the pilot", line, "60")
		}
	}
	for name, limit := range map[string]int{"persons": check.MaxPersons, "factors": check.MaxList} {
		if got := file.(map[string]any)["properties"].(map[string]any)[name].(map[string]any)["maxItems"].(json.Number); got != json.Number(itoa(limit)) {
			t.Errorf("%s: the schema allows %s, the rules %d", name, got, limit)
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }
