package main

import (
	"context"
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/simulator"
)

type simulateCommand struct {
	People    int    `default:"16000" help:"How many are under supervision. Default: ${default}."`
	Incidents int    `default:"0" help:"How many incidents to make up. Default: none."`
	Seed      uint64 `default:"1" help:"The same seed gives the same people and incidents. Default: ${default}."`
	Date      string `placeholder:"YYYY-MM-DD" help:"The day of the extract. Default: today."`
	Days      int    `default:"28" help:"Over how many days from the extract's on the incidents are reported. Default: ${default}; none is reported in the future."`
	Out       string `required:"" placeholder:"DIR" help:"The folder to write into."`
	JSON      bool   `name:"json" help:"Answer as JSON."`
}

func (simulateCommand) Help() string {
	return `Writes a made-up caseload as an extract of the case record, each Welsh force's export in its own layout, and truth.csv, which says who is who. Nobody in them is real.

Example:
  reportable simulate --people 16000 --incidents 5000 --seed 7 --date 2026-03-02 --out sim`
}

// mostPeople is where CRNs of one letter would run out.
const mostPeople = 20_000_000

func (s simulateCommand) Run(_ context.Context, to terminal) error {
	now := time.Now()
	if s.People < 0 || s.People > mostPeople || s.Incidents < 0 || s.Days < 1 {
		return run.Usage("--people is from 0 to %d, --incidents at least 0 and --days at least 1", mostPeople)
	}
	date := casework.DateOf(now)
	if s.Date != "" {
		var err error
		if date, err = casework.ParseDate(s.Date); err != nil || !date.Known() {
			return run.Usage("--date is not a day that exists; give YYYY-MM-DD")
		}
	}
	plan := simulator.Plan{Dir: s.Out, Incidents: s.Incidents, From: date.Time(), Until: date.Time().AddDate(0, 0, s.Days)}
	if plan.Until.After(now) {
		plan.Until = now
	}
	if !plan.From.Before(plan.Until) { // an extract of today or later: what happened before it
		plan.From = plan.Until.AddDate(0, 0, -s.Days)
	}
	progress, finish := to.progress("writing", int64(s.People)+int64(s.Incidents))
	plan.Progress = func(done int) { progress(int64(done)) }
	written, err := simulator.World{Seed: s.Seed, People: s.People, Date: date}.Write(plan)
	finish()
	if err != nil {
		return err
	}
	if s.JSON {
		return to.json(written)
	}
	fmt.Fprintf(to.out, "%d people on probation, and %d incidents in %d revisions that name %d persons, %d of whom are on the caseload. In %s:\n",
		written.People, written.Incidents, written.Revisions, written.Persons, written.OnCaseload, s.Out)
	for _, name := range written.Files {
		fmt.Fprintf(to.out, "  %s\n", name)
	}
	return nil
}
