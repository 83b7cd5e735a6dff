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
		if err != nil || !strings.HasPrefix(e.Subject, "incidents.") {
			return err
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
