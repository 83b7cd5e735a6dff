package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/casework"
)

type feedConflict struct {
	List    feedConflictList    `cmd:"" help:"List those that wait to be resolved."`
	Resolve feedConflictResolve `cmd:"" help:"Note that the first contents stand, and forget the others."`
}

type feedConflictList struct {
	Force string `placeholder:"CODE" help:"Of this force alone."`
	All   bool   `help:"Those too that are resolved."`
	JSON  bool   `name:"json" help:"Answer as JSON."`
}

func (feedConflictList) Help() string {
	return `The first contents of a revision stand; others under the same number are kept aside until the force has said what is so. If the others are right, the force sends them as a new revision, and the conflict is over.

Example:
  reportable feed conflict list --force 62`
}

func (l feedConflictList) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	all, err := db.Conflicts(ctx, l.Force, l.All)
	if err != nil {
		return err
	}
	if l.JSON {
		return to.json(map[string]any{"conflicts": all})
	}
	if len(all) == 0 {
		fmt.Fprintln(to.out, "There is none.")
	}
	for _, k := range all {
		state := "waits"
		if k.ResolvedAt != nil {
			state = "resolved: " + k.Resolution
		}
		fmt.Fprintf(to.out, "%6d  force %s  %-24s revision %-3d received %s  %s\n", k.ID, k.Force, k.Reference, k.Revision, k.ReceivedAt.UTC().Format("2006-01-02 15:04"), state)
	}
	return nil
}

type feedConflictResolve struct {
	ID     int64  `arg:"" help:"The conflict's number, as feed conflict list gives it."`
	Force  string `required:"" placeholder:"CODE" help:"The force whose incident it is."`
	Reason string `required:"" help:"What the force said. It is kept on the record: no names."`
}

func (feedConflictResolve) Help() string {
	return `Example:
  reportable feed conflict resolve --force 62 --reason "first export was right" 7`
}

func (r feedConflictResolve) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	err = db.ResolveConflict(ctx, r.Force, r.ID, "operator", r.Reason)
	if errors.Is(err, casework.ErrNotFound) {
		return fmt.Errorf("force %s has no conflict %d that waits; see reportable feed conflict list --force %s", r.Force, r.ID, r.Force)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(to.out, "Conflict %d is resolved: the first contents stand.\n", r.ID)
	return nil
}
