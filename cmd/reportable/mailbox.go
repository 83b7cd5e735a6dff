package main

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type mailboxCommand struct {
	Set  mailboxSet  `cmd:"" help:"Where a part reads its mail."`
	List mailboxList `cmd:"" help:"Who can be written to, and who cannot."`
}

type mailboxSet struct {
	Role    string `arg:"" enum:"administrator,victim_staff,head,meeting,duty_officer" help:"administrator, victim_staff, head, meeting or duty_officer."`
	Scope   string `arg:"" help:"The PDU's code; for duty officers the region's, or a staff code."`
	Address string `arg:"" optional:"" help:"The e-mail address. None takes the mailbox away."`
}

func (mailboxSet) Help() string {
	return `Parts that nobody has alone are written to at a mailbox. The staff list brings them too: reportable caseload staff. The meeting is where a PDU's daily digest goes besides its head.

Example:
  reportable mailbox set administrator N03SW1 cardiff.admin@probation.example`
}

func (s mailboxSet) Run(ctx context.Context, c *run.Config, to terminal) error {
	if s.Address != "" {
		parsed, err := mail.ParseAddress(s.Address)
		if err != nil || parsed.Address != s.Address {
			return run.Usage("the address has to be a plain one, such as team@probation.example")
		}
	}
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		places, err := db.Places(ctx)
		if err != nil {
			return err
		}
		if s.Role != "duty_officer" && !places.PDUs[s.Scope] {
			return fmt.Errorf("there is no PDU %s; they come with the caseload: reportable caseload import FILE", s.Scope)
		}
		if err := db.SetMailbox(ctx, s.Role, s.Scope, s.Address, "command line"); err != nil {
			return err
		}
		_, err = fmt.Fprintf(to.out, "The mailbox of %s %s is %s.\n", s.Role, s.Scope, map[bool]string{true: "set", false: "taken away"}[s.Address != ""])
		return err
	})
}

type mailboxList struct {
	JSON bool `name:"json" help:"Print it for a machine."`
}

func (mailboxList) Help() string {
	return `How many of each part, in each place, have an address. It shows no address and names nobody.

Example:
  reportable mailbox list`
}

func (l mailboxList) Run(ctx context.Context, c *run.Config, to terminal) error {
	return withDatabase(ctx, c, func(db *postgres.DB) error {
		all, err := db.Reach(ctx)
		if err != nil {
			return err
		}
		if l.JSON {
			return to.json(map[string]any{"parts": all})
		}
		for _, r := range all {
			is := fmt.Sprintf("%d of %d have an address", r.Reached, r.Of)
			if r.Reached == 0 {
				is = "NOBODY has an address"
			}
			fmt.Fprintf(to.out, "%-14s %-10s %s\n", r.Role, r.Scope, is)
		}
		return nil
	})
}

// reached says who would not be written to, where anybody is.
func reached(all []postgres.Reach) finding {
	var without []string
	for _, r := range all {
		if r.Reached < r.Of {
			without = append(without, fmt.Sprintf("%s %s (%d)", r.Role, r.Scope, r.Of-r.Reached))
		}
	}
	if len(without) == 0 {
		return finding{What: "everybody who is owed mail has an address", Well: true}
	}
	shown := without[:min(8, len(without))]
	what := strings.Join(shown, ", ")
	if len(without) > len(shown) {
		what += fmt.Sprintf(" and %d more", len(without)-len(shown))
	}
	return finding{What: "without an address, so told in the desk alone: " + what,
		Do: "reportable mailbox set, or take the staff list: reportable caseload staff FILE"}
}
