package notifier_test

import (
	"encoding/json"
	"fmt"
	"strings"
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
	metrics  *prometheus.Registry
	receipt  string
	people   int
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
		Observe: func(ms ...casework.Milestone) { o.observed = append(o.observed, ms...) },
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

func TestACertainMatchGoesToTheAdministratorAndAtOnceToThePractitioner(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.want(o.actions(i),
		"acknowledge_match open administrator N03SW1 standard unverified",
		"review_incident open practitioner P1 standard unverified")
	o.want(o.subjects(), "actions.raised", "actions.raised")
	o.want(o.notices(i, "review_incident"), "raised → practitioner P1")
	due := pgtest.One[time.Time](t, o.db, `select due from action where incident = $1 and rule = 'acknowledge_match'`, i)
	if want := london("2026-11-19 10:00"); !due.Equal(want) {
		t.Errorf("the administrator's deadline: got %s, want %s", due, want)
	}
}

func TestAProbableMatchWaitsForTheAdministrator(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1", DomesticAbuse: true})
	m := o.match(i, o.person("low"), 1, casework.Probable)
	o.handle(o.found(m))
	o.want(o.actions(i), "acknowledge_match open administrator N03SW1 high unverified")

	o.now = o.now.Add(time.Hour)
	o.judge(m, casework.MatchConfirmed, casework.VerdictConfirm)
	o.handle(events.New(o.now, events.MatchConfirmed{MatchID: m}))
	o.want(o.actions(i),
		"acknowledge_match done administrator N03SW1 high unverified",
		"review_incident open practitioner P1 high",
		"transfer_match open administrator N03SW1 high")
	if len(o.observed) != 1 || o.observed[0].Stage != casework.StageAcknowledgement || o.observed[0].Elapsed != time.Hour {
		t.Errorf("got milestones %v, want one acknowledgement after an hour", o.observed)
	}
}

func TestANudgeRepeatedChangesNothing(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m), o.found(m))
	o.judge(m, casework.MatchConfirmed, casework.VerdictConfirm)
	o.handle(events.New(o.now, events.MatchConfirmed{MatchID: m}))
	rows := func() []string {
		return pgtest.All[string](t, o.db, `
			select 'action ' || a::text from action a union all select 'step ' || s::text from step s
			union all select 'history ' || h::text from action_history h union all select 'notice ' || n::text from notice n
			union all select 'event ' || e::text from event e order by 1`)
	}
	before := rows()
	o.now = o.now.Add(time.Minute)
	o.handle(events.New(o.now, events.MatchConfirmed{MatchID: m}), o.found(m), events.New(o.now, events.MatchRetracted{MatchID: m}))
	o.want(rows(), before...)
}

func TestTheWordsOfANudgeDoNotMatterOnlyWhereTheMatchStands(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(events.New(o.now, events.MatchDismissed{MatchID: m}))
	o.want(o.actions(i),
		"acknowledge_match open administrator N03SW1 standard unverified",
		"review_incident open practitioner P1 standard unverified")
}

func TestADismissalStopsTheWorkAndTellsThePractitioner(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.judge(m, casework.MatchDismissed, casework.VerdictDismiss)
	o.handle(events.New(o.now, events.MatchDismissed{MatchID: m}))
	o.want(o.actions(i),
		"acknowledge_match done administrator N03SW1 standard unverified (dismissed)",
		"review_incident closed practitioner P1 standard unverified (dismissed)")
	o.want(o.notices(i, "review_incident"), "raised → practitioner P1", "dismissed → practitioner P1")
	if n := pgtest.One[int](t, o.db, `select count(*) from step where fired_at is null and cancelled_at is null`); n != 0 {
		t.Errorf("got %d steps still to come, want 0", n)
	}
}

func TestARetractionTellsEveryoneWhoWasToldAndFlagsTheDecision(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.now = london("2026-11-19 12:00") // unacknowledged for a day: the manager hears of it too
	o.escalate()
	o.now = london("2026-11-19 15:00")
	o.escalate()
	o.judge(m, casework.MatchConfirmed, casework.VerdictConfirm)
	o.exec(`update match set transferred_at = $2, contact = '771' where id = $1`, m, o.now)
	o.handle(events.New(o.now, events.MatchConfirmed{MatchID: m}))
	o.exec(`update action set state = 'done', done_at = $2 where incident = $1 and rule = 'review_incident'`, i, o.now)
	o.exec(`insert into decision (action, outcome, rationale, risk_changed, by) select id, 'no_change', 'r', false, 'persona:p1' from action where incident = $1 and rule = 'review_incident'`, i)

	o.judge(m, casework.MatchRetracted, casework.VerdictRetract)
	o.handle(events.New(o.now, events.MatchRetracted{MatchID: m}))
	o.want(o.actions(i),
		"acknowledge_match closed administrator N03SW1 standard unverified (retracted)",
		"review_incident closed practitioner P1 standard (retracted)",
		"transfer_match closed administrator N03SW1 standard (retracted)",
		"withdraw_contact open administrator N03SW1 standard")
	o.want(o.notices(i, "review_incident"),
		"raised → practitioner P1",
		"escalated → practitioner P1",
		"escalated → manager M1",
		"verified → practitioner P1",
		"retracted → practitioner P1", "retracted → manager M1")
	if why := pgtest.One[string](t, o.db, `select flagged_why from decision`); why != "the match is retracted" {
		t.Errorf("the decision is flagged %q", why)
	}
}

func TestAWithdrawalClosesNothingSilently(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.exec(`update match set state = 'withdrawn' where id = $1`, m)
	o.handle(events.New(o.now, events.MatchSuperseded{MatchID: m}))
	o.want(o.actions(i),
		"acknowledge_match closed administrator N03SW1 standard unverified (withdrawn)",
		"review_incident closed practitioner P1 standard unverified (withdrawn)")
	o.want(o.notices(i, "acknowledge_match"), "raised → administrator N03SW1", "withdrawn → administrator N03SW1")
	o.want(o.history(i, "review_incident"), "raised", "closed")
}

func TestAMatchThatLivesAgainBringsItsWorkBack(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.exec(`update match set state = 'superseded' where id = $1`, m)
	o.handle(o.found(m))
	o.exec(`update match set state = 'open' where id = $1`, m)
	o.handle(o.found(m))
	o.want(o.history(i, "review_incident"), "raised", "closed", "reopened")
	o.want(o.actions(i),
		"acknowledge_match open administrator N03SW1 standard unverified",
		"review_incident open practitioner P1 standard unverified")
}

func TestARevisionWithNewFactsAsksADecidedQuestionAgain(t *testing.T) {
	o := open(t)
	arrested := func(disposal string) []casework.Involvement {
		return []casework.Involvement{{Role: casework.RoleArrested, Surname: "Canary", Arrest: &casework.Arrest{Disposal: disposal}}}
	}
	i := o.incident(casework.Incident{Reference: "R1", Kind: casework.KindArrest, Persons: arrested("bailed")})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.exec(`update action set state = 'done', done_at = now() where incident = $1 and rule = 'review_incident'`, i)
	o.exec(`insert into decision (action, outcome, rationale, risk_changed, by) select id, 'no_change', 'r', false, 'persona:p1' from action where incident = $1 and rule = 'review_incident'`, i)

	o.incident(casework.Incident{Reference: "R1", Revision: 2, Kind: casework.KindArrest, Persons: arrested("bailed")})
	o.exec(`update match set revision = 2 where id = $1`, m)
	o.handle(o.found(m))
	o.want(o.history(i, "review_incident"), "raised")

	o.incident(casework.Incident{Reference: "R1", Revision: 3, Kind: casework.KindArrest, Persons: arrested("charged")})
	o.exec(`update match set revision = 3 where id = $1`, m)
	o.handle(o.found(m))
	o.want(o.history(i, "review_incident"), "raised", "reopened")
	if why := pgtest.One[string](t, o.db, `select flagged_why from decision`); why != "the facts have changed: disposals" {
		t.Errorf("the decision is flagged %q", why)
	}
	if all := pgtest.All[string](t, o.db, `select a::text from action a`); strings.Contains(strings.Join(all, ""), "Canary") {
		t.Error("an action carries a name")
	}
}

func TestDASHHighMakesOpenWorkPressing(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1", DomesticAbuse: true, DASH: casework.DASHStandard})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	o.handle(o.found(m))
	o.incident(casework.Incident{Reference: "R1", Revision: 2, DomesticAbuse: true, DASH: casework.DASHHigh})
	o.exec(`update match set revision = 2 where id = $1`, m)
	o.now = o.now.Add(30 * time.Minute)
	o.handle(o.found(m))
	o.want(o.actions(i),
		"acknowledge_match open administrator N03SW1 urgent unverified",
		"review_incident open practitioner P1 urgent unverified")
	o.want(o.history(i, "acknowledge_match"), "raised", "informed", "pressed")
	due := pgtest.One[time.Time](t, o.db, `select due from action where incident = $1 and rule = 'acknowledge_match'`, i)
	if want := london("2026-11-18 11:30"); !due.Equal(want) {
		t.Errorf("got a deadline of %s, want %s", due, want)
	}
	if p := pgtest.One[string](t, o.db, `select priority from match where id = $1`, m); p != "urgent" {
		t.Errorf("the match has priority %s", p)
	}
}

func TestTwoMatchesOfOnePersonAreOnePieceOfWork(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	p := o.person("low")
	a, b := o.match(i, p, 1, casework.Certain), o.match(i, p, 2, casework.Probable)
	o.handle(o.found(a), o.found(b))
	o.want(o.actions(i),
		"acknowledge_match open administrator N03SW1 standard unverified",
		"review_incident open practitioner P1 standard unverified")
	o.judge(a, casework.MatchConfirmed, casework.VerdictConfirm)
	o.handle(events.New(o.now, events.MatchConfirmed{MatchID: a}))
	if s := pgtest.One[string](t, o.db, `select state from action where rule = 'acknowledge_match'`); s != "open" && s != "acknowledged" {
		t.Errorf("the administrator's work is %s while one match is not judged", s)
	}
	o.judge(b, casework.MatchDismissed, casework.VerdictDismiss)
	o.handle(events.New(o.now, events.MatchDismissed{MatchID: b}))
	if s := pgtest.One[string](t, o.db, `select state from action where rule = 'acknowledge_match'`); s != "done" {
		t.Errorf("the administrator's work is %s when all is judged", s)
	}
}

func TestWorkWithoutAPractitionerIsTheManagersAndWithoutAManagerTheHeads(t *testing.T) {
	o := open(t)
	for rule, prepare := range map[string]string{
		"manager M1":  `update person set practitioner = ''`,
		"head N03SW1": `update staff set gone_at = now() where code in ('P1', 'M1')`,
	} {
		i := o.incident(casework.Incident{Reference: rule})
		m := o.match(i, o.person("low"), 1, casework.Certain)
		o.exec(prepare)
		o.handle(o.found(m))
		o.want(o.actions(i)[1:], "review_incident open "+rule+" standard unverified")
		o.exec(`update staff set gone_at = null`)
	}
}

func TestUnacknowledgedWorkComesBackThenGoesUpEachStepOnce(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	o.handle(o.found(o.match(i, o.person("high"), 1, casework.Certain))) // acknowledge within 4 hours, decide within a day
	for _, c := range []struct{ at, told string }{
		{"2026-11-18 13:59", ""},
		{"2026-11-18 14:00", "escalated → practitioner P1"},
		{"2026-11-18 15:59", ""},
		{"2026-11-18 16:00", "escalated → manager M1"},
		{"2026-11-19 09:59", ""},
		{"2026-11-19 10:00", "escalated → practitioner P1\nescalated → head N03SW1"}, // undecided has its own clock
	} {
		before := len(o.notices(i, "review_incident"))
		o.now = london(c.at)
		o.escalate()
		o.escalate()
		if c.told == "" {
			o.want(o.notices(i, "review_incident")[before:])
		} else {
			o.want(o.notices(i, "review_incident")[before:], strings.Split(c.told, "\n")...)
		}
	}
}

func TestAcknowledgedWorkThatIsLeftAloneComesBackUntilItIsDecided(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	o.handle(o.found(o.match(i, o.person("high"), 1, casework.Certain)))
	o.exec(`update action set state = 'acknowledged', acked_at = $1, acked_by = 'persona:p1' where rule = 'review_incident'`, o.now)
	o.now = london("2026-11-20 10:00") // a working day late
	o.escalate()
	o.want(o.notices(i, "review_incident"), "raised → practitioner P1",
		"escalated → practitioner P1", "escalated → manager M1", "escalated → head N03SW1")
	o.now = london("2026-11-23 10:00") // over the weekend, and again
	o.escalate()
	o.now = london("2026-11-24 10:00")
	o.exec(`update action set state = 'done', done_at = $1 where rule = 'review_incident'`, o.now)
	o.escalate()
	if got := o.notices(i, "review_incident"); len(got) != 5 {
		t.Errorf("got %d notices, want 5: %q", len(got), got)
	}
}

func TestNobodyInTheManagersPlaceMeansTheHeadAtOnce(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	o.exec(`update team set manager = '' where code = 'T1'`)
	o.handle(o.found(o.match(i, o.person("high"), 1, casework.Certain)))
	o.now = london("2026-11-18 16:00")
	o.escalate()
	o.want(o.notices(i, "review_incident"), "raised → practitioner P1", "escalated → practitioner P1", "escalated → head N03SW1")
}

func TestANewPractitionerGetsTheOpenWorkWithItsHistory(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	p := o.person("high")
	o.handle(o.found(o.match(i, p, 1, casework.Certain)))
	o.exec(`update action set state = 'acknowledged', acked_at = $1 where rule = 'review_incident'`, o.now)
	due := pgtest.One[time.Time](t, o.db, `select due from action where rule = 'review_incident'`)
	o.now = o.now.Add(2 * time.Hour)
	o.exec(`update person set practitioner = 'P2', team = 'T2' where id = $1`, p)
	if n, err := o.notifier.Sweep(t.Context()); err != nil || n == 0 {
		t.Fatalf("the sweep looked at %d matches: %v", n, err)
	}
	o.want(o.actions(i),
		"acknowledge_match open administrator N03SW1 high unverified",
		"review_incident open practitioner P2 high unverified")
	o.want(o.history(i, "review_incident"), "raised", "reassigned")
	o.want(o.notices(i, "review_incident"), "raised → practitioner P1", "reassigned → practitioner P1", "reassigned → practitioner P2")
	if got := pgtest.One[time.Time](t, o.db, `select due from action where rule = 'review_incident'`); !got.Equal(due) {
		t.Errorf("the decision's deadline moved from %s to %s", due, got)
	}
	if n, err := o.notifier.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("a second sweep looked at %d matches: %v", n, err)
	}
	o.now = london("2026-11-18 17:30") // four hours and a half for the new one
	o.escalate()
	if got := o.notices(i, "review_incident"); got[len(got)-1] != "escalated → practitioner P2" {
		t.Errorf("got %q", got)
	}
}

func TestAManagersOwnReassignmentStandsUntilTheCaseMoves(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("high"), 1, casework.Certain)
	o.handle(o.found(m))
	o.exec(`update action set owner = 'P2' where rule = 'review_incident'`)
	o.handle(o.found(m))
	o.want(o.actions(i)[1:], "review_incident open practitioner P2 high unverified")
}

func TestTheSweeperFindsWhatNoEventToldOf(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	m := o.match(i, o.person("low"), 1, casework.Certain)
	if n, err := o.notifier.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("a match of this moment is not stuck: swept %d, %v", n, err)
	}
	o.exec(`update match set updated_at = now() - interval '31 seconds' where id = $1`, m)
	if n, err := o.notifier.Sweep(t.Context()); err != nil || n != 1 {
		t.Fatalf("swept %d, %v", n, err)
	}
	if len(o.actions(i)) != 2 {
		t.Errorf("got %q", o.actions(i))
	}
	o.exec(`update match set state = 'dismissed', judged_at = now() where id = $1`, m)
	o.exec(`update match set updated_at = now() - interval '31 seconds' where id = $1`, m)
	if n, err := o.notifier.Sweep(t.Context()); err != nil || n != 1 {
		t.Fatalf("a lost dismissal: swept %d, %v", n, err)
	}
	o.want(o.actions(i)[1:], "review_incident closed practitioner P1 standard unverified (dismissed)")
}

func TestTwoNotifiersOnOneLedgerFireEachStepOnce(t *testing.T) {
	o := open(t)
	for n := range 20 {
		i := o.incident(casework.Incident{Reference: fmt.Sprint("R", n)})
		o.handle(o.found(o.match(i, o.person("high"), 1, casework.Certain)))
	}
	o.now = london("2026-11-24 10:00")
	done := make(chan error)
	for range 4 {
		go func() {
			_, err := o.notifier.Escalate(t.Context())
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	o.escalate()
	fired := pgtest.One[int](t, o.db, `select count(*) from step where fired_at is not null`)
	told := pgtest.One[int](t, o.db, `select count(*) from action_history where what = 'escalated'`)
	if fired != told || fired != 20*2*6 {
		t.Errorf("got %d steps fired and %d entries, want %d of each", fired, told, 20*2*6)
	}
	if wrong := pgtest.One[int](t, o.db, `select count(*) from step a join step b on a.action = b.action and a.kind = b.kind and a.n < b.n and a.due_at > b.due_at`); wrong != 0 {
		t.Errorf("%d steps are numbered out of order", wrong)
	}
}

func TestManyNotifiersRaiseEachActionOnce(t *testing.T) {
	o := open(t)
	var es []events.Event
	for n := range 30 {
		i := o.incident(casework.Incident{Reference: fmt.Sprint("R", n)})
		es = append(es, o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	}
	done := make(chan error)
	for range 4 {
		go func() { done <- o.notifier.Handle(t.Context(), es) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := pgtest.One[int](t, o.db, `select count(*) from action`); n != 60 {
		t.Errorf("got %d actions, want 60", n)
	}
	if n := pgtest.One[int](t, o.db, `select count(*) from event`); n != 60 {
		t.Errorf("got %d events, want 60", n)
	}
}

func TestAnEventThatCannotBeReadIsAPermanentFailure(t *testing.T) {
	o := open(t)
	err := o.notifier.Handle(t.Context(), []events.Event{{ID: 4, Subject: "matches.found", Data: []byte("{")}})
	p, ok := err.(interface{ Permanent() bool })
	if !ok || !p.Permanent() {
		t.Errorf("got %v, want a permanent failure", err)
	}
}

func TestTheGaugesShowWhatIsOpen(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	o.handle(o.found(o.match(i, o.person("high"), 1, casework.Certain)))
	o.now = london("2026-11-18 13:00") // the administrator is late, the practitioner not
	if err := o.notifier.Measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	families, err := o.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "reportable_actions_") {
			for _, m := range f.Metric {
				got[f.GetName()+" "+m.Label[0].GetValue()] = m.Gauge.GetValue()
			}
		}
	}
	for name, want := range map[string]float64{
		"reportable_actions_open administrator":          1,
		"reportable_actions_open practitioner":           1,
		"reportable_actions_overdue administrator":       1,
		"reportable_actions_overdue practitioner":        0,
		"reportable_actions_oldest_seconds practitioner": 3 * 3600,
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
}

func TestTheAuditorFindsWhatShouldHaveEscalatedAndDidNot(t *testing.T) {
	o := open(t)
	audited := func() (missed, silent float64) {
		t.Helper()
		if err := o.notifier.Audit(t.Context()); err != nil {
			t.Fatal(err)
		}
		families, err := o.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			switch f.GetName() {
			case "reportable_escalations_missed":
				missed = f.Metric[0].Gauge.GetValue()
			case "reportable_actions_silent":
				silent = f.Metric[0].Gauge.GetValue()
			}
		}
		return missed, silent
	}
	i := o.incident(casework.Incident{Reference: "R1"})
	o.handle(o.found(o.match(i, o.person("high"), 1, casework.Certain)))
	if missed, silent := audited(); missed != 0 || silent != 0 {
		t.Errorf("just raised: %v missed, %v silent", missed, silent)
	}
	o.now = london("2026-11-18 14:02")
	if missed, _ := audited(); missed == 0 {
		t.Error("nobody escalated, and nothing is missed")
	}
	o.escalate()
	if missed, silent := audited(); missed != 0 || silent != 0 {
		t.Errorf("escalated: %v missed, %v silent", missed, silent)
	}
	o.exec(`update step set cancelled_at = now() where fired_at is null`)
	if _, silent := audited(); silent != 2 {
		t.Errorf("got %v silent actions, want 2", silent)
	}
}
