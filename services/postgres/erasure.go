package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Erase takes the personal data of up to limit incidents out of the record,
// whose time is over by the retention: bodies, what was copied out of them, the
// values in the evidence, what people wrote about them, and what identity
// digests could be guessed from. What stays is the key, the keyed digest, times and outcome.
//
// What matched nobody is erased only if it is settled so with the register as
// it stands: the version is held while we look. So no incident is erased that
// the latest extract has not been asked about.
func (db *DB) Erase(ctx context.Context, now time.Time, keep casework.Retention, limit int) (casework.Erased, error) {
	var done casework.Erased
	keep = keep.WithDefaults()
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		done = casework.Erased{}
		if err := eraseStragglers(ctx, tx, now, limit); err != nil {
			return err
		}
		if err := eraseReplies(ctx, tx, now, keep); err != nil {
			return err
		}
		ids, err := forgettable(ctx, tx, now, keep, limit, &done)
		if err != nil || len(ids) == 0 {
			return err
		}
		var batch pgx.Batch
		args := pgx.NamedArgs{"incidents": ids, "now": now, "erased": "[erased]", "code": anotherCandidate}
		batch.Queue(`
			update revision
			   set body = null,
			       erased_at = @now,
			       type = '',
			       dash = '',
			       domestic_abuse = false,
			       children_present = false
			 where incident = any(@incidents)
			   and erased_at is null`, args)
		batch.Queue(`
			update conflict
			   set body = null
			 where incident = any(@incidents)
			   and body is not null`, args)
		batch.Queue(`
			update match m
			   set evidence = '{}',
			       state_reason = case
			         when m.state_reason not in ('', @code) and exists (
			                select 1
			                  from judgement j
			                 where j.match = m.id
			                   and j.reason = m.state_reason) then @erased
			         else m.state_reason -- one of ours
			       end,
			       identity_digest = '', -- no key: names could be tried against it
			       erased_at = @now
			 where incident = any(@incidents)
			   and erased_at is null`, args)
		batch.Queue(`
			update transfer
			   set digest = ''
			 where match in (select id from match where incident = any(@incidents))`, args)
		batch.Queue(`
			update judgement
			   set identity_digest = '',
			       reason = case when reason in ('', @code) then reason else @erased end
			 where match in (select id from match where incident = any(@incidents))`, args)
		// What people wrote about the incident names whom it likes. That they wrote
		// something stays, with who, when and the outcome.
		batch.Queue(`
			update decision
			   set rationale = @erased,
			       risk_reason = case when risk_reason = '' then '' else @erased end,
			       countersign_note = case when countersign_note = '' then '' else @erased end
			 where action in (select id from action where incident = any(@incidents))`, args)
		batch.Queue(`
			update checklist
			   set note = case when note = '' then '' else @erased end,
			       concern = case when concern = '' then '' else @erased end,
			       risk = case when risk = '' then '' else @erased end,
			       wanted = case when wanted = '' then '' else @erased end
			 where action in (select id from action where incident = any(@incidents))`, args)
		batch.Queue(`
			update sample_item
			   set notes = case when notes = '' then '' else @erased end
			 where action in (select id from action where incident = any(@incidents))`, args)
		// What somebody typed and never sent, for a decision that is asked no more.
		batch.Queue(`
			delete from draft
			 where action in (select id from action where incident = any(@incidents))`, args)
		queueEraseEnquiries(&batch, args)
		if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: "erasure", What: "INCIDENTS_ERASED", Service: "matcher",
			SubjectType: "incident", Details: map[string]any{"unmatched": done.Unmatched, "withdrawn": done.Withdrawn,
				"discarded": done.Discarded, "retained": done.Retained, "incidents": ids}})
	})
	if err != nil {
		return casework.Erased{}, fmt.Errorf("erase incidents: %w", err)
	}
	return done, nil
}

// eraseStragglers takes out what came when the incident was erased already: an
// older revision that was late, or other contents of the newest. Neither is
// matched any more, so there is nothing to hold it for.
func eraseStragglers(ctx context.Context, tx pgx.Tx, now time.Time, limit int) error {
	args := pgx.NamedArgs{"now": now, "limit": limit}
	_, err := tx.Exec(ctx, `
		with late as (
		  select r.incident, r.number
		    from revision r
		    join incident i on i.id = r.incident
		    join revision h on h.incident = i.id and h.number = i.head
		   where r.disposition = 'superseded'
		     and r.erased_at is null
		     and h.erased_at is not null
		   limit @limit
		     for update of i skip locked
		)
		update revision r
		   set body = null,
		       erased_at = @now,
		       type = '',
		       dash = '',
		       domestic_abuse = false,
		       children_present = false
		  from late l
		 where r.incident = l.incident
		   and r.number = l.number`, args)
	if err != nil {
		return fmt.Errorf("erase what came late: %w", err)
	}
	_, err = tx.Exec(ctx, `
		update conflict c
		   set body = null
		  from incident i
		  join revision h on h.incident = i.id and h.number = i.head
		 where i.id = c.incident
		   and h.erased_at is not null
		   and c.body is not null`, args)
	if err != nil {
		return fmt.Errorf("erase the conflicts that came late: %w", err)
	}
	return nil
}

// forgettable locks incidents whose time is over, and counts them by why.
func forgettable(ctx context.Context, tx pgx.Tx, now time.Time, keep casework.Retention, limit int, count *casework.Erased) ([]casework.IncidentID, error) {
	var version int64
	var extract *time.Time
	err := tx.QueryRow(ctx, `
		select version, extract_date
		  from register
		   for share`).Scan(&version, &extract)
	if err != nil {
		return nil, err
	}
	calendar := casework.EnglandAndWales()
	held := calendar.HeldUntil(calendar.Day(now), keep.Hold)
	asked := time.Time{}
	if extract != nil {
		day := casework.DateOf(*extract)
		if today := calendar.Day(now); today.Before(day) {
			day = today // a date that was mistyped must not end the wait
		}
		asked = calendar.HeldUntil(day, keep.Extract)
	}
	rows, _ := tx.Query(ctx, `
		select i.id,
		       case
		         when r.received_at >= @window then 'retained'
		         when r.disposition = 'quarantined' then 'discarded'
		         when j.judged is not null then 'retained'
		         when r.disposition in ('unmatched', 'withdrawn') then r.disposition
		         else 'retained'
		       end as why
		  from revision r
		  join incident i on i.id = r.incident and i.head = r.number
		 cross join lateral (
		         select max(m.updated_at) as touched,
		                max(m.judged_at) as judged,
		                coalesce(bool_or(m.state in ('open', 'unsure', 'confirmed', 'retracted')), false) as kept,
		                exists (
		                  select 1
		                    from action a
		                   where a.incident = i.id
		                     and a.state in ('open', 'acknowledged')) as busy
		           from match m
		          where m.incident = i.id) j
		 where r.erased_at is null
		   and (   -- the hold window: nobody has judged any of it
		           (r.received_at < @window
		            and j.judged is null
		            and not j.busy
		            and (   (r.disposition = 'unmatched' and r.register_version = @version)
		                 or r.disposition = 'withdrawn'))
		        or (r.disposition = 'quarantined'
		            and r.received_at < @window
		            and j.touched is null
		            and exists (select 1 from quarantine q where q.incident = i.id)
		            and not exists (select 1 from quarantine q where q.incident = i.id and q.resolved_at is null))
		           -- retention: from the last of everything
		        or (r.disposition in ('matched', 'unmatched', 'withdrawn')
		            and not j.busy
		            and greatest(r.received_at, j.touched, j.judged)
		                < case when j.kept or j.judged is null then @matched::timestamptz else @judged::timestamptz end))
		 order by r.received_at
		 limit @limit
		   for update of i skip locked`,
		pgx.NamedArgs{"window": later(held, asked), "version": version, "limit": limit,
			"matched": now.Add(-keep.Matched), "judged": now.Add(-keep.Judged)})
	var ids []casework.IncidentID
	var id casework.IncidentID
	var why string
	_, err = pgx.ForEachRow(rows, []any{&id, &why}, func() error {
		ids = append(ids, id)
		switch why {
		case "unmatched":
			count.Unmatched++
		case "withdrawn":
			count.Withdrawn++
		case "discarded":
			count.Discarded++
		default:
			count.Retained++
		}
		return nil
	})
	return ids, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
