package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Escalate fires the steps that are due, oldest first and passing over those
// that another notifier holds, up to a limit, each once. escalate says what
// follows from one, given the action as earlier steps of the same round left
// it; no change at all means that the step has nothing to say any more.
func (db *DB) Escalate(ctx context.Context, now time.Time, limit int,
	escalate func(casework.DueStep) (casework.ActionChange, bool)) ([]casework.ActionChange, int, error) {
	var changes []casework.ActionChange
	var due []casework.DueStep
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		changes = nil
		var err error
		if due, err = dueSteps(ctx, tx, now, limit); err != nil || len(due) == 0 {
			return err
		}
		state := map[casework.ActionID]casework.Action{}
		var fired, cancelled []casework.DueStep
		for _, d := range due {
			if a, ok := state[d.Action.ID]; ok {
				d.Action = a
			}
			change, ok := escalate(d)
			if !ok {
				cancelled = append(cancelled, d)
				continue
			}
			fired = append(fired, d)
			state[d.Action.ID] = change.Action
			changes = append(changes, change)
		}
		if err := markSteps(ctx, tx, "fired_at", fired, now); err != nil {
			return err
		}
		if err := markSteps(ctx, tx, "cancelled_at", cancelled, now); err != nil {
			return err
		}
		if err := writeEscalations(ctx, tx, changes, now); err != nil {
			return err
		}
		if err := db.queueHooks(ctx, tx, changes); err != nil {
			return err
		}
		return db.telling.enqueue(ctx, tx, changes)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("escalate what is due: %w", err)
	}
	return changes, len(due), nil
}

func dueSteps(ctx context.Context, tx pgx.Tx, now time.Time, limit int) ([]casework.DueStep, error) {
	rows, _ := tx.Query(ctx, `
		select s.n, s.kind, s.target_role, s.due_at,
		       not exists (
		         select 1
		           from step l
		          where l.action = s.action
		            and l.n > s.n
		            and l.kind = s.kind
		            and l.cancelled_at is null),
		       p.pdu, p.team, `+heldFrom(`p.practitioner`)+`, `+heldFrom(`t.manager`)+`,
		       b.gone_at is not null,
		       not exists (
		         select 1
		           from decision d
		          where d.action = s.action
		            and d.countersign_needed
		            and d.countersigned_at is null),
		       `+wholeAction+`
		  from step s
		  join action a on a.id = s.action
		  join person q on q.id = a.person
		  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		  join team t on t.code = p.team
		  left join staff b on b.code = t.manager
		 where s.fired_at is null
		   and s.cancelled_at is null
		   and s.due_at <= @now
		 order by s.due_at, s.action, s.n
		 limit @limit
		   for update of s, a skip locked`, // an action that somebody is changing waits for the next round
		pgx.NamedArgs{"now": now, "limit": limit})
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (casework.DueStep, error) {
		var d casework.DueStep
		var err error
		d.Action, err = scanAction(prefixed{row, []any{&d.N, &d.Kind, &d.Target, &d.DueAt, &d.Last,
			&d.Supervisor.PDU, &d.Supervisor.Team, &d.Supervisor.Practitioner, &d.Supervisor.Manager,
			&d.ManagerGone, &d.Countersigned}})
		d.Step.Action = d.Action.ID
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the steps that are due: %w", err)
	}
	return due, nil
}

// prefixed is a row that has more columns in front of those of another scan.
type prefixed struct {
	pgx.CollectableRow
	before []any
}

func (p prefixed) Scan(dest ...any) error {
	return p.CollectableRow.Scan(append(p.before, dest...)...)
}

// AuditSteps counts the steps of open actions whose time came before, and that
// were not taken, and the open actions that have no step to come.
func (db *DB) AuditSteps(ctx context.Context, before time.Time) (missed, silent int, err error) {
	err = db.pool.QueryRow(ctx, `
		select (select count(*)
		          from step s
		          join action a on a.id = s.action
		         where s.fired_at is null
		           and s.cancelled_at is null
		           and s.due_at < @before
		           and (a.state in ('open', 'acknowledged') or s.kind = 'uncountersigned')),
		       (select count(*)
		          from action a
		         where a.state in ('open', 'acknowledged')
		           and not exists (
		                 select 1
		                   from step s
		                  where s.action = a.id
		                    and s.fired_at is null
		                    and s.cancelled_at is null))`,
		pgx.NamedArgs{"before": before}).Scan(&missed, &silent)
	if err != nil {
		return 0, 0, fmt.Errorf("audit the steps: %w", problem(err))
	}
	return missed, silent, nil
}

func markSteps(ctx context.Context, tx pgx.Tx, column string, steps []casework.DueStep, now time.Time) error {
	if len(steps) == 0 {
		return nil
	}
	actions, ns := make([]int64, len(steps)), make([]int32, len(steps))
	for i, s := range steps {
		actions[i], ns[i] = int64(s.Step.Action), int32(s.N)
	}
	_, err := tx.Exec(ctx, `
		update step s
		   set `+column+` = @now
		  from unnest(@actions::bigint[], @ns::integer[]) as d (action, n)
		 where s.action = d.action
		   and s.n = d.n`,
		pgx.NamedArgs{"actions": actions, "ns": ns, "now": now})
	if err != nil {
		return fmt.Errorf("mark %d steps: %w", len(steps), err)
	}
	return nil
}

// writeEscalations adds to what there is: unlike other changes, an escalation
// leaves the steps that are still to come as they are.
func writeEscalations(ctx context.Context, tx pgx.Tx, changes []casework.ActionChange, now time.Time) error {
	last := map[casework.ActionID]actionRow{}
	var changed []int64
	for _, c := range changes {
		last[c.Action.ID] = rowOf(c.Action)
		changed = append(changed, int64(c.Action.ID))
	}
	if len(changes) == 0 {
		return nil
	}
	if err := updateActions(ctx, tx, last); err != nil {
		return err
	}
	return trail(ctx, tx, changes, changed, now)
}

var everyKind = []casework.StepKind{casework.Unacknowledged, casework.Undecided, casework.Uncountersigned}

// cancelSteps drops those of the kinds that are still to come.
func cancelSteps(ctx context.Context, tx pgx.Tx, actions []int64, kinds []casework.StepKind, now time.Time) error {
	if len(actions) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		update step
		   set cancelled_at = @now
		 where action = any(@actions)
		   and kind = any(@kinds)
		   and fired_at is null
		   and cancelled_at is null`,
		pgx.NamedArgs{"actions": actions, "kinds": kinds, "now": now})
	if err != nil {
		return fmt.Errorf("cancel the steps of %d actions: %w", len(actions), err)
	}
	return nil
}

func insertSteps(ctx context.Context, tx pgx.Tx, rows []stepRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into step (action, n, kind, target_role, due_at)
		select action, n, kind, target_role, due_at
		  from jsonb_populate_recordset(null::step, @rows)`,
		pgx.NamedArgs{"rows": rows})
	if err != nil {
		return fmt.Errorf("plan %d steps: %w", len(rows), err)
	}
	return nil
}
