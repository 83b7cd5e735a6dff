package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/schemas/events"
	"github.com/reportable-incidents/reportable/services/casework"
)

// Call is that somebody was told of an action by telephone, and took it.
type Call struct {
	Action casework.ActionID
	// To is the staff code of who took it, and At when they spoke.
	To          string
	At          time.Time
	By          casework.Account // who records it
	Correlation string
}

// AcknowledgeByTelephone records a call on an action's history. It is an
// acknowledgement, of the time of the call: the clock of escalation stops. Of an
// action that was acknowledged before, it is one line more. The same call
// recorded twice is one.
func (db *DB) AcknowledgeByTelephone(ctx context.Context, c Call) ([]casework.Milestone, error) {
	var reached []casework.Milestone
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		reached = nil
		a, err := lockAction(ctx, tx, c.By.ID, c.Action)
		if err != nil {
			return err
		}
		note := map[string]any{"to": c.To, "spoke": c.At.UTC().Format(time.RFC3339)}
		var twice bool
		err = tx.QueryRow(ctx, `
			select exists (
			  select 1
			    from action_history
			   where action = @action
			     and what = 'telephoned'
			     and note @> @note)`,
			pgx.NamedArgs{"action": c.Action, "note": note}).Scan(&twice)
		switch {
		case err != nil || twice:
			return err
		case !a.State.Open():
			return casework.ErrChanged
		}
		if err := a.history(ctx, tx, "telephoned", c.By.Subject, note); err != nil {
			return err
		}
		if a.State == casework.ActionOpen {
			_, err := tx.Exec(ctx, `
				update action
				   set state = 'acknowledged',
				       acked_at = @at,
				       acked_by = @by
				 where id = @id`,
				pgx.NamedArgs{"id": c.Action, "at": c.At, "by": c.By.Subject})
			if err != nil {
				return err
			}
			if err := a.cancelSteps(ctx, tx, "unacknowledged"); err != nil {
				return err
			}
			if err := addEvents(ctx, tx, events.New(time.Now(), events.ActionAcknowledged(a.event()))); err != nil {
				return err
			}
			if reached, err = db.firstSeen(ctx, tx, a, c.At); err != nil {
				return err
			}
		}
		return audit(ctx, tx, a.trail(c.By, "ACTION_TELEPHONED", c.Correlation, note))
	})
	if err != nil {
		return nil, fmt.Errorf("record a call about action %d: %w", c.Action, err)
	}
	return reached, nil
}

// Callees are those who may be told of an action by telephone: who is or was on
// duty in its region within the last day, its owner, whoever has the case, their
// manager and their head.
func (db *DB) Callees(ctx context.Context, id casework.ActionID, now time.Time) ([]Colleague, error) {
	rows, _ := db.pool.Query(ctx, `
		with callee (code, place) as (
		  select r.staff, 1
		    from action a
		    join pdu u on u.code = a.pdu
		    join rota r on r.region = u.region
		   where a.id = @id
		     and r.starts <= @now
		     and r.ends > @now::timestamptz - interval '1 day'
		  union all
		  select a.owner, 2
		    from action a
		   where a.id = @id
		     and a.owner_role in ('practitioner', 'manager')
		  union all
		  select unnest(array[p.practitioner, t.manager]), 3
		    from action a
		    join person p on p.id = current_person(a.person)
		    join team t on t.code = p.team
		   where a.id = @id
		  union all
		  select s.code, 4
		    from action a
		    join staff s on s.pdu = a.pdu and s.role = 'head' and s.gone_at is null
		   where a.id = @id
		)
		select c.code, coalesce(s.name, k.name, c.code)
		  from (select code, min(place) as place from callee where code <> '' group by code) c
		  left join staff s on s.code = c.code
		  left join lateral (
		         select name
		           from account
		          where staff = c.code
		            and disabled_at is null
		          limit 1) k on true
		 order by c.place, 2, 1`,
		pgx.NamedArgs{"id": id, "now": now})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return nil, fmt.Errorf("read who may be telephoned about action %d: %w", id, problem(err))
	}
	return all, nil
}
