package stories_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
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
	practitioner.Asks("62", "A1", known, "Kanariquestion about Kanariwhere?")
	w.Settled()
	police.Answers(police.Fetches()[0], "T1", "Kanarireply: Kanarinobody was there.")
	w.Settled()
	practitioner.Reads(known)
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
	want(t, "tables with a question to police", w.Tables("Kanariquestion"), "enquiry")
	want(t, "tables with a reply of police", w.Tables("Kanarireply"), "reply")
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
	// time passes. The process erases too, when it starts and each hour: the first
	// time has to be over, or it would find the same as we do.
	w.Eventually(func() bool {
		return pgtest.One[int](t, w.DB, `select count(*) from river_job where kind = 'erasure' and state = 'completed'`) == 1
	}, func() string { return "the process has not erased at its start" })
	w.Discards("A2")
	w.Passes(30 * 24 * time.Hour)
	erased, err := matcher.NewEraser(w.DB, casework.Retention{}, w.Now, nil, nil).Erase(context.Background())
	if err != nil || erased.Discarded != 1 || erased.Unmatched != 1 {
		t.Errorf("erased %+v and %v, want what was discarded and what concerns nobody", erased, err)
	}
	want(t, "tables with what concerns nobody", w.Tables("Kanarithird"))
	want(t, "tables with what was discarded", w.Tables("Kanaripoison"))
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
