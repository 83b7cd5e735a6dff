package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Preference is how somebody wants a page; empty if they never said.
func (db *DB) Preference(ctx context.Context, who casework.AccountID, name string) (string, error) {
	var value string
	err := db.pool.QueryRow(ctx, `
		select value
		  from preference
		 where account = @account
		   and name = @name`,
		pgx.NamedArgs{"account": who, "name": name}).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read a preference: %w", problem(err))
	}
	return value, nil
}

// SavePreference keeps how somebody wants a page, until they say otherwise.
func (db *DB) SavePreference(ctx context.Context, who casework.AccountID, name, value string) error {
	_, err := db.pool.Exec(ctx, `
		insert into preference (account, name, value)
		values (@account, @name, @value)
		    on conflict (account, name) do update
		   set value = excluded.value,
		       saved_at = now()
		 where preference.value <> excluded.value`,
		pgx.NamedArgs{"account": who, "name": name, "value": value})
	if err != nil {
		return fmt.Errorf("keep a preference: %w", problem(err))
	}
	return nil
}
