package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
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
