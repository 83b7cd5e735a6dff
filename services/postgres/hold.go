package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Holder is who has a match open to judge it.
type Holder struct {
	Account casework.AccountID
	Name    string
	Since   time.Time
}

// Hold gives a match to whoever opens it to judge it, unless somebody else has
// it, and says who has it then. It is theirs until the time given, and again
// each time they open it. Take is a supervisor's: it is theirs in any case.
func (db *DB) Hold(ctx context.Context, who casework.AccountID, id casework.MatchID, until time.Time, take bool) (Holder, error) {
	var h Holder
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		args := pgx.NamedArgs{"match": id, "account": who, "until": until, "take": take}
		_, err := tx.Exec(ctx, `
			insert into hold (match, account, until)
			values (@match, @account, @until)
			    on conflict (match) do update
			   set account = excluded.account,
			       since = case when hold.account = excluded.account and hold.until > now() then hold.since else now() end,
			       until = excluded.until
			 where hold.account = excluded.account
			    or hold.until <= now()
			    or @take`, args)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			select h.account, a.name, h.since
			  from hold h
			  join account a on a.id = h.account
			 where h.match = @match`, args).Scan(&h.Account, &h.Name, &h.Since)
	})
	if err != nil {
		return h, fmt.Errorf("hold match %d: %w", id, err)
	}
	return h, nil
}

// ReleaseAll gives back every match that somebody has open.
func (db *DB) ReleaseAll(ctx context.Context, who casework.AccountID) error {
	_, err := db.pool.Exec(ctx, `
		delete from hold
		 where account = @account`, pgx.NamedArgs{"account": who})
	if err != nil {
		return fmt.Errorf("release what an account has open: %w", problem(err))
	}
	return nil
}

// heldByAnother reports whether somebody else has a match open.
func heldByAnother(ctx context.Context, tx pgx.Tx, id casework.MatchID, who casework.AccountID) (bool, error) {
	var held bool
	err := tx.QueryRow(ctx, `
		select exists (
		  select 1
		    from hold
		   where match = @match
		     and account <> @account
		     and until > now())`,
		pgx.NamedArgs{"match": id, "account": who}).Scan(&held)
	return held, err
}

// letGo ends a hold when the work is done.
func letGo(ctx context.Context, tx pgx.Tx, id casework.MatchID) error {
	_, err := tx.Exec(ctx, `delete from hold where match = @match`, pgx.NamedArgs{"match": id})
	return err
}

// HeldBy is who has a match open to judge it; nil if nobody has.
func (db *DB) HeldBy(ctx context.Context, id casework.MatchID) (*Holder, error) {
	var h Holder
	err := db.pool.QueryRow(ctx, `
		select h.account, a.name, h.since
		  from hold h
		  join account a on a.id = h.account
		 where h.match = @match
		   and h.until > now()`,
		pgx.NamedArgs{"match": id}).Scan(&h.Account, &h.Name, &h.Since)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read who holds match %d: %w", id, problem(err))
	}
	return &h, nil
}

// Release gives a match back that somebody opened and does not judge after all.
func (db *DB) Release(ctx context.Context, who casework.AccountID, id casework.MatchID) error {
	_, err := db.pool.Exec(ctx, `delete from hold where match = @match and account = @account`, pgx.NamedArgs{"match": id, "account": who})
	if err != nil {
		return fmt.Errorf("release match %d: %w", id, problem(err))
	}
	return nil
}
