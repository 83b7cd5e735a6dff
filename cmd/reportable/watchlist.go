package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/caseload"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type watchlistCommand struct {
	Status    watchlistStatus    `cmd:"" help:"Say how far each force has taken its list."`
	Show      watchlistShow      `cmd:"" help:"Write a force's list, as the force gets it."`
	Set       watchlistSet       `cmd:"" help:"Say of whom a force is told, and what."`
	Subscribe watchlistSubscribe `cmd:"" help:"Put one person on the list of a force that would not be told of them."`
}

type watchlistStatus struct {
	JSON bool `name:"json" help:"Answer as JSON."`
}

func (watchlistStatus) Help() string {
	return `Example:
  reportable caseload watchlist status`
}

func (s watchlistStatus) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	states, err := db.WatchStates(ctx)
	if err != nil {
		return err
	}
	for _, state := range states {
		if _, err := db.SyncWatchList(ctx, state.Force); err != nil {
			return err
		}
	}
	if states, err = db.WatchStates(ctx); err != nil {
		return err
	}
	if s.JSON {
		return to.json(map[string]any{"watchlists": states})
	}
	for _, w := range states {
		name, _ := casework.ForceName(w.Force)
		fmt.Fprintf(to.out, "%s %-16s %7d people at cursor %d; %d confirmed as last told, %d endings not confirmed.\n",
			w.Force, name, w.People, w.Cursor, w.PeopleConfirmed, w.UnconfirmedEndings)
		fmt.Fprintf(to.out, "   told of: %s. Fields: %s.\n", told(w.WatchPolicy), strings.Join(w.Fields, ", "))
		if w.Unfiltered != "" {
			fmt.Fprintf(to.out, "   sends unfiltered, by the impact assessment %s\n", w.Unfiltered)
		}
	}
	return nil
}

func told(p casework.WatchPolicy) string {
	where := slices.Concat(p.Regions, p.PDUs)
	if len(where) == 0 {
		return "those subscribed to alone"
	}
	return "everyone in " + strings.Join(where, ", ")
}

type watchlistShow struct {
	Force string `required:"" placeholder:"CODE" help:"The force's code, such as 62."`
	identity
}

func (watchlistShow) Help() string {
	return `The same lines as GET /v1/caseload gives, for a force that gets its list by hand. A list goes out whole or not at all: who asks must be an administrator or head of everybody's PDU on it, and may be kept from nobody's case.` + whoAsks + `

Example:
  reportable caseload watchlist show --force 62 --as 5f3e2c > caseload.ndjson`
}

func (s watchlistShow) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if _, err := db.SyncWatchList(ctx, s.Force); err != nil {
		return agreed(err)
	}
	who, subject, err := s.who(ctx, c, db, access.JudgeMatches)
	if err != nil {
		return err
	}
	if who.ID != 0 {
		if beyond, err := db.WatchListBeyond(ctx, who.ID, s.Force); err != nil || beyond {
			return cmp.Or(err, errors.New("the list tells of people whose cases are not this account's to see; a list goes out whole or not at all"))
		}
	}
	return agreed(caseload.WriteList(ctx, db, s.Force, -1, time.Now(), to.out, func(cursor int64, entries int) error {
		return db.Record(ctx, postgres.Audit{Actor: subject, What: "WATCHLIST_READ", Service: "caseload",
			SubjectType: "WATCHLIST", SubjectID: s.Force, Details: map[string]any{"cursor": cursor, "entries": entries}})
	}))
}

// agreed says what to do where a force has no list.
func agreed(err error) error {
	if errors.Is(err, casework.ErrNotFound) {
		return errors.New("no watch list has been agreed for that force; make one with reportable caseload watchlist set")
	}
	return err
}

type watchlistSet struct {
	Force      string   `required:"" placeholder:"CODE" help:"The force's code, such as 62."`
	Region     []string `placeholder:"CODE" help:"Tell it of everyone under supervision in these regions."`
	PDU        []string `name:"pdu" placeholder:"CODE" help:"Tell it of everyone under supervision in these PDUs."`
	Field      []string `required:"" placeholder:"NAME" help:"What it is told of each; nothing that is not named goes out."`
	Unfiltered string   `placeholder:"REFERENCE" help:"The impact assessment by which the force sends everything, and not what concerns its list alone."`
}

func (watchlistSet) Help() string {
	return `Takes the place of the force's policy as a whole. Who is no longer on the list is told as an ending.

The fields are ` + strings.Join(casework.WatchFields, ", ") + `. Of restricted people only pncs and cros go out, with tokens by which the force can see that an incident may be about them.

Example:
  reportable caseload watchlist set --force 93 --region N03 --field surname,forenames,dateOfBirth,pncs`
}

func (s watchlistSet) Run(ctx context.Context, c *run.Config, to terminal) error {
	if _, known := casework.ForceName(s.Force); !known {
		return run.Usage("there is no force %q; South Wales is 62", s.Force)
	}
	policy := casework.WatchPolicy{Force: s.Force, Regions: s.Region, PDUs: s.PDU, Fields: s.Field, Unfiltered: s.Unfiltered}
	if !policy.Valid() {
		return run.Usage("--field is any of %s", strings.Join(casework.WatchFields, ", "))
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	if err := db.SetWatchPolicy(ctx, policy, "command line"); err != nil {
		return err
	}
	fmt.Fprintf(to.out, "Force %s is told of %s.\n", s.Force, told(policy))
	return nil
}

type watchlistSubscribe struct {
	Force   string        `required:"" placeholder:"CODE" help:"The force's code, such as 93."`
	CRN     string        `required:"" name:"crn" help:"Of whom."`
	Reason  string        `required:"" help:"Why the force is told of them. No names."`
	Owner   string        `required:"" placeholder:"STAFF" help:"The staff code of whoever answers for it."`
	Expires time.Duration `default:"2160h" help:"For how long. Default: ${default}, which is 90 days."`
}

func (watchlistSubscribe) Help() string {
	return `Example:
  reportable caseload watchlist subscribe --force 93 --crn X123456 --reason "travels by train" --owner N03S0101`
}

func (s watchlistSubscribe) Run(ctx context.Context, c *run.Config, to terminal) error {
	crn, err := readCRN(s.CRN)
	if err != nil {
		return err
	}
	if s.Expires <= 0 || s.Expires > 366*24*time.Hour {
		return run.Usage("--expires is more than nothing and at most a year")
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	until := time.Now().Add(s.Expires)
	err = db.Subscribe(ctx, postgres.Subscription{Force: s.Force, CRN: crn, Reason: s.Reason, Owner: s.Owner, Expires: until})
	if errors.Is(err, casework.ErrNotFound) {
		return errors.New("that CRN is not on the register, or no watch list has been agreed for that force")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(to.out, "Force %s is told of %s until %s.\n", s.Force, crn, until.Format(time.DateOnly))
	return nil
}
