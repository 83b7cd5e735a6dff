package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// MatchesOf are the matches of what police call by a reference, of any of some
// forces, the latest first. Whoever asks reads each as their viewer may, or may not.
func (db *DB) MatchesOf(ctx context.Context, forces []string, reference string, limit int) ([]casework.MatchID, error) {
	rows, _ := db.pool.Query(ctx, `
		select m.id
		  from incident i
		  join match m on m.incident = i.id
		 where i.force = any(@forces)
		   and i.reference = @reference
		 order by m.id desc
		 limit @limit`,
		pgx.NamedArgs{"forces": forces, "reference": reference, "limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowTo[casework.MatchID])
	if err != nil {
		return nil, fmt.Errorf("find the matches of a reference: %w", problem(err))
	}
	return all, nil
}

// NumberOf is whom a CRN stands for today, for a viewer who may know that there
// is such a case: merges are followed.
func (db *DB) NumberOf(ctx context.Context, viewer casework.AccountID, crn string) (casework.PersonID, error) {
	var id casework.PersonID
	err := db.pool.QueryRow(ctx, `
		select current_person(c.person)
		  from crn c
		 where c.crn = @crn
		   and visible(@viewer, c.person)`,
		pgx.NamedArgs{"viewer": viewer, "crn": crn}).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("find the person of a CRN: %w", notThere(err))
	}
	return id, nil
}

// User is an account as the trail names it.
type User struct{ Subject, Name string }

// Users are the accounts, of today and of before, that are called something:
// their name or a part of it, their staff code or their subject.
func (db *DB) Users(ctx context.Context, called string, limit int) ([]User, error) {
	rows, _ := db.pool.Query(ctx, `
		select subject, name
		  from account
		 where strpos(lower(name), lower(@called)) > 0
		    or lower(staff) = lower(@called)
		    or subject = @called
		 order by name, subject
		 limit @limit`,
		pgx.NamedArgs{"called": called, "limit": limit})
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[User])
	if err != nil {
		return nil, fmt.Errorf("find users: %w", problem(err))
	}
	return all, nil
}
