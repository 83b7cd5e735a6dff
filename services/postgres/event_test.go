package postgres_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func ids(all []events.Event) []int64 {
	var got []int64
	for _, e := range all {
		got = append(got, e.ID)
	}
	return got
}

// publishAll relays once and gives what was claimed.
func publishAll(t *testing.T, db *postgres.DB, limit int) []int64 {
	t.Helper()
	var got []int64
	_, err := db.RelayEvents(t.Context(), limit, func(_ context.Context, all []events.Event) []int64 {
		got = ids(all)
		return got
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEachEventIsRelayedOnceInOrder(t *testing.T) {
	db := pgtest.New(t)
	db.EventsOf(t.Context(), t, true, events.MatchFound{MatchID: 1}, events.MatchFound{MatchID: 2}, events.MatchFound{MatchID: 3})
	if got, want := publishAll(t, db, 2), []int64{1, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := publishAll(t, db, 2), []int64{3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := publishAll(t, db, 2); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
}

func TestAnEventOfATransactionThatFailsIsNeverRelayed(t *testing.T) {
	db := pgtest.New(t)
	db.EventsOf(t.Context(), t, false, events.MatchFound{MatchID: 1})
	if got := publishAll(t, db, 10); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
}

func TestAnEventThatWasNotAcknowledgedIsRelayedAgain(t *testing.T) {
	db := pgtest.New(t)
	db.EventsOf(t.Context(), t, true, events.MatchFound{MatchID: 1}, events.MatchFound{MatchID: 2})
	claimed, err := db.RelayEvents(t.Context(), 10, func(context.Context, []events.Event) []int64 { return []int64{1} })
	if err != nil || claimed != 2 {
		t.Fatalf("got %d, %v, want 2 claimed", claimed, err)
	}
	if got, want := publishAll(t, db, 10), []int64{2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTwoRelaysDoNotShareAnEvent(t *testing.T) {
	db := pgtest.New(t)
	db.EventsOf(t.Context(), t, true, events.MatchFound{MatchID: 1}, events.MatchFound{MatchID: 2})
	_, err := db.RelayEvents(t.Context(), 1, func(_ context.Context, first []events.Event) []int64 {
		if got, want := publishAll(t, db, 10), []int64{2}; !slices.Equal(got, want) {
			t.Errorf("while another holds 1, got %v, want %v", got, want)
		}
		return ids(first)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsPublishedAndOldIsPrunedAndNothingElse(t *testing.T) {
	db := pgtest.New(t)
	// It was given the first number, and commits last.
	late, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer late.Rollback(context.WithoutCancel(t.Context()))
	if _, err := late.Exec(t.Context(), `insert into event (subject, payload) values ('matches.found', '{}')`); err != nil {
		t.Fatal(err)
	}
	var all []events.Payload
	for n := range 5 {
		all = append(all, events.MatchFound{MatchID: int64(n + 2)})
	}
	db.EventsOf(t.Context(), t, true, all...)
	pgtest.Exec(t, db, `update event set created_at = now() - interval '40 days', published_at = now() - interval '40 days' where id in (2, 4, 5)`)
	pgtest.Exec(t, db, `update event set created_at = now() - interval '40 days' where id = 3`)                                          // still to be published
	pgtest.Exec(t, db, `update event set created_at = now() - interval '40 days', published_at = now() - interval '1 day' where id = 6`) // NATS was away for long
	pgtest.Exec(t, db, `insert into quarantine (stage, event, subject, reason, attempts) values ('notifier', 4, 'matches.found', 'test', 3)`)
	before := time.Now().AddDate(0, 0, -35)
	if n, err := db.PruneEvents(t.Context(), before); err != nil || n != 2 {
		t.Errorf("got %d pruned, %v, want 2", n, err)
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := publishAll(t, db, 10), []int64{1, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v relayed afterwards, want %v", got, want)
	}
	pgtest.Exec(t, db, `update quarantine set resolved_at = now()`)
	if n, err := db.PruneEvents(t.Context(), before); err != nil || n != 1 {
		t.Errorf("after it was resolved: got %d pruned, %v, want 1", n, err)
	}
	if got, want := pgtest.All[int64](t, db, `select id from event order by id`), []int64{1, 3, 6}; !slices.Equal(got, want) {
		t.Errorf("got %v left, want %v", got, want)
	}
}

func TestWritingEventsWakesWhoeverListens(t *testing.T) {
	db := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	signal := db.Listen(ctx, "event")
	<-signal // it listens
	db.EventsOf(ctx, t, true, events.CaseloadChanged{RegisterVersion: 2})
	select {
	case <-signal:
	case <-time.After(20 * time.Second):
		t.Error("no signal came")
	}
}

func TestAQuarantinedIncidentWaitsOnceWithItsLastReason(t *testing.T) {
	db := pgtest.New(t)
	pgtest.Exec(t, db, "insert into receipt (id, force, channel) values (gen_random_uuid(), '62', 'http')")
	incident := pgtest.One[int64](t, db, "insert into incident (force, reference, head) values ('62', 'R1', 1) returning id")
	pgtest.Exec(t, db, `
		insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, receipt)
		select $1, 1, 'live', 'arrest', now(), now(), '', '', id
		  from receipt`, incident)
	for attempt, reason := range []string{"first", "second"} {
		e := events.New(time.Now(), events.IncidentReceived{IncidentID: incident, Force: "62", Revision: 1})
		e.ID = int64(attempt + 1)
		if err := db.QuarantineEvent(t.Context(), "matcher", e, reason, attempt+1); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := pgtest.All[string](t, db, "select stage || ' ' || event || ' ' || reason || ' ' || attempts from quarantine"), []string{"matcher 2 second 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := pgtest.One[string](t, db, "select disposition from revision"); got != "quarantined" {
		t.Errorf("got disposition %s, want quarantined", got)
	}
}

func TestAnEventOfNobodyKnowsWhatIsKeptInQuarantineToo(t *testing.T) {
	db := pgtest.New(t)
	for _, e := range []events.Event{
		{Subject: "incidents.received.62", Data: []byte("not JSON")},
		events.New(time.Now(), events.IncidentReceived{IncidentID: 999, Force: "62", Revision: 1}),
	} {
		if err := db.QuarantineEvent(t.Context(), "matcher", e, "unknown", 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := pgtest.One[int](t, db, "select count(*) from quarantine where incident is null"); got != 2 {
		t.Errorf("got %d rows, want 2", got)
	}
}
