package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/reportable-incidents/reportable/cmd/reportable/run"
	"github.com/reportable-incidents/reportable/services/caseload/extract"
	"github.com/reportable-incidents/reportable/services/postgres"
)

// taker is an import of a staff list or of a rota.
type taker func(ctx context.Context, store extract.StaffStore, from io.Reader, by string) (extract.StaffReport, error)

// takeStaffing takes the files that are given, the staff first.
func takeStaffing(ctx context.Context, db *postgres.DB, staffFile, rotaFile string) (staff, rota *extract.StaffReport, err error) {
	if staffFile != "" {
		if staff, err = takeFile(ctx, db, staffFile, extract.ImportStaff); err != nil {
			return staff, nil, err
		}
	}
	if rotaFile != "" {
		rota, err = takeFile(ctx, db, rotaFile, extract.ImportRota)
	}
	return staff, rota, err
}

func takeFile(ctx context.Context, db *postgres.DB, path string, take taker) (*extract.StaffReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	report, err := take(ctx, db, f, "command line")
	return &report, err
}

func announceStaffing(to terminal, staff, rota *extract.StaffReport) {
	for _, r := range []*extract.StaffReport{staff, rota} {
		if r == nil {
			continue
		}
		for n, p := range r.Problems {
			if n == mostTold {
				fmt.Fprintf(to.err, "and more; %d rows were rejected in all\n", r.Rejected)
				break
			}
			fmt.Fprintln(to.err, p)
		}
		if t := r.Staff; t != nil {
			fmt.Fprintf(to.out, "The staff list: %d members of staff, %d of them new or changed, %d gone; %d mailboxes changed; %d rows rejected.\n",
				t.Staff, t.Changed, t.Gone, t.Mailboxes, r.Rejected)
		}
		if t := r.Rota; t != nil {
			fmt.Fprintf(to.out, "The rota: %d shifts, %d of them new, %d of an earlier file taken away; %d rows rejected.\n",
				t.Shifts, t.Added, t.Removed, r.Rejected)
		}
		if len(r.Ignored) > 0 {
			fmt.Fprintf(to.out, "Columns that were not understood: %s.\n", strings.Join(r.Ignored, ", "))
		}
	}
}

type caseloadStaff struct {
	File string `arg:"" type:"existingfile" help:"The staff list, as CSV."`
	JSON bool   `name:"json" help:"Answer as JSON."`
}

func (caseloadStaff) Help() string {
	return `Columns: role, staff_code, name, grade, team_code, pdu_code, region_code, email. The role is practitioner, manager or head for staff; administrator, victim_staff, meeting or head of a pdu_code, or duty_officer of a region_code or staff_code, for a mailbox. A mailbox without an address is taken away.

Example:
  reportable caseload staff staff.csv`
}

func (s caseloadStaff) Run(ctx context.Context, c *run.Config, to terminal) error {
	return takeOne(ctx, c, to, s.File, "", s.JSON)
}

type rotaImport struct {
	File string `arg:"" type:"existingfile" help:"The rota, as CSV."`
	JSON bool   `name:"json" help:"Answer as JSON."`
}

func (rotaImport) Help() string {
	return `Columns: region_code, staff_code, from, until, the times on the clock of London. Between a region's first and last shift the file is complete: what an earlier one had and it has not is taken away, unless it has begun or was set by hand.

Example:
  reportable rota import rota-2026-12.csv`
}

func (r rotaImport) Run(ctx context.Context, c *run.Config, to terminal) error {
	return takeOne(ctx, c, to, "", r.File, r.JSON)
}

func takeOne(ctx context.Context, c *run.Config, to terminal, staffFile, rotaFile string, asJSON bool) error {
	db, done, err := run.Migrated(ctx, c)
	if err != nil {
		return err
	}
	defer done()
	staff, rota, err := takeStaffing(ctx, db, staffFile, rotaFile)
	if err != nil {
		return err
	}
	if asJSON {
		if staff == nil {
			staff = rota
		}
		return to.json(staff)
	}
	announceStaffing(to, staff, rota)
	return nil
}
