package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

const receiptColumns = `
		       id::text, force, channel, coalesce(idempotency_key, ''), request_digest, received_at,
		       coalesce(completed_at, '0001-01-01 00:00:00Z'), accepted, duplicate, rejected, redacted, dropped, problem`

// Receipt gives a force's receipt by its id. Another force's is not found.
func (db *DB) Receipt(ctx context.Context, force, id string) (casework.Receipt, error) {
	return db.receipt(ctx, `
		select `+receiptColumns+`
		  from receipt
		 where id = @id
		   and force = @force`, pgx.NamedArgs{"id": id, "force": force})
}

// ReceiptByKey gives the receipt of what a force sent under an idempotency key.
func (db *DB) ReceiptByKey(ctx context.Context, force, key string) (casework.Receipt, error) {
	return db.receipt(ctx, `
		select `+receiptColumns+`
		  from receipt
		 where force = @force
		   and idempotency_key = @key`, pgx.NamedArgs{"key": key, "force": force})
}

func (db *DB) receipt(ctx context.Context, query string, args pgx.NamedArgs) (casework.Receipt, error) {
	var r casework.Receipt
	var dropped, ended []byte
	err := db.pool.QueryRow(ctx, query, args).Scan(&r.ID, &r.Force, &r.Channel, &r.IdempotencyKey, &r.RequestDigest,
		&r.ReceivedAt, &r.CompletedAt, &r.Accepted, &r.Duplicate, &r.Rejected, &r.Redacted, &dropped, &ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, casework.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(dropped, &r.Dropped)
	}
	if err == nil && ended != nil {
		err = json.Unmarshal(ended, &r.Problem)
	}
	if err != nil {
		return r, fmt.Errorf("read a receipt: %w", problem(err))
	}
	if r.CompletedAt.Year() == 1 {
		r.CompletedAt = time.Time{}
	}
	return r, nil
}

// ReceiptLines gives the answers of a receipt after a line, in order, at most
// limit. With a status it gives those alone.
func (db *DB) ReceiptLines(ctx context.Context, id string, status casework.LineStatus, after, limit int) ([]casework.ReceiptLine, error) {
	rows, _ := db.pool.Query(ctx, `
		select line, record, reference, revision, status, coalesce(incident, 0), coalesce(reply, 0), problems
		  from receipt_line
		 where receipt = @id
		   and line > @after
		   and (@status = '' or status = @status)
		 order by line
		 limit @limit`,
		pgx.NamedArgs{"id": id, "after": after, "status": string(status), "limit": limit})
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (casework.ReceiptLine, error) {
		var l casework.ReceiptLine
		err := row.Scan(&l.Line, &l.Record, &l.Reference, &l.Revision, &l.Status, &l.Incident, &l.Reply, &l.Problems)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the lines of a receipt: %w", problem(err))
	}
	return lines, nil
}

// RecountReceipt makes a receipt's counts agree with its lines, for a
// submission that was sent again after it had broken off.
func (db *DB) RecountReceipt(ctx context.Context, id string) error {
	_, err := db.pool.Exec(ctx, `
		update receipt r
		   set accepted = l.accepted,
		       duplicate = l.duplicate,
		       rejected = l.rejected
		  from (select count(*) filter (where status = 'accepted') as accepted,
		               count(*) filter (where status = 'duplicate') as duplicate,
		               count(*) filter (where status = 'rejected') as rejected
		          from receipt_line
		         where receipt = @id) l
		 where r.id = @id`, pgx.NamedArgs{"id": id})
	if err != nil {
		return fmt.Errorf("recount a receipt: %w", problem(err))
	}
	return nil
}

// FiledRevision is what a force may know of one of its revisions: never
// whether anyone was matched.
type FiledRevision struct {
	Incident   casework.IncidentID
	Number     int
	Status     casework.Status
	Newest     bool
	ReceivedAt time.Time
	// Conflicts counts other bodies that were sent under the same number and
	// are not resolved.
	Conflicts int
}

// FiledRevisions gives the revisions of a force's incident, newest first.
func (db *DB) FiledRevisions(ctx context.Context, force, reference string) ([]FiledRevision, error) {
	rows, _ := db.pool.Query(ctx, `
		select i.id,
		       r.number,
		       r.status,
		       r.number = i.head,
		       r.received_at,
		       (select count(*)::integer
		          from conflict c
		         where c.incident = i.id
		           and c.number = r.number
		           and c.resolved_at is null)
		  from incident i
		  join revision r on r.incident = i.id
		 where i.force = @force
		   and i.reference = @reference
		 order by r.number desc
		 limit 1000`,
		pgx.NamedArgs{"force": force, "reference": reference})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[FiledRevision])
	if err != nil {
		return nil, fmt.Errorf("read an incident of force %s: %w", force, problem(err))
	}
	if len(all) == 0 {
		return nil, casework.ErrNotFound
	}
	return all, nil
}

// Heard is when a force was last heard of, and what it usually is.
type Heard struct {
	Force string
	// Last is when a record of the force last came that was not rejected.
	Last time.Time
	// Rhythm is the longest of nineteen in twenty pauses between its
	// submissions of the last four weeks. Zero where there are too few to say.
	Rhythm time.Duration
	// Conflicts wait to be resolved.
	Conflicts int
}

// Heard tells of every force that has ever had a record accepted.
func (db *DB) Heard(ctx context.Context) ([]Heard, error) {
	rows, _ := db.pool.Query(ctx, `
		with submission as (
		  select force,
		         received_at,
		         received_at - lag(received_at) over (partition by force order by received_at) as pause
		    from receipt
		   where received_at > now() - interval '28 days'
		     and accepted + duplicate > 0
		)
		select r.force,
		       max(r.received_at),
		       coalesce((select case when count(pause) >= 20
		                             then extract(epoch from percentile_disc(0.95) within group (order by pause)) end
		                   from submission s
		                  where s.force = r.force), 0)::float8,
		       (select count(*)::integer
		          from conflict c
		          join incident i on i.id = c.incident
		         where i.force = r.force
		           and c.resolved_at is null)
		  from receipt r
		 where r.accepted + r.duplicate > 0
		 group by r.force
		 order by r.force`)
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Heard, error) {
		var h Heard
		var rhythm float64
		err := row.Scan(&h.Force, &h.Last, &rhythm, &h.Conflicts)
		h.Rhythm = time.Duration(rhythm * float64(time.Second))
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("ask when forces were heard: %w", problem(err))
	}
	return all, nil
}
