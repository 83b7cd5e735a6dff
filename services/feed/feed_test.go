package feed_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/feed/canonical"
	"github.com/reportable-incidents/reportable/services/feed/check"
	"github.com/reportable-incidents/reportable/services/feed/csvfile"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// incident is a record of force 62 in canonical JSON.
func incident(reference string, revision int, status, summary string) string {
	return fmt.Sprintf(`{"force":"62","reference":%q,"revision":%d,"status":%q,"kind":"incident","type":"Burglary",`+
		`"reportedAt":"2018-10-28T18:50:00Z","occurredFrom":"2018-10-28T17:19:00Z","summary":%q,`+
		`"persons":[{"role":"suspect","surname":"Canary"}]}`, reference, revision, status, summary)
}

// take sends lines of JSON as force 62.
func take(t testing.TB, db *postgres.DB, lines ...string) (casework.Receipt, []casework.ReceiptLine) {
	t.Helper()
	var all []casework.ReceiptLine
	in := feed.Intake{Ledger: db}
	body := strings.NewReader(strings.Join(lines, "\n"))
	receipt, err := in.Take(t.Context(), feed.Submission{Force: "62", Channel: casework.ChannelHTTP,
		Each: func(lines []casework.ReceiptLine) { all = append(all, lines...) }},
		canonical.NewReader(body, canonical.Lines, check.Rules{Force: "62", Now: time.Now()}))
	if err != nil {
		t.Fatal(err)
	}
	return receipt, all
}

// standing writes where the revisions of one incident stand.
func standing(t testing.TB, db *postgres.DB, reference string) string {
	t.Helper()
	return strings.Join(pgtest.All[string](t, db, `
		select r.number || ' ' || r.status || ' ' || r.disposition || case when r.number = i.head then ' head' else '' end
		  from incident i
		  join revision r on r.incident = i.id
		 where i.reference = $1
		 order by r.number`, reference), "\n")
}

func TestSendingTwiceChangesNothing(t *testing.T) {
	db := pgtest.New(t)
	lines := []string{incident("R1", 1, "live", "a"), incident("R2", 1, "live", "b"), incident("R1", 1, "live", "a")}
	first, answers := take(t, db, lines...)
	if first.Accepted != 2 || first.Duplicate != 1 || first.Rejected != 0 {
		t.Errorf("first time: got %d accepted, %d duplicate, %d rejected; want 2, 1, 0", first.Accepted, first.Duplicate, first.Rejected)
	}
	if answers[0].Incident == 0 || answers[0].Incident != answers[2].Incident {
		t.Errorf("got ids %d and %d for the same incident", answers[0].Incident, answers[2].Incident)
	}
	before := pgtest.One[string](t, db, `select string_agg(r::text, '|' order by incident) from revision r`)
	second, _ := take(t, db, lines...)
	if second.Accepted != 0 || second.Duplicate != 3 {
		t.Errorf("second time: got %d accepted, %d duplicate; want 0, 3", second.Accepted, second.Duplicate)
	}
	if pgtest.One[string](t, db, `select string_agg(r::text, '|' order by incident) from revision r`) != before {
		t.Error("sending again changed the revisions")
	}
	if n := pgtest.One[int](t, db, `select count(*) from event`); n != 2 {
		t.Errorf("got %d events, want 2", n)
	}
	stored, err := db.Receipt(t.Context(), "62", first.ID)
	if err != nil || stored.Accepted != 2 || stored.Duplicate != 1 || stored.CompletedAt.IsZero() {
		t.Errorf("the stored receipt: got %+v, %v", stored, err)
	}
	if _, err := db.Receipt(t.Context(), "61", first.ID); !errors.Is(err, casework.ErrNotFound) {
		t.Errorf("another force's receipt: got %v, want not found", err)
	}
}

func TestTheSameIncidentInOtherWordsOfJSONIsADuplicate(t *testing.T) {
	db := pgtest.New(t)
	take(t, db, incident("R1", 1, "live", "a"))
	again := strings.Replace(incident("R1", 1, "live", " a "), `"2018-10-28T18:50:00Z"`, `"2018-10-28T19:50:00+01:00"`, 1)
	again = strings.Replace(again, `"force":"62",`, ``, 1)
	again = strings.Replace(again, `{"reference"`, `{"factors":[],"weather":"wet","force":"62","reference"`, 1)
	if r, lines := take(t, db, again); r.Duplicate != 1 {
		t.Errorf("got %s, want duplicate", lines[0].Status)
	}
}

func TestANewerRevisionSupersedesWhicheverArrivesFirst(t *testing.T) {
	db := pgtest.New(t)
	one, two := incident("%s", 1, "live", "first"), incident("%s", 2, "live", "second")
	as := func(line, reference string) string { return strings.Replace(line, "%s", reference, 1) }

	take(t, db, as(one, "IN"))
	take(t, db, as(two, "IN"))
	take(t, db, as(two, "OUT"))
	take(t, db, as(one, "OUT"))
	take(t, db, as(one, "ONCE"), as(two, "ONCE"))
	take(t, db, as(two, "TURN"), as(one, "TURN"))
	for _, reference := range []string{"IN", "OUT", "ONCE", "TURN"} {
		if got, want := standing(t, db, reference), "1 live superseded\n2 live in_flight head"; got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", reference, got, want)
		}
	}
	// The first of IN and each newest one; a late or passed-over revision is no news.
	if n := pgtest.One[int](t, db, `select count(*) from event where subject = 'incidents.received.62'`); n != 5 {
		t.Errorf("got %d events, want 5", n)
	}
	if n := pgtest.One[int](t, db, `select count(*) from revision where (disposition = 'superseded') <> (settled_at is not null)`); n != 0 {
		t.Errorf("%d revisions are superseded without a time, or the other way round", n)
	}
}

func TestAWithdrawalIsToldAsOne(t *testing.T) {
	db := pgtest.New(t)
	take(t, db, incident("R1", 1, "live", "a"))
	take(t, db, incident("R1", 2, "withdrawn", "a"))
	if got, want := standing(t, db, "R1"), "1 live superseded\n2 withdrawn in_flight head"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	subjects := pgtest.All[string](t, db, `select subject from event order by id`)
	if strings.Join(subjects, " ") != "incidents.received.62 incidents.withdrawn.62" {
		t.Errorf("got events %v", subjects)
	}
}

func TestTheSameRevisionWithAnotherBodyIsKeptAsideAndTheFirstStands(t *testing.T) {
	db := pgtest.New(t)
	take(t, db, incident("R1", 1, "live", "a"))
	body := pgtest.One[string](t, db, `select convert_from(body, 'UTF8') from revision`)
	for range 2 { // sent again, it is the same conflict
		r, lines := take(t, db, incident("R1", 1, "live", "b"), incident("R2", 1, "live", "c"), incident("R2", 1, "live", "d"))
		if r.Rejected != 2 || lines[0].Problems[0].Code != "conflict" || lines[2].Problems[0].Code != "conflict" {
			t.Errorf("got %d rejected, want 2 conflicts", r.Rejected)
		}
		if lines[0].Problems[0].Action == "" || lines[0].Incident == 0 {
			t.Error("a conflict must say which incident, and what to do")
		}
	}
	if pgtest.One[string](t, db, `select convert_from(body, 'UTF8') from revision r join incident i on i.id = r.incident and i.reference = 'R1'`) != body {
		t.Error("the conflict has overwritten the first body")
	}
	if n := pgtest.One[int](t, db, `select count(*) from conflict where body is not null`); n != 2 {
		t.Errorf("got %d conflicts kept, want 2", n)
	}
	filed, err := db.FiledRevisions(t.Context(), "62", "R1")
	if err != nil || len(filed) != 1 || filed[0].Conflicts != 1 {
		t.Errorf("got %+v, %v; want one revision with one conflict", filed, err)
	}
}

func TestAConflictEndsWithANewRevisionOrTheForcesWord(t *testing.T) {
	db := pgtest.New(t)
	take(t, db, incident("R1", 1, "live", "a"), incident("R1", 1, "live", "b"), incident("R2", 1, "live", "a"), incident("R2", 1, "live", "b"))
	waiting, err := db.Conflicts(t.Context(), "62", false)
	if err != nil || len(waiting) != 2 || waiting[0].Reference != "R1" || waiting[0].Revision != 1 {
		t.Fatalf("got %+v, %v; want the two", waiting, err)
	}
	take(t, db, incident("R1", 2, "live", "b"))
	if err := db.ResolveConflict(t.Context(), "61", waiting[1].ID, "test", "the first stands"); !errors.Is(err, casework.ErrNotFound) {
		t.Errorf("another force resolves it: got %v, want not found", err)
	}
	if err := db.ResolveConflict(t.Context(), "62", waiting[1].ID, "test", "the first stands"); err != nil {
		t.Error(err)
	}
	if waiting, err = db.Conflicts(t.Context(), "", false); err != nil || len(waiting) != 0 {
		t.Errorf("got %d waiting, %v; want none", len(waiting), err)
	}
	if n := pgtest.One[int](t, db, `select count(*) from conflict where body is not null`); n != 0 {
		t.Errorf("%d bodies are kept of conflicts that are over", n)
	}
	if r, _ := take(t, db, incident("R2", 1, "live", "b")); r.Rejected != 1 {
		t.Error("a resolved conflict must still be answered as one")
	}
}

func TestRejectedRecordsLeaveNothingOfThemselves(t *testing.T) {
	db := pgtest.New(t)
	bad := strings.Replace(incident("R2", 1, "live", "Canary Canary"), `"suspect"`, `"Canary"`, 1)
	name := strings.Replace(incident("Canary; Jones", 1, "live", "a"), `"suspect"`, `"Canary"`, 1)
	r, lines := take(t, db, incident("R1", 1, "live", "a"), bad, "{broken Canary", name)
	if r.Accepted != 1 || r.Rejected != 3 {
		t.Fatalf("got %d accepted, %d rejected; want 1, 3", r.Accepted, r.Rejected)
	}
	if lines[1].Record != 2 || lines[1].Reference != "R2" || lines[3].Reference != "" {
		t.Errorf("got record %d, references %q and %q", lines[1].Record, lines[1].Reference, lines[3].Reference)
	}
	kept := pgtest.One[string](t, db, `
		select coalesce((select string_agg(l::text, ' ') from receipt_line l), '')
		    || coalesce((select string_agg(r::text, ' ') from receipt r), '')
		    || coalesce((select string_agg(e::text, ' ') from event e), '')
		    || coalesce((select string_agg(i::text, ' ') from incident i), '')`)
	if strings.Contains(kept, "Canary") {
		t.Error("a value of a rejected record was kept")
	}
	stored, err := db.ReceiptLines(t.Context(), r.ID, casework.LineRejected, 0, 10)
	if err != nil || len(stored) != 3 || stored[0].Problems[0].Pointer != "/persons/0/role" || stored[0].Problems[0].Action == "" {
		t.Errorf("the stored lines: got %+v, %v", stored, err)
	}
}

func TestBatchesInAnyOrderFromManySendersAgree(t *testing.T) {
	db := pgtest.New(t)
	const senders, references, revisions = 6, 40, 4
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(s), 7))
			for range 4 {
				var lines []string
				for _, n := range random.Perm(references * revisions) {
					lines = append(lines, incident("R"+strconv.Itoa(n/revisions), n%revisions+1, "live", "same"))
				}
				take(t, db, lines...)
			}
		})
	}
	wait.Wait()
	if n := pgtest.One[int](t, db, `select count(*) from revision`); n != references*revisions {
		t.Errorf("got %d revisions, want %d", n, references*revisions)
	}
	if n := pgtest.One[int](t, db, `
		select count(*)
		  from incident i
		  join revision r on r.incident = i.id
		 where (r.number = i.head) <> (r.disposition = 'in_flight')
		    or i.head <> 4`); n != 0 {
		t.Errorf("%d revisions stand wrong", n)
	}
	accepted := pgtest.One[int](t, db, `select count(*) from receipt_line where status = 'accepted'`)
	if accepted != references*revisions {
		t.Errorf("got %d answered as accepted, want each revision once: %d", accepted, references*revisions)
	}
}

func TestASubmissionIsCommittedInPartsAndTheReceiptAddsThemUp(t *testing.T) {
	db := pgtest.New(t)
	var lines []string
	for n := range 2*feed.Commit + 1 {
		lines = append(lines, incident("R"+strconv.Itoa(n), 1, "live", "a"))
	}
	r, answers := take(t, db, lines...)
	stored, err := db.Receipt(t.Context(), "62", r.ID)
	if err != nil || stored.Accepted != len(lines) || len(answers) != len(lines) || answers[feed.Commit].Line != feed.Commit+1 {
		t.Errorf("got %d accepted, %d lines, %v; want %d of each", stored.Accepted, len(answers), err, len(lines))
	}
	if n := pgtest.One[int](t, db, `select count(distinct xmin::text) from revision`); n != 3 {
		t.Errorf("got %d transactions, want 3", n)
	}
}

// stops gives good records and then breaks off.
type stops struct{ io.Reader }

func (s stops) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestAStreamThatBreaksOffIsNeverCalledComplete(t *testing.T) {
	db := pgtest.New(t)
	in := feed.Intake{Ledger: db}
	r, err := in.Take(t.Context(), feed.Submission{Force: "62", Channel: casework.ChannelHTTP},
		canonical.NewReader(stops{strings.NewReader(incident("R1", 1, "live", "a") + "\n")}, canonical.Lines, check.Rules{Force: "62", Now: time.Now()}))
	if !errors.Is(err, io.ErrUnexpectedEOF) || r.Accepted != 0 {
		t.Errorf("got %d accepted, %v", r.Accepted, err)
	}
}

// pilot opens a file of the pilot beside the repository.
func pilot(t testing.TB, name string) *os.File {
	t.Helper()
	f, err := os.Open("../../../shared/data/pilot/" + name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the pilot's data are not beside the repository: ", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestThePilotIsTakenOnceHoweverOftenItIsSent(t *testing.T) {
	want := map[string]bool{}
	rejects := bufio.NewScanner(pilot(t, "rejects.csv"))
	for rejects.Scan() {
		f := strings.Split(rejects.Text(), ",")
		want[f[0]+" "+f[1]] = f[0] != "force"
	}
	delete(want, "force record")
	db := pgtest.New(t)
	in := feed.Intake{Ledger: db}
	var accepted [2]int
	for round := range 2 {
		got := map[string]bool{}
		for force, name := range map[string]string{"60": "incidents-60-north-wales.ndjson", "61": "incidents-61-gwent.csv",
			"62": "incidents-62-south-wales.csv", "63": "incidents-63-dyfed-powys.json"} {
			f := pilot(t, name)
			rules := check.Rules{Force: force, Now: time.Now()}
			var r feed.Reader = canonical.NewReader(f, canonical.Auto, rules)
			if strings.HasSuffix(name, ".csv") {
				m, err := csvfile.Shipped("", force)
				if err != nil {
					t.Fatal(err)
				}
				if r, err = csvfile.NewReader(f, m, rules); err != nil {
					t.Fatal(err)
				}
			}
			receipt, err := in.Take(t.Context(), feed.Submission{Force: force, Channel: casework.ChannelCommandLine,
				Each: func(lines []casework.ReceiptLine) {
					for _, l := range lines {
						if l.Status == casework.LineRejected {
							got[force+" "+strconv.Itoa(l.Record)] = true
						}
					}
				}}, r)
			if err != nil {
				t.Fatal(err)
			}
			accepted[round] += receipt.Accepted
			t.Logf("force %s: %d accepted, %d duplicate, %d rejected", force, receipt.Accepted, receipt.Duplicate, receipt.Rejected)
		}
		for k := range want {
			if !got[k] {
				t.Errorf("round %d: %s was not rejected", round+1, k)
			}
		}
		for k := range got {
			if !want[k] {
				t.Errorf("round %d: %s was rejected", round+1, k)
			}
		}
	}
	if accepted[0] == 0 || accepted[1] != 0 {
		t.Errorf("got %d and then %d accepted, want all and then none", accepted[0], accepted[1])
	}
}
