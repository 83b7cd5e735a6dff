package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// matched lays n certain matches in a ledger, each of somebody else in an
// incident of its own.
func matched(tb testing.TB, db *postgres.DB, n int) []events.Event {
	tb.Helper()
	body, err := json.Marshal(casework.Incident{Force: "62", Reference: "R", Revision: 1, Status: casework.Live, Kind: casework.KindArrest,
		Persons: []casework.Involvement{{Role: casework.RoleArrested}, {Role: casework.RoleWitness}}})
	if err != nil {
		tb.Fatal(err)
	}
	for _, sql := range []string{
		`insert into pdu (code, name, region) values ('N03SW1', 'x', 'N03')`,
		`insert into team (code, name, pdu, manager) values ('T1', 'x', 'N03SW1', 'M1')`,
		`insert into receipt (id, force, channel) values ('00000000-0000-0000-0000-000000000001', '62', 'http')`,
	} {
		pgtest.Exec(tb, db, sql)
	}
	pgtest.Exec(tb, db, `
		insert into person (crn, identity_digest, pdu, team, practitioner, changed_version)
		select 'X' || n, 'd', 'N03SW1', 'T1', 'P' || n % 300, 1 from generate_series(1, $1) n`, n)
	pgtest.Exec(tb, db, `insert into incident (force, reference, head) select '62', 'R' || n, 1 from generate_series(1, $1) n`, n)
	pgtest.Exec(tb, db, `
		insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, disposition, involvements, receipt)
		select id, 1, 'live', 'arrest', now(), now(), $1, '', 'matched', '{1,2}', '00000000-0000-0000-0000-000000000001' from incident`, body)
	pgtest.Exec(tb, db, `
		insert into match (incident, involvement, position, person, crn, revision, role, bits, probability, band, evidence, model, register_version, identity_digest)
		select i.id, 1, 1, p.id, p.crn, 1, 'arrested', 20, 0.999, 'certain', '{}', 'm', 1, 'd'
		  from incident i join person p on p.id = i.id`)
	pgtest.Exec(tb, db, `analyze`)
	ids := pgtest.All[int64](tb, db, `select id from match order by id`)
	es := make([]events.Event, len(ids))
	for i, id := range ids {
		es[i] = events.New(time.Now(), events.MatchFound{MatchID: id, IncidentID: id, Revision: 1, PersonID: id})
	}
	return es
}

// BenchmarkTenThousandMatchesBecomeActions says how many matches become actions
// in a second, and which share that is of a bare pgx.Batch of the same rows; then
// how long a look for due steps takes among 100,000 open actions. The marks:
// 2,000 a second, a share of 0.4, 50 ms.
func BenchmarkTenThousandMatchesBecomeActions(b *testing.B) {
	const n, batch, workers = 10_000, 100, 2
	for b.Loop() {
		db := pgtest.New(b)
		es := matched(b, db, n)
		nf := notifier.New(notifier.Config{Store: db})

		began := time.Now()
		parallel(workers, slices.Collect(slices.Chunk(es, batch)), func(some []events.Event) {
			if err := nf.Handle(b.Context(), some); err != nil {
				b.Error(err)
			}
		})
		took := time.Since(began)
		if actions := pgtest.One[int](b, db, `select count(*) from action`); actions != 2*n {
			b.Fatalf("got %d actions, want %d", actions, 2*n)
		}
		floor := floorOfBatches(b, db, workers)
		b.ReportMetric(float64(n)/took.Seconds(), "matches/s")
		b.ReportMetric(floor.Seconds()/took.Seconds(), "share-of-batch")
		scanOf(b, db, 5)
	}
}

// scanOf multiplies the open actions and looks for due steps among them.
func scanOf(b *testing.B, db *postgres.DB, times int) {
	b.Helper()
	pgtest.Exec(b, db, `
		insert into action (incident, person, match, rule, owner_role, owner, pdu, team, practitioner, priority, raised_at, ack_due, due)
		select incident, person, match, rule || n, owner_role, owner, pdu, team, practitioner, priority, raised_at, ack_due, due
		  from action, generate_series(2, $1) n`, times)
	pgtest.Exec(b, db, `
		insert into step (action, n, kind, target_role, due_at)
		select a.id, 1, 'undecided', '', a.due from action a where not exists (select 1 from step s where s.action = a.id)`)
	pgtest.Exec(b, db, `analyze`)
	var took []time.Duration
	for range 20 {
		began := time.Now()
		_, due, err := db.Escalate(b.Context(), time.Now(), 500, func(casework.DueStep) (casework.ActionChange, bool) { return casework.ActionChange{}, false })
		if err != nil || due != 0 {
			b.Fatalf("nothing is due yet, and %d are: %v", due, err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[10].Microseconds())/1000, "ms/look")
}

func parallel[T any](workers int, work []T, do func(T)) {
	queue := make(chan T, len(work))
	for _, w := range work {
		queue <- w
	}
	close(queue)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for w := range queue {
				do(w)
			}
		})
	}
	wg.Wait()
}

// floorOfBatches writes the same rows again, as fast as a pgx.Batch can: what
// the notifier wrote, copied aside, inserted row by row in transactions of the
// same size.
func floorOfBatches(t testing.TB, db *postgres.DB, workers int) time.Duration {
	t.Helper()
	ctx := context.Background()
	tables := []string{"action", "action_history", "step", "notice", "event"}
	type row struct {
		sql  string
		args []any
	}
	perAction := map[int64][]row{}
	var order []int64
	add := func(key int64, sql string, args ...any) {
		if _, ok := perAction[key]; !ok {
			order = append(order, key)
		}
		perAction[key] = append(perAction[key], row{sql, args})
	}
	pool := db.Pool()
	read := func(sql string, each func(pgx.Rows) error) {
		rows, err := pool.Query(ctx, sql)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := each(rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, table := range tables {
		// The copies have the keys and indexes of the originals, and no rows.
		pgtest.Exec(t, db, `create table floor_`+table+` (like `+table+` including all)`)
	}
	pgtest.Exec(t, db, `create table floor_match (like match including all)`)
	pgtest.Exec(t, db, `insert into floor_match overriding system value select * from match`)
	read(`select id, incident, person, match, rule, why::text, owner_role, owner, pdu, team, practitioner, facts::text, priority, unverified, raised_at, ack_due, due from action order by id`, func(r pgx.Rows) error {
		v, err := r.Values()
		if err == nil {
			add(v[0].(int64), `insert into floor_action (id, incident, person, match, rule, why, owner_role, owner, pdu, team, practitioner, facts, priority, unverified, raised_at, ack_due, due) overriding system value
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`, v...)
			if v[4] == notifier.AcknowledgeMatch { // a match is noted once
				add(v[0].(int64), `update floor_match set agreed_at = now() where id = $1`, v[3])
			}
		}
		return err
	})
	read(`select action, n, at, what, by, note::text from action_history`, func(r pgx.Rows) error {
		v, err := r.Values()
		if err == nil {
			add(v[0].(int64), `insert into floor_action_history (action, n, at, what, by, note) values ($1, $2, $3, $4, $5, $6)`, v...)
		}
		return err
	})
	read(`select action, n, kind, target_role, due_at from step`, func(r pgx.Rows) error {
		v, err := r.Values()
		if err == nil {
			add(v[0].(int64), `insert into floor_step (action, n, kind, target_role, due_at) values ($1, $2, $3, $4, $5)`, v...)
		}
		return err
	})
	read(`select action, owner_role, owner, n, kind, level, at from notice`, func(r pgx.Rows) error {
		v, err := r.Values()
		if err == nil {
			add(v[0].(int64), `insert into floor_notice (action, owner_role, owner, n, kind, level, at) values ($1, $2, $3, $4, $5, $6, $7)`, v...)
		}
		return err
	})
	read(`select (payload -> 'additionalInformation' ->> 'actionId')::bigint, subject, payload::text from event`, func(r pgx.Rows) error {
		v, err := r.Values()
		if err == nil {
			add(v[0].(int64), `insert into floor_event (subject, payload) values ($1, $2)`, v[1:]...)
		}
		return err
	})
	began := time.Now()
	parallel(workers, slices.Collect(slices.Chunk(order, 200)), func(some []int64) {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			var batch pgx.Batch
			for _, id := range some {
				for _, r := range perAction[id] {
					batch.Queue(r.sql, r.args...)
				}
			}
			return tx.SendBatch(ctx, &batch).Close()
		})
		if err != nil {
			t.Error(fmt.Errorf("floor: %w", err))
		}
	})
	return time.Since(began)
}
