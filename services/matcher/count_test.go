package matcher

import (
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestOneCountsWhereEverythingIsAtATime(t *testing.T) {
	db := pgtest.New(t)
	tx, err := db.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if _, err := tx.Exec(t.Context(), `select pg_advisory_xact_lock($1)`, int64(0x636f756e74)); err != nil {
		t.Fatal(err)
	}
	if _, done, err := db.ReconcileAlone(t.Context(), time.Now()); done || err != nil {
		t.Errorf("while another counts: done is %v, error %v", done, err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, done, err := db.ReconcileAlone(t.Context(), time.Now()); !done || err != nil {
		t.Errorf("when nobody else does: done is %v, error %v", done, err)
	}
}

func TestALongCountIsFollowedByALongPause(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0:                time.Minute,
		time.Second:      time.Minute,
		30 * time.Second: 10 * time.Minute,
	} {
		if got := pauseAfter(took); got != want {
			t.Errorf("after %s: got a pause of %s, want %s", took, got, want)
		}
	}
}
