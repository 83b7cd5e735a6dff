package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
)

type reconcileCommand struct {
	JSON bool `name:"json" help:"Print the counts for a machine."`
}

func (reconcileCommand) Help() string {
	return `Every revision that a force was told is accepted is matched, unmatched, withdrawn, superseded, quarantined or in flight; these add up. Unaccounted counts what joins over the ledger find wrong whatever the revisions say of themselves. It is 0, else this command fails.

Example:
  reportable reconcile --json`
}

func (r reconcileCommand) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	counts, err := db.Reconcile(ctx, time.Now())
	if err != nil {
		return err
	}
	if r.JSON {
		err = to.json(counts)
	} else {
		err = inWords(to.out, counts)
	}
	if err == nil && counts.Unaccounted > 0 {
		err = fmt.Errorf("%d unaccounted for; see the runbook, deploy/runbooks", counts.Unaccounted)
	}
	return err
}

// inWords says where everything is and what is wrong.
func inWords(to io.Writer, r casework.Reconciliation) error {
	fmt.Fprintf(to, "%d revisions were accepted.\n", r.Accepted)
	for _, line := range []struct {
		count int
		is    string
	}{
		{r.Matched, "matched: somebody in it is probably on probation"},
		{r.Unmatched, "unmatched: nobody in it is"},
		{r.Withdrawn, "withdrawn by the force"},
		{r.Superseded, "superseded by a later revision"},
		{r.Quarantined, "in quarantine, waiting for a hand: reportable quarantine list"},
		{r.InFlight, "in flight: not settled yet"},
	} {
		fmt.Fprintf(to, "%10d  %s\n", line.count, line.is)
	}
	fmt.Fprintf(to, "The personal data of %d is erased.\n", r.Erased)
	if r.Unaccounted == 0 {
		_, err := fmt.Fprintln(to, "Nothing is unaccounted for.")
		return err
	}
	for _, f := range r.Wrong {
		fmt.Fprintf(to, "%10d  %s: %s", f.Count, f.What, f.Examples[0])
		for _, e := range f.Examples[1:] {
			fmt.Fprintf(to, ", %s", e)
		}
		if f.Count > len(f.Examples) {
			fmt.Fprint(to, ", …")
		}
		fmt.Fprintln(to)
	}
	return nil
}
