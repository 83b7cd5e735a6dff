package notifier_test

import (
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// A case through ten working days around Christmas: every notice that anybody
// gets is in the list at the end, and no other.
func TestACaseGoesThroughTenWorkingDays(t *testing.T) {
	o := open(t)
	at := func(when string) {
		t.Helper()
		o.now = london(when)
		if _, err := o.notifier.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.escalate()
	}

	// Wednesday 16 December: an arrest for domestic abuse, probable only.
	o.now = london("2026-12-16 15:00")
	arrest := casework.Incident{Reference: "B1", Kind: casework.KindArrest, DomesticAbuse: true, DASH: casework.DASHStandard,
		Persons: []casework.Involvement{{Role: casework.RoleArrested, Surname: "Canary", Arrest: &casework.Arrest{Disposal: "bailed"}}}}
	i := o.incident(arrest)
	p := o.person("medium")
	m := o.match(i, p, 1, casework.Probable)
	o.handle(o.found(m))
	o.want(o.actions(i), "acknowledge_match open administrator N03SW1 high unverified")

	// Nobody looks until the next morning; then the administrator confirms.
	at("2026-12-16 17:00")
	at("2026-12-17 09:30")
	o.judge(m, casework.MatchConfirmed, casework.VerdictConfirm)
	o.handle(o.found(m))
	o.exec(`update match set transferred_at = $1, contact = '1' where id = $2`, o.now, m)
	o.handle(o.found(m))
	o.want(o.actions(i),
		"acknowledge_match done administrator N03SW1 high unverified",
		"review_incident open practitioner P1 high",
		"transfer_match done administrator N03SW1 high")

	// The practitioner goes on leave that afternoon, and P2 covers.
	o.exec(`insert into cover (staff, by_staff, starts, ends, set_by) values ('P1', 'P2', $1, $2, 'persona:m1')`, london("2026-12-17 12:00"), london("2026-12-29 09:00"))
	at("2026-12-17 12:00")
	o.want(o.actions(i)[1:2], "review_incident open practitioner P2 high")

	// P2 acknowledges, and leaves it alone past its day.
	o.now = london("2026-12-17 14:00")
	o.exec(`update action set state = 'acknowledged', acked_at = $1, acked_by = 'persona:p2' where rule = 'review_incident'`, o.now)
	at("2026-12-18 09:30") // a working day since it was raised
	at("2026-12-18 11:30")

	// An outage over the weekend: what fell due on Friday is taken once, on Monday.
	at("2026-12-21 10:00")
	at("2026-12-21 10:00")

	// Police revise it: charged, and a child was there.
	o.now = london("2026-12-21 11:00")
	o.exec(`update action set state = 'done', done_at = $1, done_by = 'persona:p2' where rule = 'review_incident'`, o.now)
	o.exec(`update step set cancelled_at = now() where fired_at is null and action = (select id from action where rule = 'review_incident')`)
	o.exec(`insert into decision (action, outcome, rationale, risk_changed, by) select id, 'no_change', 'r', false, 'persona:p2' from action where rule = 'review_incident'`)
	o.handle(o.found(m))
	revised := arrest
	revised.Revision, revised.ChildrenPresent = 2, true
	o.incident(revised)
	o.exec(`update match set revision = 2 where id = $1`, m)
	o.now = london("2026-12-24 16:00") // Christmas Eve: the next working hour but one is on the 29th
	o.handle(o.found(m))
	o.want(o.history(i, "review_incident"), "raised", "reassigned", "escalated", "escalated", "escalated", "reopened")

	// Back from leave, the case is with another team by then.
	o.exec(`update person set practitioner = 'P2', team = 'T2' where id = $1`, p)
	at("2026-12-29 09:00")
	at("2026-12-29 11:59")
	at("2026-12-29 12:00") // four working hours after the reopening
	at("2026-12-29 13:30")
	o.exec(`update action set state = 'done', done_at = $1, done_by = 'persona:p2' where rule = 'review_incident'`, o.now)
	at("2027-01-04 09:00")

	o.want(o.notices(i, "acknowledge_match"),
		"raised → administrator N03SW1",
		"escalated → administrator N03SW1") // after two hours
	o.want(o.notices(i, "review_incident"),
		"raised → practitioner P1",
		"reassigned → practitioner P1", "reassigned → practitioner P2",
		"escalated → practitioner P2", // a day is over
		"escalated → manager M1",      // a quarter of a day later
		"escalated → head N03SW1",     // on Monday, once, what fell due on Friday
		"reopened → practitioner P1", "reopened → practitioner P2", "reopened → manager M1", "reopened → head N03SW1",
		"escalated → practitioner P2", // it was theirs before the case moved, so their clock went on
	)
	o.want(o.notices(i, "countersign_decision"),
		"raised → manager M1",
		"not decided → manager M1") // the decision is asked for again
	if n := pgtest.One[int](t, o.db, `select count(*) from notice n join action a on a.id = n.action where a.rule not in ('acknowledge_match', 'review_incident', 'transfer_match', 'countersign_decision')`); n != 0 {
		t.Errorf("%d notices of other actions", n)
	}
	if n := pgtest.One[int](t, o.db, `select count(*) from (select action, n from step where fired_at is not null group by action, n having count(*) > 1) twice`); n != 0 {
		t.Errorf("%d steps were taken twice", n)
	}
}
