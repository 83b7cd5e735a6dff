package postgres

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Secret gives the installation's key of that name, 32 random bytes that are
// made when they are first asked for. Several processes may ask at once: all
// get the same.
func (db *DB) Secret(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, fmt.Errorf("make the secret %s: %w", name, err)
	}
	var value []byte
	err := db.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into secret (name, value)
			values (@name, @fresh)
			    on conflict do nothing`,
			pgx.NamedArgs{"name": name, "fresh": fresh})
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			select value
			  from secret
			 where name = @name`,
			pgx.NamedArgs{"name": name}).Scan(&value)
	})
	if err != nil {
		return nil, fmt.Errorf("read the secret %s: %w", name, err)
	}
	return value, nil
}
