package postgres

import (
	"context"
	"fmt"
)

// unseenActions counts the open actions that none of the accounts that own them
// may see: everybody is barred from the person or from another candidate, or the
// owner has no account at all. Whether a match is visible is asked only of those
// with somebody guarded among their candidates, which are few.
const unseenActions = `
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
	  select a.owner_role, a.owner, a.team, a.match,
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
	)
	select count(*)
	  from owed o
	 where not exists (
	         select 1
	           from owner w
	          where w.owner_role = o.owner_role
	            and w.owner = o.owner
	            and w.team = o.team
	            and case when o.guarded then match_visible(w.account, o.match) else true end)`

// UnseenActions counts the open actions that nobody who owns them may see.
func (db *DB) UnseenActions(ctx context.Context) (n int, err error) {
	if err := db.pool.QueryRow(ctx, unseenActions).Scan(&n); err != nil {
		return 0, fmt.Errorf("count the actions that nobody may see: %w", problem(err))
	}
	return n, nil
}
