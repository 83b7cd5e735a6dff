package matcher

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/stream"
)

const (
	// atOnce is how many incidents are settled in one transaction.
	atOnce = 100
	// patience is how long one event may be worked on. What is left then is the
	// sweeper's, and the event is not delivered to somebody else meanwhile.
	patience = 10 * time.Second
	// sweepEvery is how often the sweeper looks when nothing wakes it.
	sweepEvery = 5 * time.Second
	// countEvery is how often it is counted where everything is.
	countEvery = time.Minute
	// presentEvery is how often a process says that it is there.
	presentEvery = time.Minute
	// countShare is how many times as long as a count took none follows at least.
	countShare = 20
	// enough is how often an incident that the sweeper finds may fail alone
	// before it is set aside.
	enough = 5
)

// Reader gives the stage its events. [stream.Conn] is one.
type Reader interface {
	Read(context.Context, stream.Reader) error
}

// Run reads the streams and sweeps until the context ends.
func (m *Matcher) Run(ctx context.Context, from Reader) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range []string{stream.Incidents, stream.Caseload} {
		group.Go(func() error {
			return from.Read(ctx, stream.Reader{Stream: name, Name: stage, Handle: m.Handle, Quarantine: m.Ledger.QuarantineEvent, Batch: atOnce})
		})
	}
	group.Go(func() error { m.sweepUntil(ctx); return nil })
	group.Go(func() error { m.countUntil(ctx); return nil })
	group.Go(func() error { m.presentUntil(ctx); return nil })
	return group.Wait()
}

// sweepUntil sweeps now and then, and at once when there is known to be work.
func (m *Matcher) sweepUntil(ctx context.Context) {
	// The register is loaded before the first incident needs it.
	m.report(ctx, "load the register", m.catchUp(ctx, 0))
	for ctx.Err() == nil {
		m.report(ctx, "sweep", m.Sweep(ctx))
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-time.After(sweepEvery):
		}
	}
}

func (m *Matcher) countUntil(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		counts, done, err := m.Ledger.ReconcileAlone(ctx, m.Now())
		m.report(ctx, "count where every revision is", err)
		if done {
			m.Metrics.reconciled(counts)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pauseAfter(time.Since(began))):
		}
	}
}

// presentUntil notes every minute what this process was started with, for doctor.
func (m *Matcher) presentUntil(ctx context.Context) {
	process := rand.Text()
	for ctx.Err() == nil {
		m.report(ctx, "note that this process matches", m.Ledger.Present(ctx, process, m.own()))
		select {
		case <-ctx.Done():
		case <-time.After(presentEvery):
		}
	}
}

// pauseAfter is how long not to count after a count that took so long: a large
// ledger is counted less often, and not all the time.
func pauseAfter(took time.Duration) time.Duration {
	return max(countEvery, countShare*took)
}

func (m *Matcher) report(ctx context.Context, doing string, err error) {
	if err != nil && ctx.Err() == nil {
		m.Log.Warn("could not "+doing, "error", err)
	}
}

// Sweep settles what no event has led to: incidents in flight for too long,
// and those that were settled with an older register. It publishes nothing
// itself and trusts no consumer's state; it asks the ledger.
func (m *Matcher) Sweep(ctx context.Context) error {
	err := m.drain(ctx, time.Time{}, func() casework.Pick {
		return casework.Pick{StuckBefore: m.Now().Add(-m.StuckAfter), Limit: atOnce}
	})
	if err != nil {
		return err
	}
	return m.rematch(ctx, 0)
}

// rematch settles again what was settled with an older register, until nothing
// is left or the time is up; zero is as long as it takes.
func (m *Matcher) rematch(ctx context.Context, within time.Duration) error {
	version, err := m.Ledger.RegisterVersion(ctx)
	if err != nil {
		return err
	}
	var until time.Time
	if within > 0 {
		until = time.Now().Add(within)
	}
	return m.drain(ctx, until, func() casework.Pick { return casework.Pick{BehindOf: version, Limit: atOnce} })
}

// drain settles picks until there is nothing left to pick. A batch that fails
// is tried one by one, so that a bad incident holds up no other.
func (m *Matcher) drain(ctx context.Context, until time.Time, pick func() casework.Pick) error {
	for ctx.Err() == nil {
		if !until.IsZero() && time.Now().After(until) {
			m.nudge()
			return nil
		}
		done, err := m.settle(ctx, pick())
		if err == nil {
			if len(done.Incidents) == 0 {
				return nil
			}
			continue
		}
		if ctx.Err() != nil || errors.Is(err, casework.ErrUnavailable) || len(done.Incidents) == 0 {
			return err
		}
		for _, id := range done.Incidents {
			if err := m.alone(ctx, id); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// alone settles one incident of a batch that failed, and sets it aside if it
// goes on failing.
func (m *Matcher) alone(ctx context.Context, id casework.IncidentID) error {
	_, err := m.settle(ctx, casework.Pick{Incidents: []casework.IncidentID{id}})
	m.triesMu.Lock()
	defer m.triesMu.Unlock()
	if err == nil {
		delete(m.tries, id)
		return nil
	}
	if ctx.Err() != nil || errors.Is(err, casework.ErrUnavailable) {
		return err
	}
	m.tries[id]++
	if m.tries[id] < enough {
		return nil // it is picked again
	}
	m.Log.Error("set aside", "incident", id, "attempts", m.tries[id], "error", err)
	if err := m.Ledger.SetAside(ctx, stage, id, err.Error(), m.tries[id], m.Now()); err != nil {
		return err
	}
	delete(m.tries, id)
	return nil
}

// nudge wakes the sweeper.
func (m *Matcher) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}
