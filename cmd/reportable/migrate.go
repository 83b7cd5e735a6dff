package main

import (
	"context"
	"fmt"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
)

type migrateCommand struct{}

func (migrateCommand) Help() string {
	return `Tables only go forward. Several processes may migrate at once: one does it, and the others wait.

Example:
  DATABASE_URL=postgres://reportable@db:5432/reportable reportable migrate`
}

func (migrateCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Database(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	fmt.Fprintln(to.out, "The tables are up to date.")
	return nil
}
