package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// ResponseTimes are how long stages took that were reached in a period, beside
// their targets. Team and priority narrow them; empty ones do not. What police
// and the matcher do is measured on the wall clock, what people do in working
// time, unless a target says otherwise.
func (db *DB) ResponseTimes(ctx context.Context, counted Counted, team string, priority casework.Priority, from, to time.Time, targets []casework.Target) ([]casework.ResponseTime, error) {
	var stages, priorities []string
	var seconds []float64
	var elapsed []bool
	for _, t := range targets {
		stages, priorities = append(stages, string(t.Stage)), append(priorities, string(t.Priority))
		seconds, elapsed = append(seconds, t.Within.Seconds()), append(elapsed, t.Elapsed)
	}
	rows, _ := db.pool.Query(ctx, unseenMatches+`,
		target as (
		  select *
		    from unnest(@targetStages::text[], @targetPriorities::text[], @seconds::float8[], @elapsed::bool[])
		         as t (stage, priority, seconds, elapsed)
		),
		reached as ( -- gathered unsorted: only the seconds of each group are sorted, not its rows
		  select s.stage, s.priority, count(*)::int as n, array_agg(s.elapsed_seconds) as elapsed, array_agg(s.working_seconds) as working
		    from milestone s
		   where s.at >= @from
		     and s.at < @to
		     and s.match not in (select id from unseen)
		     and (@pdus::text[] is null or s.pdu = any(@pdus))
		     and (@priority = '' or s.priority = @priority)
		     and (@team = ''
		          or exists (
		               select 1
		                 from match m
		                 join person p on p.id = current_person(m.person)
		                where m.id = s.match
		                  and p.team = @team))
		   group by s.stage, s.priority
		),
		measured as (
		  select s.stage, s.priority, s.n, t.seconds as target, c.elapsed,
		         case when c.elapsed then s.elapsed else s.working end as took
		    from reached s
		    left join target t on t.stage = s.stage and t.priority = s.priority
		   cross join lateral (select coalesce(t.elapsed, s.stage in ('report', 'receipt', 'match')) as elapsed) c
		)
		select m.stage, m.priority, m.n, x.median, x.ninetieth, m.elapsed, coalesce(m.target, 0), x.intime
		  from measured m
		 cross join lateral (
		         select percentile_cont(0.5) within group (order by s.took) as median,
		                percentile_cont(0.9) within group (order by s.took) as ninetieth,
		                (count(*) filter (where s.took <= m.target))::int as intime
		           from unnest(m.took) s (took)) x
		 order by array_position(@stages::text[], m.stage), array_position(array['urgent', 'high', 'standard'], m.priority)`,
		counted.args(pgx.NamedArgs{"targetStages": stages, "targetPriorities": priorities, "seconds": seconds, "elapsed": elapsed,
			"from": from, "to": to, "team": team, "priority": priority, "stages": casework.Stages}))
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (casework.ResponseTime, error) {
		var r casework.ResponseTime
		var median, ninetieth, target float64
		err := row.Scan(&r.Stage, &r.Priority, &r.Reached, &median, &ninetieth, &r.Elapsed, &target, &r.InTime)
		r.Median, r.Ninetieth, r.Target = inTime(median), inTime(ninetieth), inTime(target)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the response times: %w", problem(err))
	}
	return all, nil
}

func inTime(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
