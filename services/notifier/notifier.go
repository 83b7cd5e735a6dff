// Package notifier turns matches into actions, and does not let go of them.
//
//	matches.* → notifier → actions.*
//
// An event says no more than that something about a match has changed.
// [Notifier.Handle] locks the incident, reads where its matches stand and makes
// their actions agree: [Policy.Agree] says how, without touching anything.
// [Notifier.Escalate] takes the steps whose time has come, [Notifier.Sweep]
// finds what no event told of, such as a case with a new practitioner.
package notifier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/stream"
)

// Store is what the notifier needs of the ledger.
type Store interface {
	// SettleActions gives each concern of the matches to decide, under its lock,
	// and writes the changes that come back, in one transaction.
	SettleActions(ctx context.Context, matches []casework.MatchID, now time.Time,
		decide func(*casework.Concern) (casework.Priority, []casework.ActionChange)) (casework.SettledActions, error)
	// Escalate gives the steps that are due to escalate and writes what follows.
	Escalate(ctx context.Context, now time.Time, limit int,
		escalate func(casework.DueStep) (casework.ActionChange, bool)) (changes []casework.ActionChange, due int, err error)
	// Disagreeing are matches whose actions should have followed them long ago.
	// At night those that are urgent and unattended are among them; otherwise are
	// the PDUs whose own hours say otherwise than night does.
	Disagreeing(ctx context.Context, before, now time.Time, night bool, otherwise []string, limit int) ([]casework.MatchID, error)
	Backlogs(ctx context.Context, now time.Time) ([]casework.Backlog, error)
	// UnseenActions counts open actions that nobody who owns them may see.
	UnseenActions(ctx context.Context) (int, error)
	// RouteUnseen gives those that a restriction hides from all of their owner to
	// somebody cleared.
	RouteUnseen(ctx context.Context, now time.Time, limit int) ([]casework.ActionChange, error)
	// CountEnquiries counts what forces were asked and have not answered, and told
	// and nobody has read.
	CountEnquiries(ctx context.Context, now time.Time) ([]casework.EnquiryCount, error)
	// AuditSteps counts steps that should have been taken before a time, and open
	// actions that nothing would ever be heard of again.
	AuditSteps(ctx context.Context, before time.Time) (missed, silent int, err error)
}

// Config is what a notifier is made of.
type Config struct {
	Store  Store
	Policy *Policy // Default: the one that ships.
	// PolicyFile is read again when it changes; a version that is refused leaves
	// the policy as it was. Empty for none.
	PolicyFile string
	// Quarantine keeps an event that cannot be handled.
	Quarantine func(ctx context.Context, stage string, e events.Event, reason string, attempts int) error
	// Observe is shown each milestone once, after it was committed.
	Observe func(...casework.Milestone)
	Metrics prometheus.Registerer
	Log     *slog.Logger
	// Now is the clock; stories move it. Default time.Now.
	Now func() time.Time
}

// Notifier is the stage. Any number may run on one ledger.
type Notifier struct {
	store      Store
	policies   atomic.Pointer[Policy]
	file       policyFileState
	quarantine func(context.Context, string, events.Event, string, int) error
	observe    func(...casework.Milestone)
	metrics    *metrics
	log        *slog.Logger
	now        func() time.Time
}

// New makes a notifier.
func New(c Config) *Notifier {
	n := &Notifier{store: c.Store, file: policyFileState{path: c.PolicyFile}, quarantine: c.Quarantine, observe: c.Observe, log: c.Log, now: c.Now}
	if c.Policy == nil {
		c.Policy = Default()
	}
	n.policies.Store(c.Policy)
	n.file.note()
	if n.observe == nil {
		n.observe = func(...casework.Milestone) {}
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	n.metrics = newMetrics(c.Metrics)
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.now == nil {
		n.now = time.Now
	}
	return n
}

const (
	// stuckAfter is how long a match may be ahead of its actions before the
	// sweeper looks: an event is normally handled within a second.
	stuckAfter = 30 * time.Second
	batch      = 100
	stepBatch  = 500
)

// Handle makes the actions of the events' matches agree with where the matches
// stand now, in one transaction.
func (n *Notifier) Handle(ctx context.Context, batch []events.Event) error {
	var matches []casework.MatchID
	for _, e := range batch {
		id, err := matchOf(e)
		if err != nil {
			return err
		}
		if id != 0 && !slices.Contains(matches, id) {
			matches = append(matches, id)
		}
	}
	return n.settle(ctx, matches)
}

// matchOf is the match that the event is about; 0 for an event that is not
// about one.
func matchOf(e events.Event) (casework.MatchID, error) {
	var about events.Match
	var err error
	switch e.Subject {
	case "matches.found":
		about, err = decode[events.MatchFound](e)
	case "matches.confirmed":
		about, err = decode[events.MatchConfirmed](e)
	case "matches.dismissed":
		about, err = decode[events.MatchDismissed](e)
	case "matches.retracted":
		about, err = decode[events.MatchRetracted](e)
	case "matches.superseded":
		about, err = decode[events.MatchSuperseded](e)
	case "matches.updated":
		about, err = decode[events.MatchUpdated](e)
	case "actions.acknowledged":
		var env events.Envelope[events.ActionAcknowledged]
		env, err = events.Decode[events.ActionAcknowledged](e)
		about.MatchID = env.AdditionalInformation.MatchID
	case "decisions.recorded":
		var env events.Envelope[events.DecisionRecorded]
		env, err = events.Decode[events.DecisionRecorded](e)
		about.MatchID = env.AdditionalInformation.MatchID
	case "enquiries.asked":
		var env events.Envelope[events.EnquiryAsked]
		env, err = events.Decode[events.EnquiryAsked](e)
		about.MatchID = env.AdditionalInformation.MatchID
	case "enquiries.answered":
		var env events.Envelope[events.EnquiryAnswered]
		env, err = events.Decode[events.EnquiryAnswered](e)
		about.MatchID = env.AdditionalInformation.MatchID
	case "disclosures.received": // without a match it waits for one
		var env events.Envelope[events.DisclosureReceived]
		env, err = events.Decode[events.DisclosureReceived](e)
		about.MatchID = env.AdditionalInformation.MatchID
	default:
		if strings.HasPrefix(e.Subject, "matches.") {
			err = events.Permanent(fmt.Errorf("event %d on %s: not a subject that the notifier knows", e.ID, e.Subject))
		}
	}
	return casework.MatchID(about.MatchID), err
}

type matchEvent interface {
	events.MatchFound | events.MatchConfirmed | events.MatchDismissed | events.MatchRetracted | events.MatchSuperseded | events.MatchUpdated
	events.Payload
}

func decode[P matchEvent](e events.Event) (events.Match, error) {
	env, err := events.Decode[P](e)
	return events.Match(env.AdditionalInformation), err
}

func (n *Notifier) settle(ctx context.Context, matches []casework.MatchID) error {
	if len(matches) == 0 {
		return nil
	}
	began, now := time.Now(), n.now()
	policy := n.policies.Load() // one for the whole batch
	settled, err := n.store.SettleActions(ctx, matches, now, func(c *casework.Concern) (casework.Priority, []casework.ActionChange) {
		return policy.Agree(c, now)
	})
	if err != nil {
		return err
	}
	n.observe(settled.Milestones...)
	n.metrics.changed(settled.Changes)
	n.log.Info("actions settled", "matches", len(matches), "first", matches[0], "changes", len(settled.Changes), "took", time.Since(began))
	return nil
}

// Escalate takes the steps whose time has come, and returns how many there were.
// After an outage all that is overdue is taken, in the order of its time.
func (n *Notifier) Escalate(ctx context.Context) (int, error) {
	taken := 0
	for {
		now, policy := n.now(), n.policies.Load()
		changes, due, err := n.store.Escalate(ctx, now, stepBatch, func(d casework.DueStep) (casework.ActionChange, bool) {
			return policy.Escalate(d, now)
		})
		if err != nil {
			return taken, err
		}
		n.metrics.changed(changes)
		n.metrics.escalated(changes, now)
		for _, c := range changes {
			n.log.Info("action escalated", "action", c.Action.ID, "kind", c.Step.Kind, "told", c.Tell[0].Role, "late", now.Sub(c.Step.DueAt))
		}
		taken += len(changes)
		if due == 0 { // a step that was taken late may have planned one that is late too
			return taken, nil
		}
	}
}

// Sweep settles matches that no event told of and moves work whose case has
// moved. It returns how many matches it looked at. One that fails does not keep
// the others.
func (n *Notifier) Sweep(ctx context.Context) (int, error) {
	// The ledger's own clock says when a match changed, whatever Now is.
	now := n.now()
	night, otherwise := n.policies.Load().night(now)
	found, err := n.store.Disagreeing(ctx, time.Now().Add(-stuckAfter), now, night, otherwise, 10*batch)
	if err != nil {
		return 0, err
	}
	var failed []error
	for some := range slices.Chunk(found, batch) {
		if err := n.settle(ctx, some); err == nil {
			continue
		}
		for _, one := range some {
			if err := n.settle(ctx, []casework.MatchID{one}); err != nil {
				failed = append(failed, fmt.Errorf("sweep match %d: %w", one, err))
			}
			if ctx.Err() != nil {
				return len(found), ctx.Err()
			}
		}
	}
	n.metrics.swept.Add(float64(len(found) - len(failed)))
	return len(found), errors.Join(failed...)
}

// Measure refreshes the gauges of what is open.
func (n *Notifier) Measure(ctx context.Context) error {
	now := n.now()
	_, until := n.policies.Load().Calendar.Covers()
	n.metrics.holidays.Set(float64(until.Time().Unix()))
	all, err := n.store.Backlogs(ctx, now)
	if err != nil {
		return err
	}
	n.metrics.backlog(all, now)
	unseen, err := n.store.UnseenActions(ctx)
	if err == nil {
		n.metrics.unseen.Set(float64(unseen))
	}
	asked, wrong := n.store.CountEnquiries(ctx, now)
	if wrong == nil {
		n.metrics.asked(asked)
	}
	return errors.Join(err, wrong)
}

// Route gives work that a restriction hides from everybody who owns it to
// somebody who is cleared.
func (n *Notifier) Route(ctx context.Context) error {
	changes, err := n.store.RouteUnseen(ctx, n.now(), batch)
	n.metrics.changed(changes)
	for _, c := range changes {
		n.log.Info("action routed to somebody cleared", "action", c.Action.ID, "told", c.Tell[0].Role)
	}
	return err
}

// Audit checks that what should have escalated did. It looks at the rows and
// trusts none of the code that writes them.
func (n *Notifier) Audit(ctx context.Context) error {
	missed, silent, err := n.store.AuditSteps(ctx, n.now().Add(-time.Minute))
	if err != nil {
		return err
	}
	n.metrics.missed.Set(float64(missed))
	n.metrics.silent.Set(float64(silent))
	if missed+silent > 0 {
		n.log.Error("what should have escalated did not", "missed", missed, "silent", silent)
	}
	return nil
}

// Reader gives the stage its events. [stream.Conn] is one.
type Reader interface {
	Read(context.Context, stream.Reader) error
}

// stage is its name on the stream and in quarantine.
const stage = "notifier"

// Run reads the stream, escalates, sweeps and measures until the context ends.
func (n *Notifier) Run(ctx context.Context, from Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	// What people do with actions matters too: a decision wants a signature, and
	// what somebody has taken is no longer the night's.
	for _, name := range []string{stream.Matches, stream.Actions} {
		group.Go(func() error {
			return from.Read(ctx, stream.Reader{Stream: name, Name: stage, Handle: n.Handle, Quarantine: n.quarantine, Batch: batch})
		})
	}
	for _, w := range []struct {
		work  string
		every time.Duration
		do    func(context.Context) error
	}{
		{"escalate", time.Second, func(ctx context.Context) error { _, err := n.Escalate(ctx); return err }},
		{"sweep", 10 * time.Second, func(ctx context.Context) error { _, err := n.Sweep(ctx); return err }},
		{"measure", 10 * time.Second, n.Measure},
		{"route", 30 * time.Second, n.Route},
		{"audit", 30 * time.Second, n.Audit},
		{"policy", 5 * time.Second, func(context.Context) error { n.Reload(); return nil }},
	} {
		group.Go(func() error { n.repeat(ctx, w.work, w.every, w.do); return nil })
	}
	return group.Wait()
}

// repeat does a work now and then. One round that fails is followed by another.
func (n *Notifier) repeat(ctx context.Context, work string, every time.Duration, do func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			n.metrics.failures.WithLabelValues(work).Inc()
			n.log.Warn("round of work failed; the next one tries again", "work", work, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
