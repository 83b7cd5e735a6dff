package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// SettleActions makes the actions of the matches agree with decide's answer for
// each concern they belong to, in one transaction: the actions with their
// history, steps, notices and events. decide is called under the locks, and
// again if the transaction has to be; so it must only look.
func (db *DB) SettleActions(ctx context.Context, matches []casework.MatchID, now time.Time,
	decide func(*casework.Concern) (casework.Priority, []casework.ActionChange)) (casework.SettledActions, error) {
	var s casework.SettledActions
	if len(matches) == 0 {
		return s, nil
	}
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		s = casework.SettledActions{}
		all, err := concerns(ctx, tx, matches, now)
		if err != nil {
			return err
		}
		var agreed []agreement
		var reached []casework.Reached
		for _, c := range all {
			priority, changes := decide(c)
			s.Changes = append(s.Changes, changes...)
			for _, f := range c.Matches {
				agreed = append(agreed, agreement{int64(f.ID), string(priority)})
				if !f.JudgedAt.IsZero() {
					// To judge a match is to have seen it.
					reached = append(reached, casework.Reached{Match: f.ID, Stage: casework.StageAcknowledgement, At: f.JudgedAt})
				}
			}
		}
		if err := agree(ctx, tx, agreed); err != nil {
			return err
		}
		if s.Milestones, err = db.recordMilestones(ctx, tx, reached...); err != nil {
			return err
		}
		if err := writeChanges(ctx, tx, s.Changes, now); err != nil {
			return err
		}
		if err := db.queueTransfers(ctx, tx, matchesOf(all)); err != nil {
			return err
		}
		if err := db.queueHooks(ctx, tx, s.Changes); err != nil {
			return err
		}
		return db.telling.enqueue(ctx, tx, s.Changes)
	})
	if err != nil {
		return casework.SettledActions{}, fmt.Errorf("settle the actions of %d matches: %w", len(matches), err)
	}
	return s, nil
}

func matchesOf(all []*casework.Concern) []int64 {
	var ids []int64
	for _, c := range all {
		for _, m := range c.Matches {
			ids = append(ids, int64(m.ID))
		}
	}
	return ids
}

type agreement struct {
	Match    int64
	Priority string
}

// agree notes on the matches that their actions have followed.
func agree(ctx context.Context, tx pgx.Tx, all []agreement) error {
	matches, priorities := make([]int64, len(all)), make([]string, len(all))
	for i, a := range all {
		matches[i], priorities[i] = a.Match, a.Priority
	}
	_, err := tx.Exec(ctx, `
		update match m
		   set agreed_at = now(),
		       priority = a.priority
		  from unnest(@matches::bigint[], @priorities::text[]) as a (match, priority)
		 where m.id = a.match
		   and (m.agreed_at is null or m.priority <> a.priority)`,
		pgx.NamedArgs{"matches": matches, "priorities": priorities})
	if err != nil {
		return fmt.Errorf("note that the actions of %d matches have followed: %w", len(all), err)
	}
	return nil
}

// actionRow is a row of the table action, as JSON; the store's one way to write many at once.
type actionRow struct {
	ID           int64              `json:"id,omitempty"`
	Incident     int64              `json:"incident"`
	Person       int64              `json:"person"`
	Match        int64              `json:"match"`
	Rule         string             `json:"rule"`
	Why          map[string]string  `json:"why"`
	OwnerRole    casework.OwnerRole `json:"owner_role"`
	Owner        string             `json:"owner"`
	PDU          string             `json:"pdu"`
	Team         string             `json:"team"`
	Practitioner string             `json:"practitioner"`
	Facts        map[string]string  `json:"facts"`
	Priority     string             `json:"priority"`
	State        string             `json:"state"`
	Unverified   bool               `json:"unverified"`
	RaisedAt     time.Time          `json:"raised_at"`
	AckDue       time.Time          `json:"ack_due"`
	Due          time.Time          `json:"due"`
	AckedAt      *time.Time         `json:"acked_at"`
	AckedBy      *string            `json:"acked_by"`
	DoneAt       *time.Time         `json:"done_at"`
	DoneBy       *string            `json:"done_by"`
	Level        int                `json:"level"`
	ClosedReason string             `json:"closed_reason"`
}

func rowOf(a casework.Action) actionRow {
	return actionRow{
		ID: int64(a.ID), Incident: int64(a.Incident), Person: int64(a.Person), Match: int64(a.Match),
		Rule: a.Rule, Why: orEmpty(a.Why), OwnerRole: a.Owner.Role, Owner: a.Owner.Code, PDU: a.Owner.PDU, Team: a.Owner.Team,
		Practitioner: a.Practitioner, Facts: orEmpty(a.Facts), Priority: string(a.Priority), State: string(a.State),
		Unverified: a.Unverified, RaisedAt: a.RaisedAt, AckDue: a.AckDue, Due: a.Due,
		AckedAt: orNull(a.AckedAt), AckedBy: orNull(a.AckedBy), DoneAt: orNull(a.DoneAt), DoneBy: orNull(a.DoneBy),
		Level: a.Level, ClosedReason: a.ClosedReason,
	}
}

func orNull[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// writeChanges writes changes in their order: what is raised gets its number,
// and every change its history, steps, notices and event. The actions that are
// changed are under the caller's lock.
func writeChanges(ctx context.Context, tx pgx.Tx, changes []casework.ActionChange, now time.Time) error {
	if len(changes) == 0 {
		return nil
	}
	if err := raise(ctx, tx, changes); err != nil {
		return err
	}
	// The last change of an action says how it is now.
	last := map[casework.ActionID]actionRow{}
	var changed, closed, flagged []int64
	var flags []string
	replaced := map[casework.StepKind][]int64{}
	for _, c := range changes {
		id := int64(c.Action.ID)
		if c.What != "raised" {
			last[c.Action.ID] = rowOf(c.Action)
			changed = append(changed, id)
		}
		if !c.Action.State.Open() {
			closed = append(closed, id)
		}
		for _, s := range c.Steps {
			if all := replaced[s.Kind]; c.What != "raised" && (len(all) == 0 || all[len(all)-1] != id) {
				replaced[s.Kind] = append(all, id)
			}
		}
		if c.Flag != "" {
			flagged, flags = append(flagged, id), append(flags, c.Flag)
		}
	}
	if err := updateActions(ctx, tx, last); err != nil {
		return err
	}
	if err := cancelSteps(ctx, tx, closed, everyKind, now); err != nil {
		return err
	}
	for _, kind := range everyKind {
		if err := cancelSteps(ctx, tx, replaced[kind], []casework.StepKind{kind}, now); err != nil {
			return err
		}
	}
	if err := flagDecisions(ctx, tx, flagged, flags, now); err != nil {
		return err
	}
	return trail(ctx, tx, changes, changed, now)
}

// raise inserts the new actions and fills in their numbers.
func raise(ctx context.Context, tx pgx.Tx, changes []casework.ActionChange) error {
	type key struct {
		Incident casework.IncidentID
		Person   casework.PersonID
		Rule     string
	}
	var rows []actionRow
	at := map[key]*casework.Action{}
	for i := range changes {
		if a := &changes[i].Action; changes[i].What == "raised" {
			rows = append(rows, rowOf(*a))
			at[key{a.Incident, a.Person, a.Rule}] = a
		}
	}
	if len(rows) == 0 {
		return nil
	}
	// The incidents are under our lock, so a conflict is a mistake and not a race.
	inserted, _ := tx.Query(ctx, `
		insert into action (incident, person, match, rule, why, owner_role, owner, pdu, team, practitioner, facts,
		                    priority, state, unverified, raised_at, ack_due, due, acked_at, acked_by, done_at, done_by, closed_reason)
		select incident, person, match, rule, why, owner_role, owner, pdu, team, practitioner, facts,
		       priority, state, unverified, raised_at, ack_due, due, acked_at, acked_by, done_at, done_by, closed_reason
		  from jsonb_populate_recordset(null::action, @rows)
		returning id, incident, person, rule`,
		pgx.NamedArgs{"rows": rows})
	var id casework.ActionID
	var k key
	_, err := pgx.ForEachRow(inserted, []any{&id, &k.Incident, &k.Person, &k.Rule}, func() error {
		at[k].ID = id
		return nil
	})
	if err != nil {
		return fmt.Errorf("raise %d actions: %w", len(rows), err)
	}
	return nil
}

func updateActions(ctx context.Context, tx pgx.Tx, last map[casework.ActionID]actionRow) error {
	if len(last) == 0 {
		return nil
	}
	rows := make([]actionRow, 0, len(last))
	for _, r := range last {
		rows = append(rows, r)
	}
	_, err := tx.Exec(ctx, `
		update action a
		   set match = r.match, owner_role = r.owner_role, owner = r.owner, pdu = r.pdu, team = r.team,
		       practitioner = r.practitioner, facts = r.facts, priority = r.priority, state = r.state,
		       unverified = r.unverified, ack_due = r.ack_due, due = r.due, acked_at = r.acked_at, acked_by = r.acked_by,
		       done_at = r.done_at, done_by = r.done_by, level = r.level, closed_reason = r.closed_reason
		  from jsonb_populate_recordset(null::action, @rows) as r
		 where a.id = r.id`,
		pgx.NamedArgs{"rows": rows})
	if err != nil {
		return fmt.Errorf("change %d actions: %w", len(rows), err)
	}
	return nil
}

func flagDecisions(ctx context.Context, tx pgx.Tx, actions []int64, why []string, now time.Time) error {
	if len(actions) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		update decision d
		   set flagged_at = @now,
		       flagged_why = f.why
		  from unnest(@actions::bigint[], @why::text[]) as f (action, why)
		 where d.action = f.action
		   and d.flagged_at is null`,
		pgx.NamedArgs{"actions": actions, "why": why, "now": now})
	if err != nil {
		return fmt.Errorf("flag the decisions on %d actions: %w", len(actions), err)
	}
	return nil
}

type historyRow struct {
	Action int64          `json:"action"`
	N      int            `json:"n"`
	At     time.Time      `json:"at"`
	What   string         `json:"what"`
	By     string         `json:"by"`
	Note   map[string]any `json:"note"`
}

type stepRow struct {
	Action     int64     `json:"action"`
	N          int       `json:"n"`
	Kind       string    `json:"kind"`
	TargetRole string    `json:"target_role"`
	DueAt      time.Time `json:"due_at"`
}

// trail adds what follows from changes: history, steps, notices and events.
func trail(ctx context.Context, tx pgx.Tx, changes []casework.ActionChange, changed []int64, now time.Time) error {
	entries, steps, err := lastNumbers(ctx, tx, changed)
	if err != nil {
		return err
	}
	var history []historyRow
	var planned []stepRow
	var items []itemRow
	var notices []noticeRow
	var told []events.Event
	for _, c := range changes {
		id := int64(c.Action.ID)
		entries[id]++
		note := c.Note
		if note == nil {
			note = map[string]any{}
		}
		history = append(history, historyRow{id, entries[id], now, c.What, c.By, note})
		for _, s := range c.Steps {
			steps[id]++
			planned = append(planned, stepRow{id, steps[id], string(s.Kind), string(s.Target), s.DueAt})
		}
		for _, i := range c.Items {
			items = append(items, itemRow{id, i.Rule, orEmpty(i.Why), now})
		}
		notices = append(notices, noticesOf(c, entries[id], now)...)
		if e, ok := eventOf(c, now); ok {
			told = append(told, e)
		}
	}
	if _, err := tx.Exec(ctx, `
		insert into action_history (action, n, at, what, by, note)
		select action, n, at, what, by, note
		  from jsonb_populate_recordset(null::action_history, @rows)`,
		pgx.NamedArgs{"rows": history}); err != nil {
		return fmt.Errorf("write the history of %d changes: %w", len(changes), err)
	}
	if err := insertItems(ctx, tx, items); err != nil {
		return err
	}
	if err := insertSteps(ctx, tx, planned); err != nil {
		return err
	}
	if err := insertNotices(ctx, tx, notices); err != nil {
		return err
	}
	return addEvents(ctx, tx, told...)
}

// lastNumbers are those of the last entry and the last step of each action.
func lastNumbers(ctx context.Context, tx pgx.Tx, actions []int64) (entries, steps map[int64]int, err error) {
	entries, steps = map[int64]int{}, map[int64]int{}
	if len(actions) == 0 {
		return entries, steps, nil
	}
	rows, _ := tx.Query(ctx, `
		select a.id,
		       coalesce((select max(n) from action_history where action = a.id), 0),
		       coalesce((select max(n) from step where action = a.id), 0)
		  from action a
		 where a.id = any(@actions)`,
		pgx.NamedArgs{"actions": actions})
	var id int64
	var entry, step int
	_, err = pgx.ForEachRow(rows, []any{&id, &entry, &step}, func() error {
		entries[id], steps[id] = entry, step
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("number the changes of %d actions: %w", len(actions), err)
	}
	return entries, steps, nil
}

// eventOf is what readers of actions are told of a change.
func eventOf(c casework.ActionChange, now time.Time) (events.Event, bool) {
	a := events.Action{
		ActionID: int64(c.Action.ID), MatchID: int64(c.Action.Match), IncidentID: int64(c.Action.Incident),
		PersonID: int64(c.Action.Person), PDU: c.Action.Owner.PDU, Priority: string(c.Action.Priority),
	}
	switch c.What {
	case "raised", "reopened", "reassigned": // somebody has something to do that they had not before
		return events.New(now, events.ActionRaised(a)), true
	case "escalated":
		return events.New(now, events.ActionEscalated(a)), true
	case "done", "closed":
		return events.New(now, events.ActionClosed(a)), true
	}
	return events.Event{}, false
}

func completed(a lockedAction) events.Event {
	return events.New(time.Now(), events.ActionClosed(a.event()))
}

// Disagreeing are matches whose actions should have followed them before a
// time, and the matches of open actions whose owner is no longer the one that
// the case record gives. Those that a lost nudge would leave alone for ever. At
// night also what is urgent, nobody has taken, and the duty officer has not had.
// Otherwise are the PDUs whose own hours say otherwise than night does.
func (db *DB) Disagreeing(ctx context.Context, before, now time.Time, night bool, otherwise []string, limit int) ([]casework.MatchID, error) {
	rows, _ := db.pool.Query(ctx, `
		(select id
		   from match
		  where agreed_at is null
		    and updated_at < @before
		  order by updated_at
		  limit @limit)
		union
		(`+movedWork()+`
		  order by a.id
		  limit @limit)
		union
		(select a.match
		   from action a
		  where @night <> (a.pdu = any(@otherwise))
		    and a.state = 'open'
		    and a.priority = 'urgent'
		    and a.rule in ('acknowledge_match', 'review_incident')
		    and not exists (
		          select 1
		            from action o
		           where o.incident = a.incident
		             and o.person = a.person
		             and (o.rule = 'out_of_hours' or o.acked_at is not null))
		  order by a.id
		  limit @limit)`,
		pgx.NamedArgs{"before": before, "now": now, "night": night, "otherwise": append([]string{}, otherwise...), "limit": limit})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[casework.MatchID])
	if err != nil {
		return nil, fmt.Errorf("look for matches whose actions have not followed: %w", problem(err))
	}
	return ids, nil
}

// movedWork are the matches of open actions whose owner is no longer the one that
// the case record gives.
func movedWork() string {
	return `select a.match
		   from action a
		   join person q on q.id = a.person
		   join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		   join team t on t.code = p.team
		   left join staff s on s.code = a.owner and a.owner_role in ('practitioner', 'manager')
		  where a.state in ('open', 'acknowledged')
		    and (   p.pdu <> a.pdu
		         or p.team <> a.team
		         or ` + heldFrom(`p.practitioner`) + ` <> a.practitioner
		         or a.owner_role = 'manager' and ` + heldFrom(`t.manager`) + ` not in (a.owner, '') and not ` + givenAction + `
		         or s.gone_at is not null)`
}

// Backlogs count the open actions.
func (db *DB) Backlogs(ctx context.Context, now time.Time) ([]casework.Backlog, error) {
	rows, _ := db.pool.Query(ctx, `
		select owner_role,
		       priority,
		       pdu,
		       count(*),
		       count(*) filter (where next_due < @now),
		       min(raised_at)
		  from action
		 where state in ('open', 'acknowledged')
		 group by owner_role, priority, pdu`,
		pgx.NamedArgs{"now": now})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[casework.Backlog])
	if err != nil {
		return nil, fmt.Errorf("count open actions: %w", problem(err))
	}
	return all, nil
}
