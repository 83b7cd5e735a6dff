package postgres_test

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// unseenMatches are the matches that do not exist for a viewer: for nobody, none.
const unseenMatches = `
		with unseen as materialized (
		  select m.id
		    from hidden_people(@viewer) h (person)
		    join match m on m.person = h.person
		   where @viewer::bigint <> 0
		   union all
		  select m.id
		    from hidden_people(@viewer) h (person)
		    join match c on c.person = h.person and c.contested and c.state <> 'superseded'
		    join match m on m.incident = c.incident and m.involvement = c.involvement
		   where @viewer::bigint <> 0
		)`

// recorded answers the same from the record itself, match by match: what the
// sums have to come to.
func recorded(ctx context.Context, db *postgres.DB, counted postgres.Counted, from, to, now time.Time) (casework.Inspection, error) {
	report := casework.Inspection{From: from, To: to}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	args := pgx.NamedArgs{"from": from, "to": to, "now": now, "stages": casework.Stages, "viewer": counted.Viewer, "pdus": counted.PDUs}
	err := pgx.BeginTxFunc(ctx, db.Pool(), snapshot, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, `
			select '', 'All of them'
			union all
			select code, name
			  from pdu
			 where @pdus::text[] is null
			    or code = any(@pdus)
			 order by 1`, args)
		at := map[string]int{}
		var code, name string
		_, err := pgx.ForEachRow(rows, []any{&code, &name}, func() error {
			at[code] = len(report.Areas)
			report.Areas = append(report.Areas, casework.InspectedArea{PDU: code, Name: name, Actions: []casework.InspectedAction{}, Asked: []casework.InspectedItem{}, Stages: []casework.InspectedStage{}})
			return nil
		})
		if err != nil {
			return err
		}
		area := func(pdu string) *casework.InspectedArea { return &report.Areas[at[pdu]] }
		for _, part := range []func(context.Context, pgx.Tx, pgx.NamedArgs, func(string) *casework.InspectedArea) error{
			inspectMatches, inspectActions, inspectRules, inspectItems, inspectSamples, inspectStages, inspectOpen,
		} {
			if err := part(ctx, tx, args, area); err != nil {
				return err
			}
		}
		return nil
	})
	return report, err
}

func inspectMatches(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`
		select coalesce(p.pdu, ''),
		       count(*) filter (where m.state in ('open', 'unsure', 'confirmed')),
		       count(*) filter (where m.state = 'confirmed'),
		       count(*) filter (where m.state = 'dismissed'),
		       count(*) filter (where m.state in ('open', 'unsure'))
		  from match m
		  join person q on q.id = m.person
		  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		 where m.found_at >= @from
		   and m.found_at < @to
		   and m.id not in (select id from unseen)
		   and (@pdus::text[] is null or p.pdu = any(@pdus))
		 group by rollup (p.pdu)`, args)
	var pdu string
	var a casework.InspectedArea
	_, err := pgx.ForEachRow(rows, []any{&pdu, &a.Found, &a.Confirmed, &a.Dismissed, &a.Unjudged}, func() error {
		to := area(pdu)
		to.Found, to.Confirmed, to.Dismissed, to.Unjudged = a.Found, a.Confirmed, a.Dismissed, a.Unjudged
		return nil
	})
	return err
}

// inspectedActions are those about matches found in the period that still stand.
const inspectedActions = `
	(select a.*
	   from action a
	   join match m on m.id = a.match
	  where m.found_at >= @from
	    and m.found_at < @to
	    and m.id not in (select id from unseen)
	    and (@pdus::text[] is null or a.pdu = any(@pdus))
	    and a.closed_reason = '') a`

func inspectActions(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`
		select coalesce(a.pdu, ''),
		       count(*) filter (where a.rule = 'review_incident'),
		       count(*) filter (where a.rule = 'review_incident' and a.acked_at is not null),
		       count(d.id) filter (where a.rule = 'review_incident'),
		       count(d.id) filter (where a.rule = 'review_incident' and d.risk_changed),
		       count(d.id) filter (where a.rule = 'review_incident' and d.manager_consulted <> ''),
		       count(d.id) filter (where a.rule = 'review_incident'
		                             and (d.countersign_needed
		                                  or exists (
		                                       select 1
		                                         from action c
		                                        where c.incident = a.incident
		                                          and c.person = a.person
		                                          and c.rule = 'countersign_decision'))),
		       count(d.id) filter (where a.rule = 'review_incident' and d.countersigned_at is not null),
		       count(d.id) filter (where d.flagged_at is not null),
		       count(*) filter (where a.level > 0),
		       count(*) filter (where a.rule = 'tell_victim_staff'),
		       count(*) filter (where a.rule = 'tell_victim_staff' and a.state = 'done')
		  from `+inspectedActions+`
		  left join lateral (
		         select *
		           from decision
		          where action = a.id
		          order by id desc
		          limit 1) d on true
		 group by rollup (a.pdu)`, args)
	var pdu string
	var a casework.InspectedArea
	_, err := pgx.ForEachRow(rows, []any{&pdu, &a.Reviews, &a.Aware, &a.Decided, &a.RiskChanged, &a.Consulted, &a.ToCountersign,
		&a.Countersigned, &a.Flagged, &a.Escalated, &a.VictimStaffAsked, &a.VictimStaffTold}, func() error {
		to := area(pdu)
		to.Reviews, to.Aware, to.Decided, to.RiskChanged, to.Consulted = a.Reviews, a.Aware, a.Decided, a.RiskChanged, a.Consulted
		to.ToCountersign, to.Countersigned, to.Flagged, to.Escalated = a.ToCountersign, a.Countersigned, a.Flagged, a.Escalated
		to.VictimStaffAsked, to.VictimStaffTold = a.VictimStaffAsked, a.VictimStaffTold
		return nil
	})
	return err
}

func inspectRules(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`
		select coalesce(a.pdu, ''),
		       a.rule,
		       count(*),
		       count(*) filter (where a.acked_at is not null),
		       count(*) filter (where a.state = 'done')
		  from `+inspectedActions+`
		 group by grouping sets ((a.pdu, a.rule), (a.rule))
		 order by 1, 2`, args)
	var pdu string
	var i casework.InspectedAction
	_, err := pgx.ForEachRow(rows, []any{&pdu, &i.Rule, &i.Raised, &i.Acknowledged, &i.Done}, func() error {
		to := area(pdu)
		to.Actions = append(to.Actions, i)
		return nil
	})
	return err
}

func inspectItems(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`
		select coalesce(a.pdu, ''),
		       c.rule,
		       count(*),
		       count(*) filter (where c.answer in ('done', 'not_known')),
		       count(*) filter (where c.answer = 'not_needed'),
		       count(*) filter (where c.answer = '')
		  from `+inspectedActions+`
		  join checklist c on c.action = a.id
		 group by grouping sets ((a.pdu, c.rule), (c.rule))
		 order by 1, 2`, args)
	var pdu string
	var i casework.InspectedItem
	_, err := pgx.ForEachRow(rows, []any{&pdu, &i.Rule, &i.Asked, &i.Done, &i.NotNeeded, &i.Unanswered}, func() error {
		to := area(pdu)
		to.Asked = append(to.Asked, i)
		return nil
	})
	return err
}

func inspectSamples(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`
		select coalesce(a.pdu, ''),
		       count(*),
		       count(*) filter (where o.verdict = 'pass'),
		       count(*) filter (where o.verdict = 'partial'),
		       count(*) filter (where o.verdict = 'fail'),
		       count(*) filter (where o.answers->>'oversight' <> 'none'),
		       count(*) filter (where o.answers->>'oversight' = 'pass')
		  from `+inspectedActions+`
		  join sample_item o on o.action = a.id and o.judged_at is not null
		 group by rollup (a.pdu)`, args)
	var pdu string
	var a casework.InspectedArea
	_, err := pgx.ForEachRow(rows, []any{&pdu, &a.Sampled, &a.SampledPass, &a.SampledPartial, &a.SampledFail, &a.OversightAsked, &a.OversightEffective}, func() error {
		to := area(pdu)
		to.Sampled, to.SampledPass, to.SampledPartial, to.SampledFail = a.Sampled, a.SampledPass, a.SampledPartial, a.SampledFail
		to.OversightAsked, to.OversightEffective = a.OversightAsked, a.OversightEffective
		return nil
	})
	return err
}

// inspectStages takes each time as the mean of those of its step in its area.
func inspectStages(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`,
		reached as (
		  select p.area, s.stage,
		         avg(elapsed_seconds) over (partition by p.area, s.stage, time_step(elapsed_seconds)) as elapsed,
		         avg(working_seconds) over (partition by p.area, s.stage, time_step(working_seconds)) as working
		    from milestone s
		   cross join lateral (values (''), (s.pdu)) p (area)
		   where at >= @from
		     and at < @to
		     and match not in (select id from unseen)
		     and (@pdus::text[] is null or pdu = any(@pdus))
		)
		select area,
		       stage,
		       count(*),
		       percentile_cont(0.5) within group (order by elapsed),
		       percentile_cont(0.9) within group (order by elapsed),
		       percentile_cont(0.5) within group (order by working),
		       percentile_cont(0.9) within group (order by working)
		  from reached
		 group by area, stage
		 order by 1, array_position(@stages::text[], stage)`, args)
	var pdu string
	var s casework.InspectedStage
	_, err := pgx.ForEachRow(rows, []any{&pdu, &s.Stage, &s.Reached, &s.Median, &s.Ninetieth, &s.WorkingMedian, &s.WorkingNinety}, func() error {
		to := area(pdu)
		to.Stages = append(to.Stages, s)
		return nil
	})
	return err
}

func inspectOpen(ctx context.Context, tx pgx.Tx, args pgx.NamedArgs, area func(string) *casework.InspectedArea) error {
	rows, _ := tx.Query(ctx, unseenMatches+`
		select coalesce(pdu, ''),
		       count(*),
		       count(*) filter (where next_due < @now),
		       coalesce(extract(epoch from @now - min(raised_at)), 0)::float8
		  from action
		 where state in ('open', 'acknowledged')
		   and match not in (select id from unseen)
		   and (@pdus::text[] is null or pdu = any(@pdus))
		 group by rollup (pdu)`, args)
	var pdu string
	var a casework.InspectedArea
	_, err := pgx.ForEachRow(rows, []any{&pdu, &a.Open, &a.Overdue, &a.OldestSeconds}, func() error {
		to := area(pdu)
		to.Open, to.Overdue, to.OldestSeconds = a.Open, a.Overdue, a.OldestSeconds
		return nil
	})
	return err
}
