package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/access"
	"github.com/reportable-incidents/reportable/services/casework"
	"github.com/reportable-incidents/reportable/services/postgres"
)

type rotaCommand struct {
	Add    rotaAdd    `cmd:"" help:"Put somebody on duty."`
	Import rotaImport `cmd:"" help:"Take a file of the rota."`
	List   rotaList   `cmd:"" help:"Who is on duty, and when nobody is."`
}

type rotaAdd struct {
	Region string `required:"" placeholder:"CODE" help:"The region, such as N03."`
	Staff  string `required:"" placeholder:"CODE" help:"The duty officer's staff code."`
	From   string `required:"" placeholder:"TIME" help:"When the shift begins, on the clock of London: 2026-11-20T17:00."`
	Until  string `required:"" placeholder:"TIME" help:"When it ends."`

	Telephone string `placeholder:"NUMBER" help:"Where they are called."`
}

func (rotaAdd) Help() string {
	return `What is urgent at night, at weekends and on bank holidays goes to whoever is on duty, and to the head of PDU at once where nobody is.

Example:
  reportable rota add --region N03 --staff N03D01 --from 2026-11-20T17:00 --until 2026-11-23T09:00`
}

func (a rotaAdd) Run(ctx context.Context, c *run.Config, to terminal) error {
	zone := casework.EnglandAndWales().Zone()
	starts, errFrom := time.ParseInLocation("2006-01-02T15:04", a.From, zone)
	ends, errUntil := time.ParseInLocation("2006-01-02T15:04", a.Until, zone)
	if errFrom != nil || errUntil != nil || !ends.After(starts) {
		return run.Usage("--from and --until are times such as 2026-11-20T17:00, the first before the last")
	}
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	err = db.AddShift(ctx, casework.Shift{Region: a.Region, Staff: a.Staff, Starts: starts, Ends: ends, Telephone: a.Telephone}, "command line")
	if errors.Is(err, casework.ErrNotFound) {
		return fmt.Errorf("no PDU is in region %s; regions come with the caseload: reportable caseload import FILE", a.Region)
	}
	if err == nil {
		_, err = fmt.Fprintf(to.out, "%s is on duty for %s from %s to %s.\n", a.Staff, a.Region, a.From, a.Until)
	}
	return err
}

type rotaList struct {
	Days int  `default:"14" help:"How many days to look ahead. Default: ${default}."`
	JSON bool `name:"json" help:"Print it for a machine."`
	identity
}

func (rotaList) Help() string {
	return `Who takes what is urgent, by staff code, and the telephone of each with --json; for an account the regions whose rota it keeps or is on.` + whoAsks + `

Example:
  reportable rota list --days 28 --as 5f3e2c`
}

func (l rotaList) Run(ctx context.Context, c *run.Config, to terminal) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	now := time.Now()
	who, subject, err := l.who(ctx, c, db, access.KeepRota)
	if err != nil {
		return err
	}
	regions, shifts, err := rotaOf(ctx, db, who, now)
	if err != nil {
		return err
	}
	err = db.Record(ctx, postgres.Audit{Actor: subject, What: "ROTA_LISTED", Service: "reportable", SubjectType: "ROTA",
		Details: map[string]any{"regions": regions}})
	if err != nil {
		return err
	}
	gaps := casework.EnglandAndWales().Gaps(regions, shifts, now, l.Days)
	if l.JSON {
		return to.json(map[string]any{"shifts": shifts, "unstaffed": gaps})
	}
	zone := casework.EnglandAndWales().Zone()
	const form = "Mon 2 Jan 15:04"
	for _, s := range shifts {
		fmt.Fprintf(to.out, "%s  %s to %s  %s\n", s.Region, s.Starts.In(zone).Format(form), s.Ends.In(zone).Format(form), s.Staff)
	}
	for _, g := range gaps {
		fmt.Fprintf(to.out, "%s  %s to %s  NOBODY\n", g.Region, g.Starts.In(zone).Format(form), g.Ends.In(zone).Format(form))
	}
	if len(shifts)+len(gaps) == 0 {
		_, err = fmt.Fprintln(to.out, "There is nothing to list: no region whose rota is yours to read, or none at all yet; they come with the caseload.")
	}
	return err
}

// rotaOf is the rota that an account may read at the desk: of everywhere, before
// there is any account.
func rotaOf(ctx context.Context, db *postgres.DB, who casework.Account, now time.Time) (regions []string, shifts []casework.Shift, err error) {
	if who.ID == 0 {
		return db.Shifts(ctx, now)
	}
	if regions, err = db.RotaRegions(ctx, who.ID); err != nil {
		return nil, nil, err
	}
	lines, err := db.Rota(ctx, who.ID, now, 0)
	for _, l := range lines {
		shifts = append(shifts, l.Shift)
	}
	return regions, shifts, err
}

// rota looks at the coming week: what is urgent at night has to reach somebody.
func rota(ctx context.Context, db *postgres.DB, now time.Time) (finding, error) {
	regions, shifts, err := db.Shifts(ctx, now)
	if err != nil {
		return finding{}, err
	}
	gaps := casework.EnglandAndWales().Gaps(regions, shifts, now, 7)
	if len(gaps) == 0 {
		return finding{What: "somebody is on duty at every hour of the coming week", Well: true}, nil
	}
	first := gaps[0].Starts.In(casework.EnglandAndWales().Zone()).Format("Monday 2 January at 15:04")
	return finding{
		What: fmt.Sprintf("nobody is on duty out of hours in %s from %s", gaps[0].Region, first),
		Do:   "reportable rota add; until then what is urgent at night goes to the head of PDU alone",
	}, nil
}
