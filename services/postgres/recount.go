package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Miscounted is how far the sums are from the record.
type Miscounted struct {
	Matches    int `json:"matches"`    // that come to something else
	Milestones int `json:"milestones"` // that are counted elsewhere, or not at all
	Sums       int `json:"sums"`       // that are not the sum of what they hold
	Reviews    int `json:"reviews"`    // closed, and not what samples are drawn from; or the other way round
}

// Any reports whether anything is wrong.
func (m Miscounted) Any() bool { return m != Miscounted{} }

// Miscounted compares what the sums hold with the record, in one snapshot. What
// has changed and is not counted yet is not wrong.
func (db *DB) Miscounted(ctx context.Context) (m Miscounted, err error) {
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			with recursive who(id) as (
			  select person
			    from uncounted
			   where person is not null
			  union
			  select p.id
			    from who
			    join person p on p.merged_into = who.id
			),
			waits(incident) as materialized (
			  select incident
			    from uncounted
			   where incident is not null
			  union
			  select m.incident
			    from who
			    join match m on m.person = who.id
			),`+countedMatches(`m.incident not in (select incident from waits)`)+`,`+countedWork+`
			select (select count(*)
			          from touched t
			          left join fresh f on f.match = t.id
			          left join counted o on o.match = t.id
			         where (t.day, t.guard, coalesce(f.counts, '{}')) is distinct from (o.day, o.guard, o.counts)),
			       (select count(*)
			          from touched t
			          join milestone s on s.match = t.id
			         where (s.counted_on, s.counted_guard, s.team)
			               is distinct from ((s.at at time zone 'Europe/London')::date, t.guard, t.team))`).Scan(&m.Matches, &m.Milestones)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `
			select count(*)
			  from (`+misreviewed+`) w`).Scan(&m.Reviews)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			with held as (`+workSums+`
			),
			times as (
			  (`+daysTimes+`
			  )
			   union all
			  (`+longerTimes+`
			  )
			)
			select (select count(*)
			          from held h
			          full join (select * from tally where n <> 0) t using (span, start, pdu, what)
			         where h.n is distinct from t.n)
			     + (select count(*)
			          from times h
			          full join (select * from tally_time where n <> '{}') t using (span, start, pdu, stage, priority, elapsed)
			         where (h.upto, h.n, h.micros) is distinct from (t.upto, t.n, t.micros))`,
			pgx.NamedArgs{"shorter": []int{1, 4, 16, 64}}).Scan(&m.Sums)
	})
	if err != nil {
		return m, fmt.Errorf("compare the sums with the record: %w", problem(err))
	}
	return m, nil
}

// RecountAll throws the sums away and counts everything anew, in one go: who
// reads them meanwhile reads what they were.
func (db *DB) RecountAll(ctx context.Context) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{
			fmt.Sprintf("select pg_advisory_xact_lock(%d)", int64(tallying)),
			"set local work_mem = '256MB'",
			"delete from uncounted", // first: what changes from now on is counted again
			"delete from counted",
			"delete from tally",
			"delete from tally_time",
			// Some at a time: all of them would be sorted on the disk.
			fmt.Sprintf(`do $$
			 begin
			   for part in 0 .. (select coalesce(max(id), 0) / %[1]d from match) loop
			     insert into counted (match, day, guard, counts)
			       with `+countedMatches(`m.id >= part * %[1]d and m.id < (part + 1) * %[1]d`)+`,`+countedWork+`
			     select t.id, t.day, t.guard, coalesce(f.counts, '{}')
			       from touched t
			       left join fresh f on f.match = t.id;
			   end loop;
			 end $$`, 50_000),
			`update milestone s
			    set counted_on = (s.at at time zone 'Europe/London')::date,
			        counted_guard = c.guard,
			        team = p.team
			   from match m
			   join counted c on c.match = m.id
			   join person q on q.id = m.person
			   join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
			  where m.id = s.match
			    and (s.counted_on, s.counted_guard, s.team) is distinct from ((s.at at time zone 'Europe/London')::date, c.guard, p.team)`,
			`insert into tally (span, start, pdu, what, n)` + workSums,
			`insert into tally_time (span, start, pdu, stage, priority, elapsed, upto, n, micros) ` + daysTimes,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		for _, shorter := range []int{1, 4, 16, 64} { // each is made of those before it
			_, err := tx.Exec(ctx, `insert into tally_time (span, start, pdu, stage, priority, elapsed, upto, n, micros) `+longerTimes,
				pgx.NamedArgs{"shorter": []int{shorter}})
			if err != nil {
				return err
			}
		}
		return reviewAgain(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("count everything anew: %w", err)
	}
	return nil
}

// misreviewed are closed reviews that samples are not drawn from as the record
// has them, or are drawn from and should not be.
const misreviewed = `
			select action
			  from closed_review c
			  full join reviewed k using (action)
			 where (c.match, c.person, c.pdu, c.owner, c.kind, c.decided_by, c.done_at)
			       is distinct from (k.match, k.person, k.pdu, k.owner, k.kind, k.decided_by, k.done_at)`

// reviewAgain puts those right, each under the lock of its incident.
func reviewAgain(ctx context.Context, tx pgx.Tx) error {
	rows, _ := tx.Query(ctx, `
		select a.id
		  from incident i
		  join action a on a.incident = i.id
		 where a.id in (`+misreviewed+`)
		 order by i.id, a.id
		   for no key update of i`)
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "select review_again(w) from unnest(@wrong::bigint[]) w", pgx.NamedArgs{"wrong": wrong})
	return err
}

// workSums are what the matches that are counted come to. Many come to the same.
const workSums = `
			  select s.span, ` + spanStart + ` as start, substr(x.what, strpos(x.what, '|') + 1) as pdu, split_part(x.what, '|', 1) as what, sum(x.n)::bigint as n
			    from (
			      select y.day, unnest(y.counts) as what, y.n
			        from (select day, counts, count(*) as n from counted group by day, counts) y) x
			   cross join ` + spans + `
			   group by 1, 2, 3, 4
			   order by 1, 2, 3, 4 -- what is read together lies together`

// daysTimes are what the milestones that are counted come to on each day.
const daysTimes = `
			  select 1 as span, d.start, d.pdu, d.stage, d.priority, c.elapsed, b.upto, b.n, b.micros
			    from (
			      select s.counted_on as start, s.pdu, s.stage, s.priority, array_agg(s.elapsed_seconds) as elapsed, array_agg(s.working_seconds) as working
			        from milestone s
			       where s.counted_on is not null
			       group by 1, 2, 3, 4) d
			   cross join lateral (values (true, d.elapsed), (false, d.working)) c (elapsed, seconds)
			   cross join lateral (
			           select array_agg(x.upto order by x.upto) as upto, array_agg(x.n order by x.upto) as n, array_agg(x.micros order by x.upto) as micros
			             from (
			               select time_step(s) as upto, count(*) as n, sum(round(s * 1e6)::bigint)::bigint as micros
			                 from unnest(c.seconds) s
			                group by 1) x) b
			   order by 2, 3, 4, 5, 6 -- what is read together lies together`

// longerTimes are what four spans of times come to together.
const longerTimes = `
			  select 4 * k.span as span, k.start, k.pdu, k.stage, k.priority, k.elapsed, b.upto, b.n, b.micros
			    from (
			      select distinct span, start - (start - date '1970-01-01') % (4 * span) as start, pdu, stage, priority, elapsed
			        from tally_time
			       where span = any(@shorter::smallint[])) k
			   cross join lateral (
			           select array_agg(x.upto order by x.upto) as upto, array_agg(x.n order by x.upto) as n, array_agg(x.micros order by x.upto) as micros
			             from (
			               select u.upto, sum(u.n)::bigint as n, sum(u.micros)::bigint as micros
			                 from generate_series(0, 3) i
			                 join tally_time t
			                   on t.span = k.span
			                  and t.start = k.start + i * k.span
			                  and (t.pdu, t.stage, t.priority, t.elapsed) = (k.pdu, k.stage, k.priority, k.elapsed)
			                cross join unnest(t.upto, t.n, t.micros) u (upto, n, micros)
			                group by u.upto
			               having sum(u.n) <> 0
			                   or sum(u.micros) <> 0) x) b
			   where b.upto is not null
			   order by 1, 2, 3, 4, 5, 6`
