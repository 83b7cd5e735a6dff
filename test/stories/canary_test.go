package stories_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/test/harness"
)

// A name goes through the whole pipeline, with everything that can go wrong on
// the way, and comes out nowhere but where people need it.
func TestANameNeverLeaks(t *testing.T) {
	w := harness.Quiet(t)
	process := w.Start("matcher", "notifier", "desk")
	known := harness.Somebody("X100001", "Kanarifforename", "Kanariesurname", "1984-09-21")
	known.Aliases, known.PNCs = []string{"Kanariealias Kanariesurname"}, []string{"2002/73319Z"}
	known.Address, known.Postcode = "7 Kanariestreet", "CF11 7UU"
	unknown := harness.Somebody("", "Kanarifstranger", "Kanariunknown", "1991-03-12")
	unknown.Address = "9 Kanarihideaway"
	third := harness.Somebody("", "Kanarifthird", "Kanarithird", "1999-01-31")
	w.Probation().Supervises(known)

	in := harness.Incident("A1", harness.Suspect(known), harness.Victim(unknown))
	in.Summary, in.ReportedBy, in.DomesticAbuse = "Kanarisummary left before arrival.", "Kanaricaller", true
	police := w.Police("62")
	police.Reports(in, harness.Incident("A2", harness.Suspect(unknown), harness.Victim(unknown)),
		harness.Incident("A3", harness.Suspect(third)))
	police.Sends(
		`{"force":"62","reference":"B1","revision":1,"status":"live","persons":[{"surname":"Kanaribroken"`,
		`{"force":"62","reference":"B2","revision":"Kanaritype","status":"Kanaristatus","persons":[{"role":"Kanarirole","surname":"Kanaribad","dateOfBirth":"Kanaridate"}]}`,
		`{"force":"60","reference":"Kanari reference","revision":1,"status":"live","kind":"Kanarikind","persons":"Kanaripersons"}`)
	police.SendsCSV("Occurrence No,Version,Surname,DOB\nKanarino,Kanariversion,Kanaricsv,Kanaridob\n")
	w.Spoils("A2", `{"persons":"Kanaripoison"}`)
	w.Settled()

	police.Reports(harness.Revised(in, harness.Victim(unknown), harness.Suspect(known)))
	w.Settled()
	administrator, practitioner := w.Administrator(known), w.Practitioner(known)
	administrator.Confirms("A1", known)
	w.Settled()
	practitioner.Acknowledges("A1")
	practitioner.Decides("A1", casework.OutcomeReviewRisk)
	w.Settled()
	var pages []harness.Page
	for _, who := range []harness.Worker{administrator, practitioner, w.Manager(known)} {
		pages = append(pages, who.Browses(process, 40)...)
	}
	seen := false
	for _, p := range pages {
		seen = seen || strings.Contains(p.Body, "Kanariesurname")
		clean(t, "a URL of the desk", p.URL)
	}
	if !seen || len(pages) < 8 {
		t.Errorf("nobody saw the name on any of %d pages: the story proves nothing", len(pages))
	}

	messages, n := w.Messages()
	if n < 8 {
		t.Errorf("there are %d messages only: the story proves nothing", n)
	}
	clean(t, "the streams", messages)
	clean(t, "the logs", w.Journal())
	clean(t, "the metrics", w.Metrics())
	// It rests where it is needed and nowhere else.
	want(t, "tables with a name of police", w.Tables("Kanariunknown"), "revision")
	for _, rejected := range []string{"Kanaribroken", "Kanaritype", "Kanaribad", "Kanaridate", "Kanaripersons", "Kanaricsv", "Kanaridob", "Kanariversion"} {
		want(t, "tables with something rejected", w.Tables(rejected))
	}
	for _, table := range w.Tables("Kanariesurname") {
		if table != "revision" && table != "person" && table != "match" && table != "person_change" && table != "watch_entry" {
			t.Errorf("the name of somebody on probation stands in %s", table)
		}
	}

	if logged := w.Journal(); len(logged) < 1000 {
		t.Errorf("%d bytes were logged: the story proves nothing", len(logged))
	}

	// A2 could not be read, and somebody lets it be; A3 concerns nobody. Their
	// time passes.
	w.Discards("A2")
	w.Passes(30 * 24 * time.Hour)
	eraser := matcher.NewEraser(w.DB, casework.Retention{}, w.Now, nil, nil)
	var left []string
	w.Eventually(func() bool {
		// A row that somebody else has under a lock is passed over, until the next time.
		if _, err := eraser.Erase(context.Background()); err != nil {
			t.Fatal(err)
		}
		// what concerns nobody, and what was discarded
		left = append(w.Tables("Kanarithird"), w.Tables("Kanaripoison")...)
		return len(left) == 0
	}, func() string { return "names not erased from " + strings.Join(left, ", ") })
	clean(t, "the logs", w.Journal())
}

// clean fails if a canary is found, without repeating what is around it.
func clean(t *testing.T, where, text string) {
	t.Helper()
	low := strings.ToLower(text)
	if at := strings.Index(low, "kanari"); at >= 0 {
		from := max(0, strings.LastIndexByte(text[:at], '\n')+1)
		t.Errorf("a name is in %s: … %s …", where, text[from:min(len(text), at+40)])
	}
}
