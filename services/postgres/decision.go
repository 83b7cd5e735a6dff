package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// actionNamed is an action as its events name it.
type actionNamed struct {
	ID       casework.ActionID
	Match    casework.MatchID
	Incident casework.IncidentID
	Person   casework.PersonID
	PDU      string
	Priority string
}

func (a actionNamed) event() events.Action {
	return events.Action{ActionID: int64(a.ID), MatchID: int64(a.Match), IncidentID: int64(a.Incident),
		PersonID: int64(a.Person), PDU: a.PDU, Priority: a.Priority}
}

// history adds a line to an action's history. The action is locked by its caller.
func (a actionNamed) history(ctx context.Context, tx pgx.Tx, what, by string, note map[string]any) error {
	if note == nil {
		note = map[string]any{}
	}
	_, err := tx.Exec(ctx, `
		insert into action_history (action, n, what, by, note)
		select @action, coalesce(max(n), 0) + 1, @what, @by, @note
		  from action_history
		 where action = @action`,
		pgx.NamedArgs{"action": a.ID, "what": what, "by": by, "note": note})
	return err
}

// closeSteps adds to the history and cancels every step that has not happened.
func (a actionNamed) closeSteps(ctx context.Context, tx pgx.Tx, what, by string, note map[string]any) error {
	if err := a.history(ctx, tx, what, by, note); err != nil {
		return err
	}
	return a.cancelSteps(ctx, tx, "unacknowledged", "undecided", "uncountersigned")
}

func (a actionNamed) cancelSteps(ctx context.Context, tx pgx.Tx, kinds ...string) error {
	_, err := tx.Exec(ctx, `
		update step
		   set cancelled_at = now()
		 where action = @action
		   and kind = any(@kinds)
		   and fired_at is null
		   and cancelled_at is null`,
		pgx.NamedArgs{"action": a.ID, "kinds": kinds})
	return err
}

func (a actionNamed) addStep(ctx context.Context, tx pgx.Tx, kind string, target casework.OwnerRole, due time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into step (action, n, kind, target_role, due_at)
		select @action, coalesce(max(n), 0) + 1, @kind, @target, @due
		  from step
		 where action = @action`,
		pgx.NamedArgs{"action": a.ID, "kind": kind, "target": target, "due": due})
	return err
}

// acknowledge marks an open, locked action as seen by its owner.
func acknowledge(ctx context.Context, tx pgx.Tx, id casework.ActionID, by string) (events.Event, error) {
	rows, _ := tx.Query(ctx, `
		update action
		   set state = 'acknowledged',
		       acked_at = now(),
		       acked_by = @by
		 where id = @id
		returning id, match, incident, person, pdu, priority`,
		pgx.NamedArgs{"id": id, "by": by})
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[actionNamed])
	if err != nil {
		return events.Event{}, err
	}
	if err := a.history(ctx, tx, "acknowledged", by, nil); err != nil {
		return events.Event{}, err
	}
	if err := a.cancelSteps(ctx, tx, "unacknowledged"); err != nil {
		return events.Event{}, err
	}
	return events.New(time.Now(), events.ActionAcknowledged(a.event())), nil
}

// lockedAction is an action that its owner is about to change.
type lockedAction struct {
	actionNamed
	Rule      string
	State     casework.ActionState
	OwnerRole casework.OwnerRole
	Team      string // of the person today
	DoneBy    string
	Owns      bool
	Oversees  bool
}

// lockAction takes the incident's lock before the action's, as the notifier does.
func lockAction(ctx context.Context, tx pgx.Tx, viewer casework.AccountID, id casework.ActionID) (lockedAction, error) {
	var a lockedAction
	_, err := tx.Exec(ctx, `
		select 1
		  from incident
		 where id = (select incident from action where id = @id)
		   for update`,
		pgx.NamedArgs{"id": id})
	if err != nil {
		return a, err
	}
	err = tx.QueryRow(ctx, `
		select a.id, a.match, a.incident, a.person, a.pdu, a.priority, a.rule, a.state, a.owner_role, p.team,
		       coalesce(a.done_by, ''),
		       owns(@viewer, a.owner_role, a.owner, a.team),
		       oversees(@viewer, p.id)
		  from action a
		  join person p on p.id = current_person(a.person)
		 where a.id = @id
		   and `+actionOpens+`
		   and match_visible(@viewer, a.match)
		   for update of a`,
		pgx.NamedArgs{"id": id, "viewer": viewer}).
		Scan(&a.ID, &a.Match, &a.Incident, &a.Person, &a.PDU, &a.Priority, &a.Rule, &a.State, &a.OwnerRole, &a.Team,
			&a.DoneBy, &a.Owns, &a.Oversees)
	return a, notThere(err)
}

// Acknowledge records that an action's owner has seen it. Opening its page is
// not enough: they say so. Repeated, it does nothing more.
func (db *DB) Acknowledge(ctx context.Context, by casework.Account, id casework.ActionID, correlation string) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		a, err := lockAction(ctx, tx, by.ID, id)
		switch {
		case err != nil:
			return err
		case !a.Owns:
			return casework.ErrNotFound
		case a.State == casework.ActionAcknowledged || a.State == casework.ActionDone:
			return nil
		case a.State != casework.ActionOpen:
			return casework.ErrChanged
		}
		event, err := acknowledge(ctx, tx, id, by.Subject)
		if err != nil {
			return err
		}
		if err := addEvents(ctx, tx, event); err != nil {
			return err
		}
		if reached, err = db.firstSeen(ctx, tx, a, time.Time{}); err != nil {
			return err
		}
		return audit(ctx, tx, a.trail(by, "ACTION_ACKNOWLEDGED", correlation, nil))
	})
	if err != nil {
		return nil, fmt.Errorf("acknowledge action %d: %w", id, err)
	}
	return reached, nil
}

// firstSeen is the stage that an owner's first sign of life reaches, now or at a time.
func (db *DB) firstSeen(ctx context.Context, tx pgx.Tx, a lockedAction, at time.Time) ([]casework.Milestone, error) {
	switch a.OwnerRole {
	case casework.Administrator:
		return db.recordMilestones(ctx, tx, casework.Reached{Match: a.Match, Stage: casework.StageAcknowledgement, At: at})
	case casework.Practitioner, casework.DutyOfficer:
		return db.recordMilestones(ctx, tx, casework.Reached{Match: a.Match, Stage: casework.StageFirstAction, At: at})
	}
	return nil, nil
}

func (a lockedAction) trail(by casework.Account, what, correlation string, details map[string]any) Audit {
	return Audit{Actor: by.Subject, What: what, Service: "desk", SubjectType: "action", SubjectID: fmt.Sprint(a.ID),
		Correlation: correlation, Details: details}
}

// NewDecision is a decision as its form gives it.
type NewDecision struct {
	Action            casework.ActionID
	Outcome           casework.Outcome
	Rationale         string
	RiskChanged       bool
	RiskReason        string
	ManagerConsulted  string // staff code, or empty
	ConsultedAt       time.Time
	Referrals         []string // codes of who was asked to help
	CountersignNeeded bool
	// CountersignDue is when a countersignature that is missing goes up to the head of PDU.
	CountersignDue time.Time
	By             casework.Account
	Correlation    string
}

// Decide records a decision, which acknowledges the action too, and closes it.
// The same decision sent twice is one; another one meanwhile is
// casework.ErrChanged.
func (db *DB) Decide(ctx context.Context, d NewDecision) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		a, err := lockAction(ctx, tx, d.By.ID, d.Action)
		if err != nil {
			return err
		}
		if !a.Owns || a.Rule != "review_incident" {
			return casework.ErrNotFound
		}
		if !a.State.Open() {
			twice, err := decidedSo(ctx, tx, d)
			if err == nil && !twice {
				err = casework.ErrChanged
			}
			return err
		}
		args := pgx.NamedArgs{
			"action": d.Action, "outcome": d.Outcome, "rationale": d.Rationale, "referrals": d.Referrals,
			"changed": d.RiskChanged, "why": d.RiskReason, "manager": d.ManagerConsulted, "consulted": nil,
			"countersign": d.CountersignNeeded, "by": d.By.Subject,
		}
		if d.ManagerConsulted != "" {
			args["consulted"] = d.ConsultedAt
		}
		var id int64
		err = tx.QueryRow(ctx, `
			insert into decision (action, outcome, rationale, risk_changed, risk_reason, manager_consulted, consulted_at, referrals, countersign_needed, by)
			values (@action, @outcome, @rationale, @changed, @why, @manager, @consulted, coalesce(@referrals::text[], '{}'), @countersign, @by)
			returning id`, args).Scan(&id)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			update action
			   set state = 'done',
			       acked_at = coalesce(acked_at, now()),
			       acked_by = coalesce(acked_by, @by),
			       done_at = now(),
			       done_by = @by
			 where id = @action`, args)
		if err != nil {
			return err
		}
		err = a.closeSteps(ctx, tx, "decided", d.By.Subject, map[string]any{"decision": id, "outcome": d.Outcome})
		if err != nil {
			return err
		}
		if d.CountersignNeeded {
			if err := a.addStep(ctx, tx, "uncountersigned", casework.HeadOfPDU, d.CountersignDue); err != nil {
				return err
			}
		}
		all := []events.Event{
			events.New(time.Now(), events.DecisionRecorded(a.event())),
			events.New(time.Now(), events.ActionClosed(a.event())),
		}
		if a.State == casework.ActionOpen {
			all = append([]events.Event{events.New(time.Now(), events.ActionAcknowledged(a.event()))}, all...)
		}
		if err := addEvents(ctx, tx, all...); err != nil {
			return err
		}
		first, err := db.firstSeen(ctx, tx, a, time.Time{})
		if err != nil {
			return err
		}
		stages := []casework.Reached{{Match: a.Match, Stage: casework.StageDecision}}
		if d.ManagerConsulted != "" {
			stages = append(stages, casework.Reached{Match: a.Match, Stage: casework.StageConsultation, At: d.ConsultedAt})
		}
		decided, err := db.recordMilestones(ctx, tx, stages...)
		if err != nil {
			return err
		}
		reached = append(first, decided...)
		if _, err := tx.Exec(ctx, `delete from draft where action = @action and account = @account`,
			pgx.NamedArgs{"action": d.Action, "account": d.By.ID}); err != nil {
			return err
		}
		return audit(ctx, tx, a.trail(d.By, "DECISION_RECORDED", d.Correlation, map[string]any{"decision": id, "outcome": d.Outcome}))
	})
	if err != nil {
		return nil, fmt.Errorf("decide action %d: %w", d.Action, err)
	}
	return reached, nil
}

// decidedSo says whether the newest decision is this one, sent before.
func decidedSo(ctx context.Context, tx pgx.Tx, d NewDecision) (bool, error) {
	var same bool
	err := tx.QueryRow(ctx, `
		select coalesce((
		  select outcome = @outcome and rationale = @rationale and by = @by
		    from decision
		   where action = @action
		   order by id desc
		   limit 1), false)`,
		pgx.NamedArgs{"action": d.Action, "outcome": d.Outcome, "rationale": d.Rationale, "by": d.By.Subject}).Scan(&same)
	return same, err
}

// Countersignature is a manager's word on a decision.
type Countersignature struct {
	Decision int64
	Agree    bool // else it goes back to whoever decided, to be decided again
	Note     string
	// Due is by when a decision that goes back is due again.
	Due         time.Time
	By          casework.Account
	Correlation string
}

// Countersign records a manager's word. Nobody countersigns their own decision:
// casework.ErrOwnDecision, and the table would refuse it besides.
func (db *DB) Countersign(ctx context.Context, c Countersignature) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		var action casework.ActionID
		err := tx.QueryRow(ctx, `select action from decision where id = @id`, pgx.NamedArgs{"id": c.Decision}).Scan(&action)
		if err != nil {
			return notThere(err)
		}
		a, err := lockAction(ctx, tx, c.By.ID, action)
		if err != nil {
			return err
		}
		if !a.Oversees {
			return casework.ErrNotFound
		}
		var by, signedBy, flagged string
		var newest bool
		err = tx.QueryRow(ctx, `
			select d.by, coalesce(d.countersigned_by, ''), d.flagged_why,
			       not exists (select 1 from decision n where n.action = d.action and n.id > d.id)
			  from decision d
			 where d.id = @id
			   for update`,
			pgx.NamedArgs{"id": c.Decision}).Scan(&by, &signedBy, &flagged, &newest)
		switch {
		case err != nil:
			return err
		case by == c.By.Subject:
			return casework.ErrOwnDecision
		case c.Agree && signedBy == c.By.Subject:
			return nil // sent twice
		case signedBy != "" || !newest || a.State != casework.ActionDone:
			return casework.ErrChanged
		}
		if !c.Agree {
			return db.returnDecision(ctx, tx, a, c)
		}
		_, err = tx.Exec(ctx, `
			update decision
			   set countersigned_by = @by,
			       countersigned_at = now(),
			       countersign_note = @note
			 where id = @id`,
			pgx.NamedArgs{"id": c.Decision, "by": c.By.Subject, "note": c.Note})
		if err != nil {
			return err
		}
		if err := a.history(ctx, tx, "countersigned", c.By.Subject, map[string]any{"decision": c.Decision}); err != nil {
			return err
		}
		if err := a.cancelSteps(ctx, tx, "uncountersigned"); err != nil {
			return err
		}
		if err := addEvents(ctx, tx, events.New(time.Now(), events.DecisionRecorded(a.event()))); err != nil {
			return err
		}
		if reached, err = db.recordMilestones(ctx, tx, casework.Reached{Match: a.Match, Stage: casework.StageCountersignature}); err != nil {
			return err
		}
		return audit(ctx, tx, a.trail(c.By, "DECISION_COUNTERSIGNED", c.Correlation, map[string]any{"decision": c.Decision}))
	})
	if err != nil {
		return nil, fmt.Errorf("countersign decision %d: %w", c.Decision, err)
	}
	return reached, nil
}

// returnDecision opens an action again whose decision a manager did not agree with.
func (db *DB) returnDecision(ctx context.Context, tx pgx.Tx, a lockedAction, c Countersignature) error {
	_, err := tx.Exec(ctx, `
		update decision
		   set flagged_at = now(),
		       flagged_why = 'returned',
		       countersign_needed = false,
		       countersign_note = @note
		 where id = @id`,
		pgx.NamedArgs{"id": c.Decision, "note": c.Note})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update action
		   set state = 'acknowledged',
		       due = @due,
		       done_at = null,
		       done_by = null
		 where id = @action`,
		pgx.NamedArgs{"action": a.ID, "due": c.Due})
	if err != nil {
		return err
	}
	if err := a.closeSteps(ctx, tx, "reopened", c.By.Subject, map[string]any{"decision": c.Decision, "why": "returned"}); err != nil {
		return err
	}
	if err := a.addStep(ctx, tx, "undecided", casework.Manager, c.Due); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into notice (action, owner_role, owner, n, kind, level)
		select id, owner_role, owner, (select max(n) from action_history where action = id), 'reopened', level
		  from action
		 where id = @action`,
		pgx.NamedArgs{"action": a.ID})
	if err != nil {
		return err
	}
	return audit(ctx, tx, a.trail(c.By, "DECISION_RETURNED", c.Correlation, map[string]any{"decision": c.Decision}))
}

// Draft is what somebody typed into the decision form and has not sent.
func (db *DB) Draft(ctx context.Context, who casework.AccountID, action casework.ActionID) (map[string]string, error) {
	var body []byte
	err := db.pool.QueryRow(ctx, `select body from draft where action = @action and account = @account`,
		pgx.NamedArgs{"action": action, "account": who}).Scan(&body)
	if err != nil {
		return nil, fmt.Errorf("read the draft for action %d: %w", action, notThere(err))
	}
	var draft map[string]string
	if err := json.Unmarshal(body, &draft); err != nil {
		return nil, fmt.Errorf("read the draft for action %d: not readable", action)
	}
	return draft, nil
}

// SaveDraft keeps what somebody typed. It is theirs alone, and goes when they decide.
func (db *DB) SaveDraft(ctx context.Context, who casework.AccountID, action casework.ActionID, draft map[string]string) error {
	_, err := db.pool.Exec(ctx, `
		insert into draft (action, account, body)
		select a.id, @account, @body
		  from action a
		 where a.id = @action
		   and a.state in ('open', 'acknowledged')
		   and owns(@account, a.owner_role, a.owner, a.team)
		    on conflict (action, account) do update
		   set body = excluded.body,
		       saved_at = now()`,
		pgx.NamedArgs{"action": action, "account": who, "body": draft})
	if err != nil {
		return fmt.Errorf("save the draft for action %d: %w", action, problem(err))
	}
	return nil
}
