package matcher_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher"
)

// breaking is a ledger whose first reading of the register breaks off after
// somebody who is gone when it is read again.
type breaking struct {
	matcher.Ledger
	broken bool
}

const gone = casework.PersonID(1 << 40)

func (b *breaking) RegisterPeople(ctx context.Context, give func(casework.RegisterPerson) error) (int64, error) {
	if b.broken {
		return b.Ledger.RegisterPeople(ctx, give)
	}
	b.broken = true
	return 0, errors.Join(errors.New("the connection broke"), give(casework.RegisterPerson{ID: gone}))
}

func TestWhomALoadThatFailedTookInIsForgotten(t *testing.T) {
	w := newWorld(t)
	id := w.supervise("X000001", "Pugh", "1980-02-01")
	_, r := w.another()
	m := matcher.New(matcher.Config{Ledger: &breaking{Ledger: w.db}, Register: r})
	e := w.receive("A1", 1, live, person("suspect", "Pugh", "1980-02-01"))
	_ = m.Handle(context.Background(), []events.Event{e})
	if _, there := r.people[gone]; !there {
		t.Fatal("the first load took nobody in: the test proves nothing")
	}
	w.handle(m, e)
	w.wantMatches("A1", "1@1 rev 1 X000001 open")
	if _, there := r.people[gone]; there || len(r.people) != 1 {
		t.Errorf("the register holds %d people, want %d alone", len(r.people), id)
	}
}
