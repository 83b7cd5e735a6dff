package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// How many incidents a matcher settles in a second, beside the two things that
// it cannot do without: looking every person up on one register, and writing
// the same rows in transactions of the same size. A share of 1 would be a
// matcher that costs nothing beyond them.
func BenchmarkIncidentsSettled(b *testing.B) {
	const n, atOnce, supervised = 4000, 100, 4000
	people := harness.Wales(2 * supervised)
	for b.Loop() {
		b.StopTimer()
		w := harness.Quiet(b)
		w.Probation().Supervises(people[:supervised]...)
		var all []casework.Incident
		for i := range n {
			// One in ten concerns somebody under supervision.
			a, c := people[supervised+i%supervised], people[supervised+(i*7+1)%supervised]
			if i%10 == 0 {
				a = people[i%supervised]
			}
			all = append(all, harness.Incident(fmt.Sprintf("A%d", i), harness.Suspect(a), harness.Victim(c)))
		}
		w.Police("62").Reports(all...)
		var nudges []events.Event
		for _, id := range pgtest.All[int64](b, w.DB, `select id from incident order by id`) {
			nudges = append(nudges, events.New(time.Now(), events.IncidentReceived{IncidentID: id, Force: "62", Revision: 1}))
		}
		m := matcher.New(matcher.Config{Ledger: w.DB})
		if err := m.Handle(b.Context(), []events.Event{events.New(time.Now(), events.CaseloadChanged{RegisterVersion: 1})}); err != nil {
			b.Fatal(err) // it holds the register now
		}
		b.StartTimer()

		began := time.Now()
		for some := range slices.Chunk(nudges, atOnce) {
			if err := m.Handle(b.Context(), some); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(began)

		b.StopTimer()
		searching := searches(b, people[:supervised], all)
		writing := writes(b, w, atOnce)
		found := pgtest.One[int](b, w.DB, `select count(*) from match`)
		b.Logf("%d incidents with %d matches in %s: %.0f/s; searching alone took %s, writing alone %s: a share of %.2f",
			n, found, took.Round(time.Millisecond), n/took.Seconds(), searching.Round(time.Millisecond), writing.Round(time.Millisecond),
			(searching+writing).Seconds()/took.Seconds())
		b.ReportMetric(n/took.Seconds(), "incidents/s")
		b.ReportMetric((searching+writing).Seconds()/took.Seconds(), "share-of-floor")
		b.StartTimer()
	}
}

// searches looks everybody up, on all cores, and writes nothing.
func searches(b *testing.B, people []harness.Person, all []casework.Incident) time.Duration {
	b.Helper()
	r := linkage.New(linkage.Default())
	for i, p := range people {
		r.Put(casework.PersonID(i+1), p.Identity)
	}
	began := time.Now()
	parallel(2, all, func(in casework.Incident) {
		for _, p := range in.Persons {
			r.Find(p.Identity(), 0.10)
		}
	})
	return time.Since(began)
}

// writes brings the same rows into tables of the same make, row by row in a
// batch for each transaction.
func writes(b *testing.B, w *harness.World, atOnce int) time.Duration {
	b.Helper()
	ctx := b.Context()
	for _, table := range []string{"match", "event", "milestone"} {
		pgtest.Exec(b, w.DB, fmt.Sprintf(`create table bare_%s (like %s including indexes)`, table, table))
	}
	pgtest.Exec(b, w.DB, `create table bare_revision (like revision including indexes)`)
	pgtest.Exec(b, w.DB, `insert into bare_revision select * from revision`)
	ids := pgtest.All[int64](b, w.DB, `select id from incident order by id`)
	matched := map[int64]bool{}
	for _, id := range pgtest.All[int64](b, w.DB, `select distinct incident from match`) {
		matched[id] = true
	}
	began := time.Now()
	for some := range slices.Chunk(ids, atOnce) {
		err := pgx.BeginFunc(ctx, w.DB.Pool(), func(tx pgx.Tx) error {
			var batch pgx.Batch
			for _, id := range some {
				batch.Queue(`update bare_revision set disposition = 'unmatched', register_version = 1, settled_at = now() where incident = $1 and number = 1`, id)
				if matched[id] {
					batch.Queue(`insert into bare_match select * from match where incident = $1`, id)
					batch.Queue(`insert into bare_milestone select s.* from milestone s join match m on m.id = s.match where m.incident = $1`, id)
					batch.Queue(`insert into bare_event (id, subject, payload, created_at) values ($1, 'matches.found', '{}', now())`, id)
				}
			}
			return tx.SendBatch(ctx, &batch).Close()
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// How soon an incident that has just been accepted is a match that somebody has
// to do something about, in a pipeline with nothing else to do. The figures are
// of PostgreSQL's clock.
func BenchmarkAcceptedToMatchedToRaised(b *testing.B) {
	const n = 200
	people := harness.Wales(n)
	for b.Loop() {
		b.StopTimer()
		w := harness.New(b)
		w.Probation().Supervises(people...)
		w.Settled()
		b.StartTimer()
		for i, p := range people {
			w.Police("62").Reports(harness.Incident(fmt.Sprintf("A%d", i), harness.Suspect(p)))
			for pgtest.One[int](b, w.DB, `select count(*) from action where rule = 'acknowledge_match'`) <= i {
				time.Sleep(time.Millisecond)
			}
		}
		b.StopTimer()
		for what, query := range map[string]string{
			"matched": `select extract(epoch from m.found_at - r.received_at)`,
			"raised":  `select extract(epoch from a.raised_at - r.received_at)`,
		} {
			seconds := pgtest.All[float64](b, w.DB, query+`::float8
				  from match m
				  join revision r on r.incident = m.incident
				  join action a on a.match = m.id and a.rule = 'acknowledge_match'
				 order by 1`)
			p50, p99 := seconds[len(seconds)/2], seconds[len(seconds)*99/100]
			b.Logf("accepted to %s: p50 %.1f ms, p99 %.1f ms", what, 1000*p50, 1000*p99)
			b.ReportMetric(1000*p99, what+"-p99-ms")
		}
		b.StartTimer()
	}
}
