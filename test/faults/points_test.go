package faults

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/test/harness"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

// point is a site with one process, a way to NATS that can be cut, and the truth.
type point struct {
	*Site
	sent *sent
	nats *Wire
}

func newPoint(t *testing.T) *point {
	t.Helper()
	t.Parallel()
	site := NewSite(t)
	nats := newWireTo(t, "tcp", strings.TrimPrefix(site.NATS, "nats://"))
	site.uses(nats.URL)
	p := &point{Site: site, sent: &sent{people: harness.Wales(40)}, nats: nats}
	supervised(t, site, p.sent.people)
	return p
}

func (p *point) sends(name string, n int) {
	p.Helper()
	file := filepath.Join(p.Dir, name)
	if err := os.WriteFile(file, harness.Lines("62", p.sent.some(n)...), 0o600); err != nil {
		p.Fatal(err)
	}
	p.Run("feed", "import", "--force", "62", file)
}

// holds takes a lock that a stage needs, so that the stage stops in the middle
// of its transaction, until it is let go.
func (p *point) holds(sql string) (letGo func()) {
	p.Helper()
	ctx := context.Background()
	tx, err := p.DB.Pool().Begin(ctx)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		p.Fatal(err)
	}
	return func() { tx.Rollback(ctx) }
}

// waits until somebody waits for that lock.
func (p *point) waits() {
	p.Helper()
	p.Eventually(func() bool {
		return pgtest.One[int](p, p.DB, `
			select count(*)
			  from pg_stat_activity
			 where datname = current_database()
			   and wait_event_type = 'Lock'`) > 0
	}, func() string { return "nobody waits for the lock" })
}

func (p *point) eventually(sql, what string) {
	p.Helper()
	p.Eventually(func() bool { return pgtest.One[bool](p, p.DB, sql) }, func() string { return what })
}

const (
	theRegister = `select 1 from register for update`
	theHistory  = `lock table action_history in share mode`
)

// The matcher dies when it has decided and not committed.
func TestKilledBetweenDecideAndCommit(t *testing.T) {
	p := newPoint(t)
	v := p.Serve("matcher", "notifier")
	letGo := p.holds(theRegister)
	p.sends("a.ndjson", 60)
	p.waits()
	v.Kill()
	letGo()
	if n := pgtest.One[int](t, p.DB, `select count(*) from match`); n > 0 {
		t.Errorf("%d matches were left by a transaction that never ended", n)
	}
	v.Start()
	p.Settled()
	p.sent.check(t, p.Site)
}

// The notifier dies when it has decided and not committed.
func TestTheNotifierIsKilledBetweenDecideAndCommit(t *testing.T) {
	p := newPoint(t)
	p.Serve("matcher")
	letGo := p.holds(theHistory)
	v := p.Serve("notifier")
	p.sends("a.ndjson", 60)
	p.waits()
	v.Kill()
	letGo()
	v.Start()
	p.Settled()
	p.sent.check(t, p.Site)
}

// The matcher dies when it has committed and not told NATS that it has: what it
// did is heard again.
func TestKilledBetweenCommitAndAcknowledgement(t *testing.T) {
	p := newPoint(t)
	v := p.Serve("matcher")
	letGo := p.holds(theRegister)
	p.sends("a.ndjson", 60)
	p.waits() // it has the events in hand
	p.nats.Cut()
	letGo()
	p.eventually(`select not exists (select 1 from revision where disposition = 'in_flight') or (select count(*) from match) > 0`, "nothing is settled")
	v.Kill()
	p.nats.Mend()
	v.Start()
	p.Serve("notifier")
	p.Settled()
	p.sent.check(t, p.Site)
}

// Whoever relays dies between a commit and the publication of its events.
func TestKilledBetweenCommitAndPublication(t *testing.T) {
	p := newPoint(t)
	v := p.Serve("matcher", "notifier")
	p.sends("a.ndjson", 20)
	p.Settled()
	p.nats.Cut()
	p.sends("b.ndjson", 60)
	p.eventually(`select count(*) >= 60 from event where published_at is null`, "everything is published without NATS")
	v.Kill()
	p.nats.Mend()
	v.Start()
	p.Settled()
	p.sent.check(t, p.Site)
}
