package postgres

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/reportable-incidents/reportable/schemas/tables"
)

// migrating is the advisory lock around goose's and River's migrations.
const migrating = 0x7265706f7274 // "report"

// Migrate brings the tables up to date, our own and the job queue's. Several
// processes may call it at once: one does it, and the others wait. It only
// goes forward.
func (db *DB) Migrate(ctx context.Context) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", problem(err))
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", int64(migrating)); err != nil {
		return fmt.Errorf("migrate: %w", problem(err))
	}
	defer conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(migrating))

	sqldb := stdlib.OpenDBFromPool(db.pool)
	defer sqldb.Close()
	ours, err := goose.NewProvider(goose.DialectPostgres, sqldb, tables.Migrations)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	if _, err := ours.Up(ctx); err != nil {
		return fmt.Errorf("migrate the tables: %w", problem(err))
	}
	queue, err := rivermigrate.New(riverpgxv5.New(db.pool), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("read the job queue's migrations: %w", err)
	}
	if _, err := queue.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the job queue: %w", problem(err))
	}
	return nil
}
