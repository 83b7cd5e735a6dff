package desk_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/desk"
	"github.com/reportable-incidents/reportable/test/pgtest"
	"github.com/reportable-incidents/reportable/test/scene"
)

// BenchmarkPagesWithAHundredThousandOpenMatches times whole pages, from the
// request to the last byte, with 100,000 open matches in two PDUs, as many
// closed ones, 16,000 people and one in fifty of them restricted.
func BenchmarkPagesWithAHundredThousandOpenMatches(b *testing.B) {
	s := scene.New(b)
	m := s.Match(scene.Report{Person: s.Person(scene.Case{})})
	for _, sql := range []string{
		`insert into person (crn, surname, forenames, date_of_birth, identity_digest, rosh, restricted, pdu, team, practitioner, changed_version)
		 select 'B' || n, 'Name' || n, 'Given', '1980-01-01', n::text, 'medium', n % 50 = 0,
		        case when n % 2 = 0 then 'N03SW1' else 'WPTGWT' end, case when n % 2 = 0 then 'N03ST03' else 'WPTGT01' end,
		        case when n % 400 = 0 then 'N03S0304' else 'P' || n % 400 end, 1
		   from generate_series(1, 16000) n`,
		`insert into incident (force, reference, head) select '62', 'N' || n, 1 from generate_series(1, 200000) n`,
		`insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, disposition, receipt, involvements, received_at)
		 select i.id, 1, 'live', 'incident', now() - i.id * interval '1 minute', now() - i.id * interval '1 minute', r.body, 'x', 'matched', r.receipt, '{1,2,3}', now()
		   from incident i, revision r where i.reference like 'N%' and r.incident = (select min(incident) from revision)`,
		`insert into match (incident, involvement, position, person, crn, revision, role, state, bits, probability, band, evidence, model, register_version, identity_digest, judged_at)
		 select i.id, 1, 1, p.id, p.crn, 1, 'suspect', case when i.id % 2 = 0 then 'open' else 'dismissed' end, 10, 0.99, 'probable', '{}', 'm', 1, 'd',
		        case when i.id % 2 = 1 then now() end
		   from incident i join person p on p.crn = 'B' || (1 + i.id / 2 % 16000) where i.reference like 'N%'`,
		`insert into action (incident, person, match, rule, owner_role, owner, pdu, team, priority, state, ack_due, due)
		 select m.incident, m.person, m.id, r.rule, r.role, case when r.role = 'administrator' then p.pdu else p.practitioner end, p.pdu, p.team, 'standard',
		        case when m.state = 'open' then 'open' else 'closed' end, now() + m.id * interval '1 second', now() + m.id * interval '2 seconds'
		   from match m join person p on p.id = m.person, (values ('acknowledge_match', 'administrator'), ('review_incident', 'practitioner')) r (rule, role)
		    on conflict do nothing`,
		`analyze`,
	} {
		pgtest.Exec(b, s.DB, sql)
	}
	d, err := desk.New(desk.Config{DB: s.DB, Demo: true})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(d.Routes())
	b.Cleanup(server.Close)
	for _, page := range []struct{ name, who, path string }{
		{"home", "administrator", "/"},
		{"queue", "administrator", "/matches"},
		{"queue filtered", "administrator", "/matches?band=probable&force=62&due=today"},
		{"match", "administrator", path("/matches/%d", m.Match)},
		{"actions", "practitioner", "/actions"},
		{"action", "practitioner", path("/actions/%d", m.Practitioner)},
		{"team", "manager", "/team"},
		{"escalated", "head", "/escalated"},
		{"countersignatures", "head", "/countersign"},
		{"person", "practitioner", path("/people/%d", casework.PersonID(1))},
		{"trail", "auditor", "/trail"},
	} {
		b.Run(page.name, func(b *testing.B) {
			jar, _ := cookiejar.New(nil)
			client := &http.Client{Jar: jar}
			answer, err := client.PostForm(server.URL+"/sign-in", url.Values{"persona": {"persona:" + page.who}})
			if err != nil {
				b.Fatal(err)
			}
			answer.Body.Close()
			for b.Loop() {
				answer, err := client.Get(server.URL + page.path)
				if err != nil {
					b.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != http.StatusOK {
					b.Fatalf("%s: got status %d", page.name, answer.StatusCode)
				}
			}
		})
	}
}
