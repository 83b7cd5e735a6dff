package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Judgement is what somebody says of a match, having seen it.
type Judgement struct {
	Match   casework.MatchID
	Verdict casework.Verdict
	Reason  string
	By      casework.Account
	// Seen is MatchView.Seen of the page they decided on. If the match has
	// changed since in what matters, the judgement is refused.
	Seen        string
	Correlation string
}

// anotherCandidate is the reason of a dismissal that followed from the
// confirmation of another candidate, and is undone with it.
const anotherCandidate = "another_candidate"

// seenDigest stands for what a match page shows: which revision, how strong,
// and both identities. A score repeated against a newer register changes none
// of them.
const seenDigest = `encode(sha256(convert_to(concat_ws('|', m.id, m.revision, m.bits, m.model, m.identity_digest, p.id, p.identity_digest), 'UTF8')), 'hex')`

// mayJudge and mayRetract ask whether @viewer has the role for it where person p
// is: administrators and heads of the PDU judge, and their team's manager may
// retract besides.
const (
	mayJudge = `exists (
		         select 1
		           from account_role g
		          where g.account = @viewer
		            and g.role in ('administrator', 'head')
		            and g.scope = p.pdu)`
	mayRetract = `exists (
		         select 1
		           from account_role g
		          where g.account = @viewer
		            and (   g.role in ('administrator', 'head') and g.scope = p.pdu
		                 or g.role = 'manager' and g.scope = p.team))`
)

// judged is the match under judgement, locked.
type judged struct {
	ID             casework.MatchID
	Incident       casework.IncidentID
	Involvement    int
	Revision       int
	Person         casework.PersonID
	State          casework.MatchState
	IdentityDigest string
	Seen           string
	Shown          []byte // ids and hashes of what was on the screen
	MayJudge       bool
	MayRetract     bool
	Last           casework.Verdict // the newest judgement
	LastBy         string
}

// Judge records a verdict with everything that follows from it in this moment:
// the state, the acknowledgement of the administrator's action, what becomes of
// the other candidates, the events and the trail. Repeated by the same person
// it does nothing more. It returns the milestones that it reached first.
//
// The errors are casework.ErrNotFound for what the person may not see or judge,
// and casework.ErrChanged if it is no longer what they saw.
func (db *DB) Judge(ctx context.Context, j Judgement) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		m, err := lockMatch(ctx, tx, j.By.ID, j.Match)
		if err != nil {
			return err
		}
		if j.Verdict == casework.VerdictRetract && !m.MayRetract || j.Verdict != casework.VerdictRetract && !m.MayJudge {
			return casework.ErrNotFound
		}
		if m.Last == j.Verdict && m.LastBy == j.By.Subject && m.State == stateAfter[j.Verdict] {
			return nil // sent twice
		}
		if !mayFollow(m.State, j.Verdict) || j.Seen != m.Seen {
			return casework.ErrChanged
		}
		if held, err := heldByAnother(ctx, tx, m.ID, j.By.ID); err != nil || held && j.Verdict != casework.VerdictRetract {
			return cmp.Or(err, casework.ErrChanged)
		}
		if j.Verdict == casework.VerdictConfirm {
			// Overruling a dismissal needs the other confirmation retracted first.
			others, err := m.others(ctx, tx, `c.state = 'confirmed'`)
			if err != nil || len(others) > 0 {
				return cmp.Or(err, casework.ErrChanged)
			}
		}
		if err := m.judge(ctx, tx, j.Verdict, j.By.Subject, j.Reason, j.Reason); err != nil {
			return err
		}
		if err := letGo(ctx, tx, m.ID); err != nil {
			return err
		}
		acknowledged, err := acknowledgeMatch(ctx, tx, m, j.By.Subject)
		if err != nil {
			return err
		}
		follow, err := m.follow(ctx, tx, j)
		if err != nil {
			return err
		}
		if err := addEvents(ctx, tx, append(append(acknowledged, m.event(j.Verdict)), follow...)...); err != nil {
			return err
		}
		if len(acknowledged) > 0 {
			reached, err = db.recordMilestones(ctx, tx, casework.Reached{Match: m.ID, Stage: casework.StageAcknowledgement})
			if err != nil {
				return err
			}
		}
		return audit(ctx, tx, Audit{
			Actor: j.By.Subject, What: auditOf[j.Verdict], Service: "desk",
			SubjectType: "match", SubjectID: fmt.Sprint(m.ID), Correlation: j.Correlation,
			Details: map[string]any{"incident": m.Incident, "revision": m.Revision, "person": m.Person, "seen": m.Seen},
		})
	})
	if err != nil {
		return nil, fmt.Errorf("judge match %d: %w", j.Match, err)
	}
	return reached, nil
}

var stateAfter = map[casework.Verdict]casework.MatchState{
	casework.VerdictConfirm: casework.MatchConfirmed,
	casework.VerdictDismiss: casework.MatchDismissed,
	casework.VerdictUnsure:  casework.MatchUnsure,
	casework.VerdictRetract: casework.MatchRetracted,
}

var auditOf = map[casework.Verdict]string{
	casework.VerdictConfirm: "MATCH_CONFIRMED",
	casework.VerdictDismiss: "MATCH_DISMISSED",
	casework.VerdictUnsure:  "MATCH_UNSURE",
	casework.VerdictRetract: "MATCH_RETRACTED",
}

// mayFollow says which verdicts a state leaves open. A dismissal may be
// confirmed by a second pair of eyes (dismissed again) or overruled; a
// confirmation can only be retracted, and a retraction that was wrong itself
// only be followed by another confirmation: nothing is undone silently.
func mayFollow(state casework.MatchState, v casework.Verdict) bool {
	switch state {
	case casework.MatchOpen, casework.MatchUnsure:
		return v != casework.VerdictRetract
	case casework.MatchDismissed:
		return v == casework.VerdictConfirm || v == casework.VerdictDismiss
	case casework.MatchConfirmed:
		return v == casework.VerdictRetract
	case casework.MatchRetracted:
		return v == casework.VerdictConfirm
	}
	return false
}

// lockMatch takes the incident's lock before the match's, as the matcher and
// the notifier do.
func lockMatch(ctx context.Context, tx pgx.Tx, viewer casework.AccountID, id casework.MatchID) (judged, error) {
	var m judged
	_, err := tx.Exec(ctx, `
		select 1
		  from incident
		 where id = (select incident from match where id = @id)
		   for update`,
		pgx.NamedArgs{"id": id})
	if err != nil {
		return m, err
	}
	err = tx.QueryRow(ctx, `
		select m.id, m.incident, m.involvement, m.revision, p.id, m.state, m.identity_digest,
		       `+seenDigest+`,
		       jsonb_build_object(
		         'revision', m.revision, 'bits', m.bits, 'model', m.model, 'registerVersion', m.register_version,
		         'person', p.id, 'personDigest', p.identity_digest,
		         'candidates', (select coalesce(jsonb_agg(c.id order by c.id), '[]')
		                          from match c
		                         where c.incident = m.incident
		                           and c.involvement = m.involvement
		                           and c.state <> 'superseded')),
		       `+mayJudge+`, `+mayRetract+`,
		       coalesce(j.verdict, ''), coalesce(j.by, '')
		  from match m
		  join person p on p.id = current_person(m.person)
		  left join lateral (
		         select verdict, by
		           from judgement
		          where match = m.id
		          order by id desc
		          limit 1) j on true
		 where m.id = @id
		   and works_on_case(@viewer, m.person)
		   and match_visible(@viewer, m.id)
		   for update of m`,
		pgx.NamedArgs{"id": id, "viewer": viewer}).
		Scan(&m.ID, &m.Incident, &m.Involvement, &m.Revision, &m.Person, &m.State, &m.IdentityDigest,
			&m.Seen, &m.Shown, &m.MayJudge, &m.MayRetract, &m.Last, &m.LastBy)
	return m, notThere(err)
}

// judge writes the judgement and the state that it leads to.
func (m judged) judge(ctx context.Context, tx pgx.Tx, v casework.Verdict, by, reason, stateReason string) error {
	_, err := tx.Exec(ctx, `
		insert into judgement (match, verdict, identity_digest, by, reason, shown)
		values (@match, @verdict, @digest, @by, @reason, @shown)`,
		pgx.NamedArgs{"match": m.ID, "verdict": v, "digest": m.IdentityDigest, "by": by, "reason": reason, "shown": m.Shown})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update match
		   set state = @state,
		       state_reason = @reason,
		       judged_at = now(),
		       updated_at = now(),
		       -- what was taken back and is confirmed again is asked for again: its contact
		       -- may have been withdrawn from the case record
		       transferred_at = case when state <> 'retracted' then transferred_at end,
		       contact = case when state <> 'retracted' then contact end,
		       -- one pair of eyes is too few where the match was strong or a mistake would be grave
		       second_look = @state = 'dismissed'
		                 and @reason <> '`+anotherCandidate+`'
		                 and (   band = 'certain'
		                      or priority = 'urgent'
		                      or exists (select 1 from person p where p.id = current_person(match.person) and p.rosh in ('high', 'very_high')))
		                 and (select count(distinct by) from judgement where match = @match and verdict = 'dismiss') < 2
		 where id = @match`,
		pgx.NamedArgs{"match": m.ID, "state": stateAfter[v], "reason": stateReason})
	return err
}

// follow does to the other candidates what a verdict on this one means for
// them: one human being is one person on probation.
func (m judged) follow(ctx context.Context, tx pgx.Tx, j Judgement) ([]events.Event, error) {
	switch j.Verdict {
	case casework.VerdictConfirm:
		others, err := m.others(ctx, tx, `c.state in ('open', 'unsure')`)
		if err != nil {
			return nil, err
		}
		var all []events.Event
		for _, o := range others {
			if err := o.judge(ctx, tx, casework.VerdictDismiss, j.By.Subject, anotherCandidate, anotherCandidate); err != nil {
				return nil, err
			}
			acknowledged, err := acknowledgeMatch(ctx, tx, o, j.By.Subject)
			if err != nil {
				return nil, err
			}
			all = append(append(all, acknowledged...), o.event(casework.VerdictDismiss))
		}
		return all, nil

	case casework.VerdictRetract:
		// What was decided on a wrong match has to be looked at again.
		_, err := tx.Exec(ctx, `
			update decision d
			   set flagged_at = now(),
			       flagged_why = 'retracted'
			  from action a
			 where a.id = d.action
			   and a.match = @match
			   and d.flagged_at is null`,
			pgx.NamedArgs{"match": m.ID})
		if err != nil {
			return nil, err
		}
		others, err := m.others(ctx, tx, `c.state = 'dismissed' and c.state_reason = '`+anotherCandidate+`'`)
		if err != nil {
			return nil, err
		}
		var all []events.Event
		for _, o := range others {
			_, err := tx.Exec(ctx, `
				update match
				   set state = 'open',
				       state_reason = '',
				       judged_at = null,
				       updated_at = now()
				 where id = @id`,
				pgx.NamedArgs{"id": o.ID})
			if err != nil {
				return nil, err
			}
			all = append(all, events.New(time.Now(), events.MatchFound(o.named())))
		}
		return all, nil
	}
	return nil, nil
}

func (m judged) others(ctx context.Context, tx pgx.Tx, which string) ([]judged, error) {
	rows, _ := tx.Query(ctx, `
		select c.id, c.revision, c.person, c.identity_digest
		  from match c
		 where c.incident = @incident
		   and c.involvement = @involvement
		   and c.id <> @match
		   and `+which+`
		 order by c.id
		   for update`,
		pgx.NamedArgs{"incident": m.Incident, "involvement": m.Involvement, "match": m.ID})
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (judged, error) {
		o := judged{Incident: m.Incident, Involvement: m.Involvement, Shown: m.Shown}
		err := row.Scan(&o.ID, &o.Revision, &o.Person, &o.IdentityDigest)
		return o, err
	})
}

func (m judged) named() events.Match {
	return events.Match{MatchID: int64(m.ID), IncidentID: int64(m.Incident), Revision: m.Revision, PersonID: int64(m.Person)}
}

func (m judged) event(v casework.Verdict) events.Event {
	now := time.Now()
	switch v {
	case casework.VerdictConfirm:
		return events.New(now, events.MatchConfirmed(m.named()))
	case casework.VerdictDismiss:
		return events.New(now, events.MatchDismissed(m.named()))
	case casework.VerdictRetract:
		return events.New(now, events.MatchRetracted(m.named()))
	}
	return events.New(now, events.MatchFound(m.named())) // unsure: still to be decided
}

// acknowledgeMatch acknowledges the administrator's action about a match: a
// verdict says that they have seen it.
func acknowledgeMatch(ctx context.Context, tx pgx.Tx, m judged, by string) ([]events.Event, error) {
	rows, _ := tx.Query(ctx, `
		select id
		  from action
		 where match = @match
		   and rule = 'acknowledge_match'
		   and state = 'open'
		 order by id
		   for update`,
		pgx.NamedArgs{"match": m.ID})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[casework.ActionID])
	if err != nil {
		return nil, err
	}
	var all []events.Event
	for _, id := range ids {
		e, err := acknowledge(ctx, tx, id, by)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Transfer is that a confirmed match was put on the case record.
type Transfer struct {
	Match       casework.MatchID
	Contact     string // the contact's number there
	By          casework.Account
	Correlation string
}

// Transfer records a transfer and closes the action that asked for it.
func (db *DB) Transfer(ctx context.Context, t Transfer) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		m, err := lockMatch(ctx, tx, t.By.ID, t.Match)
		if err != nil {
			return err
		}
		if !m.MayJudge {
			return casework.ErrNotFound
		}
		if m.State != casework.MatchConfirmed {
			return casework.ErrChanged
		}
		var first bool
		if reached, first, err = db.markTransferred(ctx, tx, m.ID, t.Contact, t.By.Subject); err != nil || !first {
			return err
		}
		// The case record has it: what was on its way, or given up, need not go.
		_, err = tx.Exec(ctx, `
			update transfer
			   set state = 'by_hand',
			       settled_at = now()
			 where match = @match
			   and state in ('queued', 'failed')`,
			pgx.NamedArgs{"match": m.ID})
		if err != nil {
			return err
		}
		return audit(ctx, tx, Audit{Actor: t.By.Subject, What: "MATCH_TRANSFERRED", Service: "desk",
			SubjectType: "match", SubjectID: fmt.Sprint(m.ID), Correlation: t.Correlation})
	})
	if err != nil {
		return nil, fmt.Errorf("transfer match %d: %w", t.Match, err)
	}
	return reached, nil
}
