package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
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

// guards are under which what is hidden is counted.
func (t *tallies) guards() []int64 {
	all := slices.Clone(t.hidden)
	for _, match := range t.rivalled {
		all = append(all, -match)
	}
	return all
}

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

// cover makes a period up of few spans: how long each is, on which day it
// starts, and 1 if it is added or -1 if it is taken off, where that takes fewer.
func (p period) cover() (lengths, starts, signs []int) {
	add := func(from, to, length, sign int) {
		for ; from < to; from += length {
			lengths, starts, signs = append(lengths, length), append(starts, from), append(signs, sign)
		}
	}
	const longest = 256
	length := 1
	for ; length < longest && p.to-p.from > 2*length; length *= 4 {
		// Both ends move to where a longer span begins, whichever is nearer.
		from, to := nearest(p.from, 4*length), nearest(p.to, 4*length)
		add(p.from, from, length, 1)
		add(from, p.from, length, -1)
		add(to, p.to, length, 1)
		add(p.to, to, length, -1)
		p = period{from, to}
	}
	add(p.from, p.to, length, 1)
	return lengths, starts, signs
}

// nearest is the nearest multiple of a length to a day; the next of two.
func nearest(day, length int) int {
	return (day + length/2) &^ (length - 1)
}

// within is the part of a period of which a table of sums has any.
func (t *tallies) within(ctx context.Context, p period, table string) (period, error) {
	var first, last *int
	err := t.tx.QueryRow(ctx, `
		select (select start - date '1970-01-01' from `+table+` where span = 256 order by start limit 1),
		       (select start - date '1970-01-01' + 256 from `+table+` where span = 256 order by start desc limit 1)`).Scan(&first, &last)
	if err != nil || first == nil {
		return period{}, err
	}
	return period{max(p.from, *first), min(p.to, *last)}, nil
}

// asAsked plans a query for what it is asked with: a day and two years, one
// guard and hundreds take different ways.
const asAsked = pgx.QueryExecModeCacheDescribe

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
	type key struct{ pdu, what string }
	sums := map[key]int{}
	read := func(sql string, args pgx.NamedArgs) error {
		args["what"] = what
		rows, _ := t.tx.Query(ctx, sql, asAsked, t.args(args))
		var k key
		var n int
		_, err := pgx.ForEachRow(rows, []any{&k.pdu, &k.what, &n}, func() error {
			sums[k] += n
			return nil
		})
		return err
	}
	lengths, starts, signs := p.cover()
	err = read(`
		select t.pdu, t.what, sum(t.n * s.sign)::int
		  from unnest(@lengths::smallint[], @starts::int[], @signs::int[]) as s (span, day, sign)
		  join tally t on t.span = s.span and t.start = date '1970-01-01' + s.day
		 where (@pdus::text[] is null or t.pdu = any(@pdus))
		   and (@what::text[] is null or t.what = any(@what))
		 group by t.pdu, t.what`, pgx.NamedArgs{"lengths": lengths, "starts": starts, "signs": signs})
	if guards := t.guards(); err == nil && len(guards) > 0 {
		err = read(`
			select w.pdu, w.what, -sum(h.n)::int
			  from (
			    select counts, count(*) as n
			      from counted
			     where guard <> 0
			       and guard = any(@guards::bigint[])
			       and day >= date '1970-01-01' + @from::int
			       and day < date '1970-01-01' + @to::int
			     group by counts) h
			 cross join lateral (
			         select split_part(c, '|', 1) as what, substr(c, strpos(c, '|') + 1) as pdu
			           from unnest(h.counts) c) w
			 where (@pdus::text[] is null or w.pdu = any(@pdus))
			   and (@what::text[] is null or w.what = any(@what))
			 group by w.pdu, w.what`, pgx.NamedArgs{"guards": guards, "from": p.from, "to": p.to})
	}
	if err != nil {
		return nil, fmt.Errorf("read the sums of work: %w", err)
	}
	all := []done{}
	for _, k := range slices.SortedFunc(maps.Keys(sums), func(a, b key) int { return cmp.Or(cmp.Compare(a.pdu, b.pdu), cmp.Compare(a.what, b.what)) }) {
		if sums[k] != 0 {
			all = append(all, done{k.pdu, k.what, sums[k]})
		}
	}
	return all, nil
}

// clocked is a stage on one clock.
type clocked struct {
	PDU      string
	Stage    casework.Stage
	Priority casework.Priority
	Elapsed  bool
}

// times sum up a period, of one priority or of all.
func (t *tallies) times(ctx context.Context, p period, priority casework.Priority) (map[clocked]steps, error) {
	p, err := t.within(ctx, p, "tally_time")
	if err != nil {
		return nil, err
	}
	all := map[clocked]steps{}
	lengths, starts, signs := p.cover()
	// They are added up here: there it takes four times as long.
	rows, _ := t.tx.Query(ctx, `
		select s.sign, t.pdu, t.stage, t.priority, t.elapsed, t.upto, t.n, t.micros
		  from unnest(@lengths::smallint[], @starts::int[], @signs::int[]) as s (span, day, sign)
		  join tally_time t on t.span = s.span and t.start = date '1970-01-01' + s.day
		 where (@pdus::text[] is null or t.pdu = any(@pdus))
		   and (@priority = '' or t.priority = @priority)`,
		t.args(pgx.NamedArgs{"lengths": lengths, "starts": starts, "signs": signs, "priority": priority}))
	var k clocked
	var sign int
	var upto []float64
	var n, micros []int64
	_, err = pgx.ForEachRow(rows, []any{&sign, &k.PDU, &k.Stage, &k.Priority, &k.Elapsed, &upto, &n, &micros}, func() error {
		to := all[k]
		if to == nil {
			to = make(steps, len(upto))
			all[k] = to
		}
		for i := range upto {
			to.add(upto[i], sign*int(n[i]), int64(sign)*micros[i])
		}
		return nil
	})
	if guards := t.guards(); err == nil && len(guards) > 0 {
		err = t.steps(ctx, all, -1, `
			 where s.counted_guard <> 0
			   and s.counted_guard = any(@guards::bigint[])
			   and s.counted_on >= date '1970-01-01' + @from::int
			   and s.counted_on < date '1970-01-01' + @to::int
			   and (@pdus::text[] is null or s.pdu = any(@pdus))
			   and (@priority = '' or s.priority = @priority)`,
			pgx.NamedArgs{"guards": guards, "from": p.from, "to": p.to, "priority": priority})
	}
	if err != nil {
		return nil, fmt.Errorf("read the sums of times: %w", err)
	}
	return all, nil
}

// steps adds milestones up one by one, or takes them off. They are put in their
// steps here: there it takes several times as long as reading them.
func (t *tallies) steps(ctx context.Context, to map[clocked]steps, sign int, which string, args pgx.NamedArgs) error {
	rows, _ := t.tx.Query(ctx, `
		select s.pdu, s.stage, s.priority, array_agg(s.elapsed_seconds), array_agg(s.working_seconds)
		  from milestone s`+which+`
		 group by s.pdu, s.stage, s.priority`, asAsked, t.args(args))
	var k clocked
	var elapsed, working []float64
	_, err := pgx.ForEachRow(rows, []any{&k.PDU, &k.Stage, &k.Priority, &elapsed, &working}, func() error {
		for _, k.Elapsed = range []bool{true, false} {
			if to[k] == nil {
				to[k] = steps{}
			}
			took := working
			if k.Elapsed {
				took = elapsed
			}
			for _, seconds := range took {
				to[k].add(timeStep(seconds), sign, int64(sign)*int64(math.RoundToEven(seconds*1e6)))
			}
		}
		return nil
	})
	return err
}

// timeStep is the end of the step of a time, as the function time_step gives it.
func timeStep(seconds float64) float64 {
	wide := 86400.0
	for _, w := range [...]struct{ upto, wide float64 }{{1, 0.02}, {10, 0.2}, {60, 1}, {600, 10}, {3600, 60}, {14400, 300},
		{43200, 900}, {172800, 3600}, {1209600, 14400}} {
		if seconds <= w.upto {
			wide = w.wide
			break
		}
	}
	return math.Ceil(seconds/wide) * wide
}
