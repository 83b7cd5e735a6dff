package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/test/pgtest"
)

func TestTheHeadOfTheTrailIsPublishedWhenItMovedAndProvesTheTrail(t *testing.T) {
	db, now := trail(t, 10), time.Now()
	tell := func(at time.Time) postgres.Seal {
		t.Helper()
		head, err := db.TellAuditHead(t.Context(), at, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return head
	}
	told := func() int {
		return pgtest.One[int](t, db, "select count(*)::int from event where subject = 'audit.sealed'")
	}
	first := tell(now)
	tell(now.Add(2 * time.Minute)) // it has not moved
	if got := told(); got != 1 || first.Seq != 10 {
		t.Fatalf("got %d heads published of seal %d, want 1 of seal 10", got, first.Seq)
	}
	more := func() {
		t.Helper()
		if err := db.Record(t.Context(), postgres.Audit{Actor: "force:62", What: "RECEIPT", Service: "feed"}); err != nil {
			t.Fatal(err)
		}
		if _, err := db.SealAudit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	more()
	tell(now.Add(30 * time.Second)) // too soon
	if got := told(); got != 1 {
		t.Errorf("got %d heads within a minute, want 1", got)
	}
	second := tell(now.Add(time.Minute))
	payload := pgtest.One[string](t, db, "select payload::text from event where subject = 'audit.sealed' order by id desc limit 1")
	said, err := events.Decode[events.AuditSealed](events.Event{Data: []byte(payload)})
	if err != nil || said.AdditionalInformation.Seq != second.Seq || second.String() != "11:"+said.AdditionalInformation.Hash {
		t.Errorf("what was published is not the head: %v", err)
	}

	prove := func(every time.Duration, heads ...postgres.Seal) postgres.Proved {
		t.Helper()
		p, err := db.ProveAudit(t.Context(), every, func(context.Context) ([]postgres.Seal, error) { return heads, nil })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := prove(time.Hour, first, second); p.At.IsZero() || p.Faults != 0 {
		t.Errorf("got %+v of a trail that nobody touched", p)
	}
	if _, err := db.SealAudit(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The end is cut off: the chain is whole without it, and the head says it is not.
	behind(t, db, "with s as (delete from audit_seal where seq > 10 returning audit) delete from audit where id in (select audit from s)")
	if p := prove(0); p.Faults != 0 {
		t.Errorf("got %d faults without a head, want none: else the head proves nothing", p.Faults)
	}
	if p := prove(0, first, second); p.Faults != 1 {
		t.Errorf("got %d faults with the heads that were published, want 1", p.Faults)
	}
	if p := prove(time.Hour); p.Faults != 1 {
		t.Errorf("what was found an hour ago is not told any more")
	}
	away := errors.New("the stream is away")
	if _, err := db.ProveAudit(t.Context(), 0, func(context.Context) ([]postgres.Seal, error) { return nil, away }); !errors.Is(err, away) {
		t.Errorf("without the heads: got %v, want no proof", err)
	}
}
