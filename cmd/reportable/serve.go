package main

import (
	"context"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
)

type serveCommand struct {
	Services []string `arg:"" help:"Which: any of ${services}."`
	run.Options
}

func (serveCommand) Help() string {
	return `Runs the named services, and no others, against NATS_URL and DATABASE_URL. Any number of processes may run the same service; they share the work. The tables are to be there: reportable migrate.

Example:
  NATS_URL=nats://nats:4222 DATABASE_URL=postgres://reportable@db/reportable reportable serve notifier`
}

func (s serveCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	return run.Serve(ctx, c, s.Options, s.Services, to.err)
}
