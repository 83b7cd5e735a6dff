package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// VictimItem is an action of victim staff: the incident, whose case it is, and
// how far the contact with the victim has come. Nothing else of the case.
type VictimItem struct {
	ID        casework.ActionID
	Rule      string
	Priority  casework.Priority
	State     casework.ActionState
	NextDue   time.Time
	RaisedAt  time.Time
	AckedAt   *time.Time
	DoneAt    *time.Time
	Contact   string // vlo or daso; empty where the case names none
	Confirmed bool   // somebody confirmed the match
	Surname   string
	Forenames string
	Force     string
	Reference string
	Kind      casework.Kind
	Type      string
	Domestic  bool
}

// VictimWork are the actions that a viewer has as victim staff: the open ones
// first, by when they are due, then what was done in the last 90 days.
func (db *DB) VictimWork(ctx context.Context, viewer casework.AccountID, limit int) ([]VictimItem, error) {
	rows, _ := db.pool.Query(ctx, `
		with page as materialized (
		  select x.id
		    from `+mine+`
		   cross join lateral (
		           (select a.id
		              from action a
		              join match m on m.id = a.match
		             where a.owner_role = mine.role
		               and a.owner = mine.owner
		               and a.state in ('open', 'acknowledged')
		               and a.rule not in `+elsewhere+`
		               and `+actionShown+`
		             order by a.next_due, a.id
		             limit @limit)
		             union all
		           (select a.id
		              from action a
		              join match m on m.id = a.match
		             where a.owner_role = mine.role
		               and a.owner = mine.owner
		               and a.state = 'done'
		               and a.rule not in `+elsewhere+`
		               and a.done_at > now() - interval '90 days'
		               and `+actionShown+`
		             order by a.done_at desc, a.id desc
		             limit @limit)) x
		   where mine.role = 'victim_staff'
		)
		select a.id, a.rule, a.priority, a.state, a.next_due, a.raised_at, a.acked_at, a.done_at, p.victim_contact,
		       m.state = 'confirmed', p.surname, p.forenames, i.force, i.reference, r.kind, r.type, r.domestic_abuse
		  from page
		  join action a on a.id = page.id
		  join match m on m.id = a.match
		  join incident i on i.id = m.incident
		  join revision r on r.incident = m.incident and r.number = m.revision
		  join person p on p.id = current_person(a.person)
		 order by a.state = 'done', case when a.state <> 'done' then a.next_due end, a.done_at desc, a.id
		 limit @limit`,
		pgx.NamedArgs{"viewer": viewer, "limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[VictimItem])
	if err != nil {
		return nil, fmt.Errorf("read the work of victim staff: %w", problem(err))
	}
	return all, nil
}
