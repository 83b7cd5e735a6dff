package desk_test

import (
	"encoding/csv"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestADownloadHasWhatTheFilterShowsAndNothingThatRuns(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	bad := w.Match(scene.Report{Person: p, Band: casework.Certain})
	w.Match(scene.Report{Person: p, Band: casework.Possible})
	w.Match(scene.Report{Person: w.Person(scene.Case{Restricted: true, CRN: "X999999"}), Band: casework.Certain})
	pgtest.Exec(t, w.DB, `update revision set type = '=HYPERLINK("http://x","y")' where incident = $1`, bad.Incident)
	u := w.as(t, "administrator")
	answer, err := u.client.Get(w.server.URL + "/matches.csv?band=certain")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	lines, err := csv.NewReader(strings.NewReader(string(body))).ReadAll()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got status %d and %v", answer.StatusCode, err)
	}
	if len(lines) != 2 {
		t.Fatalf("got %d lines, want a heading and one match", len(lines))
	}
	if got := lines[1][3]; !strings.HasPrefix(got, "'=") {
		t.Error("a cell would run as a formula")
	}
	for _, canary := range []string{"Tester", "Testor", scene.VictimAddress, scene.CallerName, "X999999"} {
		if strings.Contains(string(body), canary) {
			t.Error("the download holds what it must not")
		}
	}
	if w.rows("audit where what = 'DOWNLOAD_QUEUE' and actor = 'persona:administrator'") != 1 {
		t.Error("the download is not on the trail")
	}
}

func TestADownloadOfManyPartsIsWholeAndEachPartIsOnTheTrail(t *testing.T) {
	w := open(t)
	p := w.Person(scene.Case{})
	for range 210 {
		w.Match(scene.Report{Person: p, RaisedOnly: casework.Administrator})
	}
	u := w.as(t, "administrator")
	body, _ := u.file("/matches.csv")
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	references := map[string]bool{}
	for _, l := range lines[1:] {
		references[l[1]] = true
	}
	if len(lines) != 211 || len(references) != 210 {
		t.Errorf("got %d lines of %d matches, want a heading and 210", len(lines), len(references))
	}
	got := w.read("select sum((details->>'rows')::int)::text || ' in ' || count(*) from audit where what = 'DOWNLOAD_QUEUE'")
	if got != "210 in 2" {
		t.Errorf("on the trail: %s, want 210 in 2", got)
	}
}
