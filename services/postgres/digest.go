package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// DigestItem is one person in one incident of a PDU's day.
type DigestItem struct {
	Match        casework.MatchID
	State        casework.MatchState
	Band         casework.Band
	Priority     casework.Priority
	Role         casework.Role
	FoundAt      time.Time
	Force        string
	Reference    string
	Kind         casework.Kind
	Type         string
	DASH         casework.DASH
	Domestic     bool
	Children     bool
	CRN          string
	Surname      string
	Forenames    string
	RoSH         casework.RoSH
	Practitioner string // their name
	Review       casework.ActionState
	Outcome      casework.Outcome
}

// Digest is what was found of a PDU between two times, in so far as a viewer who
// works there may see it, what presses most first: so many of it, after a match.
// It is casework.ErrNotFound for a PDU that is not the viewer's.
func (db *DB) Digest(ctx context.Context, viewer casework.AccountID, pdu string, from, to time.Time, after casework.MatchID, limit int) (name string, items []DigestItem, err error) {
	args := pgx.NamedArgs{"viewer": viewer, "pdu": pdu, "from": from, "to": to, "after": after, "limit": limit}
	err = db.pool.QueryRow(ctx, `
		select u.name
		  from pdu u
		 where u.code = @pdu
		   and exists (
		         select 1
		           from account_role g
		           left join team t on t.code = g.scope and g.role = 'manager'
		          where g.account = @viewer
		            and (   g.role in ('administrator', 'head') and g.scope = u.code
		                 or g.role = 'manager' and t.pdu = u.code))`, args).Scan(&name)
	if err != nil {
		return "", nil, fmt.Errorf("read the digest of %s: %w", pdu, notThere(err))
	}
	// What is shown is looked for first, and the rest of it looked up: two queries,
	// of which neither takes long. What is found in a day is read from indexes
	// alone, and of that only what may come to be shown is looked up to put it in
	// order: whatever its place among its own priority is.
	const order = `array_position(array['urgent', 'high', 'standard'], m.priority), r.domestic_abuse desc, m.id`
	rows, _ := db.pool.Query(ctx, `
		with local as materialized (
		  select id
		    from person
		   where pdu = @pdu
		     and merged_into is null
		),
		merged as materialized (
		  select id
		    from person
		   where merged_into is not null
		),
		last as materialized (
		  select array_position(array['urgent', 'high', 'standard'], l.priority) as rank, not s.domestic_abuse as other, l.id
		    from match l
		    join revision s on s.incident = l.incident and s.number = l.revision
		    join person o on o.id = current_person(l.person)
		   where l.id = @after
		     and o.pdu = @pdu
		     and match_visible(@viewer, l.id)
		),
		found as materialized (
		  select m.id, m.incident, m.revision, m.priority,
		         rank() over (
		           partition by array_position(array['urgent', 'high', 'standard'], m.priority) = (select rank from last)
		           order by array_position(array['urgent', 'high', 'standard'], m.priority)) as before
		    from match m
		   where m.found_at >= @from
		     and m.found_at < @to
		     and m.state in ('open', 'unsure', 'confirmed')
		     and (   m.person in (select id from local)
		          or m.person in (select id from merged)
		         and @pdu = (select p.pdu from person p where p.id = current_person(m.person)))
		     and (@after = 0 or array_position(array['urgent', 'high', 'standard'], m.priority) >= (select rank from last))
		     and `+actionShown+`
		)
		select m.id
		  from found m
		  join revision r on r.incident = m.incident and r.number = m.revision
		 where m.before <= @limit
		   and (@after = 0
		        or (array_position(array['urgent', 'high', 'standard'], m.priority), not r.domestic_abuse, m.id)
		           > (select rank, other, id from last))
		 order by `+order+`
		 limit @limit`, args)
	shown, err := pgx.CollectRows(rows, pgx.RowTo[casework.MatchID])
	if err != nil {
		return "", nil, fmt.Errorf("look for the digest of %s: %w", pdu, problem(err))
	}
	rows, _ = db.pool.Query(ctx, `
		select m.id, m.state, m.band, m.priority, m.role, m.found_at, i.force, i.reference, r.kind, r.type, r.dash,
		       r.domestic_abuse, r.children_present, p.crn, p.surname, p.forenames, p.rosh, coalesce(s.name, ''),
		       coalesce(a.state, ''), coalesce(d.outcome, '')
		  from match m
		  join incident i on i.id = m.incident
		  join revision r on r.incident = m.incident and r.number = m.revision
		  join person q on q.id = m.person
		  join person p on p.id = case when q.merged_into is null then q.id else current_person(q.id) end
		  left join staff s on s.code = p.practitioner
		  left join action a on a.incident = m.incident and a.person = m.person and a.rule = 'review_incident'
		  left join lateral (
		         select outcome
		           from decision
		          where action = a.id
		          order by id desc
		          limit 1) d on a.state = 'done'
		 where m.id = any(@shown)
		   and m.state in ('open', 'unsure', 'confirmed')
		   and p.pdu = @pdu
		   and `+actionShown+` -- still
		 order by `+order, pgx.NamedArgs{"viewer": viewer, "pdu": pdu, "shown": shown})
	if items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[DigestItem]); err != nil {
		return "", nil, fmt.Errorf("read the digest of %s: %w", pdu, problem(err))
	}
	return name, items, nil
}
