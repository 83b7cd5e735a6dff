package notifier_test

import (
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

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

func TestWorkThatWasGivenToSomebodyStaysTheirsUntilTheyLeave(t *testing.T) {
	o := open(t)
	o.exec(`insert into staff (code, name, role, team, pdu) values ('M7', 'M7', 'manager', 'T7', 'N03SW1'), ('P7', 'P7', 'practitioner', 'T7', 'N03SW1')`)
	i := o.incident(casework.Incident{Reference: "R1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	for n, owner := range []string{"manager M7", "practitioner P7"} {
		role, code, _ := strings.Cut(owner, " ")
		o.exec(`update action set owner_role = $1, owner = $2 where rule = 'review_incident'`, role, code)
		o.exec(`insert into action_history (action, n, what, by, note)
			select id, $1, 'reassigned', 'persona:head', jsonb_build_object('to', $2::text) from action where rule = 'review_incident'`, 10+n, code)
		if _, err := o.notifier.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.want(o.actions(i)[1:], "review_incident open "+owner+" standard unverified")
	}
	o.exec(`update staff set gone_at = now() where code = 'P7'`)
	if _, err := o.notifier.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.want(o.actions(i)[1:], "review_incident open practitioner P1 standard unverified")
	if n, err := o.notifier.Sweep(t.Context()); err != nil || n != 0 {
		t.Errorf("swept %d matches again (%v), want none", n, err)
	}
}

func TestTheTimesOfAMergedCaseCountWhereItIsToday(t *testing.T) {
	o := open(t)
	old, kept := o.person("low"), o.person("low")
	o.exec(`update person set pdu = 'WPTNWS', team = 'T9' where id = $1`, kept)
	m := o.match(o.incident(casework.Incident{Reference: "R1"}), old, 1, casework.Certain)
	o.exec(`update person set merged_into = $2 where id = $1`, old, kept)
	o.judge(m, casework.MatchConfirmed, casework.VerdictConfirm)
	o.handle(o.found(m))
	if len(o.observed) != 1 || o.observed[0].PDU != "WPTNWS" || o.observed[0].Stage != casework.StageAcknowledgement {
		t.Errorf("got %+v, want an acknowledgement in WPTNWS", o.observed)
	}
}
