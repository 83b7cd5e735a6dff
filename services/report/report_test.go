package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/report"
	"github.com/reportable-incidents/reportable/services/telemetry"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

var (
	from = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	to   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	now  = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

// inspected is a record in which every question has an answer, some of them no.
func inspected(t *testing.T) casework.Inspection {
	t.Helper()
	db := pgtest.New(t)
	for _, sql := range []string{
		`insert into pdu (code, name, region) values ('A', 'Area <A>', 'N03'), ('B', 'Area B', 'N03')`,
		`insert into team (code, name, pdu) values ('TA', 'x', 'A'), ('TB', 'x', 'B')`,
		`insert into receipt (id, force, channel) values ('00000000-0000-0000-0000-000000000001', '62', 'http')`,
		`insert into person (crn, identity_digest, surname, pdu, team, changed_version)
		 select 'X' || n, 'd', 'Canary', case when n <= 3 then 'A' else 'B' end, case when n <= 3 then 'TA' else 'TB' end, 1 from generate_series(1, 4) n`,
		`insert into incident (force, reference, head) select '62', 'R' || n, 1 from generate_series(1, 4) n`,
		`insert into revision (incident, number, status, kind, reported_at, occurred_from, body, digest, disposition, receipt)
		 select id, 1, 'live', 'arrest', now(), now(), '{}', '', 'matched', '00000000-0000-0000-0000-000000000001' from incident`,
		`insert into match (incident, involvement, position, person, crn, revision, role, bits, probability, band, evidence, model, register_version, identity_digest, found_at, state)
		 select id, 1, 1, id, 'X', 1, 'suspect', 1, 1, 'certain', '{}', 'm', 1, 'd', '2026-10-05', case id when 1 then 'confirmed' when 2 then 'dismissed' else 'open' end from incident`,
		`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, ack_due, due, raised_at, acked_at, state, level)
		 select id, id, id, 'review_incident', 'practitioner', 'P', case when id <= 3 then 'A' else 'B' end, 'high', '2026-10-06', '2026-10-07', '2026-10-05',
		        case when id in (1, 3) then timestamptz '2026-10-06' end, case id when 1 then 'done' when 3 then 'acknowledged' else 'open' end, case when id = 4 then 2 else 0 end
		   from incident where id <> 2`,
		`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, ack_due, due, raised_at, state, done_at)
		 select id, id, id, 'tell_victim_staff', 'victim_staff', 'A', 'A', 'high', '2026-10-06', '2026-10-07', '2026-10-05', 'done', '2026-10-06' from incident where id = 1`,
		`insert into decision (action, outcome, rationale, risk_changed, manager_consulted, consulted_at, countersign_needed, by, countersigned_by, countersigned_at)
		 select id, 'no_change', 'because of Canary', true, 'M1', '2026-10-06', true, 'p', 'm', '2026-10-07' from action where incident = 1 and rule = 'review_incident'`,
		`insert into sample (drawn_by, seed, size, population, pdu, closed_from, closed_to) values ('m', 1, 1, 1, 'A', '2026-10-01', '2026-11-01')`,
		`insert into sample_item (sample, n, action, decision, practitioner, answers, verdict, judged_at, judged_by)
		 select s.id, 1, d.action, d.id, 'P', '{"oversight": "fail"}', 'partial', '2026-10-20', 'm' from sample s, decision d`,
		`insert into action (incident, person, match, rule, owner_role, owner, pdu, priority, ack_due, due, raised_at, state, done_at)
		 select id, id, id, r.rule, 'practitioner', 'P', 'A', 'high', '2026-10-06', '2026-12-07', '2026-11-01', r.state, case when r.state <> 'open' then timestamptz '2026-10-06' end
		   from incident, (values ('disclosure_application', 'done'), ('chase_enquiry', 'done'), ('transfer_match', 'done')) r (rule, state) where id = 1`,
		`update action set state = 'closed', done_at = null, closed_reason = '' where rule = 'chase_enquiry'`,
		`insert into checklist (action, rule, answer, answered_at)
		 select a.id, r.rule, case when incident = 1 then r.answer else '' end, case when incident = 1 then now() end
		   from action a, (values ('consider_marac', 'done'), ('consider_mappa', 'not_needed'), ('consider_enforcement', 'done')) r (rule, answer) where a.rule = 'review_incident'`,
		`insert into checklist (action, rule, answer, answered_at)
		 select id, 'children_enquiry', case when incident = 1 then 'done' else '' end, case when incident = 1 then now() end from action where rule = 'review_incident'`,
		`insert into milestone (match, stage, priority, pdu, at, elapsed_seconds, working_seconds)
		 select id, 'decision', 'high', case when id <= 3 then 'A' else 'B' end, '2026-10-06', id * 3600, id * 600 from match`,
		`insert into milestone (match, stage, priority, pdu, at, elapsed_seconds, working_seconds) values (1, 'match', 'high', 'A', '2026-12-06', 1, 1)`,
	} {
		pgtest.Exec(t, db, sql)
	}
	i, err := db.Inspect(t.Context(), from, to, now)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestEveryQuestionIsAnsweredFromTheRecord(t *testing.T) {
	i := inspected(t)
	if len(i.Areas) != 3 || i.Areas[0].PDU != "" {
		t.Fatalf("got %d areas", len(i.Areas))
	}
	got := map[string]string{}
	for _, a := range i.Areas {
		for _, q := range report.Questions(a) {
			got[a.PDU+" "+q.Text] = fmt.Sprintf("%d of %d", q.Done, q.Of)
		}
	}
	for question, want := range map[string]string{
		" Is the practitioner aware of the incident?":                                "2 of 3",
		"A Is the practitioner aware of the incident?":                               "2 of 2",
		"B Is the practitioner aware of the incident?":                               "0 of 1",
		" Is a decision on it recorded?":                                             "1 of 3",
		" Was a manager consulted, where it was decided?":                            "1 of 1",
		" Is the decision countersigned where it has to be?":                         "1 of 1",
		" Was management oversight effective, where closed work was sampled?":        "0 of 1",
		"A Did closed work pass, where it was sampled?":                              "0 of 1",
		"B Did closed work pass, where it was sampled?":                              "0 of 0",
		" Was every child asked about?":                                              "1 of 3",
		"A Were victim staff told?":                                                  "1 of 1",
		"B Were victim staff told?":                                                  "0 of 0",
		" Did the risk change with it, where it was decided?":                        "1 of 1",
		" Was the risk assessment reviewed when it had to be?":                       "0 of 0",
		" Were MARAC, MAPPA and integrated offender management thought of or told?":  "2 of 6",
		"B Were MARAC, MAPPA and integrated offender management thought of or told?": "0 of 2",
		" Was enforcement, breach or recall decided on?":                             "1 of 3",
		"A Was a disclosure applied for, and is its outcome known?":                  "1 of 1",
		"A Were enquiries to police answered?":                                       "0 of 1",
		"B Were enquiries to police answered?":                                       "0 of 0",
		"A Is the incident in the case record?":                                      "1 of 1",
	} {
		if got[question] != want {
			t.Errorf("%s: got %s, want %s", question, got[question], want)
		}
	}
	all := i.Areas[0]
	if all.Found != 3 || all.Confirmed != 1 || all.Dismissed != 1 || all.Unjudged != 2 || all.Escalated != 1 || all.Open != 2 || all.Overdue != 2 {
		t.Errorf("got %+v", all)
	}
	if len(all.Stages) != 1 || all.Stages[0].Reached != 4 || all.Stages[0].Median != 2.5*3600 || all.Stages[0].WorkingMedian != 1500 {
		t.Errorf("got stages %+v", all.Stages)
	}
}

func TestTheReportAndTheMetricsAgree(t *testing.T) {
	i := inspected(t)
	reg := prometheus.NewRegistry()
	r := telemetry.NewResponses(reg)
	for n := 1; n <= 4; n++ { // the same rows as whoever recorded them showed
		pdu := "A"
		if n == 4 {
			pdu = "B"
		}
		r.Observe(casework.Milestone{Stage: casework.StageDecision, Priority: casework.High, PDU: pdu, Elapsed: time.Duration(n) * time.Hour, Working: time.Duration(n) * 10 * time.Minute})
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]uint64{}
	for _, f := range families {
		for _, m := range f.Metric {
			for _, l := range m.Label {
				if l.GetName() == "pdu" {
					counted[f.GetName()+" "+l.GetValue()] = m.Histogram.GetSampleCount()
				}
			}
		}
	}
	for _, a := range i.Areas[1:] {
		for _, name := range []string{"reportable_response_seconds ", "reportable_response_working_seconds "} {
			if got, want := uint64(a.Stages[0].Reached), counted[name+a.PDU]; got != want {
				t.Errorf("%s%s: the report says %d, the metric %d", name, a.PDU, got, want)
			}
		}
	}
}

func TestThePageNamesNobodyAndEscapesWhatItIsGiven(t *testing.T) {
	i := inspected(t)
	var html, csv, data bytes.Buffer
	if err := report.HTML(&html, i, now); err != nil {
		t.Fatal(err)
	}
	if err := report.CSV(&csv, i, nil); err != nil {
		t.Fatal(err)
	}
	if err := report.JSON(&data, i); err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"HTML": html.String(), "CSV": csv.String(), "JSON": data.String()} {
		if strings.Contains(text, "Canary") {
			t.Errorf("%s has a name", form)
		}
	}
	for _, want := range []string{"<h2>Area &lt;A&gt;</h2>", "2 of 3 (67%)", "Matched to decision", "2.5 h", "1 October 2026"} {
		if !strings.Contains(html.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if !strings.Contains(csv.String(), "all,Matched to decision: median seconds,9000,\n") {
		t.Errorf("got %s", csv.String())
	}
}
