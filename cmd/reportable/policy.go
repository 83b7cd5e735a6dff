package main

import (
	"context"
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/deploy"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/notifier"
)

type policyCommand struct {
	Check policyCheck `cmd:"" help:"Say what a policy file would have done to the last days."`
	Show  policyShow  `cmd:"" help:"Print the policy that ships, to begin one from."`
}

type policyShow struct{}

func (policyShow) Help() string {
	return `Example:
  reportable policy show > policy.yaml`
}

func (policyShow) Run(to terminal) error {
	_, err := to.out.Write(deploy.Policy)
	return err
}

type policyCheck struct {
	File    string `arg:"" placeholder:"FILE" help:"The policy to try."`
	Against string `placeholder:"FILE" env:"POLICY_FILE" help:"The policy that runs. Default: the one that ships."`
	Days    int    `default:"28" help:"How many days to look back. Default: ${default}."`
	JSON    bool   `name:"json" help:"Print it for a machine."`
}

func (policyCheck) Help() string {
	return `Reads a policy and refuses it, with line and reason, where it is wrong or goes below the floor. Then looks at every match of the last days and says what it would have asked differently. Nothing is changed.

Example:
  reportable policy check policy.yaml --days 14`
}

func (p policyCheck) Run(ctx context.Context, c *run.Config, to terminal) error {
	if p.Days < 1 || p.Days > 3660 {
		return run.Usage("--days is %d; it is a number from 1 to 3660", p.Days)
	}
	other, err := notifier.ReadPolicyFile(p.File)
	if err != nil {
		return err
	}
	running, err := notifier.ReadPolicyFile(p.Against)
	if err != nil {
		return err
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	set, finish := to.progress("looking at what was found", -1)
	comparison := &notifier.Comparison{Running: running, Other: other}
	seen := int64(0)
	n, err := db.ReplayConcerns(ctx, time.Now().AddDate(0, 0, -p.Days), func(c *casework.Concern) {
		comparison.Look(c)
		seen++
		set(seen)
	})
	finish()
	if err != nil {
		return err
	}
	all := comparison.Differences()
	if p.JSON {
		return to.json(map[string]any{"days": p.Days, "concerns": n, "rules": all})
	}
	fmt.Fprintf(to.out, "The policy can be used. In the last %d days %d people were found in incidents.\n", p.Days, n)
	same := 0
	for _, d := range all {
		if !d.Differs() {
			same++
			continue
		}
		fmt.Fprintf(to.out, "  %s\n", d)
		if len(d.Examples) > 0 {
			fmt.Fprintf(to.out, "  %-26s such as incident %v\n", "", d.Examples)
		}
	}
	_, err = fmt.Fprintf(to.out, "%d of %d rules would have done the same.\n", same, len(all))
	return err
}
