package feed_test

import (
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

func TestWhatWasAskedAndToldIsErasedWithItsIncident(t *testing.T) {
	s := scene.New(t)
	m := s.Match(scene.Report{Person: s.Person(scene.Case{})})
	s.Told(s.Ask("practitioner", m.Match, casework.PurposeRisk))
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
}
