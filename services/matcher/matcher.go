// Package matcher finds the people on probation that an incident may concern.
//
//	incidents.received · incidents.withdrawn · caseload.changed → matcher → matches.found · matches.superseded
//
// An event is a nudge: [Matcher.Handle] locks the incident, reads what is true
// of it now and makes its matches agree, in any order and any number of times.
// What people are under supervision is held in memory ([linkage.Register]); an
// incident is settled only with the register that the store has at that moment,
// so that a process which is behind catches up first. [Matcher.Sweep] finds
// what no event led to. Scoring itself is the business of the child linkage.
package matcher

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// Ledger is what the matcher needs of the store.
type Ledger interface {
	// Settle locks the incidents picked, in order of their numbers, and shows
	// decide where they stand. It writes what decide answers, with its events
	// and milestones, in the same transaction. When the register has moved on
	// meanwhile it asks decide again, with the version to catch up with.
	Settle(ctx context.Context, pick casework.Pick, decide func(ctx context.Context, incidents []casework.Standing, atLeast int64) ([]casework.Settlement, int64, error)) (casework.Settled, error)
	// RegisterPeople gives everyone whom an incident may concern, and the
	// version of the register that they are of.
	RegisterPeople(ctx context.Context, give func(casework.RegisterPerson) error) (int64, error)
	// PeopleChangedSince gives who has changed since a version, the gone among
	// them, and the version up to which it has told.
	PeopleChangedSince(ctx context.Context, version int64, give func(casework.RegisterPerson) error) (int64, error)
	// ActiveModel is the model that was activated last, else that of the terms;
	// its hash is empty when there is neither.
	ActiveModel(ctx context.Context) (casework.Model, error)
	// StartWith makes the terms hold if they are not those that do, and gives
	// the register its next version if that may change what was settled.
	StartWith(ctx context.Context, own casework.Terms, model casework.Model, at time.Time) error
	// Terms are those that hold.
	Terms(ctx context.Context) (casework.Terms, error)
	// Present notes that a process matches, and what it was started with.
	Present(ctx context.Context, process string, own casework.Terms) error
	// RegisterVersion is the version now.
	RegisterVersion(ctx context.Context) (int64, error)
	// QuarantineEvent sets an event's incident aside with the reason.
	QuarantineEvent(ctx context.Context, stage string, e events.Event, reason string, attempts int) error
	// SetAside does so for an incident that the sweeper found.
	SetAside(ctx context.Context, stage string, incident casework.IncidentID, reason string, attempts int, at time.Time) error
	// ReconcileAlone counts where every revision is, if nobody else is at it.
	ReconcileAlone(ctx context.Context, now time.Time) (counts casework.Reconciliation, done bool, err error)
}

// Register is who is under supervision, ready to be searched.
// [linkage.Register] is one. Find may be called by many at once.
type Register interface {
	Put(casework.PersonID, casework.Identity)
	PutAll(iter.Seq2[casework.PersonID, casework.Identity])
	Remove(casework.PersonID)
	SetVersion(int64)
	SetModel(*linkage.Model)
	Find(casework.Identity, float64) []linkage.Candidate
}

// Config is what a matcher is made of. Ledger is needed.
type Config struct {
	Ledger Ledger
	// Model is what people are compared by while none is activated. Default:
	// linkage.Default.
	Model *linkage.Model
	// Register is empty at the start. Default: one that weighs by Model.
	Register Register
	// Threshold is the probability from which a match is kept. Default 0.10.
	Threshold float64
	// AfterSupervision is how many working days after the end of supervision an
	// incident may occur and still match. Default 28.
	AfterSupervision int
	// StuckAfter is how long an incident may be in flight before the sweeper
	// takes it up. Default 30s.
	StuckAfter time.Duration
	Metrics    *Metrics
	Log        *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// own are the terms that this process was started with.
func (m *Matcher) own() casework.Terms {
	return casework.Terms{Model: m.Model.Hash(), AfterSupervision: m.AfterSupervision, Threshold: m.Threshold}
}

// Matcher settles incidents. Several, in one process or many, share the work.
type Matcher struct {
	Config
	wake chan struct{} // something is behind

	triesMu sync.Mutex
	tries   map[casework.IncidentID]int // how often the sweeper failed at one

	mu      sync.RWMutex // held for reading while a batch is scored
	version int64
	loaded  bool
	model   string                          // hash of what the register weighs by; empty: what it came with
	started bool                            // its own terms are on the record
	terms   casework.Terms                  // those that hold
	people  map[casework.PersonID]time.Time // on the register → end of supervision, or zero
}

// stage is the name under which the matcher reads streams and sets aside.
const stage = "matcher"

// New makes a matcher. It loads the register when it is first needed.
func New(c Config) *Matcher {
	if c.Model == nil {
		c.Model = linkage.Default()
	}
	if c.Register == nil {
		c.Register = linkage.New(c.Model)
	}
	if c.Threshold == 0 {
		c.Threshold = 0.10
	}
	if c.AfterSupervision == 0 {
		c.AfterSupervision = 28
	}
	if c.StuckAfter == 0 {
		c.StuckAfter = 30 * time.Second
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil, nil)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Matcher{
		Config: c,
		wake:   make(chan struct{}, 1),
		tries:  map[casework.IncidentID]int{},
		people: map[casework.PersonID]time.Time{},
	}
}

// Handle settles the incidents that the events name, in one transaction. A
// change of the caseload makes it catch up and settle again what is held.
func (m *Matcher) Handle(ctx context.Context, batch []events.Event) error {
	var ids []casework.IncidentID
	seen := map[casework.IncidentID]bool{}
	var version int64
	for _, e := range batch {
		id, v, err := read(e)
		if err != nil {
			return err
		}
		version = max(version, v)
		if id != 0 && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		if _, err := m.settle(ctx, casework.Pick{Incidents: ids}); err != nil {
			return err
		}
	}
	if version == 0 {
		return nil
	}
	if err := m.catchUp(ctx, version); err != nil {
		return err
	}
	return m.rematch(ctx, patience)
}

// read takes from an event the one thing that is wanted of it.
func read(e events.Event) (id casework.IncidentID, version int64, err error) {
	switch {
	case e.Subject == events.CaseloadChanged{}.Subject():
		c, err := events.Decode[events.CaseloadChanged](e)
		return 0, c.AdditionalInformation.RegisterVersion, err
	case within(e.Subject, "incidents.received"):
		r, err := events.Decode[events.IncidentReceived](e)
		return casework.IncidentID(r.AdditionalInformation.IncidentID), 0, err
	case within(e.Subject, "incidents.withdrawn"):
		r, err := events.Decode[events.IncidentWithdrawn](e)
		return casework.IncidentID(r.AdditionalInformation.IncidentID), 0, err
	}
	return 0, 0, events.Permanent(fmt.Errorf("event %d on %s is not for the matcher", e.ID, e.Subject))
}

func within(subject, prefix string) bool {
	return len(subject) > len(prefix) && subject[:len(prefix)] == prefix && subject[len(prefix)] == '.'
}

// settle settles a pick and counts what came of it.
func (m *Matcher) settle(ctx context.Context, pick casework.Pick) (casework.Settled, error) {
	began := time.Now()
	pick.At = m.Now()
	done, err := m.Ledger.Settle(ctx, pick, m.decide)
	if err != nil {
		return done, fmt.Errorf("settle %d incidents: %w", len(done.Incidents), err)
	}
	m.Metrics.settled(done, time.Since(began))
	if n := len(done.Incidents); n > 0 {
		m.Log.Debug("settled", "first", done.Incidents[0], "incidents", n, "found", done.Found,
			"superseded", done.Superseded, "took", time.Since(began))
	}
	return done, nil
}
