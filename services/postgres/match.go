package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Decide answers for incidents under their locks what is to become of them, and
// with which version of the register it answers: atLeast, or a later one.
type Decide = func(ctx context.Context, incidents []casework.Standing, atLeast int64) ([]casework.Settlement, int64, error)

// Settle locks the incidents picked, in order of their numbers, shows decide
// where they stand, and makes the rows agree with its answer: dispositions,
// matches, events and milestones in one transaction.
//
// The register's version is read under a share lock after the answer. If it has
// moved on, decide is asked again; since the lock is held then, twice is
// enough. So no revision is ever settled with an older register than the one it
// says, and nothing is erased because a process was behind.
func (db *DB) Settle(ctx context.Context, pick casework.Pick, decide Decide) (casework.Settled, error) {
	var done casework.Settled
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		s := settling{db: db, tx: tx, pick: pick}
		done = casework.Settled{}
		if err := s.lock(ctx); err != nil {
			return fmt.Errorf("lock incidents: %w", err)
		}
		done.Incidents = s.locked
		if len(s.locked) == 0 {
			return nil
		}
		if err := s.read(ctx); err != nil {
			return fmt.Errorf("read where incidents stand: %w", err)
		}
		answers, err := s.decide(ctx, decide)
		if err != nil {
			return err
		}
		return s.write(ctx, answers, &done)
	})
	return done, err
}

// settling is one transaction of Settle.
type settling struct {
	db        *DB
	tx        pgx.Tx
	pick      casework.Pick
	locked    []casework.IncidentID
	version   int64                       // the register's, before the matches were read
	ids       map[casework.IncidentID]int // incident → its place in standings
	standings []casework.Standing
	keys      []casework.DispositionKey // of the heads, as they were
}

func (s *settling) lock(ctx context.Context) error {
	var query string
	switch {
	case s.pick.Incidents != nil:
		query = `
		select id
		  from incident
		 where id = any(@incidents)
		 order by id
		   for no key update`
	case !s.pick.StuckBefore.IsZero():
		query = `
		select i.id
		  from incident i
		 where exists (
		         select 1
		           from revision r
		          where r.incident = i.id
		            and r.disposition = 'in_flight'
		            and r.received_at < @before)
		 limit @limit
		   for no key update skip locked`
	default:
		query = `
		select i.id
		  from revision r
		  join incident i on i.id = r.incident and i.head = r.number
		 where r.disposition in ('matched', 'unmatched')
		   and r.erased_at is null
		   and r.register_version < @version
		 limit @limit
		   for no key update of i skip locked`
	}
	rows, _ := s.tx.Query(ctx, query, pgx.NamedArgs{"incidents": s.pick.Incidents,
		"before": s.pick.StuckBefore, "version": s.pick.BehindOf, "limit": s.pick.Limit})
	var err error
	s.locked, err = pgx.CollectRows(rows, pgx.RowTo[casework.IncidentID])
	slices.Sort(s.locked)
	return err
}

func (s *settling) read(ctx context.Context) error {
	s.ids, s.standings, s.keys = map[casework.IncidentID]int{}, nil, nil
	if err := s.tx.QueryRow(ctx, `select version from register`).Scan(&s.version); err != nil {
		return err
	}
	args := pgx.NamedArgs{"incidents": s.locked}
	rows, _ := s.tx.Query(ctx, `
		select r.incident,
		       i.force,
		       r.kind,
		       r.number,
		       r.status,
		       -- an earlier body tells who is who, if it was settled at all
		       case when r.number = i.head or r.involvements <> '{}' then r.body end,
		       r.involvements,
		       r.disposition,
		       coalesce(r.register_version, 0),
		       r.erased_at is not null
		  from revision r
		  join incident i on i.id = r.incident
		 where r.incident = any(@incidents)
		   and r.number <= i.head
		 order by r.incident, r.number desc`, args)
	var id casework.IncidentID
	var key casework.DispositionKey
	var filed casework.Filed
	var status casework.Status
	var version int64
	var erased bool
	_, err := pgx.ForEachRow(rows, []any{&id, &key.Force, &key.Kind, &filed.Number, &status, &filed.Body,
		&filed.Involvements, &key.Disposition, &version, &erased}, func() error {
		i, there := s.ids[id]
		if !there { // newest first, so this is the head
			i = len(s.standings)
			s.ids[id] = i
			s.standings = append(s.standings, casework.Standing{Incident: id, Status: status,
				Disposition: key.Disposition, RegisterVersion: version, Erased: erased})
			s.keys = append(s.keys, key)
		}
		s.standings[i].Revisions = append(s.standings[i].Revisions, filed)
		filed.Body, filed.Involvements = nil, nil // the next row gets its own
		return nil
	})
	if err != nil {
		return err
	}
	return s.readMatches(ctx, args)
}

func (s *settling) readMatches(ctx context.Context, args pgx.NamedArgs) error {
	// Locked, so that nobody judges one meanwhile; their judgements are read
	// afterwards, for what was judged before the lock was had.
	rows, _ := s.tx.Query(ctx, `
		select m.id, m.incident, m.involvement, m.position, m.revision, m.role,
		       m.person,
		       case when p.merged_into is null then p.id else current_person(p.id) end,
		       m.state, m.state_reason, m.identity_digest,
		       m.model, m.register_version, m.bits, m.probability, m.band
		  from match m
		  join person p on p.id = m.person
		 where m.incident = any(@incidents)
		 order by m.id
		   for update of m`, args)
	matches, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (m casework.Match, err error) {
		e := &m.Evidence
		err = row.Scan(&m.ID, &m.Incident, &m.Involvement, &m.Position, &m.Revision, &m.Role, &m.Person, &m.Current,
			&m.State, &m.StateReason, &m.IdentityDigest, &e.Model, &e.RegisterVersion, &e.Bits, &e.Probability, &e.Band)
		return m, err
	})
	if err != nil || len(matches) == 0 {
		return err
	}
	rows, _ = s.tx.Query(ctx, `
		select distinct on (j.match)
		       j.match,
		       j.verdict,
		       j.reason,
		       j.identity_digest
		  from judgement j
		  join match m on m.id = j.match
		 where m.incident = any(@incidents)
		   and m.judged_at is not null -- null: a dismissal was undone with the confirmation that it followed from
		 order by j.match, j.id desc`, args)
	judged := map[casework.MatchID]casework.Judged{}
	var match casework.MatchID
	var last casework.Judged
	_, err = pgx.ForEachRow(rows, []any{&match, &last.Verdict, &last.Reason, &last.IdentityDigest}, func() error {
		judged[match] = last
		return nil
	})
	if err != nil {
		return err
	}
	for _, m := range matches {
		m.Judged = judged[m.ID]
		i := s.ids[m.Incident]
		s.standings[i].Matches = append(s.standings[i].Matches, m)
	}
	return nil
}

func (s *settling) decide(ctx context.Context, decide Decide) ([]casework.Settlement, error) {
	answers, with, err := decide(ctx, s.standings, 0)
	if err != nil {
		return nil, err
	}
	var version int64
	err = s.tx.QueryRow(ctx, `
		select version
		  from register
		   for share`).Scan(&version)
	if err != nil {
		return nil, fmt.Errorf("hold the register's version: %w", err)
	}
	if with == version && s.version == version {
		return answers, nil
	}
	// Who was merged with whom may have changed with the version.
	if err := s.read(ctx); err != nil {
		return nil, fmt.Errorf("read where incidents stand: %w", err)
	}
	answers, with, err = decide(ctx, s.standings, version)
	if err == nil && with != version {
		err = fmt.Errorf("scored with version %d of the register, which is at version %d: %w", with, version, casework.ErrUnavailable)
	}
	return answers, err
}

func (s *settling) write(ctx context.Context, answers []casework.Settlement, done *casework.Settled) error {
	if err := s.writeRevisions(ctx, answers, done); err != nil {
		return fmt.Errorf("settle revisions: %w", err)
	}
	added, err := s.writeMatches(ctx, answers)
	if err != nil {
		return fmt.Errorf("write matches: %w", err)
	}
	var tell []events.Event
	for _, a := range answers {
		for _, m := range a.Matches {
			is := events.Match{MatchID: int64(m.ID), IncidentID: int64(m.Incident), Revision: m.Revision, PersonID: int64(m.Person)}
			switch {
			case m.Tell && m.State.Live():
				done.Found++
				tell = append(tell, events.New(s.pick.At, events.MatchFound(is)))
			case m.Tell:
				done.Superseded++
				tell = append(tell, events.New(s.pick.At, events.MatchSuperseded(is)))
			case m.Moved:
				tell = append(tell, events.New(s.pick.At, events.MatchUpdated(is)))
			}
		}
	}
	if err := addEvents(ctx, s.tx, tell...); err != nil {
		return err
	}
	var reached []casework.Reached
	for _, id := range added {
		reached = append(reached,
			casework.Reached{Match: id, Stage: casework.StageReport},
			casework.Reached{Match: id, Stage: casework.StageReceipt},
			casework.Reached{Match: id, Stage: casework.StageMatch, At: s.pick.At})
	}
	done.Milestones, err = s.db.recordMilestones(ctx, s.tx, reached...)
	return err
}

func (s *settling) writeRevisions(ctx context.Context, answers []casework.Settlement, done *casework.Settled) error {
	var batch pgx.Batch
	var settled []casework.IncidentID
	done.Dispositions = map[casework.DispositionKey]int{}
	for _, a := range answers {
		key := s.keys[s.ids[a.Incident]]
		if key.Disposition != a.Disposition {
			key.Disposition = a.Disposition
			done.Dispositions[key]++
		}
		batch.Queue(`
			update revision
			   set disposition = @disposition,
			       register_version = @version,
			       involvements = @involvements,
			       settled_at = case when disposition = @disposition then settled_at else @at end
			 where incident = @incident
			   and number = @revision`,
			pgx.NamedArgs{"incident": a.Incident, "revision": a.Revision, "disposition": a.Disposition,
				"version": a.RegisterVersion, "involvements": numbers(a.Involvements), "at": s.pick.At})
		if a.Disposition == casework.Quarantined {
			if a.Reason != "" {
				queueSetAside(&batch, "matcher", a.Incident, a.Reason, 1, s.pick.At)
			}
			continue
		}
		settled = append(settled, a.Incident)
	}
	batch.Queue(`
		update revision r
		   set disposition = 'superseded',
		       settled_at = @at
		  from incident i
		 where i.id = any(@incidents)
		   and r.incident = i.id
		   and r.number < i.head
		   and r.disposition <> 'superseded'`,
		pgx.NamedArgs{"incidents": s.locked, "at": s.pick.At})
	// What was set aside and is settled now, by a later revision or a better
	// program, waits for nobody.
	batch.Queue(`
		update quarantine
		   set resolved_at = @at,
		       resolution = 'settled'
		 where stage = 'matcher'
		   and incident = any(@incidents)
		   and resolved_at is null`,
		pgx.NamedArgs{"incidents": settled, "at": s.pick.At})
	return s.tx.SendBatch(ctx, &batch).Close()
}

// numbers is never null.
func numbers(n []int) []int {
	if n == nil {
		return []int{}
	}
	return n
}

// writeMatches adds and changes matches. It gives those added their numbers,
// which it returns.
func (s *settling) writeMatches(ctx context.Context, answers []casework.Settlement) (added []casework.MatchID, err error) {
	people, err := s.flags(ctx, answers)
	if err != nil {
		return nil, err
	}
	var batch pgx.Batch
	for i := range answers {
		a := &answers[i]
		for j := range a.Matches {
			m := &a.Matches[j]
			args := pgx.NamedArgs{"id": m.ID, "incident": m.Incident, "involvement": m.Involvement, "position": m.Position,
				"person": m.Person, "revision": m.Revision, "role": m.Role, "state": m.State, "reason": m.StateReason,
				"digest": m.IdentityDigest, "bits": m.Evidence.Bits, "probability": m.Evidence.Probability,
				"band": m.Evidence.Band, "model": m.Evidence.Model, "version": m.Evidence.RegisterVersion,
				"rescored": m.Rescored, "at": s.pick.At, "evidence": nil, "priority": nil}
			if person := people[m.Current]; a.Head != nil && person != nil {
				args["priority"] = casework.PriorityOf(a.Head, person)
			}
			if m.Rescored {
				evidence, err := json.Marshal(m.Evidence)
				if err != nil {
					return nil, fmt.Errorf("encode the evidence of incident %d", m.Incident)
				}
				args["evidence"] = evidence
			}
			if m.ID != 0 && !m.Moved {
				// Without the columns that its actions follow.
				batch.Queue(`
					update match
					   set evidence = @evidence,
					       bits = @bits,
					       probability = @probability,
					       model = @model,
					       register_version = @version,
					       updated_at = @at
					 where id = @id`, args)
				continue
			}
			if m.ID != 0 {
				batch.Queue(`
					update match
					   set position = @position,
					       revision = @revision,
					       role = @role,
					       state = @state,
					       state_reason = @reason,
					       identity_digest = @digest,
					       priority = coalesce(@priority, priority),
					       evidence = case when @rescored then @evidence else evidence end,
					       bits = case when @rescored then @bits else bits end,
					       probability = case when @rescored then @probability else probability end,
					       band = case when @rescored then @band else band end,
					       model = case when @rescored then @model else model end,
					       register_version = case when @rescored then @version else register_version end,
					       updated_at = @at
					 where id = @id`, args)
				continue
			}
			batch.Queue(`
				insert into match (incident, involvement, position, person, crn, revision, role, state, state_reason,
				                   bits, probability, band, priority, evidence, model, register_version, identity_digest,
				                   found_at, updated_at)
				select @incident, @involvement, @position, id, crn, @revision, @role, @state, @reason,
				       @bits, @probability, @band, coalesce(@priority, 'standard'), @evidence, @model, @version, @digest,
				       @at, @at
				  from person
				 where id = @person
				returning id`, args).QueryRow(func(row pgx.Row) error {
				if err := row.Scan(&m.ID); err != nil {
					return err
				}
				added = append(added, m.ID)
				return nil
			})
		}
	}
	if batch.Len() == 0 {
		return nil, nil
	}
	return added, s.tx.SendBatch(ctx, &batch).Close()
}

// flags reads what the priority of a match depends on, of everyone matched.
func (s *settling) flags(ctx context.Context, answers []casework.Settlement) (map[casework.PersonID]*casework.Person, error) {
	var ids []casework.PersonID
	for _, a := range answers {
		for _, m := range a.Matches {
			ids = append(ids, m.Current)
		}
	}
	people := make(map[casework.PersonID]*casework.Person, len(ids))
	if len(ids) == 0 {
		return people, nil
	}
	rows, _ := s.tx.Query(ctx, `
		select id,
		       rosh,
		       mappa_category,
		       mappa_level,
		       registers
		  from person
		 where id = any(@ids)`,
		pgx.NamedArgs{"ids": ids})
	var p casework.Person
	_, err := pgx.ForEachRow(rows, []any{&p.ID, &p.RoSH, &p.MAPPA.Category, &p.MAPPA.Level, &p.Registers}, func() error {
		copied := p
		people[p.ID] = &copied
		p.Registers = nil
		return nil
	})
	return people, err
}
