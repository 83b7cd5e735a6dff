package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/services/postgres"
)

// years lays a caseload of two years over a scene, set by set: so many matches,
// one in eleven of them open, of so many people, and so many lines on the trail.
func years(b testing.TB, db *postgres.DB, matches, people, lines int) {
	b.Helper()
	sizes := strings.NewReplacer("{matches}", fmt.Sprint(matches), "{people}", fmt.Sprint(people), "{lines}", fmt.Sprint(lines))
	conn, err := db.Pool().Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{
		// The rows agree by construction; checking each against its neighbours
		// takes longer than laying them.
		`set session_replication_role = replica`,
		`set work_mem = '256MB'`,
		`set maintenance_work_mem = '512MB'`,
		// An index is made of a million rows sooner than a million times.
		`create temporary table unindexed as
		 select x.indexrelid::regclass::text as name, pg_get_indexdef(x.indexrelid) as again
		   from pg_index x
		   join pg_class t on t.oid = x.indrelid
		  where t.relnamespace = 'public'::regnamespace
		    and not x.indisunique
		    and not exists (select 1 from pg_constraint c where c.conindid = x.indexrelid)
		    and t.relname = any('{incident,revision,match,judgement,action,waiting,decision,action_history,checklist,notice,delivery,transfer,enquiry,reply,sample,sample_item,milestone,audit,reviewed}')`,
		`do $$ declare i record; begin for i in select name from unindexed loop execute 'drop index ' || i.name; end loop; end $$`,
		`insert into team (code, name, pdu, manager)
		 select 'T' || n, 'Team ' || n, case when n % 2 = 0 then 'N03SW1' else 'WPTGWT' end, 'M' || n from generate_series(1, 38) n`,
		`create temporary table post as
		 select row_number() over () - 1 as n, s.* from (
		   select t.code as team, t.pdu, case when k = 1 and t.code = 'N03ST03' then 'N03S0304' else 'P' || t.code || k end as code
		     from team t, generate_series(1, 10) k) s`,
		`insert into staff (code, name, role, team, pdu) select code, 'Name ' || code, 'practitioner', team, pdu from post on conflict do nothing`,
		`insert into person (crn, surname, forenames, date_of_birth, identity_digest, rosh, restricted, pdu, team, practitioner, changed_version)
		 select 'B' || i, 'Name' || i, 'Given', '1980-01-01', i::text, (array['low', 'medium', 'high', 'very_high'])[1 + i % 4], i % 50 = 0, p.pdu, p.team, p.code, 1
		   from generate_series(1, {people}) i join post p on p.n = i % (select count(*) from post)`,
		// One person has much history: every thousandth match is theirs.
		`update person set pdu = 'N03SW1', team = 'N03ST03', practitioner = 'N03S0304', restricted = false where crn = 'B1'`,
		`create temporary table body as select r.body, r.receipt from revision r order by incident limit 1`,
		// Numbers from 1,000 on; every eleventh is open, of the last month, the
		// others of the two years before it.
		`create temporary table laid as
		 select 1000 + n as id, n, n % 11 = 0 as open, p.id as person, p.crn, p.rosh, p.restricted, p.pdu, p.team, p.practitioner,
		        now() - case when n % 11 = 0 then n * interval '2 seconds' else n * interval '1 minute' end as at
		   from generate_series(1, {matches}) n join person p on p.crn = 'B' || case when n % 1000 = 7 then 1 else 1 + (n * 7919::bigint) % {people} end`,
		`insert into incident (id, force, reference, head) overriding system value
		 select id, (array['60', '61', '62', '63'])[1 + n % 4], 'N' || n, 1 from laid`,
		`insert into revision (incident, number, status, kind, type, reported_at, occurred_from, body, digest, disposition, register_version, receipt, force, involvements, received_at)
		 select l.id, 1, 'live', case when l.n % 3 = 0 then 'arrest' else 'incident' end, 'Public order', l.at, l.at,
		        case when l.open then b.body else '{}' end, 'x', 'matched', 1, b.receipt, (array['60', '61', '62', '63'])[1 + n % 4], '{1,2,3}', l.at
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
		        case when l.open then case when n / 77 % 2 = 0 then 'open' else 'acknowledged' end when n % 2 = 0 then 'done' else 'closed' end,
		        l.at, l.at + interval '20 days', l.at + interval '30 days', case when not l.open or n / 77 % 2 = 1 then l.at end,
		        case when not l.open then l.at end, case when not l.open then 'persona:practitioner' end, case when l.open and n / 11 % 20 = 0 then 1 else 0 end
		   from laid l, (values ('acknowledge_match', 'administrator', 1), ('review_incident', 'practitioner', 2)) r (rule, role, k)`,
		`insert into waiting (action, match, person, owner, rule, next_due, raised_at, priority, force, kind, band, probability, state, contested)
		 select a.id, m.id, m.person, a.owner, a.rule, a.next_due, a.raised_at, a.priority, i.force, r.kind, m.band, m.probability, m.state, false
		   from action a join match m on m.id = a.match join incident i on i.id = m.incident join revision r on r.incident = i.id
		  where a.owner_role = 'administrator' and a.state in ('open', 'acknowledged') and a.id > 3000`,
		`insert into decision (action, outcome, rationale, risk_changed, by, at, countersign_needed, countersigned_by, countersigned_at)
		 select id * 3 + 2, 'no_change', 'why', false, 'persona:practitioner', at, n % 10 = 0,
		        case when n % 10 = 0 and n % 1000 <> 0 then 'persona:manager' end, case when n % 10 = 0 and n % 1000 <> 0 then at end
		   from laid where not open and n % 2 = 0`,
		`insert into action (incident, person, match, rule, owner_role, owner, pdu, team, practitioner, priority, raised_at, ack_due, due)
		 select l.id, l.person, l.id, 'countersign_decision', 'manager', coalesce(nullif(t.manager, ''), 'M'), l.pdu, l.team, l.practitioner, 'standard', l.at, l.at + interval '2 days', l.at + interval '3 days'
		   from laid l join team t on t.code = l.team where not open and n % 1000 = 0`,
		`insert into action_history (action, n, at, what) select id, 1, raised_at, 'raised' from action on conflict do nothing`,
		`insert into checklist (action, rule, answer, answered_at)
		 select id, r, case when state = 'done' then 'done' else '' end, case when state = 'done' then done_at end
		   from action, unnest(array['children_enquiry', 'consider_mappa']) r where rule = 'review_incident' and id % 9 = 2 on conflict do nothing`,
		`insert into notice (action, owner_role, owner, n, kind, at, read_at)
		 select id, owner_role, owner, 1, 'raised', raised_at, done_at from action where id % 4 = 0 on conflict do nothing`,
		`insert into delivery (channel, owner_role, owner, state, message_id, created_at, sent_at, settled_at)
		 select 'mail', 'practitioner', p.code, 'delivered', 'seed ' || p.code || ' ' || k, now(), now(), now() from post p, generate_series(1, 300) k`,
		`insert into transfer (match, state, key, contact, crn, queued_at, sent_at, settled_at)
		 select id, case when n % 4000 = 0 then 'failed' else 'sent' end, 'seed ' || id, 'c' || id, crn, at, at, at from laid where not open and n % 2 = 0`,
		`insert into enquiry (force, incident, match, person, purpose, period_from, period_to, asked_by, asked_role, asked_at, answered_at)
		 select '62', id, id, person, 'risk', date '1960-01-01' + n / 55, date '2020-01-01', 'seed', 'practitioner', at, case when n % 2 = 0 then now() end
		   from laid where n % 55 = 0`,
		`insert into reply (force, reference, revision, kind, status, newest, final, enquiry, person, incident, match, body, digest, receipt)
		 select force, 'S' || e.id, 1, 'enquiry-reply', 'live', true, true, e.id, e.person, e.incident, e.match, '{}', 'x', b.receipt
		   from enquiry e, body b where e.asked_by = 'seed' and e.answered_at is not null`,
		`insert into sample (drawn_by, seed, size, population, pdu, closed_from, closed_to)
		 select 'persona:head', n, 20, 9000, 'N03SW1', now() - interval '90 days', now() from generate_series(1, 400) n`,
		`insert into sample_item (sample, n, action, decision, practitioner, answers, verdict, judged_at, judged_by)
		 select s.id, 1 + d.n % 20, d.action, d.id, 'P', '{"oversight": "pass"}', 'pass', now(), 'persona:head'
		   from (select id, row_number() over (order by id) as r from sample where drawn_by = 'persona:head') s
		   join (select id, action, row_number() over (order by id) as n from decision where id > 100 order by id limit 8000) d on d.n / 20 = s.r on conflict do nothing`,
		`insert into milestone (match, stage, priority, pdu, team, counted_on, counted_guard, at, elapsed_seconds, working_seconds)
		 select l.id, s.stage, (array['urgent', 'high', 'standard', 'standard', 'standard', 'standard', 'standard'])[1 + n % 7], l.pdu, l.team,
		        (l.at at time zone 'Europe/London')::date, case when l.restricted then l.person else 0 end, l.at, l.n % 90000, l.n % 30000
		   from laid l, unnest(array['match', 'acknowledgement', 'decision']) s (stage) where not l.open`,
		`insert into audit (at, actor, what, service, subject_type, subject_id, details)
		 select now() - ({lines} - n) * interval '1 minute', 'persona:' || (array['practitioner', 'administrator', 'manager'])[1 + n % 3],
		        (array['PAGE_VIEW_MATCH', 'PAGE_VIEW_ACTION', 'PAGE_VIEW_QUEUE'])[1 + n % 3], 'desk', 'match', (1000 + n % {lines})::text,
		        case when n % 30 = 2 then jsonb_build_object('matches', array(select 1 + (n * 31 + k * 7919) % {lines} from generate_series(1, 25) k)) else '{}' end
		   from generate_series(1, {lines}) n`,
		`select setval(pg_get_serial_sequence(t, 'id'), 10000000) from unnest(array['incident', 'match', 'action']) t`,
		`do $$ declare i record; begin for i in select again from unindexed loop execute i.again; end loop; end $$`,
		`reset session_replication_role`,
		`vacuum analyze`,
		`insert into reviewed (action, match, person, pdu, owner, kind, decided_by, done_at)
		 select action, match, person, pdu, owner, kind, decided_by, done_at from closed_review order by done_at on conflict do nothing`,
		`vacuum analyze reviewed`,
	} {
		began := time.Now()
		sql = sizes.Replace(sql)
		line, _, _ := strings.Cut(sql, "\n")
		if _, err := conn.Exec(b.Context(), sql); err != nil {
			b.Fatalf("%s: %v", line, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			b.Logf("%3.0f s: %s", took.Seconds(), line)
		}
	}
	began := time.Now()
	if err := db.RecountAll(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Logf("%3.0f s: the sums of reports", time.Since(began).Seconds())
	if _, err := conn.Exec(b.Context(), "vacuum analyze"); err != nil {
		b.Fatal(err)
	}
}
