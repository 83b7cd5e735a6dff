package caseload_test

import (
	"bufio"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/reportable-incidents/reportable/schemas/api"
	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func contract(t *testing.T) *openapi3.T {
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

func TestTheContractListsEveryRouteOfTheWatchList(t *testing.T) {
	var said, done []string
	for path, item := range contract(t).Paths.Map() {
		for method, operation := range item.Operations() {
			if slices.Contains(operation.Tags, "watch list") {
				said = append(said, method+" "+path)
			}
		}
	}
	for _, route := range caseload.NewServer(caseload.Config{}).Table() {
		done = append(done, route.Pattern)
	}
	slices.Sort(said)
	slices.Sort(done)
	if !slices.Equal(said, done) {
		t.Errorf("the contract says %v and the server does %v", said, done)
	}
}

func TestEveryLineOfAWatchListIsAsTheContractSays(t *testing.T) {
	db := pgtest.New(t)
	mustImport(t, db, 1, small(30, func(i int, row []string) []string {
		row[4] = "2002/0073319Z"
		if i == 0 {
			row[12] = "Y"
		}
		return row
	}, "restricted"))
	_, at := serving(t, db, nil)
	swp := police{t, "62", at}
	swp.list("/v1/caseload")
	mustImport(t, db, 2, small(30, func(i int, row []string) []string {
		if i == 1 {
			return nil
		}
		return row
	}))
	schemas := contract(t).Components.Schemas
	agrees := func(schema, line string) {
		t.Helper()
		var value any
		if err := json.Unmarshal([]byte(line), &value); err != nil {
			t.Fatal(err)
		}
		if err := schemas[schema].Value.VisitJSON(value); err != nil {
			t.Errorf("a line is not the %s of the contract", schema)
		}
	}
	answers := []string{}
	for _, path := range []string{"/v1/caseload", "/v1/caseload/changes?after=1", "/v1/caseload/changes?after=2&wait=0"} {
		_, body := swp.do("GET", path, "")
		answers = append(answers, body)
	}
	for _, path := range []string{"/v1/caseload", "/v1/caseload/changes"} {
		answers = append(answers, contract(t).Paths.Find(path).Get.Responses.Value("200").Value.Content["application/x-ndjson"].Example.(string))
	}
	for _, body := range answers {
		lines := bufio.NewScanner(strings.NewReader(body))
		for n := 0; lines.Scan(); n++ {
			if n == 0 {
				agrees("WatchHeading", lines.Text())
			} else {
				agrees("WatchEntry", lines.Text())
			}
		}
	}
	_, body := swp.do("POST", "/v1/caseload/confirmations", `{"cursor":2}`)
	agrees("WatchState", body)
	_, body = swp.do("POST", "/v1/caseload/confirmations", `{"cursor":99}`)
	agrees("Refusal", body)
}
