// Package extract reads the case record's extracts of its caseload.
//
//	case-record extract → extract → people, staff, rota, caseload.changed
//
// [Importer] reads an extract, complete or of changes alone, row by row: a row
// that cannot be taken is told with its column, a code and the action required,
// and the rest goes on. What it says is applied to the register in one
// transaction of the store.
package extract

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/reportable-incidents/reportable/services/casework"
)

// Store is what an import needs of the ledger.
type Store interface {
	ApplyExtract(ctx context.Context, e casework.Extract, next func() (casework.CaseRow, error)) (casework.ExtractApplied, error)
}

// Importer takes extracts into the register.
type Importer struct {
	Store Store
	// Progress, if set, is told now and then how many rows have been read.
	Progress func(rows int)
	// Problem, if set, is told each problem as it is found. Where it is not,
	// the first thousand are kept in the report.
	Problem func(Problem)
}

// Report is the answer to an import.
type Report struct {
	Kind        casework.ExtractKind            `json:"kind"`
	ExtractDate casework.Date                   `json:"extractDate"`
	Version     int64                           `json:"registerVersion"`
	Rows        int                             `json:"rows"`
	Rejected    int                             `json:"rejected"`
	Supervised  int                             `json:"supervised"`
	Changed     int                             `json:"changed"`
	Changes     map[casework.CaseloadChange]int `json:"changes"`
	StaffGone   int                             `json:"staffGone"`
	// Qualified are staff and team codes that the extract uses for two things
	// in two PDUs.
	Qualified []string `json:"qualified,omitempty"`
	// Ignored are columns that were not understood.
	Ignored  []string  `json:"ignoredColumns,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	// Unlisted is how many problems there are beyond those listed.
	Unlisted int `json:"unlistedProblems,omitempty"`
}

// Problem is why a row could not be taken. It never holds a value of the row.
type Problem struct {
	Row     int    `json:"row"` // the line of a CSV, or the position in NDJSON, from 1
	Column  string `json:"column,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Action  string `json:"action"`
}

func (p Problem) String() string {
	if p.Column == "" {
		return fmt.Sprintf("row %d: %s: %s %s", p.Row, p.Code, p.Message, p.Action)
	}
	return fmt.Sprintf("row %d, column %s: %s: %s %s", p.Row, p.Column, p.Code, p.Message, p.Action)
}

// mostProblems bounds a report; a file of nothing but bad rows is one problem.
const mostProblems = 1000

// NothingRead refuses a complete extract of which no row could be taken: it is
// another file, or another layout, and would end everybody's supervision.
type NothingRead struct{ Rows int }

func (e NothingRead) Error() string {
	return fmt.Sprintf("none of the %d rows could be read, so nothing was changed; is it an extract of the case record? deploy/caseload.md has its columns, and --mapping takes other names for them", e.Rows)
}

// Import reads an extract and applies it. The error is for what concerns the
// whole extract; then nothing was changed. Rows that were rejected are in the
// report, and their people stay as they were.
func (im *Importer) Import(ctx context.Context, e casework.Extract, format Format, from io.Reader) (Report, error) {
	rows, err := format.open(from)
	if err != nil {
		return Report{}, err
	}
	has := rows.columns()
	e.Merges = has["merged_into"] || has["merged_from"]
	e.Limits = has["excluded_users"] || has["restricted_to"]
	report := Report{Kind: e.Kind, ExtractDate: e.Date, Ignored: rows.ignored()}
	seen := map[string]int{} // CRN → row
	read, rejected := 0, 0
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ahead := readAhead(ctx, rows)
	var chunk []readRow
	applied, err := im.Store.ApplyExtract(ctx, e, func() (casework.CaseRow, error) {
		if len(chunk) == 0 {
			if chunk = <-ahead; chunk == nil {
				return casework.CaseRow{}, ctx.Err() // nothing else ends the chunks
			}
		}
		next := chunk[0]
		chunk = chunk[1:]
		if next.err != nil {
			if errors.Is(next.err, io.EOF) && e.Kind == casework.FullExtract && read > 0 && rejected == read {
				return casework.CaseRow{}, NothingRead{read}
			}
			return casework.CaseRow{}, next.err
		}
		row, problems := next.row, next.problems
		read++
		if im.Progress != nil && read%1000 == 0 {
			im.Progress(read)
		}
		if row.CRN != "" {
			if _, twice := seen[row.CRN]; twice {
				problems = append(problems, problem(row.Row, "crn", "duplicate"))
			} else {
				seen[row.CRN] = row.Row
			}
		}
		for _, p := range problems {
			im.tell(&report, p)
		}
		if row.Rejected = len(problems) > 0; row.Rejected {
			rejected++
		}
		return row, nil
	})
	if im.Progress != nil {
		im.Progress(read)
	}
	report.Version, report.Rows, report.Rejected = applied.Version, applied.Rows, applied.Rejected
	report.Supervised, report.Changed, report.Changes = applied.Supervised, applied.Changed, applied.Changes
	report.StaffGone, report.Qualified = applied.Gone, applied.Qualified
	return report, err
}

// readRow is a row that has been read, or why there is none.
type readRow struct {
	row      casework.CaseRow
	problems []Problem
	err      error
}

// chunkRows is how many rows are read at once, and read ahead at most thrice.
const chunkRows = 500

// readAhead reads rows while the store takes the ones before: on two processors
// the two are done at once. The last row has the error that ended the reading.
func readAhead(ctx context.Context, from rows) <-chan []readRow {
	chunks := make(chan []readRow, 1)
	go func() {
		defer close(chunks)
		for ended := false; !ended; {
			chunk := make([]readRow, 0, chunkRows)
			for len(chunk) < chunkRows && !ended {
				var one readRow
				fields, err := from.next()
				if ended = err != nil; ended {
					one.err = err
				} else {
					one.row, one.problems = fields.caseRow()
				}
				chunk = append(chunk, one)
			}
			select {
			case chunks <- chunk:
			case <-ctx.Done():
				return
			}
		}
	}()
	return chunks
}

func (im *Importer) tell(report *Report, p Problem) {
	switch {
	case im.Problem != nil:
		im.Problem(p)
	case len(report.Problems) < mostProblems:
		report.Problems = append(report.Problems, p)
	default:
		report.Unlisted++
	}
}

// ErrNotAnExtract refuses a file as a whole.
var ErrNotAnExtract = errors.New("the file cannot be read as an extract of the case record: nothing was changed")
