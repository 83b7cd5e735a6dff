package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

const insertEvents = `
		insert into event (subject, payload)
		select subject, payload
		  from unnest(@subjects::text[], @payloads::jsonb[]) with ordinality as e (subject, payload, n)
		 order by n`

// addEvents writes events in the transaction that causes them. Whoever listens
// is told when it commits.
func addEvents(ctx context.Context, tx executor, all ...events.Event) error {
	if len(all) == 0 {
		return nil
	}
	subjects, payloads := make([]string, len(all)), make([]string, len(all))
	for i, e := range all {
		subjects[i], payloads[i] = e.Subject, string(e.Data)
	}
	_, err := tx.Exec(ctx, insertEvents, pgx.NamedArgs{"subjects": subjects, "payloads": payloads})
	if err != nil {
		return fmt.Errorf("write %d events: %w", len(all), err)
	}
	return nil
}

// matchUpdated tells that the work of a match has something new to follow.
func matchUpdated(ctx context.Context, tx pgx.Tx, match casework.MatchID) error {
	is := events.Match{MatchID: int64(match)}
	err := tx.QueryRow(ctx, `
		select incident, revision, person
		  from match
		 where id = @match`,
		pgx.NamedArgs{"match": match}).Scan(&is.IncidentID, &is.Revision, &is.PersonID)
	if err != nil {
		return fmt.Errorf("read match %d: %w", match, err)
	}
	return addEvents(ctx, tx, events.New(time.Now(), events.MatchUpdated(is)))
}

// workMoved tells of the matches whose work is another's by now, after a change of
// the register, so that it need not wait for the sweep.
func workMoved(ctx context.Context, tx pgx.Tx, at time.Time) error {
	rows, _ := tx.Query(ctx, `
		select id, incident, revision, person
		  from match
		 where id in (`+movedWork()+`)
		 order by id`,
		pgx.NamedArgs{"now": at})
	moved, err := pgx.CollectRows(rows, pgx.RowToStructByPos[events.Match])
	if err != nil {
		return fmt.Errorf("look for work that has moved: %w", err)
	}
	tell := make([]events.Event, len(moved))
	for i, is := range moved {
		tell[i] = events.New(at, events.MatchUpdated(is))
	}
	return addEvents(ctx, tx, tell...)
}

// RelayEvents claims up to limit unpublished events, oldest first and passing
// over those that another relay holds, gives them to publish, and marks those
// whose ids it returns as published; all in one transaction. It returns how
// many were claimed.
func (db *DB) RelayEvents(ctx context.Context, limit int, publish func(context.Context, []events.Event) []int64) (int, error) {
	var claimed int
	// Not inTx: what was published must not be published again by our own retry.
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			select id,
			       subject,
			       payload
			  from event
			 where published_at is null
			 order by id
			 limit @limit
			   for update skip locked`,
			pgx.NamedArgs{"limit": limit})
		all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[events.Event])
		if err != nil || len(all) == 0 {
			return err
		}
		claimed = len(all)
		published := publish(ctx, all)
		if len(published) == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, `
			update event
			   set published_at = now()
			 where id = any(@published)`,
			pgx.NamedArgs{"published": published})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("publish events: %w", problem(err))
	}
	return claimed, nil
}

// QuarantineEvent keeps an event that a stage could not handle, with the
// reason. A revision that was waiting for the matcher waits there no longer:
// the reconciliation counts it as quarantined.
func (db *DB) QuarantineEvent(ctx context.Context, stage string, e events.Event, reason string, attempts int) error {
	var of struct {
		AdditionalInformation events.Incident `json:"additionalInformation"`
	}
	// An event that cannot be read names no incident, and is kept all the same.
	_ = json.Unmarshal(e.Data, &of)
	about := of.AdditionalInformation
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into quarantine (stage, event, subject, incident, reason, attempts)
			values (@stage,
			        nullif(@event, 0::bigint),
			        @subject,
			        (select id from incident where id = @incident),
			        @reason,
			        @attempts)
			    on conflict (stage, incident) where resolved_at is null and incident is not null
			    do update
			   set event = excluded.event,
			       subject = excluded.subject,
			       reason = excluded.reason,
			       attempts = excluded.attempts,
			       at = excluded.at`,
			pgx.NamedArgs{"stage": stage, "event": e.ID, "subject": e.Subject,
				"incident": about.IncidentID, "reason": reason, "attempts": attempts})
		if err != nil || stage == "relay" || !strings.HasPrefix(e.Subject, "incidents.") {
			return err // what could not be told of may still be found by a sweep
		}
		_, err = tx.Exec(ctx, `
			update revision
			   set disposition = 'quarantined',
			       settled_at = now()
			 where incident = @incident
			   and number = @revision
			   and disposition = 'in_flight'`,
			pgx.NamedArgs{"incident": about.IncidentID, "revision": about.Revision})
		return err
	})
	if err != nil {
		return fmt.Errorf("quarantine event %d: %w", e.ID, err)
	}
	return nil
}

// pruned is how many events one transaction looks at.
const pruned = 5000

// PruneEvents deletes events that were published before a time, but for those
// that wait in quarantine to be told again, and returns how many there were. It
// goes by when each was published and not by its number: numbers are given when
// an event is written, and a transaction that began early may commit late, so
// that an event with a low number is still to be published after a higher one
// was. One process does it at a time.
func (db *DB) PruneEvents(ctx context.Context, before time.Time) (int, error) {
	total, cursor := 0, int64(0)
	for {
		var looked, gone int
		var last int64
		var young bool
		err := db.inTx(ctx, func(tx pgx.Tx) error {
			looked, gone = 0, 0
			var alone bool
			if err := tx.QueryRow(ctx, `select pg_try_advisory_xact_lock(hashtextextended('prune events', 0))`).Scan(&alone); err != nil || !alone {
				return err
			}
			return tx.QueryRow(ctx, `
				with old as (
				  select id, created_at, published_at
				    from event
				   where id > @cursor
				   order by id
				   limit @limit
				),
				gone as (
				  delete
				    from event e
				   using old
				   where e.id = old.id
				     and old.published_at < @before
				     and not exists (
				           select 1
				             from quarantine q
				            where q.event = e.id
				              and q.resolved_at is null)
				  returning e.id
				)
				select count(*)::int,
				       coalesce(max(id), 0),
				       (select count(*)::int from gone),
				       coalesce(min(created_at) >= @before, true)
				  from old`,
				pgx.NamedArgs{"cursor": cursor, "before": before, "limit": pruned}).Scan(&looked, &last, &gone, &young)
		})
		if err != nil {
			return total, fmt.Errorf("prune events: %w", err)
		}
		total += gone
		if looked < pruned || young { // nothing from here on is old
			return total, nil
		}
		cursor = last
	}
}
