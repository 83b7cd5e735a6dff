package stories_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/stream"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func reports(people []harness.Person, prefix string) (all []casework.Incident) {
	for i, p := range people {
		all = append(all, harness.Incident(fmt.Sprintf("%s%d", prefix, i), harness.Suspect(p)))
	}
	return all
}

// The streams are only transport: whoever deletes them loses nothing, and
// nothing is done twice.
func TestTheStreamsAreDeletedInTheMiddleOfAnImport(t *testing.T) {
	w := harness.New(t)
	people := harness.Wales(300)
	w.Probation().Supervises(people...)
	police := w.Police("62")
	police.Reports(reports(people, "A")...)
	js := w.Streams()
	for _, name := range []string{stream.Incidents, stream.Caseload, stream.Matches, stream.Actions} {
		if err := js.DeleteStream(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	police.Reports(reports(people, "B")...)
	// What was lost is found by the sweepers after half a minute.
	w.Passes(40 * time.Second)
	w.Settled()
	r := w.Reconciled()
	if r.Accepted != 600 || r.Matched != 600 {
		t.Errorf("got %d of %d matched, want all 600", r.Matched, r.Accepted)
	}
	onePerMatch(t, w)
}

// With the streams, what was published and not yet heard is gone for good; only
// the sweepers can find it, for they ask the ledger and not the streams.
func TestWhatWasPublishedAndNeverHeardIsFoundInTheLedger(t *testing.T) {
	w := harness.Quiet(t)
	relay := w.Start() // publishes, and nobody reads
	people := harness.Wales(30)
	w.Probation().Supervises(people...)
	w.Police("62").Reports(reports(people, "A")...)
	w.Eventually(func() bool {
		return pgtest.One[int](t, w.DB, `select count(*) from event where published_at is null`) == 0
	}, func() string { return "not everything is published" })
	relay.Stop()
	for _, name := range []string{stream.Incidents, stream.Caseload} {
		if err := w.Streams().DeleteStream(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	w.Passes(40 * time.Second)
	w.Start("matcher", "notifier")
	w.Settled()
	if _, n := w.Messages(); n == 0 {
		t.Error("the streams were not made anew")
	}
	for _, name := range []string{stream.Incidents, stream.Caseload} {
		if !w.Heard(name, "matcher") {
			t.Errorf("stream %s holds something after all: the story proves nothing", name)
		}
	}
	if r := w.Reconciled(); r.Matched != 30 {
		t.Errorf("got %d matched, want all 30", r.Matched)
	}
	onePerMatch(t, w)
}

// A consumer that is set back to the start hears everything again.
func TestEverythingIsDeliveredAgainAndChangesNothing(t *testing.T) {
	w := harness.Quiet(t)
	first := w.Start("matcher", "notifier")
	people := harness.Wales(100)
	w.Probation().Supervises(people...)
	w.Police("62").Reports(reports(people, "A")...)
	w.Settled()
	before := w.Effects()
	first.Stop()
	js := w.Streams()
	for _, at := range []struct{ stream, reader string }{{stream.Incidents, "matcher"}, {stream.Caseload, "matcher"}, {stream.Matches, "notifier"}} {
		if err := js.DeleteConsumer(context.Background(), at.stream, at.reader); err != nil {
			t.Fatal(err)
		}
	}
	w.Start("matcher", "notifier")
	w.Eventually(func() bool { return w.Heard(stream.Incidents, "matcher") && w.Heard(stream.Matches, "notifier") },
		func() string { return "the readers have not come to the end of their streams" })
	w.Settled()
	if after := w.Effects(); after != before {
		t.Errorf("hearing everything again changed the record:\nbefore\n%s\nafter\n%s", before, after)
	}
}

func onePerMatch(t *testing.T, w *harness.World) {
	t.Helper()
	if n := pgtest.One[int](t, w.DB, `
		select count(*)
		  from match m
		 where m.state = 'open'
		   and 1 <> (select count(*)
		               from action a
		              where a.incident = m.incident
		                and a.person = m.person
		                and a.rule = 'acknowledge_match'
		                and a.state <> 'closed')`); n > 0 {
		t.Errorf("%d matches have not exactly one action of the administrator", n)
	}
}
