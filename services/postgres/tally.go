package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// What reports count is kept in sums, by the day on which a match was found or
// a stage reached. Whoever changes what is counted says so in their transaction
// (the triggers of uncounted); counting takes those incidents, computes what
// they come to now, and puts the difference into the sums. So it does not matter
// what changed, how often, or in which order.

// tallying is the advisory lock of whoever counts: one at a time, for sums that
// two add to at once would have them wait for each other in circles.
const tallying = 0x74616c6c79 // "tally"

// countedMatches are matches with the day and the guard under which they count.
// A guard is no look-up for whoever reads the sums: who may not see somebody
// asks for the sums of others.
func countedMatches(which string) string {
	const guarded = `(
	             %[1]s.restricted
	          or exists (select 1 from restriction l where l.person = %[1]s.id)
	          or exists (select 1 from exclusion l where l.person = %[1]s.id))`
	return `
	touched as materialized (
	  select m.id, m.incident, m.state, p.pdu, p.team,
	         (m.found_at at time zone 'Europe/London')::date as day,
	         case
	           when m.contested
	            and exists (
	                  select 1
	                    from match c
	                    join person q on q.id = c.person
	                    join person r on r.id = case when q.merged_into is null then q.id else current_person(q.id) end
	                   where c.incident = m.incident
	                     and c.involvement = m.involvement
	                     and c.id <> m.id
	                     and ` + fmt.Sprintf(guarded, "r") + `) then -m.id
	           when ` + fmt.Sprintf(guarded, "p") + ` then m.person
	           else 0
	         end as guard
	    from match m
	    join person q on q.id = m.person
	    join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
	   where ` + which + `
	)`
}

// countedWork is what each match comes to, as what|pdu: the definitions of
// casework.InspectedArea. That the record itself gives the same is tested.
const countedWork = `
	standing as materialized (
	  select a.*
	    from touched t
	    join action a on a.match = t.id
	   where a.closed_reason = ''
	),
	reviewed as (
	  select a.match, a.pdu, a.rule = 'review_incident' as review, d.*,
	         exists (
	           select 1
	             from action c
	            where c.incident = a.incident
	              and c.person = a.person
	              and c.rule = 'countersign_decision') as countersigning
	    from standing a
	   cross join lateral (
	           select *
	             from decision
	            where action = a.id
	            order by id desc
	            limit 1) d
	),
	fresh as (
	  select x.match, array_agg(x.what || '|' || x.pdu order by x.what, x.pdu) as counts
	    from (
	      select t.id as match, t.pdu, w.what
	        from touched t
	       cross join lateral (values
	               ('found', t.state in ('open', 'unsure', 'confirmed')),
	               ('confirmed', t.state = 'confirmed'),
	               ('dismissed', t.state = 'dismissed'),
	               ('unjudged', t.state in ('open', 'unsure'))) w (what, counts)
	       where w.counts
	      union all
	      select a.match, a.pdu, w.what
	        from standing a
	       cross join lateral (values
	               ('aware', a.rule = 'review_incident' and a.acked_at is not null),
	               ('escalated', a.level > 0),
	               ('raised:' || a.rule, true),
	               ('acknowledged:' || a.rule, a.acked_at is not null),
	               ('done:' || a.rule, a.state = 'done')) w (what, counts)
	       where w.counts
	      union all
	      select d.match, d.pdu, w.what
	        from reviewed d
	       cross join lateral (values
	               ('decided', d.review),
	               ('risk', d.review and d.risk_changed),
	               ('consulted', d.review and d.manager_consulted <> ''),
	               ('tocountersign', d.review and (d.countersign_needed or d.countersigning)),
	               ('countersigned', d.review and d.countersigned_at is not null),
	               ('flagged', d.flagged_at is not null)) w (what, counts)
	       where w.counts
	      union all
	      select a.match, a.pdu, w.what || c.rule
	        from standing a
	        join checklist c on c.action = a.id
	       cross join lateral (values
	               ('asked:', true),
	               ('answered:', c.answer in ('done', 'not_known')),
	               ('notneeded:', c.answer = 'not_needed'),
	               ('unanswered:', c.answer = '')) w (what, counts)
	       where w.counts
	      union all
	      select a.match, a.pdu, w.what
	        from standing a
	        join sample_item o on o.action = a.id and o.judged_at is not null
	       cross join lateral (values
	               ('sampled', true),
	               ('sampled:' || o.verdict, true),
	               ('oversight', o.answers->>'oversight' <> 'none'),
	               ('oversight:pass', o.answers->>'oversight' = 'pass')) w (what, counts)
	       where w.counts
	      union all
	      select a.match, a.pdu, 'open'
	        from touched t
	        join action a on a.match = t.id
	       where a.state in ('open', 'acknowledged')) x
	   group by x.match
	)`

// spans are over how many days sums go, and when one of them starts.
const spans = `(values (1), (4), (16), (64), (256)) s (span)`

const spanStart = `x.day - (x.day - date '1970-01-01') % s.span`

// CountChanged puts what has changed into the sums: as many incidents, and the
// matches of as many people whose case lies elsewhere now; all of those people
// whom others may see than before. It says whether there is more.
func (db *DB) CountChanged(ctx context.Context, incidents, people int) (more bool, err error) {
	return db.countChanged(ctx, incidents, people, 0)
}

// countChanged waits no longer than patience for another who counts; for ever if
// it is zero. What it left to them is more.
func (db *DB) countChanged(ctx context.Context, incidents, people int, patience time.Duration) (more bool, err error) {
	err = db.pool.QueryRow(ctx, "select exists (select 1 from uncounted)").Scan(&more)
	if err != nil || !more {
		return false, problem(err)
	}
	busy := false // somebody else counts
	err = db.inTx(ctx, func(tx pgx.Tx) error {
		// A plan for few incidents serves for many; making one takes longer than
		// counting.
		if _, err := tx.Exec(ctx, "set local plan_cache_mode = force_generic_plan"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf("set local lock_timeout = %d", patience.Milliseconds())); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(tallying)); err != nil {
			busy = codeOf(err) == "55P03"
			return err
		}
		// Taken first, and looked at in the next statement: it sees all that these
		// rows tell of.
		rows, _ := tx.Query(ctx, `
			delete from uncounted
			 where id in (
			         (select id from uncounted where person is null order by id limit @incidents)
			         union all
			         (select id from uncounted where person is not null and sight)
			         union all
			         (select id from uncounted where person is not null and not sight order by id limit @people))
			returning incident, person`,
			pgx.NamedArgs{"incidents": incidents, "people": people})
		var changed, moved []int64
		var incident, person *int64
		_, err := pgx.ForEachRow(rows, []any{&incident, &person}, func() error {
			if incident != nil {
				changed = append(changed, *incident)
			} else {
				moved = append(moved, *person)
			}
			return nil
		})
		if err != nil {
			return err
		}
		more = len(changed) == incidents || len(moved) >= people
		if len(moved) > 0 {
			theirs, err := incidentsOf(ctx, tx, moved)
			if err != nil {
				return err
			}
			changed = append(changed, theirs...)
		}
		slices.Sort(changed)
		return sumUp(ctx, tx, slices.Compact(changed))
	})
	if busy {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("count what has changed: %w", err)
	}
	return more, nil
}

// incidentsOf are those with matches of people, and of whoever was merged into them.
func incidentsOf(ctx context.Context, tx pgx.Tx, people []int64) ([]int64, error) {
	rows, _ := tx.Query(ctx, `
		with recursive who(id) as (
		  select unnest(@people::bigint[])
		  union
		  select p.id
		    from who
		    join person p on p.merged_into = who.id
		)
		select m.incident
		  from who
		  join match m on m.person = who.id`, pgx.NamedArgs{"people": people})
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// sumUp puts into the sums what the matches of incidents come to now, and takes
// out what they came to before.
func sumUp(ctx context.Context, tx pgx.Tx, incidents []int64) error {
	args := pgx.NamedArgs{"incidents": incidents}
	if _, err := tx.Exec(ctx, sumUpWork(`m.incident = any(@incidents::bigint[])`), args); err != nil {
		return fmt.Errorf("sum up work: %w", err)
	}
	_, err := tx.Exec(ctx, `
		with due as materialized (
		  select s.match, s.stage, s.priority, s.pdu, s.elapsed_seconds, s.working_seconds, s.counted_on, s.counted_guard,
		         (s.at at time zone 'Europe/London')::date as day, c.guard, p.team
		    from match m
		    join counted c on c.match = m.id
		    join person q on q.id = m.person
		    join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		    join milestone s on s.match = m.id
		   where m.incident = any(@incidents::bigint[])
		     and (s.counted_on, s.counted_guard, s.team) is distinct from ((s.at at time zone 'Europe/London')::date, c.guard, p.team)
		),
		kept as (
		  update milestone s
		     set counted_on = d.day,
		         counted_guard = d.guard,
		         team = d.team
		    from due d
		   where s.match = d.match
		     and s.stage = d.stage
		)
		insert into tally_time as t (span, start, pdu, stage, priority, elapsed, upto, n, micros)
		`+packed(`
			select s.span, `+spanStart+` as start, x.pdu, x.stage, x.priority, c.elapsed, time_step(c.seconds) as upto,
			       sum(x.n)::bigint as n, sum(x.n * round(c.seconds * 1e6)::bigint)::bigint as micros
			  from (
			    select day, pdu, stage, priority, elapsed_seconds, working_seconds, 1 as n
			      from due
			     where counted_on is distinct from day
			     union all
			    select counted_on, pdu, stage, priority, elapsed_seconds, working_seconds, -1
			      from due
			     where counted_on <> day) x
			 cross join `+spans+`
			 cross join lateral (values (true, x.elapsed_seconds), (false, x.working_seconds)) c (elapsed, seconds)
			 group by 1, 2, 3, 4, 5, 6, 7`)+`
		    on conflict (span, start, pdu, stage, priority, elapsed) do update
		   set (upto, n, micros) = (
		         select coalesce(array_agg(b.upto order by b.upto), '{}'), coalesce(array_agg(b.n order by b.upto), '{}'), coalesce(array_agg(b.micros order by b.upto), '{}')
		           from (
		             select a.upto, sum(a.n)::bigint as n, sum(a.micros)::bigint as micros
		               from (
		                 select *
		                   from unnest(t.upto, t.n, t.micros)
		                  union all
		                 select *
		                   from unnest(excluded.upto, excluded.n, excluded.micros)) a (upto, n, micros)
		              group by a.upto
		             having sum(a.n) <> 0
		                 or sum(a.micros) <> 0) b)`, args)
	if err != nil {
		return fmt.Errorf("sum up times: %w", err)
	}
	return nil
}

// sumUpWork is the statement that does it for what is done about matches.
func sumUpWork(which string) string {
	return `
		with ` + countedMatches(which) + `,` + countedWork + `,
		changed as materialized (
		  select t.id as match, t.day, t.guard, coalesce(f.counts, '{}') as counts, o.day as was_day, o.guard as was_guard, o.counts as was
		    from touched t
		    left join fresh f on f.match = t.id
		    left join counted o on o.match = t.id
		   where (t.day, t.guard, coalesce(f.counts, '{}')) is distinct from (o.day, o.guard, o.counts)
		),
		kept as (
		  insert into counted (match, day, guard, counts)
		  select match, day, guard, counts
		    from changed
		      on conflict (match) do update
		     set day = excluded.day,
		         guard = excluded.guard,
		         counts = excluded.counts
		)
		insert into tally as t (span, start, pdu, what, n)
		select s.span, ` + spanStart + `, substr(x.what, strpos(x.what, '|') + 1), split_part(x.what, '|', 1), sum(x.n)
		  from (
		    select day, unnest(counts) as what, 1 as n
		      from changed
		     union all
		    select was_day, unnest(was), -1
		      from changed
		     where was is not null) x
		 cross join ` + spans + `
		 group by 1, 2, 3, 4
		having sum(x.n) <> 0
		 order by 1, 2, 3, 4
		    on conflict (span, start, pdu, what) do update
		   set n = t.n + excluded.n`
}

// packed makes one row of the steps of each stage.
func packed(steps string) string {
	return `select y.span, y.start, y.pdu, y.stage, y.priority, y.elapsed,
		       array_agg(y.upto order by y.upto) as upto, array_agg(y.n order by y.upto) as n, array_agg(y.micros order by y.upto) as micros
		  from (` + steps + `) y
		 where y.n <> 0
		    or y.micros <> 0
		 group by y.span, y.start, y.pdu, y.stage, y.priority, y.elapsed
		 order by y.span, y.start, y.pdu, y.stage, y.priority, y.elapsed -- what is read together lies together`
}

// CountAll counts until there is nothing left that has changed.
func (db *DB) CountAll(ctx context.Context) error {
	for {
		more, err := db.CountChanged(ctx, 5000, 50)
		if err != nil || !more {
			return err
		}
	}
}

// RunCounter counts every second, until the context ends.
func (db *DB) RunCounter(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := db.CountAll(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "what reports count is not being summed up", "error", err)
		}
	}
}

// uncounted is what a reader does not find in the sums.
func uncounted(ctx context.Context, tx pgx.Tx) (u casework.Uncounted, err error) {
	err = tx.QueryRow(ctx, `
		select count(*), min(at)
		  from (select at from uncounted order by id limit @most) u`, pgx.NamedArgs{"most": CountedTo + 1}).Scan(&u.Changes, &u.Since)
	if err != nil {
		return u, fmt.Errorf("look for what is not counted: %w", err)
	}
	return u, nil
}

// settleCounts has whoever reads sums see what they have just done. It counts
// no more than a reader can wait for: after an import the counter catches up,
// and while everything is counted anew the sums are what they were.
func (db *DB) settleCounts(ctx context.Context) error {
	_, err := db.countChanged(ctx, 300, 5, 100*time.Millisecond)
	return err
}
