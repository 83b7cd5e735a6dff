package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Assignee is somebody who judges matches in a PDU of the viewer's.
type Assignee struct {
	Subject string
	Name    string
}

// Assignees are those to whom a viewer can give matches of their PDUs.
func (db *DB) Assignees(ctx context.Context, viewer casework.AccountID) ([]Assignee, error) {
	rows, _ := db.pool.Query(ctx, `
		select distinct a.subject, a.name
		  from account_role mine
		  join account_role g on g.scope = mine.scope and g.role in ('administrator', 'head')
		  join account a on a.id = g.account and a.disabled_at is null
		 where mine.account = @viewer
		   and mine.role in ('administrator', 'head')
		 order by a.name, a.subject`,
		pgx.NamedArgs{"viewer": viewer})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Assignee])
	if err != nil {
		return nil, fmt.Errorf("read who judges matches: %w", problem(err))
	}
	return all, nil
}

// Assignment gives matches to somebody to judge, or back to everybody.
type Assignment struct {
	Matches     []casework.MatchID
	To          string // account.subject; empty: whoever comes first
	By          casework.Account
	Correlation string
}

// Assigned is what became of one match of an assignment.
type Assigned struct {
	Match     casework.MatchID
	Reference string
	// Outcome is assigned, changed if it waits for nobody any more, or unseen if
	// it is for somebody who does not judge there or may not see whom it is about.
	Outcome string
}

// shownToAssignee is actionShown for whom matches are given to. They are asked
// about together: of a page of matches one by one it took longer than all else.
var shownToAssignee = strings.ReplaceAll(actionShown, "@viewer", "(select id from account where subject = @to)")

// Assign gives each match to one who judges matches in its PDU, in one
// transaction, and says of each what became of it. A match that the viewer may
// not see is not among the answers: to them it does not exist.
func (db *DB) Assign(ctx context.Context, a Assignment) ([]Assigned, error) {
	var all []Assigned
	ids := slices.Compact(slices.Sorted(slices.Values(a.Matches)))
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		all = nil
		// In the order of the numbers, and the incidents first, as everybody
		// who changes an action takes them.
		_, err := tx.Exec(ctx, `
			select 1
			  from incident
			 where id in (select incident from match where id = any(@ids))
			 order by id
			   for update`,
			pgx.NamedArgs{"ids": ids})
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			select m.id, i.reference,
			       case
			         when w.action is null then 'changed'
			         when @to = '' then 'assigned'
			         when u.id is null or not (`+shownToAssignee+`) then 'unseen'
			         else 'assigned'
			       end
			  from match m
			  join incident i on i.id = m.incident
			  join person p on p.id = current_person(m.person)
			  left join waiting w on w.match = m.id
			   and (   w.rule = 'acknowledge_match' and m.state in ('open', 'unsure')
			        or w.rule = 'transfer_match' and m.state = 'confirmed')
			  left join account u on u.subject = @to
			   and u.disabled_at is null
			   and exists (
			         select 1
			           from account_role g
			          where g.account = u.id
			            and g.role in ('administrator', 'head')
			            and g.scope = w.owner)
			 where m.id = any(@ids)
			   and `+mayJudge+`
			   and `+actionShown+`
			 order by m.id`,
			pgx.NamedArgs{"ids": ids, "to": a.To, "viewer": a.By.ID})
		if all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Assigned]); err != nil {
			return err
		}
		for _, one := range all {
			if one.Outcome != "assigned" {
				continue
			}
			_, err := tx.Exec(ctx, `
				update waiting
				   set assignee = (select id from account where subject = @to),
				       assigned_at = case when @to <> '' then now() end
				 where match = @match`,
				pgx.NamedArgs{"match": one.Match, "to": a.To})
			if err != nil {
				return err
			}
			err = audit(ctx, tx, Audit{Actor: a.By.Subject, What: "MATCH_ASSIGNED", Service: "desk", SubjectType: "match",
				SubjectID: fmt.Sprint(one.Match), Correlation: a.Correlation, Details: map[string]any{"to": a.To}})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("assign %d matches: %w", len(ids), err)
	}
	return all, nil
}
