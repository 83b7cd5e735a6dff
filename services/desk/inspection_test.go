package desk_test

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// inspected has reviews in two PDUs, with a case that the manager may not see.
func inspected(t *testing.T) *world {
	w := open(t, func(c *desk.Config) {
		c.Targets = func(pdu string) []casework.Target {
			within := 4 * time.Hour
			if pdu == scene.Gwent {
				within = time.Hour
			}
			return []casework.Target{{Stage: casework.StageDecision, Priority: casework.High, Within: within}}
		}
	})
	p := w.Person(scene.Case{})
	took := func(m scene.Found, working time.Duration) {
		pgtest.Exec(t, w.DB, `insert into milestone (match, stage, priority, pdu, at, elapsed_seconds, working_seconds)
			select m.id, 'decision', 'high', p.pdu, now(), $2::float8 * 3, $2::float8 from match m join person p on p.id = m.person where m.id = $1`,
			m.Match, working.Seconds())
	}
	for n := range 3 {
		took(w.Match(scene.Report{Person: p}), time.Duration(n+1)*2*time.Hour)
	}
	took(w.Match(scene.Report{Person: w.Person(scene.Case{PDU: scene.Gwent, Team: scene.OtherTeam, Practitioner: scene.GwentOfficer})}), 3*time.Hour)
	hidden := w.Match(scene.Report{Person: w.Person(scene.Case{})})
	took(hidden, 90*time.Hour)
	pgtest.Exec(t, w.DB, "insert into exclusion (person, subject) select person, 'persona:manager' from match where id = $1", hidden.Match)
	return w
}

func (u *user) file(path string) (string, http.Header) {
	u.Helper()
	answer, err := u.client.Get(u.server.URL + path)
	if err != nil {
		u.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		u.Fatalf("%s: got status %d and error %v", path, answer.StatusCode, err)
	}
	return string(body), answer.Header
}

func TestTheInspectionInTheBrowserIsTheOneOfTheCommandLine(t *testing.T) {
	w := inspected(t)
	today := time.Date(w.Now.Year(), w.Now.Month(), w.Now.Day(), 0, 0, 0, 0, casework.EnglandAndWales().Zone())
	want, err := w.DB.Inspect(t.Context(), today.AddDate(0, -1, 0), today.AddDate(0, 0, 1), w.Now)
	if err != nil {
		t.Fatal(err)
	}
	auditor := w.as(t, "auditor")
	body, _ := auditor.file("/inspection.json")
	var got casework.Inspection
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	for i := range want.Areas {
		want.Areas[i].OldestSeconds, got.Areas[i].OldestSeconds = 0, 0 // counted at another moment
	}
	a, _ := json.Marshal(want.Areas)
	b, _ := json.Marshal(got.Areas)
	if string(a) != string(b) {
		t.Errorf("got %s, want %s", b, a)
	}
	auditor.get("/inspection").status(http.StatusOK).count("section[data-area]", 3).
		sees("section[data-area=all] tr[data-question=aware] td", "0 of 5")

	// A head and a manager count their own PDU, without whom they may not see.
	w.as(t, "head").get("/inspection").status(http.StatusOK).count("section[data-area]", 1).
		sees("section[data-area="+scene.Cardiff+"] tr[data-question=aware] td", "0 of 4")
	manager := w.as(t, "manager")
	manager.get("/inspection").sees("tr[data-question=aware] td", "0 of 3").sees("main", "may not see are not counted").sees("section", "12 hours").
		seesNot("section", "working days")
	manager.get("/inspection?pdu=" + scene.Gwent).status(http.StatusNotFound)
	manager.get("/inspection.csv?pdu=" + scene.Gwent).status(http.StatusNotFound)
	manager.get("/inspection?from=2026-02-31").status(http.StatusUnprocessableEntity).sees(".govuk-error-summary", "first day must be a real day")
	manager.get("/inspection?from-day=31&from-month=2&from-year=2026").status(http.StatusUnprocessableEntity).count("#from-day.govuk-input--error[value='31']", 1)
	boxes := manager.get("/inspection?from-day=1&from-month=1&from-year=2026&to-day=1&to-month=1&to-year=2030").status(http.StatusOK).sees("tr[data-question=aware] td", "0 of 3")
	boxes.count("a[href*='from=2026-01-01'][href*='to=2030-01-01']", 2)
	w.as(t, "practitioner").get("/inspection.json").status(http.StatusForbidden)

	manager.get("/language/cy")
	body, header := manager.file("/inspection.csv?from=2026-01-01&to=2030-01-01")
	lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(lines) < 20 {
		t.Fatalf("got %d lines and error %v", len(lines), err)
	}
	if !strings.Contains(body, "A yw'r ymarferydd yn gwybod am y digwyddiad?") || header.Get("Content-Language") != "cy" {
		t.Error("the download is not in Welsh")
	}
	if strings.Contains(body, "inspection.") {
		t.Error("the download shows a key")
	}
	if n := w.rows("audit where what = 'DOWNLOAD_INSPECTION' and actor = 'persona:manager' and details->>'format' = 'csv'"); n != 1 {
		t.Errorf("got %d downloads on the trail, want 1", n)
	}
}

func TestAMistakeOfOursIsAPageInTheReadersLanguage(t *testing.T) {
	log := &strings.Builder{}
	w := open(t, func(c *desk.Config) {
		c.Targets = func(string) []casework.Target { panic("Rhys Tester") }
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	u := w.as(t, "manager")
	u.get("/times").status(http.StatusInternalServerError).sees("h1", "Sorry, there is a problem with the service").seesNot("body", "Rhys").count("main a[href='/']", 1)
	u.get("/language/cy")
	u.get("/times").status(http.StatusInternalServerError).sees("h1", "problem gyda'r gwasanaeth")
	if got := u.get("/v1/times").status(http.StatusInternalServerError); got.header.Get("Content-Type") != "application/problem+json; charset=utf-8" {
		t.Error("the API does not answer with a problem")
	}
	if strings.Contains(log.String(), "Rhys") || !strings.Contains(log.String(), "readTimes") {
		t.Error("the log says what a panic was with, or not where it was")
	}
	pgtest.Exec(t, w.DB, "alter table rota rename to gone")
	u.get("/rota").status(http.StatusInternalServerError).sees("h1", "problem gyda'r gwasanaeth").seesNot("body", "rota\" does not exist")
}

func TestResponseTimesAreDrawnBesideTheirTargets(t *testing.T) {
	w := inspected(t)
	manager := w.as(t, "manager")
	row := "tr[data-time='decision high'] td"
	manager.get("/times").status(http.StatusOK).count("figure[data-stage=decision] rect", 2).count("figure line", 1).
		sees("figure[data-stage=decision] .desk-chart__label", "High").sees(row, "4 hours").sees(row, "2 (66%)").sees(row, "over the target")
	manager.get("/times?priority=urgent").sees("main", "No stage was reached").count("figure", 0)
	manager.get("/times?team="+scene.Team).sees(row, "3").count("figure", 1)
	manager.get("/times?team=" + scene.OtherTeam).status(http.StatusNotFound)
	manager.get("/times?pdu=" + scene.Gwent).status(http.StatusNotFound)
	w.as(t, "head").get("/times").sees(row, "4")
	w.as(t, "auditor").get("/times?pdu="+scene.Gwent+"&days=7").sees(row, "1 hour").sees(row, "0 (0%)")
	pgtest.Exec(t, w.DB, "update milestone set at = now() - interval '40 days'")
	manager.get("/times").count("figure", 0)
	manager.get("/times?days=90").count("figure", 1)
}

func TestAReportSaysWhatIsNotCountedYet(t *testing.T) {
	w := inspected(t)
	// More than is counted for a reader before they read.
	pgtest.Exec(t, w.DB, "insert into uncounted (incident) select 1 from generate_series(1, 500)")
	auditor := w.as(t, "auditor")
	for _, path := range []string{"/times", "/inspection"} {
		pgtest.Exec(t, w.DB, "insert into uncounted (incident) select 1 from generate_series(1, 300)")
		auditor.get(path).sees("#uncounted", "changes since")
		pgtest.Exec(t, w.DB, "insert into uncounted (incident) select 1 from generate_series(1, 300)")
		body, _ := auditor.file("/v1" + path)
		var got struct{ Uncounted casework.Uncounted }
		if err := json.Unmarshal([]byte(body), &got); err != nil || got.Uncounted.Changes == 0 || got.Uncounted.Since == nil {
			t.Errorf("/v1%s: got %+v and error %v, want changes", path, got, err)
		}
	}
	auditor.get("/language/cy")
	auditor.get("/times").sees("#uncounted", "newid")
	if err := w.DB.CountAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	auditor.get("/times").count("#uncounted", 0)
}
