package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

type itemRow struct {
	Action   int64             `json:"action"`
	Rule     string            `json:"rule"`
	Why      map[string]string `json:"why"`
	RaisedAt time.Time         `json:"raised_at"`
}

// insertItems adds items to checklists; one that is there already is asked
// again, for it was answered on other facts.
func insertItems(ctx context.Context, tx pgx.Tx, rows []itemRow) error {
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into checklist (action, rule, why, raised_at)
		select action, rule, why, raised_at
		  from jsonb_populate_recordset(null::checklist, @rows)
		    on conflict (action, rule) do update
		   set why = excluded.why,
		       raised_at = excluded.raised_at,
		       answer = '',
		       note = '',
		       concern = '',
		       risk = '',
		       wanted = '',
		       answered_at = null,
		       answered_by = null`,
		pgx.NamedArgs{"rows": rows})
	if err != nil {
		return fmt.Errorf("write %d items: %w", len(rows), err)
	}
	return nil
}

// Checklist is what there is to think of in an action. Who may see the action
// may see it; the caller has asked for that.
func (db *DB) Checklist(ctx context.Context, action casework.ActionID) ([]casework.Item, error) {
	rows, _ := db.pool.Query(ctx, `
		select rule, why, answer, note, concern, risk, wanted, answered_at, coalesce(answered_by, '')
		  from checklist
		 where action = @action
		 order by raised_at, rule`,
		pgx.NamedArgs{"action": action})
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (casework.Item, error) {
		var i casework.Item
		var why []byte
		var at *time.Time
		if err := row.Scan(&i.Rule, &why, &i.Answer, &i.Note, &i.Concern, &i.Risk, &i.Wanted, &at, &i.AnsweredBy); err != nil {
			return i, err
		}
		i.AnsweredAt = timeOf(at)
		return i, json.Unmarshal(why, &i.Why)
	})
	if err != nil {
		return nil, fmt.Errorf("read the checklist of action %d: %w", action, problem(err))
	}
	return items, nil
}

// AnswerItem records what an action's owner, or who oversees it, says of one
// item. What the answer lacks is the caller's to have asked for; the table
// refuses it all the same.
func (db *DB) AnswerItem(ctx context.Context, by casework.Account, action casework.ActionID, item casework.Item, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		a, err := lockAction(ctx, tx, by.ID, action)
		switch {
		case err != nil:
			return err
		case !a.Owns && !a.Oversees:
			return casework.ErrNotFound
		case !a.State.Open():
			return casework.ErrChanged
		}
		tag, err := tx.Exec(ctx, `
			update checklist
			   set answer = @answer,
			       note = @note,
			       concern = @concern,
			       risk = @risk,
			       wanted = @wanted,
			       answered_at = now(),
			       answered_by = @by
			 where action = @action
			   and rule = @rule`,
			pgx.NamedArgs{"action": action, "rule": item.Rule, "answer": item.Answer, "note": item.Note,
				"concern": item.Concern, "risk": item.Risk, "wanted": item.Wanted, "by": by.Subject})
		if err == nil && tag.RowsAffected() == 0 {
			err = casework.ErrNotFound
		}
		if err != nil {
			return err
		}
		note := map[string]any{"item": item.Rule, "answer": item.Answer}
		if err := a.history(ctx, tx, "answered", by.Subject, note); err != nil {
			return err
		}
		return audit(ctx, tx, a.trail(by, "CHECKLIST_ANSWERED", correlation, note))
	})
	if err != nil {
		return fmt.Errorf("answer %s on action %d: %w", item.Rule, action, err)
	}
	return nil
}

// Complete records that an action was done which asks for no decision: somebody
// was told, warned or taken care of. Repeated, it does nothing more.
func (db *DB) Complete(ctx context.Context, by casework.Account, action casework.ActionID, correlation string) error {
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		a, err := lockAction(ctx, tx, by.ID, action)
		switch {
		case err != nil:
			return err
		case !a.Owns:
			return casework.ErrNotFound
		case a.State == casework.ActionDone && a.DoneBy == by.Subject:
			return nil
		case !a.State.Open():
			return casework.ErrChanged
		}
		tag, err := tx.Exec(ctx, `
			update action
			   set state = 'done',
			       acked_at = coalesce(acked_at, now()),
			       acked_by = coalesce(acked_by, @by),
			       done_at = now(),
			       done_by = @by
			 where id = @action
			   and rule not in ('review_incident', 'acknowledge_match', 'transfer_match', 'countersign_decision', 'chase_enquiry', 'read_reply')`, // these are done by what they ask for
			pgx.NamedArgs{"action": action, "by": by.Subject})
		if err == nil && tag.RowsAffected() == 0 {
			err = casework.ErrChanged
		}
		if err != nil {
			return err
		}
		if err := a.closeSteps(ctx, tx, "done", by.Subject, nil); err != nil {
			return err
		}
		if err := addEvents(ctx, tx, completed(a)); err != nil {
			return err
		}
		return audit(ctx, tx, a.trail(by, "ACTION_DONE", correlation, nil))
	})
	if err != nil {
		return fmt.Errorf("complete action %d: %w", action, err)
	}
	return nil
}
