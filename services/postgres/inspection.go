package postgres

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Inspect answers the inspectorate's questions for a period, for all PDUs
// together and for each, in one snapshot. Now is when what is overdue is counted.
func (db *DB) Inspect(ctx context.Context, from, to, now time.Time) (casework.Inspection, error) {
	return db.InspectFor(ctx, Counted{}, from, to, now)
}

// Counted is what somebody may count. The zero value is everything.
type Counted struct {
	// Viewer does not count whoever is hidden from them.
	Viewer casework.AccountID
	// PDUs are those that are counted; nil is all.
	PDUs []string
}

// InspectFor is Inspect of what somebody may count. The period is of whole days:
// from the one in which it begins until the one before which it ends. Medians
// and centiles are of steps of time, each at its mean.
func (db *DB) InspectFor(ctx context.Context, counted Counted, from, to, now time.Time) (casework.Inspection, error) {
	i := inspecting{Inspection: casework.Inspection{From: from, To: to}, at: map[string]int{}}
	if err := db.settleCounts(ctx); err != nil {
		return i.Inspection, err
	}
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, db.pool, snapshot, func(tx pgx.Tx) error {
		i.Areas, i.at = nil, map[string]int{}
		rows, _ := tx.Query(ctx, `
			select '', 'All of them'
			union all
			select code, name
			  from pdu
			 where @pdus::text[] is null
			    or code = any(@pdus)
			 order by 1`, pgx.NamedArgs{"pdus": counted.PDUs})
		var code, name string
		_, err := pgx.ForEachRow(rows, []any{&code, &name}, func() error {
			i.area(code).Name = name
			return nil
		})
		if err != nil {
			return err
		}
		t := tallies{tx: tx, Counted: counted}
		if err := t.hide(ctx); err != nil {
			return err
		}
		if err := i.work(ctx, t, days(from, to)); err != nil {
			return err
		}
		if err := i.times(ctx, t, days(from, to)); err != nil {
			return err
		}
		if err := i.open(ctx, t, now); err != nil {
			return err
		}
		i.Uncounted, err = uncounted(ctx, tx)
		return err
	})
	if err != nil {
		return casework.Inspection{}, fmt.Errorf("inspect %s to %s: %w", from.Format(time.DateOnly), to.Format(time.DateOnly), problem(err))
	}
	return i.Inspection, nil
}

// inspecting is an inspection that is being put together.
type inspecting struct {
	casework.Inspection
	at map[string]int // where each PDU's area is
}

// area is a PDU's; the register may not have it any more.
func (i *inspecting) area(pdu string) *casework.InspectedArea {
	n, ok := i.at[pdu]
	if !ok {
		n = len(i.Areas)
		i.at[pdu] = n
		i.Areas = append(i.Areas, casework.InspectedArea{PDU: pdu, Name: pdu, Actions: []casework.InspectedAction{}, Asked: []casework.InspectedItem{}, Stages: []casework.InspectedStage{}})
	}
	return &i.Areas[n]
}

// work is what was found in the period, and what has become of it.
func (i *inspecting) work(ctx context.Context, t tallies, p period) error {
	sums, err := t.work(ctx, p)
	if err != nil {
		return err
	}
	for _, s := range sums {
		for _, area := range []*casework.InspectedArea{i.area(""), i.area(s.PDU)} {
			add(area, s.What, s.N)
		}
	}
	for n := range i.Areas {
		a := &i.Areas[n]
		slices.SortFunc(a.Actions, func(a, b casework.InspectedAction) int { return cmp.Compare(a.Rule, b.Rule) })
		slices.SortFunc(a.Asked, func(a, b casework.InspectedItem) int { return cmp.Compare(a.Rule, b.Rule) })
	}
	return nil
}

// add puts a sum where it belongs. What is written here is read from countedWork.
func add(a *casework.InspectedArea, what string, n int) {
	kind, rule, ruled := strings.Cut(what, ":")
	if to := map[string]*int{
		"found": &a.Found, "confirmed": &a.Confirmed, "dismissed": &a.Dismissed, "unjudged": &a.Unjudged,
		"aware": &a.Aware, "decided": &a.Decided, "risk": &a.RiskChanged, "consulted": &a.Consulted,
		"tocountersign": &a.ToCountersign, "countersigned": &a.Countersigned, "flagged": &a.Flagged, "escalated": &a.Escalated,
		"raised:review_incident": &a.Reviews, "raised:tell_victim_staff": &a.VictimStaffAsked, "done:tell_victim_staff": &a.VictimStaffTold,
		"sampled": &a.Sampled, "sampled:pass": &a.SampledPass, "sampled:partial": &a.SampledPartial, "sampled:fail": &a.SampledFail,
		"oversight": &a.OversightAsked, "oversight:pass": &a.OversightEffective,
	}[what]; to != nil {
		*to += n
	}
	if !ruled {
		return
	}
	switch kind {
	case "raised", "acknowledged", "done":
		at := slices.IndexFunc(a.Actions, func(i casework.InspectedAction) bool { return i.Rule == rule })
		if at < 0 {
			at = len(a.Actions)
			a.Actions = append(a.Actions, casework.InspectedAction{Rule: rule})
		}
		i := &a.Actions[at]
		*map[string]*int{"raised": &i.Raised, "acknowledged": &i.Acknowledged, "done": &i.Done}[kind] += n
	case "asked", "answered", "notneeded", "unanswered":
		at := slices.IndexFunc(a.Asked, func(i casework.InspectedItem) bool { return i.Rule == rule })
		if at < 0 {
			at = len(a.Asked)
			a.Asked = append(a.Asked, casework.InspectedItem{Rule: rule})
		}
		i := &a.Asked[at]
		*map[string]*int{"asked": &i.Asked, "answered": &i.Done, "notneeded": &i.NotNeeded, "unanswered": &i.Unanswered}[kind] += n
	}
}

// times are how long the stages took that were reached in the period.
func (i *inspecting) times(ctx context.Context, t tallies, p period) error {
	all, err := t.times(ctx, p, "")
	if err != nil {
		return err
	}
	type key struct {
		pdu   string
		stage casework.Stage
	}
	clocks := map[key]*[2]steps{} // working time, and the wall clock
	for c, took := range all {
		for _, k := range []key{{"", c.Stage}, {c.PDU, c.Stage}} {
			if clocks[k] == nil {
				clocks[k] = &[2]steps{{}, {}}
			}
			clock := clocks[k][0]
			if c.Elapsed {
				clock = clocks[k][1]
			}
			for upto, s := range took {
				clock.add(upto, s.n, s.micros)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(clocks), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.pdu, b.pdu), cmp.Compare(slices.Index(casework.Stages, a.stage), slices.Index(casework.Stages, b.stage)))
	})
	for _, k := range keys {
		working, elapsed := clocks[k][0].sorted(), clocks[k][1].sorted()
		if elapsed.n() == 0 {
			continue
		}
		to := i.area(k.pdu)
		to.Stages = append(to.Stages, casework.InspectedStage{Stage: k.stage, Reached: elapsed.n(),
			Median: elapsed.centile(0.5), Ninetieth: elapsed.centile(0.9), WorkingMedian: working.centile(0.5), WorkingNinety: working.centile(0.9)})
	}
	return nil
}

// open is what is open now, whenever it was found.
func (i *inspecting) open(ctx context.Context, t tallies, now time.Time) error {
	sums, err := t.work(ctx, always, "open")
	if err != nil {
		return err
	}
	var pdus []string
	for _, s := range sums {
		i.area("").Open += s.N
		i.area(s.PDU).Open += s.N
		pdus = append(pdus, s.PDU)
	}
	// What is overdue depends on the clock, so it is counted; what is hidden is
	// counted beside it, and taken off.
	rows, _ := t.tx.Query(ctx, `
		with hidden as materialized (
		  select unnest(@hidden::bigint[]) as id
		),
		rivalled as materialized (
		  select unnest(@rivalled::bigint[]) as id
		),
		unseen as materialized (
		  select a.id, a.pdu, a.next_due
		    from hidden h
		    join action a on a.person = h.id and a.state in ('open', 'acknowledged')
		   union
		  select a.id, a.pdu, a.next_due
		    from rivalled r
		    join action a on a.match = r.id and a.state in ('open', 'acknowledged')
		)
		select u.pdu,
		       (select count(*)
		          from action a
		         where a.pdu = u.pdu
		           and a.state in ('open', 'acknowledged')
		           and a.next_due < @now)
		       - (select count(*) from unseen x where x.pdu = u.pdu and x.next_due < @now),
		       coalesce(extract(epoch from @now - o.raised_at), 0)::float8
		  from unnest(@places::text[]) u (pdu)
		  left join lateral (
		         select a.raised_at
		           from action a
		          where a.pdu = u.pdu
		            and a.state in ('open', 'acknowledged')
		            and a.person not in (select id from hidden)
		            and a.match not in (select id from rivalled)
		          order by a.raised_at
		          limit 1) o on true`,
		t.args(pgx.NamedArgs{"now": now, "places": pdus}))
	var pdu string
	var overdue int
	var oldest float64
	_, err = pgx.ForEachRow(rows, []any{&pdu, &overdue, &oldest}, func() error {
		for _, a := range []*casework.InspectedArea{i.area(""), i.area(pdu)} {
			a.Overdue += overdue
			a.OldestSeconds = max(a.OldestSeconds, oldest)
		}
		return nil
	})
	return err
}

// steps are times counted by the step in which they fall.
type steps map[float64]step

type step struct {
	upto   float64
	n      int
	micros int64 // of all of them together
}

func (s steps) add(upto float64, n int, micros int64) {
	x := s[upto]
	s[upto] = step{upto, x.n + n, x.micros + micros}
}

// sorted are those of which anything is left.
func (s steps) sorted() (all sortedSteps) {
	for _, x := range s {
		if x.n != 0 {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b step) int { return cmp.Compare(a.upto, b.upto) })
	return all
}

type sortedSteps []step

func (s sortedSteps) n() (n int) {
	for _, x := range s {
		n += x.n
	}
	return n
}

// within is how many took no longer than so many seconds, which end a step.
func (s sortedSteps) within(seconds float64) (n int) {
	for _, x := range s {
		if x.upto <= seconds {
			n += x.n
		}
	}
	return n
}

// centile is what percentile_cont gives, of each time the mean of its step.
func (s sortedSteps) centile(of float64) float64 {
	at := of * float64(s.n()-1)
	lower, upper := s.nth(int(math.Floor(at))), s.nth(int(math.Ceil(at)))
	return lower + (at-math.Floor(at))*(upper-lower)
}

func (s sortedSteps) nth(n int) float64 {
	for _, x := range s {
		if n < x.n {
			return float64(x.micros) / float64(x.n) / 1e6
		}
		n -= x.n
	}
	return 0
}
