package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
	"github.com/reportable-incidents/reportable/services/report"
)

type reportCommand struct {
	Inspection inspectionCommand `cmd:"" help:"Answer the inspectorate's questions from the record, by PDU."`
	Recount    recountCommand    `cmd:"" help:"Compare the sums that reports are made of with the record, or make them anew."`
}

type inspectionCommand struct {
	From   string `required:"" placeholder:"DATE" help:"The first day, as 2026-10-01."`
	To     string `required:"" placeholder:"DATE" help:"The last day, which is included."`
	Format string `enum:"html,csv,json" default:"html" help:"html, csv or json. Default: ${default}."`
	identity
	Output string `short:"o" placeholder:"FILE" help:"Write to FILE instead of the standard output."`
}

func (inspectionCommand) Help() string {
	return `Counts, for all PDUs together and for each: whether practitioners were aware, how soon, and what was decided, reviewed, consulted, countersigned and told; median and 90th centile of each stage; and what is outstanding. It names nobody.` + whoAsks + `

Example:
  reportable report inspection --from 2026-10-01 --to 2026-10-31 --as 5f3e2c -o october.html`
}

func (i inspectionCommand) Run(ctx context.Context, c *run.Config, to terminal) (err error) {
	zone := casework.EnglandAndWales().Zone()
	from, errFrom := time.ParseInLocation(time.DateOnly, i.From, zone)
	last, errTo := time.ParseInLocation(time.DateOnly, i.To, zone)
	if errFrom != nil || errTo != nil || last.Before(from) {
		return run.Usage("--from and --to are days such as 2026-10-01, the first not after the last")
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	now := time.Now()
	who, subject, err := i.who(ctx, c, db, access.Inspect)
	if err != nil {
		return err
	}
	counted, err := db.Counts(ctx, who)
	if err != nil {
		return err
	}
	err = db.Record(ctx, postgres.Audit{Actor: subject, What: "INSPECTION_REPORTED", Service: "reportable", SubjectType: "inspection",
		Details: map[string]any{"from": i.From, "to": i.To}})
	if err != nil {
		return err
	}
	if err := db.CountAll(ctx); err != nil { // what has just changed is in it
		return err
	}
	answers, err := db.InspectFor(ctx, counted, from, last.AddDate(0, 0, 1), now)
	if err != nil {
		return err
	}
	// On the page the period ends with its last day, not with the day after.
	answers.To = last
	out := to.out
	if i.Output != "" {
		f, err := os.Create(i.Output)
		if err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
		defer func() {
			if e := f.Close(); err == nil && e != nil {
				err = fmt.Errorf("write the report: %w", e)
			}
		}()
		out = f
	}
	switch i.Format {
	case "csv":
		return report.CSV(out, answers, nil)
	case "json":
		return report.JSON(out, answers)
	}
	return report.HTML(out, answers, now)
}

type recountCommand struct {
	Check bool `help:"Compare only, and fail if anything is different."`
	JSON  bool `name:"json" help:"Print what is different for a machine."`
}

func (recountCommand) Help() string {
	return `Reports over years read sums, and samples are drawn from a list of closed reviews; both are kept as the record changes. This compares every one of them with the record, and unless --check is given counts everything anew where they differ. Reports that are read meanwhile say what they did.

Example:
  reportable report recount --check`
}

func (r recountCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if err := db.CountAll(ctx); err != nil {
		return err
	}
	wrong, err := db.Miscounted(ctx)
	if err != nil {
		return err
	}
	if wrong.Any() && !r.Check {
		if err := db.RecountAll(ctx); err != nil {
			return err
		}
	}
	if r.JSON {
		err = to.json(wrong)
	} else if wrong.Any() {
		_, err = fmt.Fprintf(to.out, "Different: %d matches, %d milestones, %d sums, %d closed reviews.\n", wrong.Matches, wrong.Milestones, wrong.Sums, wrong.Reviews)
	} else {
		_, err = fmt.Fprintln(to.out, "The sums are what the record comes to.")
	}
	switch {
	case err != nil || !wrong.Any():
	case r.Check:
		err = fmt.Errorf("the sums that reports are made of are not what the record comes to; make them anew with reportable report recount")
	case !r.JSON:
		_, err = fmt.Fprintln(to.out, "Everything was counted anew.")
	}
	return err
}
