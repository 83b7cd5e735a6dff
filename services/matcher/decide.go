package matcher

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/matcher/linkage"
)

// reading is an incident on its way through decide.
type reading struct {
	casework.Standing
	head casework.Incident
	// search says that the persons of the head are to be looked for.
	search bool
	found  [][]linkage.Candidate
	// problem is why the incident cannot be settled.
	problem string
}

// decide says what is to become of the incidents. It runs under their locks,
// and answers with one version of the register for all of them.
func (m *Matcher) decide(ctx context.Context, incidents []casework.Standing, atLeast int64) ([]casework.Settlement, int64, error) {
	if err := m.catchUp(ctx, atLeast); err != nil {
		return nil, 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	readings := make([]reading, len(incidents))
	for i, s := range incidents {
		readings[i] = m.open(s)
	}
	if err := m.score(ctx, readings); err != nil {
		return nil, 0, err
	}
	settlements := make([]casework.Settlement, len(incidents))
	for i := range readings {
		settlements[i] = m.conclude(&readings[i])
	}
	return settlements, m.version, nil
}

// open reads the newest revision, if there is anything in it to look for.
func (m *Matcher) open(s casework.Standing) reading {
	r := reading{Standing: s}
	settled := s.Disposition == casework.Matched || s.Disposition == casework.Unmatched
	switch {
	case s.Status == casework.Withdrawn, s.Erased:
		return r
	case s.Disposition == casework.Quarantined:
		return r // until somebody gives it back, or a later revision comes
	case settled && s.RegisterVersion == m.version:
		return r // a nudge that came twice
	}
	head, err := decode(s.Revisions[0].Body)
	if err != nil {
		r.problem = err.Error()
		return r
	}
	r.head, r.search = head, true
	r.found = make([][]linkage.Candidate, len(head.Persons))
	return r
}

// score looks every person of the readings up in the register, on all cores.
func (m *Matcher) score(ctx context.Context, readings []reading) error {
	type job struct{ reading, person int }
	var jobs []job
	for i, r := range readings {
		for j := range r.found {
			if wanted(r.head.Persons[j]) {
				jobs = append(jobs, job{i, j})
			}
		}
	}
	problems := make([]string, len(jobs))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wait.Go(func() {
			for ctx.Err() == nil {
				k := int(next.Add(1)) - 1
				if k >= len(jobs) {
					return
				}
				r := &readings[jobs[k].reading]
				found, err := m.find(r, jobs[k].person)
				if err != nil {
					problems[k] = err.Error()
				}
				r.found[jobs[k].person] = found
			}
		})
	}
	wait.Wait()
	for k, j := range jobs {
		if problems[k] != "" {
			readings[j.reading].problem = problems[k]
		}
	}
	return ctx.Err()
}

// wanted reports whether a person says anything by which to be found.
func wanted(p casework.Involvement) bool {
	return p.Named() || p.PNC != "" || p.CRO != "" || len(p.AlsoKnownAs) > 0
}

// find looks one person up. A panic there is the problem of this incident
// alone: the others of the batch must not wait for it.
func (m *Matcher) find(r *reading, person int) (found []linkage.Candidate, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The panic's own text may quote a name.
			m.Log.Error("scoring panicked", "incident", r.Incident, "person", person+1)
			err = fmt.Errorf("scoring person %d of the incident failed", person+1)
		}
	}()
	found = m.Register.Find(r.head.Persons[person].Identity(), m.terms.Threshold)
	return slices.DeleteFunc(found, func(c linkage.Candidate) bool {
		return c.Evidence.Band == casework.None || !m.concerned(c.Person, r)
	}), nil
}

// concerned reports whether an incident may concern a person on the register:
// it does while they are under supervision, and for a while afterwards.
func (m *Matcher) concerned(person casework.PersonID, r *reading) bool {
	ended, there := m.people[person]
	if !there {
		return false
	}
	if ended.IsZero() {
		return true
	}
	calendar := casework.EnglandAndWales()
	last := calendar.WorkingDays(calendar.Day(ended), m.terms.AfterSupervision)
	return !last.Before(calendar.Day(r.head.OccurredFrom))
}

// conclude turns a reading into what the store is to write.
func (m *Matcher) conclude(r *reading) casework.Settlement {
	s := casework.Settlement{
		Incident:        r.Incident,
		Revision:        r.Revisions[0].Number,
		Disposition:     r.Disposition,
		RegisterVersion: m.version,
		Involvements:    r.Revisions[0].Involvements,
	}
	switch {
	case r.problem != "":
		s.Disposition, s.Reason = casework.Quarantined, r.problem
		s.RegisterVersion = r.RegisterVersion
	case r.Status == casework.Withdrawn:
		s.Disposition = casework.WithdrawnBy
		s.Matches = withdraw(r.Standing)
	case !r.search:
		s.RegisterVersion = r.RegisterVersion
	default:
		numbers := s.Involvements
		if len(numbers) != len(r.head.Persons) {
			numbers = align(r.head.Persons, everybody(r.Revisions[1:]), r.found, r.Matches)
		}
		sightings := make([]sighting, len(numbers))
		for i, p := range r.head.Persons {
			sightings[i] = sighting{
				number: numbers[i], position: i + 1, role: p.Role,
				digest: p.Identity().Digest(), found: r.found[i],
			}
		}
		var concerns bool
		s.Involvements = numbers
		s.Head = &r.head
		s.Matches, concerns = agree(r.Standing, sightings, func(id casework.PersonID) bool { return m.concerned(id, r) })
		s.Disposition = casework.Unmatched
		if concerns {
			s.Disposition = casework.Matched
		}
	}
	return s
}

// decode reads a body of the ledger. Its error quotes nothing of it.
func decode(body []byte) (casework.Incident, error) {
	var in casework.Incident
	if body == nil {
		return in, errors.New("the personal data of this revision is erased")
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return in, errors.New("the stored body is not an incident of the expected form")
	}
	return in, nil
}
