package notifier_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// postbox is a channel that keeps what it is given, or fails.
type postbox struct {
	sent []notifier.Message
	fail error
	bad  string // if not empty, what fails is this address alone
}

func (p *postbox) Name() string { return "mail" }

func (p *postbox) Send(_ context.Context, m notifier.Message) (string, error) {
	p.sent = append(p.sent, m)
	if p.bad != "" && p.bad != m.To {
		return "", nil
	}
	return "", p.fail
}

func courier(o *office) (*notifier.Courier, *postbox) {
	o.Helper()
	if err := o.db.TellOutside(time.Minute); err != nil {
		o.Fatal(err)
	}
	o.exec(`update staff set email = lower(code) || '@probation.example'`)
	o.exec(`insert into mailbox (role, scope, address) values ('administrator', 'N03SW1', 'cardiff@probation.example')`)
	box := &postbox{}
	return &notifier.Courier{Store: o.db, Channel: box, Desk: "https://desk.example", Log: slog.New(slog.DiscardHandler),
		Outcomes: notifier.NewOutcomes(prometheus.NewRegistry())}, box
}

func telling(role casework.OwnerRole, code string, attempt int) *river.Job[casework.Telling] {
	return &river.Job[casework.Telling]{JobRow: &rivertype.JobRow{Attempt: attempt, MaxAttempts: 12}, Args: casework.Telling{Role: role, Code: code}}
}

func TestManyActionsAreOneMessageThatNamesNobody(t *testing.T) {
	o := open(t)
	c, box := courier(o)
	for _, ref := range []string{"B1", "B2", "B3"} {
		i := o.incident(casework.Incident{Reference: ref, Persons: []casework.Involvement{{Role: casework.RoleSuspect, Surname: "Canary"}}})
		o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	}
	if n := pgtest.One[int](t, o.db, `select count(*) from river_job where kind = 'telling' and args ->> 'code' = 'P1'`); n != 1 {
		t.Errorf("got %d jobs to tell one person, want 1", n)
	}
	if err := c.Work(t.Context(), telling(casework.Practitioner, "P1", 1)); err != nil {
		t.Fatal(err)
	}
	if len(box.sent) != 1 || box.sent[0].To != "p1@probation.example" {
		t.Fatalf("got %d messages", len(box.sent))
	}
	want := `There is something for you in Reportable.

B1: something to do
B2: something to do
B3: something to do

Who and what it is about is in the desk:
https://desk.example/

This message names nobody on purpose. Please do not reply to it.

----------------------------------------

Mae rhywbeth i chi yn Reportable.

B1: rhywbeth i'w wneud
B2: rhywbeth i'w wneud
B3: rhywbeth i'w wneud

Mae'r manylion am bwy a beth wrth y ddesg:
https://desk.example/

Nid yw'r neges hon yn enwi neb, o fwriad. Peidiwch ag ateb iddi, os gwelwch yn dda.
`
	if m := box.sent[0]; m.Text != want || m.Subject != "Reportable: 3 new / 3 newydd" {
		t.Errorf("got %q:\n%s", m.Subject, m.Text)
	}
	if err := c.Work(t.Context(), telling(casework.Practitioner, "P1", 1)); err != nil || len(box.sent) != 1 {
		t.Errorf("told again: %d messages, %v", len(box.sent), err)
	}
	o.want(pgtest.All[string](t, o.db, `select channel || ' ' || state from delivery`), "mail sent")

	// A region's duty officers are its mailbox and whoever is on duty now.
	for scope, address := range map[string]string{"N03": "duty@probation.example", "D1": "on@probation.example", "D2": "off@probation.example"} {
		if err := o.db.SetMailbox(t.Context(), "duty_officer", scope, address, "a test"); err != nil {
			t.Fatal(err)
		}
	}
	o.exec(`
		insert into rota (region, staff, starts, ends, set_by)
		values ('N03', 'D1', now() - interval '1 hour', now() + interval '1 hour', ''),
		       ('N03', 'D2', now() + interval '1 hour', now() + interval '2 hours', '')`)
	o.exec(`insert into notice (action, owner_role, owner, n, kind) select min(id), 'duty_officer', 'N03', 1, 'raised' from action`)
	box.sent = nil
	if err := c.Work(t.Context(), telling(casework.DutyOfficer, "N03", 1)); err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, m := range box.sent {
		to = append(to, m.To)
	}
	o.want(to, "duty@probation.example", "on@probation.example")
}

func TestWhoWasToldOnceIsToldAgainOfWhatComesLater(t *testing.T) {
	o := open(t)
	courier(o)
	jobs := func() int {
		return pgtest.One[int](t, o.db, `select count(*) from river_job where kind = 'telling' and args ->> 'code' = 'P1' and state <> 'completed'`)
	}
	for _, ref := range []string{"B1", "B2"} {
		o.handle(o.found(o.match(o.incident(casework.Incident{Reference: ref}), o.person("low"), 1, casework.Certain)))
		if jobs() != 1 {
			t.Fatalf("%s: got %d jobs that wait, want 1", ref, jobs())
		}
		o.exec(`update river_job set state = 'completed', finalized_at = now()`)
	}
}

func TestAMessageThatDidNotGoKeepsItsNumber(t *testing.T) {
	o := open(t)
	c, box := courier(o)
	i := o.incident(casework.Incident{Reference: "B1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	box.fail = errors.New("the mail server is away")
	if err := c.Work(t.Context(), telling(casework.Practitioner, "P1", 1)); err == nil {
		t.Error("a failure was taken for success")
	}
	o.want(pgtest.All[string](t, o.db, `select state || ' ' || attempts || ' ' || problem from delivery`), "queued 1 the mail server is away")
	box.fail = nil
	if err := c.Work(t.Context(), telling(casework.Practitioner, "P1", 2)); err != nil {
		t.Fatal(err)
	}
	if len(box.sent) != 2 || box.sent[0].ID != box.sent[1].ID {
		t.Error("the second try has another number")
	}
}

func TestAMessageThatCannotGoIsSetDownAsFailed(t *testing.T) {
	o := open(t)
	c, box := courier(o)
	i := o.incident(casework.Incident{Reference: "B1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	box.fail = events.Permanent(errors.New("refused"))
	err := c.Work(t.Context(), telling(casework.Practitioner, "P1", 1))
	if cancel := new(rivertype.JobCancelError); !errors.As(err, &cancel) {
		t.Errorf("got %v, want the job to be given up", err)
	}
	o.want(pgtest.All[string](t, o.db, `select state from delivery`), "failed")
}

func TestOneAddressThatIsRefusedDoesNotStopThoseAfterIt(t *testing.T) {
	o := open(t)
	c, box := courier(o)
	o.exec(`insert into staff (code, name, role, pdu, team, email) values
		('H1', 'Head One', 'head', 'N03SW1', '', 'a@probation.example'), ('H2', 'Head Two', 'head', 'N03SW1', '', 'b@probation.example')
		on conflict (code) do update set email = excluded.email, role = excluded.role, pdu = excluded.pdu`)
	i := o.incident(casework.Incident{Reference: "B1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	o.exec(`update notice set owner_role = 'head', owner = 'N03SW1' where owner = 'P1'`)
	box.fail, box.bad = events.Permanent(errors.New("refused")), "a@probation.example"
	if err := c.Work(t.Context(), telling(casework.HeadOfPDU, "N03SW1", 1)); err != nil {
		t.Errorf("got %v, want the others to be told", err)
	}
	var to []string
	for _, m := range box.sent {
		to = append(to, m.To)
	}
	if !slices.Contains(to, "a@probation.example") || !slices.Contains(to, "b@probation.example") {
		t.Errorf("tried %d addresses, want all", len(to))
	}
	o.want(pgtest.All[string](t, o.db, `select state || ' ' || problem from delivery`), "sent refused")
}

func TestWhatWasReadInTheDeskIsNotMailed(t *testing.T) {
	o := open(t)
	c, box := courier(o)
	i := o.incident(casework.Incident{Reference: "B1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	o.exec(`update notice set read_at = now(), read_by = 'x' where owner = 'P1'`)
	if err := c.Work(t.Context(), telling(casework.Practitioner, "P1", 1)); err != nil || len(box.sent) != 0 {
		t.Errorf("got %d messages, %v", len(box.sent), err)
	}
}

func TestTheUrgentDoesNotWaitForCompany(t *testing.T) {
	o := open(t)
	courier(o)
	i := o.incident(casework.Incident{Reference: "B1", DASH: casework.DASHHigh})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	if n := pgtest.One[int](t, o.db, `select count(*) from river_job where kind = 'telling' and scheduled_at > now() + interval '1 second'`); n != 0 {
		t.Errorf("%d urgent tellings wait", n)
	}
}

func TestANoticeThatNoJobTellsIsFoundByTheSweep(t *testing.T) {
	o := open(t)
	c, _ := courier(o)
	i := o.incident(casework.Incident{Reference: "B1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	o.exec(`delete from river_job`)
	o.exec(`update notice set at = now() - interval '11 minutes'`)
	if err := c.SweepOnce(t.Context(), o.db, time.Now()); err != nil {
		t.Fatal(err)
	}
	got := pgtest.All[string](t, o.db, `select args ->> 'code' from river_job order by 1`)
	if !slices.Equal(got, []string{"N03SW1", "P1"}) {
		t.Errorf("got %q", got)
	}
}

func TestTheDigestSaysHowManyAndNobodysName(t *testing.T) {
	o := open(t)
	c, box := courier(o)
	o.exec(`insert into mailbox (role, scope, address) values ('meeting', 'N03SW1', 'marac@probation.example')`)
	i := o.incident(casework.Incident{Reference: "B1"})
	o.handle(o.found(o.match(i, o.person("low"), 1, casework.Certain)))
	d := &notifier.Digester{Courier: c, Now: func() time.Time { return o.now.Add(time.Hour) }}
	if err := d.Work(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if len(box.sent) != 1 || !strings.Contains(box.sent[0].Text, "    1  people found in police incidents\n    1  matches that nobody has looked at yet\n    1  incidents that wait for a decision\n    0  actions past") {
		t.Errorf("got %+v", box.sent)
	}
	// A restricted case is in no mailbox: not as a count, and not as a reference.
	o.exec(`update person set restricted = true`)
	if err := d.Work(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(box.sent[1].Text, "    0  people found in police incidents\n    0  matches that nobody has looked at yet\n    0  incidents that wait for a decision\n    0  actions past") {
		t.Error("the digest counts a restricted case")
	}
	if err := c.Work(t.Context(), telling(casework.Administrator, "N03SW1", 1)); err != nil {
		t.Fatal(err)
	}
	if m := box.sent[2]; strings.Contains(m.Text, "B1") || !strings.Contains(m.Text, "\nsomething to do\n") {
		t.Error("a mail says which incident a restricted case is in")
	}
	if link := box.sent[0].Link; link != "https://desk.example/digest/N03SW1/2026-11-18" || !strings.Contains(box.sent[0].Text, link) {
		t.Errorf("it leads to %s", link)
	}
}

func TestTheDigestComesAtEightInTheMorningOnBothSidesOfAClockChange(t *testing.T) {
	for from, want := range map[string]string{
		"2026-03-28 09:00": "2026-03-29 08:00",
		"2026-10-24 08:00": "2026-10-25 08:00",
		"2026-11-18 07:59": "2026-11-18 08:00",
	} {
		if got := notifier.NextDigest(london(from)); !got.Equal(london(want)) {
			t.Errorf("after %s: got %s, want %s", from, got, want)
		}
	}
}

// answering is a channel that says what became of messages, but of some.
type answering struct{ postbox }

func (*answering) State(_ context.Context, remote string) (string, error) {
	if remote == "gone" {
		return "", errors.New("it does not know")
	}
	return "delivered", nil
}

func TestOneMessageThatNobodyKnowsOfDoesNotKeepTheOthers(t *testing.T) {
	o := open(t)
	c, _ := courier(o)
	c.Channel = &answering{}
	o.exec(`insert into delivery (channel, owner_role, owner, state, message_id, remote_id, sent_at)
	        select 'mail', 'practitioner', 'P1', 'sent', 'm' || n, case n when 1 then 'gone' else 'there' end, now() from generate_series(1, 3) n`)
	if err := c.SweepOnce(t.Context(), o.db, time.Now()); err == nil {
		t.Error("the sweep hides what failed")
	}
	o.want(pgtest.All[string](t, o.db, `select message_id || ' ' || state from delivery order by 1`), "m1 sent", "m2 delivered", "m3 delivered")
}
