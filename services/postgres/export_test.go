package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
)

// EventsOf lets the tests of this package write events as a stage would.
func (db *DB) EventsOf(ctx context.Context, t *testing.T, commit bool, payloads ...events.Payload) {
	t.Helper()
	rollback := errors.New("rolled back")
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		var all []events.Event
		for _, p := range payloads {
			all = append(all, events.New(time.Now(), p))
		}
		if err := addEvents(ctx, tx, all...); err != nil {
			return err
		}
		if !commit {
			return rollback
		}
		return nil
	})
	if err != nil && !errors.Is(err, rollback) {
		t.Fatal(err)
	}
}

// SpansOf is period.cover, by the numbers of its days.
func SpansOf(from, to int) (lengths, starts, signs []int) { return period{from, to}.cover() }

// TimeStep is the end of the step of a time.
func TimeStep(seconds float64) float64 { return timeStep(seconds) }

// Passing says of an error of the database that the same may succeed later.
func Passing(err error) bool { return passing(codeOf(err)) }
