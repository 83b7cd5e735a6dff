package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"text/tabwriter"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
)

type quarantineCommand struct {
	List    quarantineListCommand    `cmd:"" help:"What waits for a hand, and why."`
	Retry   quarantineRetryCommand   `cmd:"" help:"Give something back to its stage."`
	Discard quarantineDiscardCommand `cmd:"" help:"Close something for good, with the reason."`
}

type quarantineListCommand struct {
	JSON  bool `name:"json" help:"Print it for a machine."`
	Limit int  `default:"100" help:"How many at most. Default: ${default}."`
}

func (quarantineListCommand) Help() string {
	return `Nothing that a stage cannot do is dropped: it is set aside with the reason. The reasons quote nothing that was sent.

Example:
  reportable quarantine list`
}

func (q quarantineListCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	waiting, err := db.Quarantine(ctx, q.Limit)
	if err != nil {
		return err
	}
	if q.JSON {
		return to.json(waiting)
	}
	if len(waiting) == 0 {
		_, err := fmt.Fprintln(to.out, "Nothing is in quarantine.")
		return err
	}
	table := tabwriter.NewWriter(to.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NUMBER\tSTAGE\tWHAT\tSINCE\tATTEMPTS\tREASON")
	for _, w := range waiting {
		what := w.Key
		if what == "" {
			what = w.Subject
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%d\t%s\n", w.ID, w.Stage, what, w.At.Local().Format(time.DateTime), w.Attempts, w.Reason)
	}
	return table.Flush()
}

type quarantineRetryCommand struct {
	Number []int64 `arg:"" help:"As listed."`
}

func (quarantineRetryCommand) Help() string {
	return `Example:
  reportable quarantine retry 17`
}

func (q quarantineRetryCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	return resolve(ctx, c, to, q.Number, "")
}

type quarantineDiscardCommand struct {
	Number []int64 `arg:"" help:"As listed."`
	Reason string  `required:"" help:"Why it may be left undone. It is kept on the record: name nobody."`
}

func (quarantineDiscardCommand) Help() string {
	return `The revision stays on the record as quarantined.

Example:
  reportable quarantine discard 17 --reason "sent in error; the force has withdrawn it by telephone"`
}

func (q quarantineDiscardCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	if q.Reason == "" {
		return run.Usage("a reason is needed to discard something")
	}
	return resolve(ctx, c, to, q.Number, q.Reason)
}

func resolve(ctx context.Context, c *run.Config, to terminal, numbers []int64, discard string) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	by := "command line"
	if who, err := user.Current(); err == nil {
		by += ", " + who.Username
	}
	for _, n := range numbers {
		did := "discarded"
		if discard == "" {
			did = "given back to its stage"
			err = db.Retry(ctx, n, by)
		} else {
			err = db.Discard(ctx, n, by, discard)
		}
		if errors.Is(err, casework.ErrNotFound) {
			return fmt.Errorf("nothing waits in quarantine under the number %d; see reportable quarantine list", n)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(to.out, "%d is %s.\n", n, did)
	}
	return nil
}
