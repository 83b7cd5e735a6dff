package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// queueEraseEnquiries takes out what was asked and told about incidents that are
// being erased, with them.
func queueEraseEnquiries(batch *pgx.Batch, args pgx.NamedArgs) {
	batch.Queue(`
		update enquiry
		   set question = case when question = '' then '' else @erased end,
		       justification = case when justification = '' then '' else @erased end,
		       erased_at = @now
		 where incident = any(@incidents)
		   and erased_at is null`, args)
	batch.Queue(`
		update reply_conflict c
		   set body = null
		  from reply r
		 where r.id = c.reply
		   and r.incident = any(@incidents)
		   and c.body is not null`, args)
	batch.Queue(`
		update reply
		   set body = null,
		       erased_at = @now
		 where incident = any(@incidents)
		   and erased_at is null`, args)
}

// eraseReplies takes out what police told that no incident takes with it: what
// came after the incident was erased, once it is read or was superseded, and
// what found no incident in all the time that a judged one is kept.
func eraseReplies(ctx context.Context, tx pgx.Tx, now time.Time, keep casework.Retention) error {
	args := pgx.NamedArgs{"now": now, "unrouted": now.Add(-keep.Judged)}
	_, err := tx.Exec(ctx, `
		update reply r
		   set body = null,
		       erased_at = @now
		 where r.erased_at is null
		   and (   r.incident is null and r.received_at < @unrouted
		        or (r.read_at is not null or not r.newest or r.status = 'withdrawn')
		           and exists (
		                 select 1
		                   from incident i
		                   join revision h on h.incident = i.id and h.number = i.head
		                  where i.id = r.incident
		                    and h.erased_at is not null))`, args)
	if err != nil {
		return fmt.Errorf("erase what police told: %w", err)
	}
	_, err = tx.Exec(ctx, `
		update reply_conflict c
		   set body = null
		  from reply r
		 where r.id = c.reply
		   and r.erased_at is not null
		   and c.body is not null`)
	if err != nil {
		return fmt.Errorf("erase conflicts of what police told: %w", err)
	}
	return nil
}
