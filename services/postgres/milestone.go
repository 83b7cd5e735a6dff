package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// recordMilestones keeps, in the transaction of their effect, that matches
// reached a stage for the first time. It returns those that were new: their
// recorder shows them to the histograms after the commit, so that each counts
// once however often its cause is repeated.
//
// A zero At is now; for the report and the receipt it is when those were. A zero
// Since is what the stage's clock runs from: the incident for the report, the
// report for the receipt, acceptance for the match, the decision for the
// countersignature, and the match for the rest. They count where the person's
// case is today, by the hours of that PDU: that of somebody who was merged is in
// another one, perhaps.
func (db *DB) recordMilestones(ctx context.Context, tx pgx.Tx, reached ...casework.Reached) ([]casework.Milestone, error) {
	if len(reached) == 0 {
		return nil, nil
	}
	ids := make([]int64, len(reached))
	for i, r := range reached {
		ids[i] = int64(r.Match)
	}
	type facts struct {
		Match                                             casework.MatchID
		Priority                                          casework.Priority
		PDU, Team                                         string
		Occurred, Reported, Received, Found, Decided, Now time.Time
	}
	rows, _ := tx.Query(ctx, `
		select m.id,
		       m.priority,
		       p.pdu,
		       p.team,
		       r.occurred_from,
		       r.reported_at,
		       r.received_at,
		       m.found_at,
		       coalesce(d.at, m.found_at),
		       now()
		  from match m
		  join person q on q.id = m.person
		  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		  join revision r on r.incident = m.incident and r.number = m.revision
		  left join milestone d on d.match = m.id and d.stage = 'decision'
		 where m.id = any(@ids)`,
		pgx.NamedArgs{"ids": ids})
	known, err := pgx.CollectRows(rows, pgx.RowToStructByPos[facts])
	if err != nil {
		return nil, fmt.Errorf("look up the clocks of %d matches: %w", len(ids), err)
	}
	byMatch := make(map[casework.MatchID]facts, len(known))
	for _, f := range known {
		byMatch[f.Match] = f
	}
	hours := db.hours
	if hours == nil {
		hours = func(string) *casework.Calendar { return casework.EnglandAndWales() }
	}
	all := make([]casework.Milestone, 0, len(reached))
	for _, r := range reached {
		f, ok := byMatch[r.Match]
		if !ok {
			return nil, fmt.Errorf("record that match %d reached %s: no such match", r.Match, r.Stage)
		}
		at, since := r.At, r.Since
		if at.IsZero() {
			switch r.Stage {
			case casework.StageReport:
				at = f.Reported
			case casework.StageReceipt:
				at = f.Received
			default:
				at = f.Now
			}
		}
		if since.IsZero() {
			switch r.Stage {
			case casework.StageReport:
				since = f.Occurred
			case casework.StageReceipt:
				since = f.Reported
			case casework.StageMatch:
				since = f.Received
			case casework.StageCountersignature:
				since = f.Decided
			default:
				since = f.Found
			}
		}
		all = append(all, casework.Milestone{
			Match: r.Match, Stage: r.Stage, Priority: f.Priority, PDU: f.PDU, At: at,
			Elapsed: max(0, at.Sub(since)), // a force's clock may be ahead of ours
			Working: hours(f.PDU).Between(since, at),
		})
	}
	// Sorted, so that two recorders wait for each other in one order.
	slices.SortFunc(all, func(a, b casework.Milestone) int {
		if a.Match != b.Match {
			return int(a.Match - b.Match)
		}
		return slices.Index(casework.Stages, a.Stage) - slices.Index(casework.Stages, b.Stage)
	})
	teams := make([]string, len(all))
	for i, m := range all {
		teams[i] = byMatch[m.Match].Team
	}
	return insertMilestones(ctx, tx, all, teams)
}

func insertMilestones(ctx context.Context, tx pgx.Tx, all []casework.Milestone, teams []string) ([]casework.Milestone, error) {
	n := len(all)
	match, stage, priority, pdu := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	at, elapsed, working := make([]time.Time, n), make([]float64, n), make([]float64, n)
	for i, m := range all {
		match[i], stage[i], priority[i], pdu[i] = int64(m.Match), string(m.Stage), string(m.Priority), m.PDU
		at[i], elapsed[i], working[i] = m.At, m.Elapsed.Seconds(), m.Working.Seconds()
	}
	type key struct {
		Match casework.MatchID
		Stage casework.Stage
	}
	rows, _ := tx.Query(ctx, `
		insert into milestone (match, stage, priority, pdu, team, at, elapsed_seconds, working_seconds)
		select *
		  from unnest(@match::bigint[], @stage::text[], @priority::text[], @pdu::text[], @teams::text[],
		              @at::timestamptz[], @elapsed::float8[], @working::float8[])
		    on conflict do nothing -- reached before: a nudge was repeated
		returning match, stage`,
		pgx.NamedArgs{"match": match, "stage": stage, "priority": priority, "pdu": pdu, "teams": teams,
			"at": at, "elapsed": elapsed, "working": working})
	inserted, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	if err != nil {
		return nil, fmt.Errorf("record %d milestones: %w", n, err)
	}
	fresh := make(map[key]bool, len(inserted))
	for _, k := range inserted {
		fresh[k] = true
	}
	return slices.DeleteFunc(all, func(m casework.Milestone) bool { return !fresh[key{m.Match, m.Stage}] }), nil
}
