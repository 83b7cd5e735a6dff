package notifier_test

import (
	"testing"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestAnOpenActionThatNobodyWhoOwnsItMaySeeIsCounted(t *testing.T) {
	o := open(t)
	i := o.incident(casework.Incident{Reference: "R1"})
	who := o.person("low")
	o.handle(o.found(o.match(i, who, 1, casework.Probable))) // one action, the administrator's
	unseen := func(want float64, when string) {
		t.Helper()
		if err := o.notifier.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		families, err := o.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "reportable_unseen_actions" {
				if got := f.Metric[0].Gauge.GetValue(); got != want {
					t.Errorf("%s: got %v unseen, want %v", when, got, want)
				}
				return
			}
		}
		t.Fatal("the gauge is not there")
	}
	account := func(subject, role, scope string) int64 {
		id := pgtest.One[int64](t, o.db, `insert into account (subject, name) values ($1, 'x') returning id`, subject)
		o.exec(`insert into account_role (account, role, scope) values ($1, $2, $3)`, id, role, scope)
		return id
	}
	unseen(1, "without an account")
	account("head", "head", "N03SW1")
	account("elsewhere", "administrator", "WPTNWS")
	unseen(1, "with accounts of another role and another place")
	a := account("a", "administrator", "N03SW1")
	unseen(0, "with an administrator")
	o.exec(`update account set disabled_at = now() where id = $1`, a)
	unseen(1, "with an administrator who left")
	o.exec(`update account set disabled_at = null where id = $1`, a)
	o.exec(`update person set restricted = true where id = $1`, who)
	unseen(1, "restricted, and nobody cleared")
	o.exec(`update account_role set restricted = true where account = $1`, a)
	unseen(0, "restricted, and cleared")
	o.exec(`insert into exclusion (person, subject) values ($1, 'a')`, who)
	unseen(1, "with the only administrator excluded")
	account("b", "administrator", "N03SW1")
	o.exec(`insert into restriction (person, subject) values ($1, 'b')`, who)
	unseen(0, "with another on the person's list")

	// The list names the head alone: administrators have it hidden, and the head
	// shares their queue. The practitioner's goes to the manager, or on to the head.
	o.exec(`delete from restriction`)
	o.exec(`insert into restriction (person, subject) values ($1, 'head')`, who)
	account("P1", "practitioner", "P1")
	account("M1", "manager", "T1")
	o.exec(`update match set band = 'certain'`)
	o.handle(o.found(pgtest.One[int64](t, o.db, `select id from match`)))
	unseen(2, "with the head alone on the list, before it is routed")
	for range 2 { // once is enough
		if err := o.notifier.Route(t.Context()); err != nil {
			t.Fatal(err)
		}
		unseen(0, "routed")
	}
	o.want(o.actions(i), "acknowledge_match open administrator N03SW1 standard unverified", "review_incident open head N03SW1 standard unverified")
	o.want(o.history(i, "review_incident"), "raised", "routed")
	o.want(o.notices(i, "review_incident"), "raised → practitioner P1", "routed → head N03SW1")
	o.want(o.notices(i, "acknowledge_match"), "raised → administrator N03SW1", "routed → head N03SW1")
	if n, err := o.notifier.Sweep(t.Context()); err != nil || len(o.history(i, "review_incident")) != 2 {
		t.Errorf("the sweep takes it back: %d, %v", n, err)
	}

	// Nobody of the PDU is cleared: a head of the region is.
	o.exec(`update restriction set subject = 'far'`)
	account("far", "head", "WPTNWS")
	if err := o.notifier.Route(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.want(o.actions(i)[1:], "review_incident open head WPTNWS standard unverified")
}
