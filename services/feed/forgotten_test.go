package feed_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestWhatWasAskedAndToldIsErasedWithItsIncident(t *testing.T) {
	s := scene.New(t)
	m := s.Match(scene.Report{Person: s.Person(scene.Case{})})
	s.Told(s.Ask("practitioner", m.Match, casework.PurposeRisk))
	// Somebody looked at the work again, and wrote of the person.
	s.Consulted = scene.Deputy
	s.Decide("practitioner", m.Practitioner)
	draw := casework.Sample{PDU: scene.Cardiff, Size: 1, From: s.Now.AddDate(0, 0, -1), To: s.Now.AddDate(0, 0, 1)}
	if _, err := s.DB.DrawSample(t.Context(), draw, s.Accounts["manager"], ""); err != nil {
		t.Fatal(err)
	}
	found := postgres.Finding{Item: pgtest.One[int64](t, s.DB, `select id from sample_item`), Answers: map[string]string{"aware": casework.FindingPass},
		Verdict: casework.FindingFail, Notes: "Rhys was not asked.", Done: true, By: s.Accounts["manager"]}
	if _, err := s.DB.Find(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, s.DB, `update action set state = 'done', done_at = now(), acked_at = now()`)
	if done, err := s.DB.Erase(t.Context(), time.Now(), casework.Retention{}, 10); err != nil || done.Retained != 0 {
		t.Fatalf("erased before its time: %+v, %v", done, err)
	}
	if done, err := s.DB.Erase(t.Context(), time.Now().AddDate(20, 0, 0), casework.Retention{}, 10); err != nil || done.Retained != 1 {
		t.Fatalf("got %+v, %v", done, err)
	}
	if n := pgtest.One[int](t, s.DB, `select count(*) from reply where body is null and erased_at is not null`); n != 1 {
		t.Errorf("%d replies are erased, want 1", n)
	}
	if q := pgtest.One[string](t, s.DB, `select question from enquiry`); q != "[erased]" {
		t.Error("the question is not erased")
	}
	// What was found stays, as codes; the words go, and none are taken afterwards.
	if got := pgtest.One[string](t, s.DB, `select verdict || ' ' || (answers ->> 'aware') || ' ' || notes || ' ' || judged_by from sample_item`); got != "fail pass [erased] persona:manager" {
		t.Error("the notes on sampled work are not erased, or what was found is")
	}
	if _, err := s.DB.Find(t.Context(), found); !errors.Is(err, casework.ErrChanged) {
		t.Errorf("notes on erased work: got %v, want them refused", err)
	}
	if _, err := s.DB.DrawSample(t.Context(), draw, s.Accounts["manager"], ""); !errors.Is(err, casework.ErrNotFound) {
		t.Errorf("a draw from erased work: got %v, want nothing to draw from", err)
	}
}
