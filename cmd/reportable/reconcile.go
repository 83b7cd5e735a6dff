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
	return `Every revision that a force was told is accepted is matched, unmatched, withdrawn, superseded, quarantined or in flight; these add up. Unaccounted counts what joins over the ledger find wrong whatever the revisions say of themselves. It is 0, else this command fails; so it does when the case record does not hold what was sent to it.

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
	transfers, err := db.TransferFindings(ctx)
	if err != nil {
		return err
	}
	if !transfers.At.IsZero() || transfers.Failed > 0 {
		counts.Transfers = &transfers
	}
	if r.JSON {
		err = to.json(counts)
	} else {
		err = inWords(to.out, counts)
	}
	if err == nil && counts.Unaccounted > 0 {
		err = fmt.Errorf("%d unaccounted for; see the runbook, deploy/runbooks", counts.Unaccounted)
	}
	if err == nil && transfers.Wrong() > 0 {
		err = fmt.Errorf("the case record does not agree on %d contacts; see deploy/runbooks/TransfersDisagree.md", transfers.Wrong())
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
	if t := r.Transfers; t != nil {
		if t.At.IsZero() {
			fmt.Fprintln(to, "The case record has not been asked yet what it holds.")
		} else {
			fmt.Fprintf(to, "The case record held %d contacts on %s: %d missing, %d different, %d that nobody sent.\n",
				t.Held, t.At.In(casework.EnglandAndWales().Zone()).Format("2 January at 15:04"), t.Missing, t.Different, t.Extra)
		}
		if t.Failed > 0 {
			fmt.Fprintf(to, "%10d  transfers were given up, and wait for an administrator\n", t.Failed)
		}
	}
	if r.EnquiriesWaiting+r.Replies > 0 {
		fmt.Fprintf(to, "%d enquiries wait for police. Of %d replies accepted %d are to be read, and %d wait for an incident.\n",
			r.EnquiriesWaiting, r.Replies, r.RepliesUnread, r.RepliesUnrouted)
	}
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
