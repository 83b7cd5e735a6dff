package notifier_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

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
		if strings.HasPrefix(f.GetName(), "reportable_actions_") && f.GetName() != "reportable_actions_silent" {
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
