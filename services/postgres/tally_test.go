package postgres_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// years is a record of a few hundred matches over two years.
func years(t *testing.T) *scene.Scene {
	s := scene.New(t)
	for _, sql := range []string{
		`insert into receipt (id, force, channel) values ('00000000-0000-0000-0000-000000000001', '62', 'test')`,
		`insert into person (crn, identity_digest, pdu, team, practitioner, restricted, changed_version)
		 select 'P' || n, 'd', case when n % 3 = 0 then 'WPTGWT' else 'N03SW1' end, case when n % 3 = 0 then 'WPTGT01' else 'N03ST03' end,
		        case when n % 3 = 0 then 'WPTG0101' else 'N03S0304' end, n % 11 = 0, 1 from generate_series(1, 40) n`,
		`insert into incident (force, reference, head) select '62', 'R' || n, 1 from generate_series(1, 240) n`,
		`insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, disposition, receipt)
		 select id, 1, 'live', 'arrest', now(), now(), '{}', '', 'matched', '00000000-0000-0000-0000-000000000001' from incident`,
		`insert into match (incident, involvement, position, person, crn, revision, role, bits, probability, band, evidence, model, register_version, identity_digest, found_at)
		 select id, 1, 1, 1 + id % 40, 'X', 1, 'suspect', 1, 1, 'certain', '{}', 'm', 1, 'd', now() - id * interval '73 hours' from incident`,
		`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, ack_due, due, raised_at)
		 select m.incident, m.person, m.id, r.rule, 'practitioner', 'P', p.pdu, 'high', m.found_at + interval '1 day', m.found_at + interval '300 days', m.found_at
		   from match m join person p on p.id = m.person, unnest(array['review_incident', 'tell_victim_staff', 'transfer_match']) r (rule)`,
		`insert into sample (drawn_by, seed, size, population, pdu, closed_from, closed_to) values ('m', 1, 1, 1, 'N03SW1', now() - interval '1 day', now())`,
	} {
		pgtest.Exec(t, s.DB, sql)
	}
	return s
}

// late are the ways in which the past changes: $1 picks whom, $2 how.
var late = []string{
	`update match set state = (array['open', 'unsure', 'confirmed', 'dismissed', 'retracted', 'superseded', 'withdrawn'])[1 + $2 % 7] where id % 17 = $1 % 17`,
	`update action set state = (array['open', 'acknowledged', 'done', 'closed'])[1 + $2 % 4],
	        acked_at = case when $2 % 4 > 0 then now() end, done_at = case when $2 % 4 = 2 then now() end, closed_reason = case when $2 % 8 = 3 then 'match_gone' else '' end where id % 19 = $1 % 19`,
	`update action set done_at = case when $2 % 5 > 0 then now() - $2 * interval '1 hour' end, owner = (array['P', 'Q'])[1 + $2 % 2] where id % 3 = $1 % 3`,
	`update match set erased_at = case when $2 % 3 = 0 then now() end where id % 14 = $1 % 14`,
	`insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, disposition, receipt)
	 select id, 2, 'live', 'incident', now(), now(), '{}', '', 'matched', '00000000-0000-0000-0000-000000000001' from incident where id % 10 = $1 % 10 and $2 > 0 on conflict do nothing`,
	`update match m set revision = 1 + $2 % 2 where id % 8 = $1 % 8 and exists (select 1 from revision r where r.incident = m.incident and r.number = 1 + $2 % 2)`,
	`update action set level = $2 % 3 where id % 13 = $1 % 13`,
	`update action set pdu = (array['N03SW1', 'WPTGWT'])[1 + $2 % 2] where id % 29 = $1 % 29`,
	`insert into decision (action, outcome, rationale, risk_changed, manager_consulted, consulted_at, countersign_needed, by)
	 select id, 'no_change', 'why', $2 % 2 = 0, case when $2 % 3 = 0 then 'M' else '' end, case when $2 % 3 = 0 then now() end, $2 % 5 = 0, 'p'
	   from action where rule = 'review_incident' and id % 7 = $1 % 7`,
	`update decision set flagged_at = case when $2 % 2 = 0 then now() end, countersigned_by = 'm', countersigned_at = now() where id % 5 = $1 % 5`,
	`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, ack_due, due)
	 select incident, person, match, 'countersign_decision', 'manager', 'M', pdu, 'high', now() + $2 * interval '1 hour', now() + interval '9 days'
	   from action where rule = 'review_incident' and id % 11 = $1 % 11 on conflict do nothing`,
	`insert into checklist (action, rule) select id, (array['children_enquiry', 'consider_mappa'])[1 + $2 % 2] from action where id % 9 = $1 % 9 on conflict do nothing`,
	`update checklist set answer = (array['done', 'not_needed'])[1 + $2 % 2], answered_at = now() where action % 4 = $1 % 4`,
	`insert into sample_item (sample, n, action, decision, practitioner)
	 select 1, (select count(*) from sample_item)::int + row_number() over (), action, max(id), 'P' from decision where action % 6 = $1 % 6 and $2 > 0 group by action on conflict do nothing`,
	`update sample_item set judged_at = now(), judged_by = 'm', verdict = (array['pass', 'partial', 'fail'])[1 + $2 % 3],
	        answers = jsonb_build_object('oversight', (array['pass', 'fail', 'none'])[1 + $2 % 3]) where id % 3 = $1 % 3`,
	`insert into milestone (match, stage, priority, pdu, at, elapsed_seconds, working_seconds)
	 select m.id, (array['match', 'decision'])[1 + $2 % 2], (array['urgent', 'high'])[1 + $1 % 2], p.pdu, m.found_at + $1 * interval '1 hour',
	        power(10, (m.id * 7919 + $2) % 60 / 10.0), power(9, (m.id * 104729 + $2) % 60 / 10.0)
	   from match m join person p on p.id = m.person where m.id % 5 = $1 % 5 on conflict do nothing`,
	`update person set pdu = 'WPTGWT', team = 'WPTGT01' where id % 23 = $1 % 23 and $2 % 2 = 0`,
	`update person set restricted = $2 % 3 = 0 where id % 12 = $1 % 12`,
	`update person set merged_into = case when $2 % 2 = 0 then 1 end where id = 2 + $1 % 30 and id not in (select merged_into from person where merged_into is not null)`,
	`insert into restriction (person, subject) select id, (array['persona:manager', 'persona:nobody'])[1 + $2 % 2] from person where id % 20 = $1 % 20 on conflict do nothing`,
	`delete from restriction where person % 5 = $1 % 5 and $2 > 0`,
	`insert into exclusion (person, subject, until) select id, 'persona:head', case when $2 % 2 = 0 then now() - interval '1 day' end from person where id % 25 = $1 % 25 on conflict do nothing`,
	`delete from exclusion where person % 3 = $1 % 3 and $2 > 0`,
	`insert into match (incident, involvement, position, person, crn, revision, role, state, bits, probability, band, evidence, model, register_version, identity_digest, found_at)
	 select incident, 1, 1, 1 + (person + $2) % 40, 'X', 1, 'suspect', 'open', 1, 1, 'possible', '{}', 'm', 1, 'd', found_at + interval '9 days'
	   from match where id % 31 = $1 % 31 on conflict do nothing`,
}

func TestTheSumsAreWhatTheRecordComesToHoweverItChanges(t *testing.T) {
	s := years(t)
	ctx := t.Context()
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 1))
	zone := casework.EnglandAndWales().Zone()
	compare := func(when string) {
		t.Helper()
		for _, who := range []string{"auditor", "manager", "head"} {
			counted, err := s.DB.Counts(ctx, s.Accounts[who])
			if err != nil {
				t.Fatal(err)
			}
			from := time.Date(s.Now.Year()-2, s.Now.Month(), s.Now.Day()+dice.IntN(700), 0, 0, 0, 0, zone)
			to := from.AddDate(0, 0, 1+dice.IntN(800))
			want, err := recorded(ctx, s.DB, counted, from, to, s.Now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.DB.InspectFor(ctx, counted, from, to, s.Now)
			if err != nil {
				t.Fatal(err)
			}
			near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-5*max(1, math.Abs(a)) })
			if diff := cmp.Diff(want, got, near); diff != "" {
				t.Fatalf("seed %d, %s, %q from %s to %s: the record (-) and the sums (+) do not agree:\n%s", seed, when, who, from.Format(time.DateOnly), to.Format(time.DateOnly), diff)
			}
		}
	}
	right := func(when string) {
		t.Helper()
		if m, err := s.DB.Miscounted(ctx); err != nil || m.Any() {
			t.Fatalf("seed %d, %s: miscounted %+v, error %v", seed, when, m, err)
		}
	}
	if err := s.DB.CountAll(ctx); err != nil {
		t.Fatal(err)
	}
	var seconds, ends []float64
	for range 2000 {
		seconds = append(seconds, math.Pow(10, dice.Float64()*10-3), float64(dice.IntN(2_000_000)), float64(dice.IntN(100_000))/50)
	}
	for _, one := range seconds {
		ends = append(ends, postgres.TimeStep(one))
	}
	if n := pgtest.One[int](t, s.DB, "select count(*) from unnest($1::float8[], $2::float8[]) x (seconds, ends) where time_step(seconds) <> ends", seconds, ends); n != 0 {
		t.Errorf("seed %d: %d times fall in another step here than there", seed, n)
	}
	compare("at first")
	for round := range 4 {
		for range 6 {
			pgtest.Exec(t, s.DB, late[dice.IntN(len(late))], dice.IntN(1000), 1+dice.IntN(1000))
		}
		if err := s.DB.CountAll(ctx); err != nil {
			t.Fatal(err)
		}
		compare(fmt.Sprintf("round %d", round))
	}
	for n, change := range late {
		for how := range 3 { // that one of them may leave all as it was
			pgtest.Exec(t, s.DB, change, dice.IntN(1000), 1+how+dice.IntN(1000))
		}
		if err := s.DB.CountAll(ctx); err != nil {
			t.Fatal(err)
		}
		right(fmt.Sprintf("after change %d alone", n))
	}
	compare("after each change")

	// Whatever the sums are, they can be told to be wrong, and be made anew.
	for _, harm := range []string{
		"update tally set n = n + 1 where (span, start, pdu, what) = (select span, start, pdu, what from tally limit 1)",
		"delete from counted where match = (select min(match) from counted)",
		"update tally_time set micros[1] = micros[1] - 1 where (span, start) = (select span, start from tally_time limit 1)",
		"update milestone set counted_guard = counted_guard + 1",
		"insert into reviewed select id, match, person, pdu, owner, 'arrest', 'p', now() from action where rule = 'transfer_match' limit 1",
	} {
		pgtest.Exec(t, s.DB, harm)
		if m, err := s.DB.Miscounted(ctx); err != nil || !m.Any() {
			t.Errorf("%s: miscounted %+v, error %v, want it found", harm, m, err)
		}
		if err := s.DB.RecountAll(ctx); err != nil {
			t.Fatal(err)
		}
		right("made anew")
	}
	compare("made anew")
}

func TestNothingIsLeftOutWhenManyChangeAndCountAtOnce(t *testing.T) {
	s := years(t)
	ctx := t.Context()
	var writers, counters errgroup.Group
	stop := make(chan struct{})
	for range 2 {
		counters.Go(func() error {
			for {
				select {
				case <-stop:
					return nil
				default:
				}
				if _, err := s.DB.CountChanged(ctx, 20, 2); err != nil {
					return err
				}
			}
		})
	}
	for n := range 4 {
		writers.Go(func() error {
			dice := rand.New(rand.NewPCG(uint64(n), 2))
			for range 15 {
				// One statement, one transaction; what two change at once is each other's affair.
				_, err := s.DB.Pool().Exec(ctx, late[dice.IntN(len(late))], dice.IntN(1000), 1+dice.IntN(1000))
				if err != nil && !postgres.Passing(err) {
					return err
				}
			}
			return nil
		})
	}
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	close(stop)
	// While somebody counts for long, a reader reads what there is.
	holder, err := s.DB.Pool().Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.Exec(ctx, "select pg_advisory_xact_lock(x'74616c6c79'::bigint)"); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, s.DB, "insert into uncounted (incident) values (1)")
	if _, err := s.DB.Inspect(ctx, s.Now.AddDate(0, -1, 0), s.Now, s.Now); err != nil {
		t.Errorf("got %v of an inspection while another counts", err)
	}
	if err := holder.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if err := counters.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := s.DB.CountAll(ctx); err != nil {
		t.Fatal(err)
	}
	if m, err := s.DB.Miscounted(ctx); err != nil || m.Any() {
		t.Fatalf("miscounted %+v, error %v", m, err)
	}
}

// TestAnyPeriodIsMadeUpOfFewSpans is arithmetic alone.
func TestAnyPeriodIsMadeUpOfFewSpans(t *testing.T) {
	for range 2000 {
		from := rand.IntN(30000)
		to := from + rand.IntN(4000)
		if rand.IntN(4) == 0 {
			to = from + rand.IntN(20)
		}
		lengths, starts, signs := postgres.SpansOf(from, to)
		days := map[int]int{}
		for n := range lengths {
			if starts[n]%lengths[n] != 0 {
				t.Fatalf("from %d to %d: a span of %d starts at %d", from, to, lengths[n], starts[n])
			}
			for day := starts[n]; day < starts[n]+lengths[n]; day++ {
				days[day] += signs[n]
			}
		}
		for day, n := range days {
			if inside := day >= from && day < to; inside && n != 1 || !inside && n != 0 {
				t.Fatalf("from %d to %d: day %d counts %d times", from, to, day, n)
			}
		}
		covered := 0
		for _, n := range days {
			covered += n
		}
		if covered != to-from || len(lengths) > 20+(to-from)/256 {
			t.Fatalf("from %d to %d: %d spans cover %d days", from, to, len(lengths), covered)
		}
	}
}
