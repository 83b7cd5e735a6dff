package simulator_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/feed"
	"github.com/reportable-incidents/reportable/services/simulator"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestTheForcesAnswerWhatTheyAreAskedAndGoOnAfterAStart(t *testing.T) {
	s := scene.New(t)
	door := access.ForceDoor{Keys: s.DB}
	both := http.NewServeMux()
	both.Handle("/", feed.NewServer(feed.Config{Store: s.DB, Door: door}).Routes())
	both.Handle("/v1/caseload/", caseload.NewServer(caseload.Config{Store: s.DB, Door: door}).Routes())
	server := httptest.NewServer(both)
	defer server.Close()
	keys := map[string]string{}
	for _, force := range []string{"61", "62"} {
		key, hash := access.NewForceKey()
		if _, err := s.DB.AddForceKey(t.Context(), force, "test", hash, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		keys[force] = key
	}
	var purposes []casework.Purpose
	for _, p := range casework.Purposes {
		purposes = append(purposes, p.Purpose)
		m := s.Match(scene.Report{Person: s.Person(scene.Case{})})
		s.Ask("practitioner", m.Match, p.Purpose)
	}

	pgtest.Exec(t, s.DB, `update register set version = version + 1`) // the scene's people are on the lists now
	for force := range keys {
		if _, err := s.DB.SyncWatchList(t.Context(), force); err != nil {
			t.Fatal(err)
		}
	}

	// until runs the forces until everything asked was done so, and returns what
	// else they did.
	until := func(what string, after time.Duration) (did []string) {
		ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
		defer stop()
		var log bytes.Buffer
		left := map[string]bool{}
		clerks := simulator.Clerks{URL: server.URL, Keys: keys, After: after, Every: 50 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Did: func(done, enquiry string) {
				did = append(did, done)
				if done == what {
					left[enquiry] = true
				}
				if len(left) == len(purposes) {
					stop()
				}
			}}
		if err := clerks.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if len(left) != len(purposes) || log.Len() > 0 {
			t.Fatalf("%d of %d were %s; the log: %s", len(left), len(purposes), what, log.String())
		}
		return did
	}
	if did := until("taken", time.Hour); slices.Contains(did, "answered") {
		t.Error("a force answered at once what was to lie with it for an hour")
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from enquiry where taken_at is not null and answered_at is null`); n != len(purposes) {
		t.Fatalf("%d of %d are with the force", n, len(purposes))
	}
	if did := until("answered", time.Millisecond); slices.Contains(did, "taken") {
		t.Error("a force took again what it had")
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from enquiry where answered_at is not null`); n != len(purposes) {
		t.Errorf("%d of %d are answered", n, len(purposes))
	}
	wrong := pgtest.One[int](t, s.DB, `
		select count(*)
		  from enquiry e
		  left join reply r on r.enquiry = e.id
		 where r.kind is distinct from case when e.purpose = 'disclosure' then 'disclosure-outcome' else 'enquiry-reply' end`)
	if wrong != 0 {
		t.Errorf("%d have no reply, or one of another kind than was asked for", wrong)
	}
	lists, err := s.DB.WatchStates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		if _, asked := keys[l.Force]; asked && (l.Cursor == 0 || l.Confirmed != l.Cursor) {
			t.Errorf("force %s confirmed its watch list up to %d, want %d", l.Force, l.Confirmed, l.Cursor)
		}
	}
}
