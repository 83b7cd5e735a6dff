package feed_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// judged is the report on lines of JSON that came at a time.
func judged(t *testing.T, received time.Time, lines ...string) *feed.Quality {
	t.Helper()
	r := canonical.NewReader(strings.NewReader(strings.Join(lines, "\n")), canonical.Lines, check.Rules{Force: "62", Now: received})
	a, err := feed.Check(r, "62", received, nil)
	if err != nil {
		t.Fatal(err)
	}
	if written, _ := json.Marshal(a); strings.Contains(string(written), "Canary") {
		t.Error("the report repeats a value")
	}
	return a.Quality
}

func warned(q *feed.Quality, what string) bool {
	return strings.Contains(strings.Join(q.Warnings, "\n"), what)
}

func TestTheReportNamesTimesThatLookUnconverted(t *testing.T) {
	// An hour of the last night of October 2018, reported at 19:50 by the clock
	// on the wall, sent as 19:50 UTC at 18:51 UTC.
	received := time.Date(2018, 10, 20, 18, 51, 0, 0, time.UTC)
	drift := strings.NewReplacer("2018-10-28T18:50:00Z", "2018-10-20T19:50:00Z", "2018-10-28T17:19:00Z", "2018-10-20T18:40:00Z").Replace(incident("R1", 1, "live", "a"))
	if q := judged(t, received, drift); !warned(q, "British Summer Time is being sent as UTC") {
		t.Errorf("times an hour ahead: got %q", q.Warnings)
	}
	far := strings.Replace(drift, "2018-10-20T19:50:00Z", "2099-10-20T19:50:00Z", 1)
	if q := judged(t, received, far); warned(q, "British Summer Time") || !warned(q, "time in the future") {
		t.Errorf("a time far ahead: got %q", q.Warnings)
	}
	backward := strings.Replace(incident("R1", 1, "live", "a"), "T17:19:00Z", "T19:30:00Z", 1)
	if q := judged(t, time.Now(), backward); !warned(q, "before they happened") {
		t.Errorf("reported forty minutes before it happened: got %q", q.Warnings)
	}
	if q := judged(t, time.Now(), incident("R1", 1, "live", "a")); warned(q, "clock") || warned(q, "Summer") {
		t.Errorf("good times: got %q", q.Warnings)
	}
}

func TestTheReportCountsWhatIsMissingAndWhatIsWrong(t *testing.T) {
	person := func(p string) string {
		return strings.Replace(incident("R1", 1, "live", "a"), `{"role":"suspect","surname":"Canary"}`, p, 1)
	}
	q := judged(t, time.Now(),
		person(`{"role":"suspect"}`),
		person(`{"role":"suspect","surname":"CanaryÃ´","pnc":"not one","cro":"x","postcode":"nowhere"}`),
		person(`{"role":"suspect","surname":"Canary","pnc":"2003/0252614A","dateOfBirth":"1980-01-01","height":180}`))
	if q.Nameless != 1 || q.Persons != 3 || q.Filled["persons.surname"] != 2 || q.Filled["persons.dateOfBirth"] != 1 || q.Mangled != 1 {
		t.Errorf("got %+v", q)
	}
	if q.Identifiers["pnc form"] != 1 || q.Identifiers["cro form"] != 1 || q.Identifiers["postcode form"] != 1 {
		t.Errorf("identifiers: got %v", q.Identifiers)
	}
	if q.Dropped["/persons/*/height"] != 1 {
		t.Errorf("dropped: got %v", q.Dropped)
	}
	for _, what := range []string{"name nobody", "no date of birth", "PNC numbers", "wrong encoding", "dropped"} {
		if !warned(q, what) {
			t.Errorf("no warning of %q in %q", what, q.Warnings)
		}
	}
}

func TestWhatWasAnsweredIsCountedByForceKindAndDisposition(t *testing.T) {
	registry := prometheus.NewRegistry()
	db := pgtest.New(t)
	metrics := feed.NewMetrics(registry)
	in := feed.Intake{Ledger: db, Metrics: metrics}
	lines := strings.Join([]string{
		incident("R1", 1, "live", "a"), incident("R1", 1, "live", "a"), incident("R1", 1, "live", "b"), incident("R2", 1, "withdrawn", "a"),
		strings.Replace(incident("R3", 1, "live", "a"), `"62"`, `"61"`, 1), strings.Replace(incident("R4", 1, "live", "a"), `"incident"`, `"Canary"`, 1),
		strings.Replace(incident("R5", 1, "live", "a"), `,"surname":"Canary"`, ``, 1),
	}, "\n")
	if _, err := in.Take(t.Context(), feed.Submission{Force: "62", Channel: casework.ChannelHTTP},
		canonical.NewReader(strings.NewReader(lines), canonical.Lines, check.Rules{Force: "62", Now: time.Now()})); err != nil {
		t.Fatal(err)
	}
	want := `
		# HELP reportable_incidents_total Records received, by force, kind and what was answered: accepted, withdrawn, redacted, duplicate, rejected or conflict.
		# TYPE reportable_incidents_total counter
		reportable_incidents_total{disposition="accepted",force="62",kind="incident"} 1
		reportable_incidents_total{disposition="conflict",force="62",kind="incident"} 1
		reportable_incidents_total{disposition="duplicate",force="62",kind="incident"} 1
		reportable_incidents_total{disposition="redacted",force="62",kind="incident"} 1
		reportable_incidents_total{disposition="rejected",force="62",kind=""} 1
		reportable_incidents_total{disposition="rejected",force="62",kind="incident"} 1
		reportable_incidents_total{disposition="withdrawn",force="62",kind="incident"} 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "reportable_incidents_total"); err != nil {
		t.Error(err)
	}
	problems := `
		# HELP reportable_feed_problems_total What was wrong with rejected records, by force and code.
		# TYPE reportable_feed_problems_total counter
		reportable_feed_problems_total{code="another_force",force="62"} 1
		reportable_feed_problems_total{code="conflict",force="62"} 1
		reportable_feed_problems_total{code="unknown_code",force="62"} 1
	`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(problems), "reportable_feed_problems_total"); err != nil {
		t.Error(err)
	}
	heard, err := db.Heard(t.Context())
	if err != nil || len(heard) != 1 || heard[0].Force != "62" || time.Since(heard[0].Last) > time.Minute || heard[0].Conflicts != 1 || heard[0].Rhythm != 0 {
		t.Errorf("last heard: got %+v, %v", heard, err)
	}
}

func TestAForcesRhythmIsThePauseThatNineteenInTwentyStayUnder(t *testing.T) {
	db := pgtest.New(t)
	pgtest.Exec(t, db, `
		insert into receipt (id, force, channel, received_at, completed_at, accepted)
		select gen_random_uuid(), '62', 'http', now() - n * interval '10 minutes', now(), 1
		  from generate_series(1, 50) n`)
	heard, err := db.Heard(t.Context())
	if err != nil || len(heard) != 1 || heard[0].Rhythm.Round(time.Minute) != 10*time.Minute {
		t.Errorf("got %+v, %v; want ten minutes", heard, err)
	}
}
