package matcher

import (
	"context"
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// catchUp brings the register in memory to a version at least, loading it if
// that has not been done. Scoring waits meanwhile; a day's changes take
// milliseconds.
func (m *Matcher) catchUp(ctx context.Context, atLeast int64) error {
	m.mu.RLock()
	there := m.loaded && m.version >= atLeast
	m.mu.RUnlock()
	if there {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loaded && m.version >= atLeast {
		return nil // another was quicker
	}
	began := time.Now()
	if !m.started {
		model := casework.Model{Hash: m.Model.Hash(), Weights: m.Model.JSON(), Origin: casework.ModelShipped, By: stage}
		if err := m.Ledger.StartWith(ctx, m.own(), model, m.Now()); err != nil {
			return fmt.Errorf("start with %s: %w", m.own(), err)
		}
		m.started = true
	}
	read := m.load
	if m.loaded {
		read = m.follow
	}
	version, changed, err := read(ctx)
	if err == nil {
		err = m.weigh(ctx)
	}
	if err != nil {
		// What was taken in already is taken in again next time: the version
		// stays behind.
		return fmt.Errorf("bring the register from version %d up to date: %w", m.version, err)
	}
	m.Register.SetVersion(version)
	m.version, m.loaded = version, true
	m.Metrics.register(version, len(m.people))
	m.Log.Info("register is up to date", "version", version, "people", len(m.people), "changed", changed, "model", m.model, "took", time.Since(began))
	if version < atLeast {
		return fmt.Errorf("register is at version %d and version %d was asked for: %w", version, atLeast, casework.ErrUnavailable)
	}
	return nil
}

// load reads everybody, normalising on all cores while it reads.
func (m *Matcher) load(ctx context.Context) (version int64, people int, err error) {
	// Whom a load that failed took in may be gone by now, and no version would
	// ever tell of it.
	for id := range m.people {
		m.Register.Remove(id)
	}
	clear(m.people)
	m.Register.PutAll(func(put func(casework.PersonID, casework.Identity) bool) {
		version, err = m.Ledger.RegisterPeople(ctx, func(p casework.RegisterPerson) error {
			people++
			m.people[p.ID] = p.EndedAt
			if !put(p.ID, p.Identity) {
				return context.Canceled
			}
			return nil
		})
	})
	return version, people, err
}

// follow reads who has changed.
func (m *Matcher) follow(ctx context.Context) (version int64, changed int, err error) {
	version, err = m.Ledger.PeopleChangedSince(ctx, m.version, func(p casework.RegisterPerson) error {
		changed++
		if p.Gone {
			m.Register.Remove(p.ID)
			delete(m.people, p.ID)
			return nil
		}
		m.Register.Put(p.ID, p.Identity)
		m.people[p.ID] = p.EndedAt
		return nil
	})
	return version, changed, err
}

// weigh makes the register weigh by the model that is active, and this process
// settle by the terms that hold, whatever it was started with itself: replicas
// that settled by different ones would undo each other's matches for ever.
// Activating a model and starting with other terms give the register a new
// version, so that every process comes by here before it settles anything more.
// Both are read after the people: should they be newer than their version, what
// is scored is not settled but scored again.
func (m *Matcher) weigh(ctx context.Context) error {
	terms, err := m.Ledger.Terms(ctx)
	if err != nil {
		return err
	}
	active, err := m.Ledger.ActiveModel(ctx)
	if err != nil {
		return err
	}
	model := m.Model
	if active.Hash != m.Model.Hash() {
		if model, err = linkage.ReadModel(active.Weights); err != nil {
			return fmt.Errorf("read the active model %s, which this program may be too old for: %w", active.Hash, err)
		}
	}
	if m.model != model.Hash() {
		m.Register.SetModel(model)
		m.model = model.Hash()
	}
	if m.terms != terms && terms != m.own() {
		m.Log.Warn("another matcher was started with other terms, and all settle by those", "own", m.own().String(), "terms", terms.String())
	}
	m.terms = terms
	m.Metrics.started(terms == m.own())
	return nil
}
