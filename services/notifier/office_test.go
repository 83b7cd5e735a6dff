package notifier_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// office is a ledger with a team in it, and a notifier whose clock is moved by hand.
type office struct {
	*testing.T
	db       *postgres.DB
	now      time.Time
	notifier *notifier.Notifier
	observed []casework.Milestone

	observing sync.Mutex
	metrics   *prometheus.Registry
	receipt   string
	people    int
}

func open(t *testing.T) *office {
	o := &office{T: t, db: pgtest.New(t), now: london("2026-11-18 10:00"), metrics: prometheus.NewRegistry()}
	o.exec(`insert into pdu (code, name, region) values ('N03SW1', 'Cardiff and Vale', 'N03'), ('WPTNWS', 'North Wales', 'N03')`)
	o.exec(`insert into team (code, name, pdu, manager) values ('T1', 'Team 1', 'N03SW1', 'M1'), ('T2', 'Team 2', 'N03SW1', 'M2'), ('T9', 'Team 9', 'WPTNWS', 'M9')`)
	o.exec(`insert into staff (code, name, role, team, pdu)
	        values ('P1', 'x', 'practitioner', 'T1', 'N03SW1'), ('P2', 'x', 'practitioner', 'T2', 'N03SW1'),
	               ('M1', 'x', 'manager', 'T1', 'N03SW1'), ('M2', 'x', 'manager', 'T2', 'N03SW1')`)
	o.receipt = "00000000-0000-0000-0000-000000000001"
	o.exec(`insert into receipt (id, force, channel) values ('` + o.receipt + `', '62', 'http')`)
	o.notifier = notifier.New(notifier.Config{
		Store:   o.db,
		Metrics: o.metrics,
		Now:     func() time.Time { return o.now },
		Observe: func(ms ...casework.Milestone) {
			o.observing.Lock() // several notifiers may work at once
			defer o.observing.Unlock()
			o.observed = append(o.observed, ms...)
		},
	})
	return o
}

func london(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, casework.EnglandAndWales().Zone())
	if err != nil {
		panic(err)
	}
	return t
}

func (o *office) exec(sql string, args ...any) {
	o.Helper()
	pgtest.Exec(o.T, o.db, sql, args...)
}

// person puts somebody under supervision by P1 in team T1.
func (o *office) person(rosh string) int64 {
	o.Helper()
	o.people++
	return pgtest.One[int64](o.T, o.db, `
		insert into person (crn, identity_digest, rosh, pdu, team, practitioner, changed_version)
		values ($1, 'd', $2, 'N03SW1', 'T1', 'P1', 1) returning id`, fmt.Sprintf("X%06d", o.people), rosh)
}

// incident puts a revision of an incident in the ledger and gives its number.
func (o *office) incident(i casework.Incident) int64 {
	o.Helper()
	if i.Revision == 0 {
		i.Revision = 1
	}
	if i.Status == "" {
		i.Status = casework.Live
	}
	if i.Kind == "" {
		i.Kind = casework.KindIncident
	}
	i.Force, i.ReportedAt, i.OccurredFrom = "62", o.now.Add(-time.Hour), o.now.Add(-2*time.Hour)
	body, err := json.Marshal(i)
	if err != nil {
		o.Fatal(err)
	}
	id := pgtest.One[int64](o.T, o.db, `
		insert into incident (force, reference, head) values ('62', $1, $2)
		on conflict (force, reference) do update set head = excluded.head returning id`, i.Reference, i.Revision)
	involvements := make([]int32, len(i.Persons))
	for n := range involvements {
		involvements[n] = int32(n + 1)
	}
	o.exec(`insert into revision (incident, number, status, kind, reported_at, occurred_from, domestic_abuse, children_present, dash, body, digest, disposition, involvements, receipt, received_at)
	        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 'matched', $11, $12, $13)`,
		id, i.Revision, i.Status, i.Kind, i.ReportedAt, i.OccurredFrom, i.DomesticAbuse, i.ChildrenPresent, i.DASH, body, involvements, o.receipt, o.now)
	return id
}

// match says that the incident's n-th person is the person on probation.
func (o *office) match(incident, person int64, n int, band casework.Band) int64 {
	o.Helper()
	return pgtest.One[int64](o.T, o.db, `
		insert into match (incident, involvement, position, person, crn, revision, role, bits, probability, band, evidence, model, register_version, identity_digest, found_at)
		values ($1, $2, $2, $3, 'X', 1, 'suspect', 20, 0.99, $4, '{}', 'm', 1, 'd', $5) returning id`, incident, n, person, band, o.now)
}

// judge is what the desk does to a match, without the desk.
func (o *office) judge(match int64, state casework.MatchState, verdict casework.Verdict) {
	o.Helper()
	o.exec(`update match set state = $2, judged_at = $3 where id = $1`, match, state, o.now)
	o.exec(`insert into judgement (match, verdict, identity_digest, by, reason) values ($1, $2, 'd', 'persona:admin', 'because')`, match, verdict)
}

func (o *office) handle(es ...events.Event) {
	o.Helper()
	if err := o.notifier.Handle(o.Context(), es); err != nil {
		o.Fatal(err)
	}
}

func (o *office) found(match int64) events.Event {
	return events.New(o.now, events.MatchFound{MatchID: match, IncidentID: 1, Revision: 1, PersonID: 1})
}

func (o *office) escalate() {
	o.Helper()
	if _, err := o.notifier.Escalate(o.Context()); err != nil {
		o.Fatal(err)
	}
}

// actions are those of an incident, a line each.
func (o *office) actions(incident int64) []string {
	o.Helper()
	return pgtest.All[string](o.T, o.db, `
		select rule || ' ' || state || ' ' || owner_role || ' ' || owner || ' ' || priority
		       || case when unverified then ' unverified' else '' end || case when closed_reason <> '' then ' (' || closed_reason || ')' else '' end
		  from action where incident = $1 order by id`, incident)
}

// history is what happened to one action of an incident.
func (o *office) history(incident int64, rule string) []string {
	o.Helper()
	return pgtest.All[string](o.T, o.db, `
		select h.what from action_history h join action a on a.id = h.action
		 where a.incident = $1 and a.rule = $2 order by h.n`, incident, rule)
}

// notices are who was told what of one action of an incident, in order.
func (o *office) notices(incident int64, rule string) []string {
	o.Helper()
	return pgtest.All[string](o.T, o.db, `
		select n.kind || ' → ' || n.owner_role || ' ' || n.owner from notice n join action a on a.id = n.action
		 where a.incident = $1 and a.rule = $2 order by n.n, n.owner_role desc, n.owner`, incident, rule)
}

func (o *office) subjects() []string {
	o.Helper()
	return pgtest.All[string](o.T, o.db, `select subject from event order by id`)
}

func (o *office) want(got []string, want ...string) {
	o.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		o.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
