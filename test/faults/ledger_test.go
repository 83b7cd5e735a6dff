package faults

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// A ledger that is there and cannot be written: switched to read-only, out of
// connections, its disk full. Nothing is called accepted meanwhile, the services
// live on and say what is wrong, and go on by themselves.
func TestALedgerThatCannotBeWrittenIsSaidSoAndOutlived(t *testing.T) {
	t.Parallel()
	site := NewSite(t)
	s := &sent{people: harness.Wales(40)}
	supervised(t, site, s.people)
	// The services are an ordinary role: what is short may not be short for ours.
	name := pgtest.Name(site.Database.URL)
	role := "svc_" + name
	for _, sql := range []string{
		`create role ` + role + ` login password 'svc'`,
		`grant all on schema public to ` + role,
		`grant all on all tables in schema public to ` + role,
		`grant all on all sequences in schema public to ` + role,
	} {
		pgtest.Exec(t, site.DB, sql)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		for _, sql := range []string{`drop owned by ` + role, `drop role ` + role} {
			if _, err := site.DB.Pool().Exec(ctx, sql); err != nil {
				t.Log(err)
			}
		}
	})
	at, err := url.Parse(site.Database.URL)
	if err != nil {
		t.Fatal(err)
	}
	at.User = url.UserPassword(role, "svc")
	site.env = append(site.env, "DATABASE_URL="+at.String())

	feed, stages := site.Serve("feed"), site.Serve("matcher", "notifier")
	feed.address("feed")
	police := newPolice(t, site, feed)
	police.sends(s.some(10))
	site.Settled()

	hangUp := `select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '` + role + `'`
	for _, f := range []struct {
		what, breaks, mends string
		says                string // what the log has to name
		hangs               bool   // it begins with new connections
	}{
		{"read-only", `alter role ` + role + ` set default_transaction_read_only = on`, `alter role ` + role + ` set default_transaction_read_only = off`, "25006", true},
		{"out of connections", `alter role ` + role + ` connection limit 0`, `alter role ` + role + ` connection limit -1`, "53300", true},
		{"its disk full", `
			create function full_disk() returns trigger language plpgsql as $$
			begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
			create trigger full_disk before insert on receipt for each statement execute function full_disk();
			create trigger full_disk before insert on action for each statement execute function full_disk()`,
			`drop function full_disk cascade`, "53100", false},
	} {
		exec := func(sql string) {
			t.Helper()
			for _, one := range statements(sql) {
				pgtest.Exec(t, site.DB, one)
			}
			if f.hangs {
				pgtest.One[int](t, site.DB, hangUp)
			}
		}
		police.mu.Lock()
		police.refused = nil
		police.mu.Unlock()
		before := police.answered()
		exec(f.breaks)
		done := make(chan struct{})
		all := s.some(8)
		go func() { defer close(done); police.sends(all) }()
		site.Eventually(func() bool {
			police.mu.Lock()
			defer police.mu.Unlock()
			return len(police.refused) >= 4 && strings.Contains(feed.log.String(), f.says)
		}, func() string { return f.what + ": nothing is refused, or the feed does not say " + f.says })
		if n := police.answered(); n != before {
			t.Errorf("%s: %d were called accepted", f.what, n-before)
		}
		mended := time.Now()
		exec(f.mends)
		<-done
		if took := time.Since(mended); took > 30*time.Second {
			t.Errorf("%s: it took %s to recover, want at most 30 s", f.what, took)
		}
		police.mu.Lock()
		for _, r := range police.refused {
			if status, after, _ := strings.Cut(r, " "); status != "503" || after == "" {
				t.Errorf("%s: the answer is %q, want 503 with Retry-After", f.what, r)
				break
			}
		}
		police.mu.Unlock()
		for _, v := range []*Service{feed, stages} {
			select {
			case <-v.done:
				t.Fatalf("%s: %s has ended", f.what, v.name)
			default:
			}
		}
		site.Settled()
		police.kept()
	}
	s.check(t, site)
}

// statements parts what the simple protocol would take at once, but for what is
// quoted by dollars.
func statements(sql string) (all []string) {
	quoted := false
	var one strings.Builder
	for _, part := range strings.SplitAfter(sql, "$$") {
		if quoted {
			one.WriteString(part)
		} else {
			pieces := strings.SplitAfter(part, ";")
			for i, p := range pieces {
				one.WriteString(p)
				if i < len(pieces)-1 {
					all = append(all, one.String())
					one.Reset()
				}
			}
		}
		if strings.HasSuffix(part, "$$") {
			quoted = !quoted
		}
	}
	if strings.TrimSpace(one.String()) != "" {
		all = append(all, one.String())
	}
	return all
}

// The notifier dies in the middle of escalating, again when it has escalated and
// told nobody yet, and again when the mail server has the mail and the ledger
// does not know: each step is taken once, and everybody is told once but for
// that one mail, which comes twice under one number.
func TestKilledBetweenEscalateAndSend(t *testing.T) {
	p := newPoint(t)
	post := newPost(t)
	p.env = append(p.env, "SMTP_URL=smtp+plain://"+post.address, "MAIL_FROM=reportable@probation.example", "DESK_URL=https://desk.example")
	pgtest.Exec(t, p.DB, `update staff set email = lower(code) || '@probation.example'`)
	v := p.Serve("matcher", "notifier")
	p.sends("a.ndjson", 20)
	p.Settled()
	steps := pgtest.One[int](t, p.DB, `select count(*) from step s join action a on a.id = s.action where a.rule = 'review_incident' and s.kind = 'unacknowledged'`)
	if steps != 20 {
		t.Fatalf("got %d first steps of reviews, want 20", steps)
	}
	fired := `select count(*) from step s join action a on a.id = s.action where a.rule = 'review_incident' and s.fired_at is not null`
	letGo := p.holds(theHistory)
	pgtest.Exec(t, p.DB, `update step s set due_at = now() - interval '1 minute' from action a where a.id = s.action and a.rule = 'review_incident' and s.kind = 'unacknowledged'`)
	p.waits() // it has the steps in hand
	v.Kill()
	letGo()
	if n := pgtest.One[int](t, p.DB, fired); n != 0 {
		t.Errorf("%d steps were left by a transaction that never ended", n)
	}
	v.Start()
	p.eventually(`select (`+fired+`) >= 20`, "not every step is taken")
	v.Kill() // committed; who is to be told waits some minutes for company
	if n := len(post.got()); n != 0 {
		t.Fatalf("%d were told before their time: this proves nothing", n)
	}
	pgtest.Exec(t, p.DB, `update river_job set state = 'available', scheduled_at = now() where kind = 'telling' and state in ('scheduled', 'available')`)
	stop := make(chan chan struct{})
	post.stop = stop
	v.Start()
	goOn := <-stop
	letGo = p.holds(`lock table delivery in share mode`)
	close(goOn)
	p.waits() // it has heard that the mail was taken
	v.Kill()
	letGo()
	if n := pgtest.One[int](t, p.DB, `select count(*) from delivery where state = 'sent'`); n != 0 || len(post.got()) != 1 {
		t.Fatalf("%d mails, and %d deliveries are down as sent: this proves nothing", len(post.got()), n)
	}
	// What a dead process had in hand is given to another after some minutes.
	pgtest.Exec(t, p.DB, `update river_job set state = 'available' where kind = 'telling' and state = 'running'`)
	v.Start()
	p.eventually(`select not exists (select 1 from river_job where kind = 'telling' and state in ('available', 'running', 'retryable'))
	                 and exists (select 1 from delivery where state = 'sent')`, "nobody is told")

	if n := pgtest.One[int](t, p.DB, fired); n != 20 {
		t.Errorf("%d steps were taken, want 20", n)
	}
	for _, once := range []struct{ what, sql string }{
		{"escalations that are not one for a step", `select count(*) from (select a.id from action a left join action_history h on h.action = a.id and h.what = 'escalated'
			where a.rule = 'review_incident' group by a.id having count(h.n) <> 1) x`},
		{"notices that are not one for an escalation", `select count(*) from (select a.id from action a left join notice n on n.action = a.id and n.kind = 'escalated'
			where a.rule = 'review_incident' group by a.id having count(n.id) <> 1) x`},
		{"levels that are not one", `select count(*) from action where rule = 'review_incident' and level <> 1`},
	} {
		if n := pgtest.One[int](t, p.DB, once.sql); n != 0 {
			t.Errorf("there are %d %s", n, once.what)
		}
	}
	// Forty notices, of the raising and of the escalation, are one mail to the one
	// practitioner, though it came twice, and it names nobody.
	per, numbers := map[string]int{}, map[string]bool{}
	for _, m := range post.got() {
		per[m.to]++
		numbers[m.id()] = true
		for _, who := range p.sent.people {
			if strings.Contains(m.text, who.Surname) {
				t.Fatal("a mail names somebody")
			}
		}
	}
	if fmt.Sprint(per) != "map[n03s0101@probation.example:2]" || len(numbers) != 1 || numbers[""] {
		t.Errorf("told by mail: %v under %d numbers, want the practitioner, twice under one", per, len(numbers))
	}
	p.sent.check(t, p.Site)
}

// With the key taken away that makes an effect one, the same faults do leave
// something twice, and the check sees it: else these tests would prove nothing.
func TestWithoutTheKeysWhatIsRepeatedIsSeenTwice(t *testing.T) {
	p := newPoint(t)
	pgtest.Exec(t, p.DB, `alter table action drop constraint action_incident_person_rule_key`)
	p.Serve("matcher", "notifier")
	p.sends("a.ndjson", 20)
	p.Settled()
	p.sent.check(t, p.Site) // nothing was repeated yet
	// A notifier that does not look at what there is: the same rows again.
	pgtest.Exec(t, p.DB, `
		with again as (
		  insert into action (incident, person, match, rule, owner_role, owner, pdu, team, practitioner, facts, priority, ack_due, due)
		  select incident, person, match, rule, owner_role, owner, pdu, team, practitioner, facts, priority, ack_due, due
		    from action
		   where rule = 'acknowledge_match'
		  returning id
		)
		insert into action_history (action, n, what)
		select id, 1, 'raised' from again`)
	if found := p.sent.wrong(t, p.Site); len(found) != 20 {
		t.Errorf("20 effects are there twice, and the check sees %d", len(found))
	}
}
