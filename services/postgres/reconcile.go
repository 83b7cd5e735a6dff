package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// overdue is how long a revision may be in flight, and a match without its
// action, before reconciliation calls it wrong.
const overdue = 5 * time.Minute

// Each check finds revisions with which something is wrong. They trust no
// disposition: a stage that settles without its effect is what they are for.
var checks = []struct{ what, query string }{
	{"was answered as accepted and is not in the ledger", `
		select l.incident, l.revision
		  from receipt_line l
		 where l.status = 'accepted'
		   and not exists (
		         select 1
		           from revision r
		          where r.incident = l.incident
		            and r.number = l.revision)
		   and not exists (
		         select 1
		           from reply r
		          where r.id = l.reply
		            and r.revision = l.revision)`},
	{"is asked about in an enquiry that nobody chases", `
		select e.incident, m.revision
		  from enquiry e
		  join match m on m.id = e.match and m.state in ('open', 'unsure', 'confirmed')
		 where e.answered_at is null
		   and e.ended_at is null
		   and e.asked_at < @before
		   and not exists (
		         select 1
		           from action a
		          where a.incident = e.incident
		            and a.person = e.person
		            and a.rule = 'chase_enquiry'
		            and a.state in ('open', 'acknowledged'))`},
	{"has a reply of police that nobody was given to read", `
		select r.incident, m.revision
		  from reply r
		  join match m on m.id = r.match and m.state in ('open', 'unsure', 'confirmed')
		 where r.newest
		   and r.status = 'live'
		   and r.read_at is null
		   and r.erased_at is null
		   and r.received_at < @before
		   and not exists (
		         select 1
		           from action a
		          where a.incident = m.incident
		            and a.person = m.person
		            and a.rule = 'read_reply'
		            and a.state in ('open', 'acknowledged'))`},
	{"is in the ledger by no receipt", `
		select r.incident, r.number
		  from revision r
		 where not exists (
		         select 1
		           from receipt p
		          where p.id = r.receipt)`},
	{"is a receipt's line without its receipt, or about an incident that is not there", `
		select coalesce(l.incident, 0), coalesce(l.revision, 0)
		  from receipt_line l
		  left join receipt p on p.id = l.receipt
		  left join incident i on i.id = l.incident
		 where p.id is null
		    or l.incident is not null and i.id is null`},
	{"is a CRN whose person is not there", `
		select 0, 0
		  from crn c
		  left join person p on p.id = c.person
		 where p.id is null`},
	{"has been in flight for over five minutes", `
		select r.incident, r.number
		  from revision r
		 where r.disposition = 'in_flight'
		   and r.received_at < @before`},
	{"is the newest, and is set down as superseded", `
		select r.incident, r.number
		  from revision r
		  join incident i on i.id = r.incident and i.head = r.number
		 where r.disposition = 'superseded'`},
	{"is not the newest, and is set down as settled", `
		select r.incident, r.number
		  from revision r
		  join incident i on i.id = r.incident and i.head <> r.number
		 where r.disposition in ('matched', 'unmatched', 'withdrawn')
		   and exists ( -- the newest is settled too, so this one was passed over
		         select 1
		           from revision h
		          where h.incident = i.id
		            and h.number = i.head
		            and h.disposition not in ('in_flight', 'quarantined'))`},
	{"is an incident without its newest revision", `
		select i.id, i.head
		  from incident i
		 where not exists (
		         select 1
		           from revision r
		          where r.incident = i.id
		            and r.number = i.head)`},
	{"is set down as matched and has no match", `
		select r.incident, r.number
		  from revision r
		 where r.disposition = 'matched'
		   and not exists (
		         select 1
		           from match m
		          where m.incident = r.incident
		            and m.state not in ('superseded', 'withdrawn'))`},
	{"has a live match and is set down as withdrawn or unmatched", `
		select r.incident, r.number
		  from revision r
		  join incident i on i.id = r.incident and i.head = r.number
		 where r.disposition in ('withdrawn', 'unmatched')
		   and exists (
		         select 1
		           from match m
		          where m.incident = r.incident
		            and m.state in ('open', 'unsure', 'confirmed'))`},
	{"has a live match for which nobody was given anything to do", `
		select m.incident, m.revision
		  from match m
		 where m.state in ('open', 'unsure', 'confirmed')
		   and m.updated_at < @before
		   and not exists (
		         select 1
		           from action a
		          where a.incident = m.incident
		            and a.person = m.person
		            and a.state <> 'closed')`},
	{"has two live matches for one person in one role", `
		select m.incident, m.revision
		  from person p
		  join match m on m.person = p.id and m.state in ('open', 'unsure', 'confirmed')
		  join revision r on r.incident = m.incident and r.number = m.revision and r.erased_at is null
		 where p.merged_into is not null
		   and exists (
		         select 1
		           from match o
		          where o.incident = m.incident
		            and o.involvement = m.involvement
		            and o.id <> m.id
		            and o.state in ('open', 'unsure', 'confirmed')
		            and o.updated_at < @before
		            and current_person(o.person) = current_person(m.person))`},
	{"is quarantined, and the quarantine knows nothing of it", `
		select r.incident, r.number
		  from revision r
		 where r.disposition = 'quarantined'
		   and not exists (
		         select 1
		           from quarantine q
		          where q.incident = r.incident)`},
}

// Reconcile says where every accepted revision is at a time, all in one
// snapshot.
func (db *DB) Reconcile(ctx context.Context, now time.Time) (casework.Reconciliation, error) {
	r, _, err := db.reconcile(ctx, now, false)
	return r, err
}

// counting is the advisory lock of those who count where everything is again
// and again: it reads the whole ledger, so one does it at a time.
const counting = 0x636f756e74 // "count"

// ReconcileAlone is Reconcile if nobody else is at it this way, and says whether
// it was done.
func (db *DB) ReconcileAlone(ctx context.Context, now time.Time) (casework.Reconciliation, bool, error) {
	return db.reconcile(ctx, now, true)
}

func (db *DB) reconcile(ctx context.Context, now time.Time, alone bool) (r casework.Reconciliation, done bool, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		if alone {
			var mine bool
			if err := tx.QueryRow(ctx, "select pg_try_advisory_xact_lock($1)", int64(counting)).Scan(&mine); err != nil || !mine {
				return err
			}
		}
		err := tx.QueryRow(ctx, `
			select count(*),
			       count(*) filter (where disposition = 'matched'),
			       count(*) filter (where disposition = 'unmatched'),
			       count(*) filter (where disposition = 'withdrawn'),
			       count(*) filter (where disposition = 'superseded'),
			       count(*) filter (where disposition = 'quarantined'),
			       count(*) filter (where disposition = 'in_flight'),
			       count(*) filter (where erased_at is not null)
			  from revision`).Scan(&r.Accepted, &r.Matched, &r.Unmatched, &r.Withdrawn, &r.Superseded,
			&r.Quarantined, &r.InFlight, &r.Erased)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			select (select count(*) from enquiry where answered_at is null and ended_at is null),
			       count(*),
			       count(*) filter (where newest and status = 'live' and read_at is null and erased_at is null),
			       count(*) filter (where newest and incident is null and erased_at is null)
			  from reply`).Scan(&r.EnquiriesWaiting, &r.Replies, &r.RepliesUnread, &r.RepliesUnrouted)
		if err != nil {
			return err
		}
		args := pgx.NamedArgs{"before": now.Add(-overdue)}
		for _, check := range checks {
			f := casework.Finding{What: check.what}
			err := tx.QueryRow(ctx, `
				with wrong (incident, number) as (`+check.query+`)
				select count(*),
				       coalesce((array_agg(coalesce(i.force || '/' || i.reference, '?') || '/' || w.number
				                           order by w.incident, w.number))[1:5], '{}')
				  from wrong w
				  left join incident i on i.id = w.incident`, args).Scan(&f.Count, &f.Examples)
			if err != nil {
				return fmt.Errorf("look for what %s: %w", check.what, err)
			}
			if f.Count > 0 {
				r.Wrong = append(r.Wrong, f)
				r.Unaccounted += f.Count
			}
		}
		done = true
		return nil
	})
	if err != nil {
		return r, false, fmt.Errorf("reconcile: %w", problem(err))
	}
	return r, done, nil
}
