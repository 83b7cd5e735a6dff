package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/reportable-incidents/reportable/services/casework"
)

// StaffStore is what a staff list and a rota need of the store.
type StaffStore interface {
	Places(ctx context.Context) (casework.Places, error)
	TakeStaff(ctx context.Context, list []casework.StaffEntry, by string) (casework.StaffTaken, error)
	TakeRota(ctx context.Context, shifts []casework.Shift, by string) (casework.RotaTaken, error)
}

// StaffReport is the answer to a staff list or a rota.
type StaffReport struct {
	Staff    *casework.StaffTaken `json:"staff,omitempty"`
	Rota     *casework.RotaTaken  `json:"rota,omitempty"`
	Rejected int                  `json:"rejected"`
	Ignored  []string             `json:"ignoredColumns,omitempty"`
	Problems []Problem            `json:"problems,omitempty"`
}

// mostRows bounds a staff list and a rota: what is longer is neither.
const mostRows = 200_000

// ImportStaff takes the case record's staff list: who there is, with grade,
// place and address, and the mailboxes of those who share one.
//
//	role,staff_code,name,grade,team_code,pdu_code,region_code,email
//	head,N03H01,…,,,N03SW1,,…@probation.example
//	administrator,,,,,N03SW1,,cardiff.admin@probation.example
func ImportStaff(ctx context.Context, store StaffStore, from io.Reader, by string) (StaffReport, error) {
	var report StaffReport
	var list []casework.StaffEntry
	places, err := store.Places(ctx)
	if err != nil {
		return report, err
	}
	seen := map[string]bool{}
	err = eachRow(from, &report, "role staff_code name grade team_code pdu_code region_code email", "role", func(r *reading) {
		e := casework.StaffEntry{Row: r.row, Name: r.text("name", 200), Grade: r.text("grade", 40), Email: r.email("email"),
			Code: r.id("staff_code", false), Team: r.id("team_code", false), PDU: r.id("pdu_code", false), Region: r.id("region_code", false)}
		e.Role = r.oneOf("role", "practitioner", "manager", "head", "administrator", "victim_staff", "duty_officer", "meeting")
		// A row without an address takes a mailbox away; one whose address
		// cannot be read must not.
		if e.Role == "" && !r.rejected("role") {
			r.reject("role", "missing")
		}
		if e.Role != "" && !placed(e) {
			r.reject("role", "role")
		}
		r.known("pdu_code", e.PDU, places.PDUs)
		r.known("team_code", e.Team, places.Teams)
		r.known("region_code", e.Region, places.Regions)
		key := "staff " + e.Code
		if !e.Staff() {
			key = e.Role + " " + e.Mailbox()
		}
		if seen[key] {
			r.reject("role", "twice")
		}
		if len(r.problems) == 0 {
			seen[key] = true
			list = append(list, e)
		}
	})
	if err != nil {
		return report, err
	}
	taken, err := store.TakeStaff(ctx, list, by)
	report.Staff = &taken
	return report, err
}

// placed says whether an entry says enough of where it belongs.
func placed(e casework.StaffEntry) bool {
	switch e.Role {
	case "practitioner", "manager":
		return e.Code != "" && e.PDU != ""
	case "duty_officer":
		return e.Code != "" || e.Region != ""
	case "head":
		return e.PDU != ""
	}
	return e.Code == "" && e.PDU != ""
}

// ImportRota takes the rota of duty officers.
//
//	region_code,staff_code,from,until
//	N03,N03D01,2026-11-20T17:00,2026-11-23T09:00
func ImportRota(ctx context.Context, store StaffStore, from io.Reader, by string) (StaffReport, error) {
	var report StaffReport
	var shifts []casework.Shift
	places, err := store.Places(ctx)
	if err != nil {
		return report, err
	}
	err = eachRow(from, &report, "region_code staff_code from until", "region_code staff_code from until", func(r *reading) {
		s := casework.Shift{Region: r.id("region_code", true), Staff: r.id("staff_code", true), Starts: r.time("from"), Ends: r.time("until")}
		r.known("region_code", s.Region, places.Regions)
		if !s.Starts.IsZero() && !s.Ends.IsZero() && !s.Ends.After(s.Starts) {
			r.reject("until", "shift")
		}
		if len(r.problems) == 0 {
			shifts = append(shifts, s)
		}
	})
	if err != nil {
		return report, err
	}
	taken, err := store.TakeRota(ctx, shifts, by)
	report.Rota = &taken
	return report, err
}

// eachRow reads a CSV of the given columns row by row.
func eachRow(from io.Reader, report *StaffReport, columns, needed string, take func(*reading)) error {
	known := strings.Fields(columns)
	rows, err := openTable(from, nil, func(theirs string) (string, bool) {
		name := strings.ToLower(strings.TrimSpace(theirs))
		return name, slices.Contains(known, name)
	}, strings.Fields(needed))
	if err != nil {
		return err
	}
	report.Ignored = rows.ignored()
	for n := 0; ; n++ {
		f, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == mostRows {
			return fmt.Errorf("%w; it has more than %d rows", ErrNotAnExtract, mostRows)
		}
		r := &reading{fields: f}
		if f.broken != "" {
			r.reject("", f.broken)
		} else {
			take(r)
		}
		if len(r.problems) > 0 {
			report.Rejected++
			report.Problems = append(report.Problems, r.problems[:min(len(r.problems), max(0, mostProblems-len(report.Problems)))]...)
		}
	}
}

// known rejects a code that the register does not have.
func (r *reading) known(column, code string, codes map[string]bool) {
	if code != "" && !codes[code] {
		r.reject(column, "unknown")
	}
}

// time reads a time on the clock of London, or one with its offset.
func (r *reading) time(column string) time.Time {
	s := r.raw(column)
	if s == "" {
		r.reject(column, "missing")
		return time.Time{}
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, s, casework.EnglandAndWales().Zone()); err == nil {
			return at
		}
	}
	r.reject(column, "time")
	return time.Time{}
}
