package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// tallies are the sums as somebody may read them.
type tallies struct {
	tx pgx.Tx
	Counted
	hidden   []int64 // people
	rivalled []int64 // matches that are hidden with another candidate, or are hidden and have one
}

// hide looks up whom the viewer may not see.
func (t *tallies) hide(ctx context.Context) error {
	if t.Viewer == 0 {
		return nil
	}
	err := t.tx.QueryRow(ctx, `
		with hidden as materialized (
		  select hidden_people(@viewer) as id
		)
		select (select coalesce(array_agg(id), '{}') from hidden),
		       (select coalesce(array_agg(r.id), '{}')
		          from (
		            select m.id
		              from hidden h
		              join match m on m.person = h.id and m.contested
		             union
		            select m.id
		              from hidden h
		              join match c on c.person = h.id and c.contested and c.state <> 'superseded'
		              join match m on m.incident = c.incident and m.involvement = c.involvement) r)`,
		pgx.NamedArgs{"viewer": t.Viewer}).Scan(&t.hidden, &t.rivalled)
	if err != nil {
		return fmt.Errorf("look up what is hidden: %w", err)
	}
	return nil
}

func (t *tallies) args(args pgx.NamedArgs) pgx.NamedArgs {
	args["pdus"], args["hidden"], args["rivalled"] = t.PDUs, t.hidden, t.rivalled
	return args
}

// seen says of a sum, t, that the viewer may count what is in it.
const seen = `(t.guard = 0
	      or t.guard > 0 and t.guard not in (select unnest(@hidden::bigint[]))
	      or t.guard < 0 and -t.guard not in (select unnest(@rivalled::bigint[])))`

// period is of days, counted since 1970: the first, and the one after the last.
type period struct{ from, to int }

// always is every day that there is.
var always = period{-1 << 31, 1<<31 - 1}

// days are those from the one in which from lies until the one before to.
func days(from, to time.Time) period {
	p := period{dayNumber(from), dayNumber(to)}
	if !to.Equal(startOf(to)) {
		p.to++ // it is in the middle of the period's last day
	}
	return p
}

func startOf(t time.Time) time.Time {
	y, m, d := t.In(casework.EnglandAndWales().Zone()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, casework.EnglandAndWales().Zone())
}

func dayNumber(t time.Time) int {
	y, m, d := t.In(casework.EnglandAndWales().Zone()).Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

// starts and ends are its midnights.
func (p period) starts() time.Time { return midnight(p.from) }
func (p period) ends() time.Time   { return midnight(p.to) }

func midnight(day int) time.Time {
	return time.Date(1970, 1, 1+day, 0, 0, 0, 0, casework.EnglandAndWales().Zone())
}

// cover makes a period up of as few spans as can be: how long each is, and on
// which day it starts.
func (p period) cover() (lengths, starts []int) {
	for at := p.from; at < p.to; {
		length := 64
		for at&(length-1) != 0 || at+length > p.to {
			length /= 8
		}
		lengths, starts = append(lengths, length), append(starts, at)
		at += length
	}
	return lengths, starts
}

// within is the part of a period of which a table of sums has any.
func (t *tallies) within(ctx context.Context, p period, table string) (period, error) {
	var first, last *int
	err := t.tx.QueryRow(ctx, `
		select (select start - date '1970-01-01' from `+table+` where span = 64 order by start limit 1),
		       (select start - date '1970-01-01' + 64 from `+table+` where span = 64 order by start desc limit 1)`).Scan(&first, &last)
	if err != nil || first == nil {
		return period{}, err
	}
	return period{max(p.from, *first), min(p.to, *last)}, nil
}

// done is how much of something is in a period.
type done struct {
	PDU  string
	What string
	N    int
}

// work sums up a period, by PDU: all there is, or one thing.
func (t *tallies) work(ctx context.Context, p period, what ...string) ([]done, error) {
	p, err := t.within(ctx, p, "tally")
	if err != nil {
		return nil, err
	}
	lengths, starts := p.cover()
	rows, _ := t.tx.Query(ctx, `
		select t.pdu, t.what, sum(t.n)::int
		  from unnest(@lengths::smallint[], @starts::int[]) as s (span, day)
		  join tally t on t.span = s.span and t.start = date '1970-01-01' + s.day
		 where t.n <> 0
		   and (@pdus::text[] is null or t.pdu = any(@pdus))
		   and (@what::text[] is null or t.what = any(@what))
		   and `+seen+`
		 group by t.pdu, t.what
		having sum(t.n) <> 0
		 order by t.pdu, t.what`, t.args(pgx.NamedArgs{"lengths": lengths, "starts": starts, "what": what}))
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[done])
	if err != nil {
		return nil, fmt.Errorf("read the sums of work: %w", err)
	}
	return all, nil
}

// tallied is how often a stage took so long, on one clock.
type tallied struct {
	PDU      string
	Stage    casework.Stage
	Priority casework.Priority
	Elapsed  bool
	UpTo     float64
	N        int
	Micros   int64
}

// times sum up a period, by PDU, of one priority or of all.
func (t *tallies) times(ctx context.Context, p period, priority casework.Priority) ([]tallied, error) {
	p, err := t.within(ctx, p, "tally_time")
	if err != nil {
		return nil, err
	}
	lengths, starts := p.cover()
	rows, _ := t.tx.Query(ctx, `
		select t.pdu, t.stage, t.priority, t.elapsed, t.upto, sum(t.n)::int, sum(t.micros)::bigint
		  from unnest(@lengths::smallint[], @starts::int[]) as s (span, day)
		  join tally_time t on t.span = s.span and t.start = date '1970-01-01' + s.day
		 where t.n <> 0
		   and (@pdus::text[] is null or t.pdu = any(@pdus))
		   and (@priority = '' or t.priority = @priority)
		   and `+seen+`
		 group by t.pdu, t.stage, t.priority, t.elapsed, t.upto
		having sum(t.n) <> 0`, t.args(pgx.NamedArgs{"lengths": lengths, "starts": starts, "priority": priority}))
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[tallied])
	if err != nil {
		return nil, fmt.Errorf("read the sums of times: %w", err)
	}
	return all, nil
}
