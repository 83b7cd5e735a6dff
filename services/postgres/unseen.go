package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// unseenActions counts the open actions that none of the accounts that own them
// may see: everybody is barred from the person or from another candidate, or the
// owner has no account at all. Heads share the administrators' queue, so they
// count for what they were told of (RouteUnseen). Whether a match is visible is asked only of those with somebody guarded
// among their candidates, which are few.
const unseenActions = owedAndOwners + `
	select count(*)
	  from owed o
	 where not exists (
	         select 1
	           from owner w
	          where (   w.owner_role = o.owner_role
	                 or w.owner_role = 'head'
	                    and o.owner_role = 'administrator'
	                    and o.guarded
	                    and exists (select 1 from action_history h where h.action = o.action and h.what = 'routed'))
	            and w.owner = o.owner
	            and w.team = o.team
	            and case when o.guarded then match_visible(w.account, o.match) else true end)`

// barredActions are those of them that a list or a restriction hides from every
// account of their owner. One without any account is not among them: whoever it
// is may sign in tomorrow.
const barredActions = owedAndOwners + `,
	barred (action) as materialized (
	  select o.action
	    from owed o
	   where o.guarded
	     and exists (
	           select 1
	             from owner w
	            where w.owner_role = o.owner_role
	              and w.owner = o.owner
	              and w.team = o.team)
	     and not exists (
	           select 1
	             from owner w
	            where w.owner_role = o.owner_role
	              and w.owner = o.owner
	              and w.team = o.team
	              and match_visible(w.account, o.match))
	)`

const owedAndOwners = `
	with recursive guarded(id) as (
	  (select person from restriction
	   union
	   select person from exclusion
	   union
	   select id from person where restricted)
	  union
	  select p.id
	    from guarded g
	    join person p on p.merged_into = g.id
	),
	owed as materialized (
	  select a.id as action, a.owner_role, a.owner, a.team, a.match,
	         a.match in (
	           select m.id
	             from guarded g
	             join match c on c.person = g.id
	             join match m on m.incident = c.incident and m.involvement = c.involvement) as guarded
	    from action a
	   where a.state in ('open', 'acknowledged')
	),
	scope as (
	  select distinct owner_role, owner, team
	    from owed
	),
	granted as (
	  select g.role, g.scope, c.id, c.staff
	    from account_role g
	    join account c on c.id = g.account
	   where c.disabled_at is null
	),
	owner as materialized ( -- what owns() says, for all at once
	  select s.owner_role, s.owner, s.team, g.id as account
	    from scope s
	    join granted g on g.role = s.owner_role and g.scope = s.owner
	   union
	  select s.owner_role, s.owner, s.team, g.id
	    from scope s
	    join granted g on g.role = 'manager' and g.scope = s.team
	   where s.owner_role = 'manager'
	   union
	  select s.owner_role, s.owner, s.team, g.id
	    from scope s
	    join granted g on g.role = 'manager' and g.staff = s.owner
	   where s.owner_role = 'manager'
	   union
	  select 'head', s.owner, s.team, g.id
	    from scope s
	    join granted g on g.role = 'head' and g.scope = s.owner
	   where s.owner_role = 'administrator'
	)`

// UnseenActions counts the open actions that nobody who owns them may see.
func (db *DB) UnseenActions(ctx context.Context) (n int, err error) {
	if err := db.pool.QueryRow(ctx, unseenActions).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the actions that nobody may see: %w", problem(err))
	}
	return n, nil
}

// RouteUnseen gives actions that are hidden from every account of their owner to
// somebody who is cleared: the manager of the case, the head of the PDU, or a
// head of the region, the nearest first. An administrator's stays where heads
// find it too, and the head is told. What nobody at all may see stays counted.
func (db *DB) RouteUnseen(ctx context.Context, now time.Time, limit int) ([]casework.ActionChange, error) {
	var changes []casework.ActionChange
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		changes = nil
		args := pgx.NamedArgs{"now": now, "limit": limit}
		rows, _ := tx.Query(ctx, barredActions+`
			select a.id, a.incident, c.role, c.owner
			  from barred b
			  join action a on a.id = b.action
			  join person p on p.id = current_person(a.person)
			  join team t on t.code = p.team
			  join pdu u on u.code = p.pdu
			 cross join lateral (
			         select k.role, k.owner
			           from (select 'manager' as role, `+heldFrom(`t.manager`)+` as owner, 1 as place
			                  where a.owner_role = 'practitioner'
			                 union all
			                 select 'head', p.pdu, 2
			                 union all
			                 select 'head', o.code, 3
			                   from pdu o
			                  where o.region = u.region
			                    and o.code <> p.pdu
			                    and a.owner_role <> 'administrator') k
			          where k.owner <> ''
			            and (k.role, k.owner) <> (a.owner_role, a.owner)
			            and exists (
			                  select 1
			                    from account c
			                    join account_role g on g.account = c.id and g.role = k.role
			                   where c.disabled_at is null
			                     and (g.scope = k.owner or k.role = 'manager' and (c.staff = k.owner or g.scope = p.team))
			                     and match_visible(c.id, a.match))
			          order by k.place, k.owner
			          limit 1) c
			 where a.owner_role <> 'administrator'
			    or not exists (select 1 from action_history h where h.action = a.id and h.what = 'routed')
			 order by a.incident, a.id
			 limit @limit`, args)
		to := map[casework.ActionID]casework.Owner{}
		var ids, incidents []int64
		var id casework.ActionID
		var incident int64
		var o casework.Owner
		_, err := pgx.ForEachRow(rows, []any{&id, &incident, &o.Role, &o.Code}, func() error {
			to[id] = o
			ids, incidents = append(ids, int64(id)), append(incidents, incident)
			return nil
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		// The incidents' locks first, as everybody takes them.
		_, err = tx.Exec(ctx, `select from incident where id = any($1) order by id for no key update`, incidents)
		if err != nil {
			return err
		}
		rows, _ = tx.Query(ctx, `
			select `+wholeAction+`
			  from action a
			 where a.id = any(@ids)
			   and a.state in ('open', 'acknowledged')
			 order by a.id
			   for update`, pgx.NamedArgs{"ids": ids})
		actions, err := pgx.CollectRows(rows, scanAction)
		if err != nil {
			return err
		}
		for _, a := range actions {
			changes = append(changes, routed(a, to[a.ID]))
		}
		if err := writeChanges(ctx, tx, changes, now); err != nil {
			return err
		}
		if err := db.queueHooks(ctx, tx, changes); err != nil {
			return err
		}
		return db.telling.enqueue(ctx, tx, changes)
	})
	if err != nil {
		return nil, fmt.Errorf("route what nobody may see: %w", err)
	}
	return changes, nil
}

// routed is an action on its way to somebody who may see it. Its clocks go on:
// it has lain long enough.
func routed(a casework.Action, to casework.Owner) casework.ActionChange {
	c := casework.ActionChange{What: "routed", Note: map[string]any{"fromRole": a.Owner.Role, "from": a.Owner.Code, "toRole": to.Role, "to": to.Code}, Tell: []casework.Owner{to}}
	if a.Owner.Role != casework.Administrator {
		a.Owner.Role, a.Owner.Code = to.Role, to.Code // the place stays the case's
		a.State, a.AckedAt, a.AckedBy = casework.ActionOpen, time.Time{}, ""
	}
	c.Action = a
	return c
}
