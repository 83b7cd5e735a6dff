package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// priorities are in the order in which they are shown.
var priorities = []casework.Priority{casework.Urgent, casework.High, casework.Standard}

// ResponseTimes are how long stages took that were reached in a period of whole
// days, beside their targets. Team and priority narrow them; empty ones do not.
// What police and the matcher do is measured on the wall clock, what people do
// in working time, unless a target says otherwise. Beside them stands what has
// changed and is not counted yet.
func (db *DB) ResponseTimes(ctx context.Context, counted Counted, team string, priority casework.Priority, from, to time.Time, targets []casework.Target) (all []casework.ResponseTime, not casework.Uncounted, err error) {
	if err := db.settleCounts(ctx); err != nil {
		return nil, not, err
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		t := tallies{tx: tx, Counted: counted}
		if err := t.hide(ctx); err != nil {
			return err
		}
		p := days(from, to)
		times, err := t.teamTimes(ctx, p, priority, team)
		if team == "" {
			times, err = t.times(ctx, p, priority)
		}
		if err != nil {
			return err
		}
		type key struct {
			stage    casework.Stage
			priority casework.Priority
		}
		reached := map[key]steps{}
		for c, took := range times {
			k := key{c.Stage, c.Priority}
			if _, elapsed := clockOf(k.stage, k.priority, targets); elapsed != c.Elapsed {
				continue
			}
			if reached[k] == nil {
				reached[k] = steps{}
			}
			for upto, s := range took {
				reached[k].add(upto, s.n, s.micros)
			}
		}
		all = []casework.ResponseTime{}
		for _, k := range slices.SortedFunc(maps.Keys(reached), func(a, b key) int {
			return cmp.Or(cmp.Compare(slices.Index(casework.Stages, a.stage), slices.Index(casework.Stages, b.stage)),
				cmp.Compare(slices.Index(priorities, a.priority), slices.Index(priorities, b.priority)))
		}) {
			took := reached[k].sorted()
			if took.n() == 0 {
				continue
			}
			r := casework.ResponseTime{Stage: k.stage, Priority: k.priority, Reached: took.n(),
				Median: inTime(took.centile(0.5)), Ninetieth: inTime(took.centile(0.9))}
			r.Target, r.Elapsed = clockOf(k.stage, k.priority, targets)
			if r.Target > 0 {
				if r.InTime, err = t.inTime(ctx, p, team, r, took); err != nil {
					return err
				}
			}
			all = append(all, r)
		}
		not, err = uncounted(ctx, tx)
		return err
	})
	if err != nil {
		return nil, not, fmt.Errorf("read the response times: %w", problem(err))
	}
	return all, not, nil
}

// clockOf is the target of a stage, none if it is zero, and whether its time is
// that on the wall clock.
func clockOf(stage casework.Stage, priority casework.Priority, targets []casework.Target) (within time.Duration, elapsed bool) {
	for _, t := range targets {
		if t.Stage == stage && t.Priority == priority {
			return t.Within, t.Elapsed
		}
	}
	return 0, slices.Contains([]casework.Stage{casework.StageReport, casework.StageReceipt, casework.StageMatch}, stage)
}

// ofTeam are the milestones of a team's people in a period that the viewer may count.
const ofTeam = `
		 where (@team = '' or s.team = @team)
		   and s.at >= @from
		   and s.at < @to
		   and (@priority = '' or s.priority = @priority)
		   and (@pdus::text[] is null or s.pdu = any(@pdus))
		   and s.counted_on is not null
		   and (s.counted_guard = 0
		        or s.counted_guard > 0 and s.counted_guard not in (select unnest(@hidden::bigint[]))
		        or s.counted_guard < 0 and -s.counted_guard not in (select unnest(@rivalled::bigint[])))`

// teamTimes are those of one team, which has no sums: its work is little enough
// to be read, a season at a time.
func (t *tallies) teamTimes(ctx context.Context, p period, priority casework.Priority, team string) (map[clocked]steps, error) {
	const season = 92
	all := map[clocked]steps{}
	for from := p.from; from < p.to && team != ""; from += season {
		part := period{from, min(from+season, p.to)}
		err := t.steps(ctx, all, 1, ofTeam, pgx.NamedArgs{"team": team, "from": part.starts(), "to": part.ends(), "priority": priority})
		if err != nil {
			return nil, fmt.Errorf("read the times of a team: %w", err)
		}
	}
	return all, nil
}

// inTime is how many kept a target. One that ends no step is looked up in the
// record.
func (t *tallies) inTime(ctx context.Context, p period, team string, r casework.ResponseTime, took sortedSteps) (n int, err error) {
	target := r.Target.Seconds()
	var ends bool
	if err := t.tx.QueryRow(ctx, "select time_step($1) = $1", target).Scan(&ends); err != nil || ends {
		return took.within(target), err
	}
	err = t.tx.QueryRow(ctx, `
		select count(*)
		  from milestone s`+ofTeam+`
		   and s.stage = @stage
		   and case when @elapsed then s.elapsed_seconds else s.working_seconds end <= @target`,
		t.args(pgx.NamedArgs{"team": team, "from": p.starts(), "to": p.ends(), "priority": r.Priority, "stage": r.Stage,
			"elapsed": r.Elapsed, "target": target})).Scan(&n)
	return n, err
}

func inTime(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
