package main

import (
	"context"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
)

type upCommand struct {
	run.Addresses
	Demo bool          `help:"Add a synthetic Welsh caseload, personas to sign in as, and a live feed of incidents."`
	For  time.Duration `placeholder:"90s" help:"Stop by itself after this long."`
}

func (upCommand) Help() string {
	return `Everything that it holds is in the data folder; the next "up" on the same folder goes on where this one stopped.

Example:
  reportable up --demo`
}

func (u upCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	return run.Up(ctx, c, run.UpOptions{Addresses: u.Addresses, For: u.For, Demo: u.Demo, Progress: to.progress, Out: to.out, Err: to.err})
}
