package desk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// slowest is a witness of queries: it keeps the one that took longest.
type slowest struct {
	sync.Mutex
	took time.Duration
	sql  string
}

type queryKey struct{}

type query struct {
	at  time.Time
	sql string
}

func (s *slowest) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, queryKey{}, query{time.Now(), d.SQL})
}

func (s *slowest) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	q, ok := ctx.Value(queryKey{}).(query)
	if took := time.Since(q.at); ok {
		s.Lock()
		defer s.Unlock()
		if took > s.took {
			s.took, s.sql = took, q.sql
		}
	}
}

func (s *slowest) reset() {
	s.Lock()
	defer s.Unlock()
	s.took, s.sql = 0, ""
}

// BenchmarkPages times every page, from the request to the last byte, with
// 100,000 open and 1,000,000 closed matches of 16,000 people in two PDUs, one
// in fifty of them restricted, and a million lines on the trail. Beside the
// median and the 95th of a hundred it gives the slowest single query. The
// marks: a p95 of 150 ms, and no query over 50 ms.
func BenchmarkPages(b *testing.B) {
	s := scene.New(b)
	first := s.Match(scene.Report{Person: s.Person(scene.Case{})})
	confirmed := s.Match(scene.Report{Person: s.Person(scene.Case{})})
	s.Judge("administrator", confirmed.Match, casework.VerdictConfirm)
	s.Consulted = scene.Deputy // else the manager could not draw it
	decided := s.Match(scene.Report{Person: s.Person(scene.Case{})})
	decision := s.Decide("practitioner", decided.Practitioner)
	began := time.Now()
	aMillionClosed(b, s.DB)
	b.Logf("the scene took %.0f s", time.Since(began).Seconds())

	manager := s.Accounts["manager"]
	sample, err := s.DB.DrawSample(b.Context(), casework.Sample{PDU: scene.Cardiff, Size: 20, Seed: 4711, From: s.Now.AddDate(0, 0, -90), To: s.Now.AddDate(0, 0, 1)}, manager, "")
	if err != nil {
		b.Fatal(err)
	}
	_, items, err := s.DB.Sample(b.Context(), manager.ID, sample.ID)
	if err != nil {
		b.Fatal(err)
	}
	walk(b, s.DB, map[string]string{
		"/samples/{id}": fmt.Sprint(sample.ID), "/sampled/{id}": fmt.Sprint(items[0].ID),
		"/matches/{id}": fmt.Sprint(first.Match), "/matches/{id}/retract": fmt.Sprint(confirmed.Match), "/matches/{id}/transfer": fmt.Sprint(confirmed.Match),
		"/actions/{id}": fmt.Sprint(first.Practitioner), "/countersign/{id}": fmt.Sprint(decision), "/staff/{code}": scene.Practitioner,
		"/people/{id}": fmt.Sprint(pgtest.One[int64](b, s.DB, `select person from match group by person order by count(*) desc limit 1`)),
	})
}

// walk times every page of the table of routes as every role that may see it.
func walk(b *testing.B, laid *postgres.DB, examples map[string]string) {
	witness := &slowest{}
	db, err := postgres.OpenTraced(b.Context(), laid.Pool().Config().ConnString(), witness)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	d, err := desk.New(desk.Config{DB: db, Demo: true})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(d.Routes())
	b.Cleanup(server.Close)

	clients := map[string]*http.Client{} // one sign-in each, for those are limited
	for _, role := range roles {
		jar, _ := cookiejar.New(nil)
		clients[role] = &http.Client{Jar: jar}
		answer, err := clients[role].PostForm(server.URL+"/sign-in", url.Values{"persona": {"persona:" + role}})
		if err != nil {
			b.Fatal(err)
		}
		answer.Body.Close()
	}
	more := map[string][]string{
		"/matches": {"?band=probable&force=62&due=today", "?priority=urgent", "?state=unsure", "?state=confirmed", "?kind=arrest&force=93",
			"?sort=-found&band=certain", "?sort=certainty", "?sort=-priority&force=61&kind=arrest", "?whose=mine"},
		"/team": {"?owner=" + scene.Practitioner},
		"/trail": {"?actor=persona:practitioner", "?what=MATCH_TAKEN", "?type=match&subject=77", "?from=2020-01-01&to=2020-02-01",
			"?what=PAGE_VIEW_MATCH&from=2026-01-01"},
	}
	for _, r := range d.Table() {
		method, at, _ := strings.Cut(r.Pattern, " ")
		// What reads at one go all that a list shows in pages takes as long as
		// it is long; a stream does not end.
		if method != http.MethodGet || r.Rule.Anyone || strings.HasSuffix(at, ".csv") || at == "/live" {
			continue
		}
		at = strings.Replace(at, "{$}", "", 1)
		var known string
		for prefix := range examples {
			if strings.HasPrefix(strings.TrimPrefix(at, "/v1"), prefix) && len(prefix) > len(known) {
				known = prefix
			}
		}
		at = strings.NewReplacer("{id}", examples[known], "{code}", examples[known]).Replace(at)
		if known == "" && strings.Contains(r.Pattern, "{id}") {
			b.Logf("%s: not measured, for want of an example", r.Pattern)
			continue
		}
		for _, role := range roles {
			me, err := laid.AccountBySubject(b.Context(), "persona:"+role)
			if err != nil {
				b.Fatal(err)
			}
			if !r.Rule.Allows(&me) {
				continue
			}
			for _, query := range append([]string{""}, more[at]...) {
				b.Run(strings.ReplaceAll(role, " ", "-")+at+query, func(b *testing.B) { measure(b, clients[role], server.URL, at+query, witness) })
			}
		}
	}
}

// measure asks for one page, again and again.
func measure(b *testing.B, client *http.Client, server, at string, witness *slowest) {
	get := func() time.Duration {
		began := time.Now()
		answer, err := client.Get(server + at)
		if err != nil {
			b.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode == http.StatusNotFound {
			b.Skip("shows this role nothing")
		}
		if answer.StatusCode != http.StatusOK || answer.Request.URL.Path == "/sign-in" {
			b.Fatalf("got status %d of %s", answer.StatusCode, answer.Request.URL.Path)
		}
		var all strings.Builder
		if err := answer.Write(&all); err != nil {
			b.Fatal(err)
		}
		return time.Since(began)
	}
	for range 6 { // a statement is planned anew the first five times
		get()
	}
	witness.reset()
	var took []time.Duration
	for b.Loop() {
		took = append(took, get())
	}
	for len(took) < 20 {
		took = append(took, get())
	}
	slices.Sort(took)
	at95 := took[len(took)*95/100]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(at95.Seconds()*1000, "p95-ms")
	b.ReportMetric(witness.took.Seconds()*1000, "query-ms")
	if at95 > 150*time.Millisecond || witness.took > 50*time.Millisecond {
		b.Logf("over the mark; its slowest query:\n%s", witness.sql)
	}
}

// aMillionClosed lays a caseload of two years over a scene, set by set.
func aMillionClosed(b testing.TB, db *postgres.DB) {
	conn, err := db.Pool().Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{
		// The rows agree by construction; checking each against its neighbours
		// takes longer than laying them.
		`set session_replication_role = replica`,
		`insert into team (code, name, pdu, manager)
		 select 'T' || n, 'Team ' || n, case when n % 2 = 0 then 'N03SW1' else 'WPTGWT' end, 'M' || n from generate_series(1, 38) n`,
		`create temporary table post as
		 select row_number() over () - 1 as n, s.* from (
		   select t.code as team, t.pdu, case when k = 1 and t.code = 'N03ST03' then 'N03S0304' else 'P' || t.code || k end as code
		     from team t, generate_series(1, 10) k) s`,
		`insert into staff (code, name, role, team, pdu) select code, 'Name ' || code, 'practitioner', team, pdu from post on conflict do nothing`,
		`insert into person (crn, surname, forenames, date_of_birth, identity_digest, rosh, restricted, pdu, team, practitioner, changed_version)
		 select 'B' || i, 'Name' || i, 'Given', '1980-01-01', i::text, (array['low', 'medium', 'high', 'very_high'])[1 + i % 4], i % 50 = 0, p.pdu, p.team, p.code, 1
		   from generate_series(1, 16000) i join post p on p.n = i % (select count(*) from post)`,
		`create temporary table body as select r.body, r.receipt from revision r order by incident limit 1`,
		// Numbers from 1,000 on; every eleventh is open, of the last month, the
		// others of the two years before it.
		`create temporary table laid as
		 select 1000 + n as id, n, n % 11 = 0 as open, p.id as person, p.crn, p.rosh, p.pdu, p.team, p.practitioner,
		        now() - case when n % 11 = 0 then n * interval '2 seconds' else n * interval '1 minute' end as at
		   from generate_series(1, 1100000) n join person p on p.crn = 'B' || (1 + (n * 7919::bigint) % 16000)`,
		`insert into incident (id, force, reference, head) overriding system value
		 select id, (array['60', '61', '62', '63'])[1 + n % 4], 'N' || n, 1 from laid`,
		`insert into revision (incident, number, status, kind, type, reported_at, occurred_from, body, digest, disposition, register_version, receipt, involvements, received_at)
		 select l.id, 1, 'live', case when l.n % 3 = 0 then 'arrest' else 'incident' end, 'Public order', l.at, l.at,
		        case when l.open then b.body else '{}' end, 'x', 'matched', 1, b.receipt, '{1,2,3}', l.at
		   from laid l, body b`,
		`insert into match (id, incident, involvement, position, person, crn, revision, role, state, bits, probability, band, evidence, model,
		                    register_version, identity_digest, judged_at, priority, found_at, agreed_at, transferred_at) overriding system value
		 select id, id, 1, 1, person, crn, 1, 'suspect', case when not open then case when n % 2 = 0 then 'confirmed' else 'dismissed' end when n % 5 = 0 then 'unsure' else 'open' end,
		        10, 0.99, (array['certain', 'probable', 'possible'])[1 + n % 3], '{}', 'm', 1, 'd', case when not open then at end,
		        (array['urgent', 'high', 'standard', 'standard', 'standard', 'standard', 'standard'])[1 + n % 7], at, now(), case when not open and n % 2 = 0 then at end
		   from laid`,
		`insert into judgement (match, verdict, identity_digest, by, reason, at)
		 select id, case when n % 2 = 0 then 'confirm' else 'dismiss' end, 'd', 'persona:administrator', 'reason', at
		   from laid where not open`,
		`insert into action (id, incident, person, match, rule, owner_role, owner, pdu, team, practitioner, priority, state, raised_at, ack_due, due, acked_at, done_at, done_by, level) overriding system value
		 select l.id * 3 + r.k, l.id, l.person, l.id, r.rule, r.role, case when r.role = 'administrator' then l.pdu else l.practitioner end, l.pdu, l.team, l.practitioner,
		        (array['urgent', 'high', 'standard', 'standard', 'standard', 'standard', 'standard'])[1 + n % 7],
		        case when l.open then case when n % 2 = 0 then 'open' else 'acknowledged' end when n % 2 = 0 then 'done' else 'closed' end,
		        l.at, l.at + interval '20 days', l.at + interval '30 days', case when not l.open or n % 2 = 1 then l.at end,
		        case when not l.open then l.at end, case when not l.open then 'persona:practitioner' end, case when l.open and n % 20 = 0 then 1 else 0 end
		   from laid l, (values ('acknowledge_match', 'administrator', 1), ('review_incident', 'practitioner', 2)) r (rule, role, k)`,
		`insert into waiting (action, match, person, owner, rule, next_due, raised_at, priority, force, kind, band, probability, state, contested)
		 select a.id, m.id, m.person, a.owner, a.rule, a.next_due, a.raised_at, a.priority, i.force, r.kind, m.band, m.probability, m.state, false
		   from action a join match m on m.id = a.match join incident i on i.id = m.incident join revision r on r.incident = i.id
		  where a.owner_role = 'administrator' and a.state in ('open', 'acknowledged') and a.id > 3000`,
		`insert into decision (action, outcome, rationale, risk_changed, by, at, countersign_needed, countersigned_by, countersigned_at)
		 select id * 3 + 2, 'no_change', 'why', false, 'persona:practitioner', at, n % 10 = 0,
		        case when n % 10 = 0 and n % 1000 <> 0 then 'persona:manager' end, case when n % 10 = 0 and n % 1000 <> 0 then at end
		   from laid where not open and n % 2 = 0`,
		`insert into milestone (match, stage, priority, pdu, at, elapsed_seconds, working_seconds)
		 select l.id, s.stage, 'standard', l.pdu, l.at, l.n % 90000, l.n % 30000
		   from laid l, unnest(array['match', 'acknowledgement', 'decision']) s (stage) where not l.open`,
		`insert into audit (at, actor, what, service, subject_type, subject_id)
		 select now() - (1000000 - n) * interval '1 minute', 'persona:' || (array['practitioner', 'administrator', 'manager'])[1 + n % 3],
		        (array['PAGE_VIEW_MATCH', 'PAGE_VIEW_ACTION', 'PAGE_VIEW_QUEUE'])[1 + n % 3], 'desk', 'match', (1000 + n % 1000000)::text
		   from generate_series(1, 1000000) n`,
		`select setval(pg_get_serial_sequence(t, 'id'), 10000000) from unnest(array['incident', 'match', 'action']) t`,
		`reset session_replication_role`,
		`analyze`,
	} {
		began := time.Now()
		line, _, _ := strings.Cut(sql, "\n")
		if _, err := conn.Exec(b.Context(), sql); err != nil {
			b.Fatalf("%s: %v", line, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			b.Logf("%3.0f s: %s", took.Seconds(), line)
		}
	}
}
