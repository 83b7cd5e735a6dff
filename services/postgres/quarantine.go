package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// queueSetAside writes, among other things, that an incident waits for a hand.
func queueSetAside(batch *pgx.Batch, stage string, incident casework.IncidentID, reason string, attempts int, at time.Time) {
	batch.Queue(`
		insert into quarantine (stage, subject, incident, reason, attempts, at)
		values (@stage, 'sweep', @incident, @reason, @attempts, @at)
		    on conflict (stage, incident) where resolved_at is null and incident is not null
		    do update
		   set reason = excluded.reason,
		       attempts = quarantine.attempts + excluded.attempts`,
		pgx.NamedArgs{"stage": stage, "incident": incident, "reason": reason, "attempts": attempts, "at": at})
}

// SetAside quarantines an incident that a stage found by itself and could not
// handle. A newest revision that was waiting for the matcher waits there no
// longer.
func (db *DB) SetAside(ctx context.Context, stage string, incident casework.IncidentID, reason string, attempts int, at time.Time) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var batch pgx.Batch
		queueSetAside(&batch, stage, incident, reason, attempts, at)
		if stage == "matcher" {
			batch.Queue(`
				update revision r
				   set disposition = 'quarantined',
				       settled_at = @at
				  from incident i
				 where i.id = @incident
				   and r.incident = i.id
				   and r.number = i.head
				   and r.erased_at is null`,
				pgx.NamedArgs{"incident": incident, "at": at})
		}
		return tx.SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return fmt.Errorf("set incident %d aside: %w", incident, err)
	}
	return nil
}

// Waiting is one thing in quarantine.
type Waiting struct {
	ID       int64
	Stage    string
	Subject  string
	Incident casework.IncidentID // 0 where the event named none
	// Key is force/reference/revision of the incident's newest revision.
	Key      string
	Reason   string
	Attempts int
	At       time.Time
}

// Quarantine lists what waits for a hand, oldest first.
func (db *DB) Quarantine(ctx context.Context, limit int) ([]Waiting, error) {
	rows, _ := db.pool.Query(ctx, `
		select q.id,
		       q.stage,
		       q.subject,
		       coalesce(q.incident, 0),
		       coalesce(i.force || '/' || i.reference || '/' || i.head, ''),
		       q.reason,
		       q.attempts,
		       q.at
		  from quarantine q
		  left join incident i on i.id = q.incident
		 where q.resolved_at is null
		 order by q.at, q.id
		 limit @limit`,
		pgx.NamedArgs{"limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Waiting])
	if err != nil {
		return nil, fmt.Errorf("list the quarantine: %w", problem(err))
	}
	return all, nil
}

// Retry gives something in quarantine back to its stage: what the matcher set
// aside is in flight again, and the next sweep takes it up.
func (db *DB) Retry(ctx context.Context, id int64, by string) error {
	return db.resolve(ctx, id, by, "retried")
}

// Discard closes something in quarantine for good, with the reason. The
// revision stays on the record as quarantined.
func (db *DB) Discard(ctx context.Context, id int64, by, reason string) error {
	return db.resolve(ctx, id, by, "discarded: "+reason)
}

func (db *DB) resolve(ctx context.Context, id int64, by, resolution string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var stage string
		var incident *casework.IncidentID
		var event *int64
		err := tx.QueryRow(ctx, `
			update quarantine
			   set resolved_at = now(),
			       resolution = @resolution
			 where id = @id
			   and resolved_at is null
			returning stage, incident, event`,
			pgx.NamedArgs{"id": id, "resolution": resolution}).Scan(&stage, &incident, &event)
		if err != nil {
			return notThere(err)
		}
		if resolution == "retried" {
			if err := giveBack(ctx, tx, stage, incident, event); err != nil {
				return err
			}
		}
		return audit(ctx, tx, Audit{Actor: by, What: "QUARANTINE_RESOLVED", Service: stage,
			SubjectType: "quarantine", SubjectID: fmt.Sprint(id), Details: map[string]any{"retried": resolution == "retried"}})
	})
	if err != nil {
		return fmt.Errorf("resolve %d in quarantine: %w", id, err)
	}
	return nil
}

// giveBack makes a stage's work visible to it again.
func giveBack(ctx context.Context, tx pgx.Tx, stage string, incident *casework.IncidentID, event *int64) error {
	if stage == "matcher" && incident != nil {
		_, err := tx.Exec(ctx, `
			update revision r
			   set disposition = 'in_flight',
			       settled_at = null
			  from incident i
			 where i.id = @incident
			   and r.incident = i.id
			   and r.disposition = 'quarantined'`,
			pgx.NamedArgs{"incident": *incident})
		return err
	}
	if event == nil {
		return nil
	}
	// A copy under a new number, for the old one may be inside the stream's
	// duplicate window.
	_, err := tx.Exec(ctx, `
		insert into event (subject, payload)
		select subject,
		       payload
		  from event
		 where id = @event`,
		pgx.NamedArgs{"event": *event})
	return err
}
