package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Reach is how many of those who play a part in a place can be written to.
type Reach struct {
	Role    string `json:"role"`
	Scope   string `json:"scope"`
	Of      int    `json:"of"`
	Reached int    `json:"reached"`
}

// Reach says of every part that owns actions who can be written to: the same
// addresses as deliveries take. A part that nobody has alone is one mailbox;
// duty officers are those who are or will be on duty.
func (db *DB) Reach(ctx context.Context) ([]Reach, error) {
	rows, _ := db.pool.Query(ctx, `
		select part.role, u.code, 1, (exists (select 1 from mailbox b where b.role = part.role and b.scope = u.code)
		         or part.role = 'head' and exists (
		              select 1 from staff s where s.role = 'head' and s.pdu = u.code and s.email <> '' and s.gone_at is null))::int
		  from pdu u
		 cross join (values ('administrator'), ('victim_staff'), ('head')) as part (role)
		 where exists (select 1 from person p where p.pdu = u.code and p.supervised)
		union all
		select s.role, s.pdu, count(*)::int, (count(*) filter (where s.email <> ''))::int
		  from staff s
		 where s.role in ('practitioner', 'manager')
		   and s.gone_at is null
		 group by s.role, s.pdu
		union all
		select 'duty_officer', d.region, count(*)::int, (count(*) filter (where d.reached))::int
		  from (select r.region, r.staff,
		               exists (select 1 from mailbox b where b.role = 'duty_officer' and b.scope in (r.region, r.staff))
		               or exists (select 1 from staff s where s.code = r.staff and s.email <> '' and s.gone_at is null) as reached
		          from (select distinct region, staff from rota where ends > now()) r) d
		 group by d.region
		 order by 1, 2`)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Reach])
	if err != nil {
		return nil, fmt.Errorf("read who can be written to: %w", problem(err))
	}
	return all, nil
}

// Notified is one notice: to whom, by what channel, and how far it came.
type Notified struct {
	Role    casework.OwnerRole // empty for a webhook
	Name    string             // of the person, the place or the webhook
	Channel string             // mail, notify or webhook; empty for the desk alone
	State   string             // desk, queued, sent, delivered, failed or read
}

// told adds to an action's history who was told of each line.
func (db *DB) told(ctx context.Context, action casework.ActionID, history []HistoryLine) error {
	rows, _ := db.pool.Query(ctx, `
		select n.n, n.owner_role, coalesce(s.name, u.name, n.owner), coalesce(d.channel, ''),
		       case
		         when n.read_at is not null then 'read'
		         else coalesce(d.state, 'desk')
		       end
		  from notice n
		  left join delivery d on d.id = n.delivery
		  left join staff s on s.code = n.owner and n.owner_role in ('practitioner', 'manager')
		  left join pdu u on u.code = n.owner
		 where n.action = @action
		union all
		select n.n, '', w.name, 'webhook', d.state
		  from notice n
		  join webhook_delivery d on d.notice = n.id
		  join webhook w on w.id = d.webhook
		 where n.action = @action
		 order by 1, 2, 3`,
		pgx.NamedArgs{"action": action})
	var n int
	var t Notified
	_, err := pgx.ForEachRow(rows, []any{&n, &t.Role, &t.Name, &t.Channel, &t.State}, func() error {
		for i := range history {
			if history[i].N == n {
				history[i].Told = append(history[i].Told, t)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read who was told of action %d: %w", action, problem(err))
	}
	return nil
}

// NoticesRead notes that somebody opened the page that notices about a match
// lead to: theirs are read, and need not be mailed.
func (db *DB) NoticesRead(ctx context.Context, by casework.Account, match casework.MatchID) error {
	_, err := db.pool.Exec(ctx, `
		update notice n
		   set read_at = now(),
		       read_by = @subject
		  from action a
		 where a.match = @match
		   and n.action = a.id
		   and n.read_at is null
		   and owns(@viewer, n.owner_role, n.owner, a.team)`,
		pgx.NamedArgs{"match": match, "viewer": by.ID, "subject": by.Subject})
	if err != nil {
		return fmt.Errorf("note that the notices of match %d are read: %w", match, problem(err))
	}
	return nil
}
