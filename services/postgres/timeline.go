package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// TimelineEntry is one incident that a person was or may have been part of.
type TimelineEntry struct {
	Match      casework.MatchID
	State      casework.MatchState
	Band       casework.Band
	Role       casework.Role
	Priority   casework.Priority
	Force      string
	Reference  string
	Kind       casework.Kind
	Type       string
	OccurredAt time.Time
	ReportedAt time.Time
	Domestic   bool
	DASH       casework.DASH
	Outcome    casework.Outcome // of the newest decision, if there is one
	DecidedAt  *time.Time
}

// PersonOnPage is a person as a viewer may see them: casework.ErrNotFound if
// they may not, or do not work on the case.
func (db *DB) PersonOnPage(ctx context.Context, viewer casework.AccountID, id casework.PersonID) (casework.Person, Places, error) {
	var current casework.PersonID
	err := db.pool.QueryRow(ctx, `
		select current_person(@id)
		 where works_on_case(@viewer, @id)
		   and visible(@viewer, @id)`,
		pgx.NamedArgs{"viewer": viewer, "id": id}).Scan(&current)
	if err != nil {
		return casework.Person{}, Places{}, fmt.Errorf("read person %d: %w", id, notThere(err))
	}
	p, err := db.Person(ctx, current)
	if err != nil {
		return p, Places{}, err
	}
	names, err := db.places(ctx, p)
	return p, names, err
}

// Timeline is every incident of a person, from any force and under any number
// that they had, the newest first. What was dismissed, retracted, withdrawn or
// superseded is not the person's, and is left out; so is a match of which
// another candidate is hidden from the viewer.
func (db *DB) Timeline(ctx context.Context, viewer casework.AccountID, id casework.PersonID, limit int) ([]TimelineEntry, error) {
	rows, _ := db.pool.Query(ctx, `
		with recursive records(id) as (
		  select current_person(@id)
		  union
		  select p.id
		    from records
		    join person p on p.merged_into = records.id
		)
		select x.id, x.state, x.band, x.role, x.priority, i.force, i.reference, x.kind, x.type,
		       x.occurred_from, x.reported_at, x.domestic_abuse, x.dash,
		       coalesce(d.outcome, ''), d.at
		  from (
		    select m.id, m.incident, m.state, m.band, m.role, m.priority, r.kind, r.type, r.occurred_from, r.reported_at, r.domestic_abuse, r.dash
		      from match m
		      join revision r on r.incident = m.incident and r.number = m.revision
		     where m.person in (select id from records)
		       and m.state in ('open', 'unsure', 'confirmed')
		       and (select visible(@viewer, @id)) -- they are one person
		       and case when m.contested then match_visible(@viewer, m.id) else true end
		     order by r.occurred_from desc, m.id desc
		     limit @limit) x
		  join incident i on i.id = x.incident
		  left join lateral (
		         select d.outcome, d.at
		           from action a
		           join decision d on d.action = a.id
		          where a.match = x.id
		          order by d.id desc
		          limit 1) d on true
		 order by x.occurred_from desc, x.id desc`,
		pgx.NamedArgs{"viewer": viewer, "id": id, "limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TimelineEntry])
	if err != nil {
		return nil, fmt.Errorf("read the timeline of person %d: %w", id, problem(err))
	}
	return all, nil
}
