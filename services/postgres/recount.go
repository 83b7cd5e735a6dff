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
		return tx.QueryRow(ctx, `
			with held as (
			  select s.span, `+spanStart+` as start, x.guard, substr(x.what, strpos(x.what, '|') + 1) as pdu, split_part(x.what, '|', 1) as what, count(*) as n
			    from (select day, guard, unnest(counts) as what from counted) x
			   cross join `+spans+`
			   group by 1, 2, 3, 4, 5
			),
			times as (`+timeSums+`
			)
			select (select count(*)
			          from held h
			          full join (select * from tally where n <> 0) t using (span, start, guard, pdu, what)
			         where h.n is distinct from t.n)
			     + (select count(*)
			          from times h
			          full join (select * from tally_time where n <> 0 or micros <> 0) t
			         using (span, start, guard, pdu, stage, priority, elapsed, upto)
			         where (h.n, h.micros) is distinct from (t.n, t.micros))`).Scan(&m.Sums)
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
			"set local work_mem = '128MB'",
			"delete from uncounted", // first: what changes from now on is counted again
			"delete from counted",
			"delete from tally",
			"delete from tally_time",
			sumUpWork("true"),
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
			`insert into tally_time (span, start, guard, pdu, stage, priority, elapsed, upto, n, micros)
			` + timeSums,
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("count everything anew: %w", err)
	}
	return nil
}

// timeSums are what the milestones that are counted come to.
const timeSums = `
			  select s.span, ` + spanStart + ` as start, x.guard, x.pdu, x.stage, x.priority, x.elapsed, x.upto, sum(x.n)::bigint as n, sum(x.micros)::bigint as micros
			    from ( -- by day first, of which the longer spans are made
			      select s.counted_on as day, s.counted_guard as guard, s.pdu, s.stage, s.priority, c.elapsed, time_step(c.seconds) as upto,
			             count(*) as n, sum(round(c.seconds * 1e6)::bigint) as micros
			        from milestone s
			       cross join lateral (values (true, s.elapsed_seconds), (false, s.working_seconds)) c (elapsed, seconds)
			       where s.counted_on is not null
			       group by 1, 2, 3, 4, 5, 6, 7) x
			   cross join ` + spans + `
			   group by 1, 2, 3, 4, 5, 6, 7, 8
			   order by 1, 2, 3, 4, 5, 6, 7, 8 -- what is read together lies together`
